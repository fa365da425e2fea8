"""The verb "exec": a further process in a container. Hot path."""

from __future__ import annotations

from sampan.cli.options import whole_number
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings
    from sampan.spec.types import Config, Process

SUMMARY = "run a further process in a container"
OPERANDS = ("ID", "[COMMAND]", "[ARG...]")
OPTIONS = (
    ("console-socket", "", "SOCKET", "where the terminal's descriptor is sent"),
    ("pidfd-socket", "", "SOCKET", "where a pidfd of the process is sent"),
    ("cwd", "", "PATH", "the working directory, in the container"),
    ("env", "e", "NAME=VALUE", "one more environment variable; may be repeated"),
    ("tty", "t", "", "give the process a terminal"),
    ("user", "u", "UID[:GID]", "as whom it runs"),
    ("additional-gids", "g", "GID", "one more group; may be repeated"),
    ("process", "p", "FILE", "the process object, as in config.json; instead of a COMMAND and the options about it"),
    ("detach", "d", "", "return once the process runs, and let it run"),
    ("pid-file", "", "FILE", "write the process's id to FILE"),
    ("process-label", "", "LABEL", "its SELinux label"),
    ("apparmor", "", "PROFILE", "its AppArmor profile"),
    ("no-new-privs", "", "", "let it gain no privileges"),
    ("cap", "c", "CAPABILITY", "one more capability; may be repeated"),
    ("preserve-fds", "", "N", "pass N more descriptors, from 3 on, to the process"),
    ("cgroup", "", "[CONTROLLER:]PATH", "a cgroup below the container's, for the process; may be repeated"),
    ("ignore-paused", "", "", "also in a paused container, where the process begins when that is resumed"),
)
DETAILS = (
    "The process is like the container's own but for what the options say.\n"
    "Signals are passed on to it, and its exit status is the command's; 255 where it could not be started."
)
STOP_AT_OPERAND = True  # what follows the ID is the COMMAND's

_FAILURE = 255  # as in runc: not to be taken for the process's own 1


def run(settings: Settings, arguments: Arguments) -> int:
    """Run the process; 0 where it is detached, and else this command's end is its own."""
    from sampan.engine.exec import ExecOptions, execute
    from sampan.engine.store import Store

    options = ExecOptions(
        pid_file=arguments.text("pid-file"),
        console_socket=arguments.text("console-socket"),
        pidfd_socket=arguments.text("pidfd-socket"),
        detach=arguments.flag("detach"),
        ignore_paused=arguments.flag("ignore-paused"),
        preserve_fds=arguments.number("preserve-fds"),
        cgroups=arguments.texts("cgroup"),
        remark=settings.log.remark,
    )
    describe = _from_file(arguments) if arguments.text("process") else _from_options(arguments)
    try:
        execute(Store(settings.root()), arguments.container_id(), describe, options)
    except SampanError as error:
        error.exit_status = _FAILURE
        raise
    return 0


def _from_file(arguments: Arguments) -> Callable[[Config], Process]:
    """The process of --process. What other options say of it is ignored, as runc does: engines repeat some."""
    from sampan.linux.files import read
    from sampan.spec.config import load_process

    path = arguments.text("process")
    process = load_process(read(path), path)
    return lambda _config: process


def _from_options(arguments: Arguments) -> Callable[[Config], Process]:
    """The container's own process with another program, changed as the options say."""
    if len(arguments.operands) < 2:
        raise arguments.misuse("COMMAND is missing, or --process FILE")

    def describe(config: Config) -> Process:
        process: Process = config.setdefault("process", {"cwd": "/"})
        process["args"] = arguments.operands[1:]
        process["terminal"] = arguments.flag("tty")
        process["env"] = [*process.get("env", ()), *arguments.texts("env")]
        if cwd := arguments.text("cwd"):
            process["cwd"] = cwd
        if label := arguments.text("process-label"):
            process["selinuxLabel"] = label
        if profile := arguments.text("apparmor"):
            process["apparmorProfile"] = profile
        if "no-new-privs" in arguments.options:
            process["noNewPrivileges"] = arguments.flag("no-new-privs")
        _add_user(process, arguments)
        _add_capabilities(process, arguments.texts("cap"))
        return process

    return describe


def _add_user(process: Process, arguments: Arguments) -> None:
    user = process.setdefault("user", {"uid": 0, "gid": 0})
    if wanted := arguments.text("user"):
        uid, colon, gid = wanted.partition(":")
        user["uid"] = _id(arguments, "user", uid)
        if colon:
            user["gid"] = _id(arguments, "user", gid)
    if more := arguments.texts("additional-gids"):
        user["additionalGids"] = [
            *user.get("additionalGids", ()),
            *(_id(arguments, "additional-gids", g) for g in more),
        ]


def _id(arguments: Arguments, option: str, text: str) -> int:
    number = whole_number(text)
    if number is None or len(text) > 10:
        raise arguments.misuse(f'--{option} takes numbers, not "{text}"')
    return number


def _add_capabilities(process: Process, names: list[str]) -> None:
    """Not to the ambient and inheritable ones: nobody asked that other programs inherit them."""
    if names:
        sets: dict[str, list[str]] = process.setdefault("capabilities", {})  # type: ignore[assignment]
        for kind in ("bounding", "effective", "permitted"):
            sets[kind] = [*sets.get(kind, ()), *names]
