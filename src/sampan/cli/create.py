"""The verb "create": a container whose process waits for "start". Hot path."""

from __future__ import annotations

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings
    from sampan.engine.create import CreateOptions

SUMMARY = "make a container of a bundle; its process waits for start"
OPERANDS = ("ID",)
OPTIONS = (
    ("bundle", "b", "DIR", "the bundle: a directory with config.json (default: the current directory)"),
    ("config", "f", "FILE", "the configuration, instead of the bundle's config.json"),
    ("console-socket", "", "SOCKET", "where the terminal's descriptor is sent"),
    ("pidfd-socket", "", "SOCKET", "where a pidfd of the process is sent"),
    ("pid-file", "", "FILE", "write the process's id to FILE"),
    ("no-pivot", "", "", "enter the root filesystem by moving its mount; for hosts that run from a ramdisk"),
    ("no-new-keyring", "", "", "keep the caller's session keyring"),
    ("preserve-fds", "", "N", "pass N more descriptors, from 3 on, to the process"),
)
DETAILS = (
    "Relative paths in a configuration begin at the bundle, also where --config has it elsewhere.\n"
    "Sockets that systemd hands over (LISTEN_FDS) are handed on, before the descriptors of --preserve-fds."
)


def run(settings: Settings, arguments: Arguments) -> int:
    """Create the container and leave it waiting."""
    from sampan.engine.create import create
    from sampan.engine.store import Store

    options = create_options(settings, arguments)
    create(Store(settings.root()), arguments.container_id(), arguments.text("bundle", "."), options)
    return 0


def create_options(settings: Settings, arguments: Arguments) -> CreateOptions:
    """The options that "create" and "run" share, as the engine takes them."""
    from sampan.engine.create import CreateOptions

    handed_over, environment = _socket_activation()
    return CreateOptions(
        config=arguments.text("config"),
        pid_file=arguments.text("pid-file"),
        console_socket=arguments.text("console-socket"),
        pidfd_socket=arguments.text("pidfd-socket"),
        no_pivot=arguments.flag("no-pivot"),
        no_new_keyring=arguments.flag("no-new-keyring"),
        preserve_fds=handed_over + arguments.number("preserve-fds"),
        environment=environment,
        notify_socket=posix.environ.get(b"NOTIFY_SOCKET", b"").decode(errors="surrogateescape"),
        remark=settings.log.remark,
        warn=settings.log.warning,
        cgroup_manager=settings.cgroup_manager,
    )


def _socket_activation() -> tuple[int, list[str]]:
    """How many descriptors from 3 on sd_listen_fds(3) gives this process, and the variables that hand them on.

    In the container they are meant for process 1, as in runc. Names are handed on as they are, as in crun.
    """
    variables = posix.environ
    count = variables.get(b"LISTEN_FDS", b"")
    if not count.isdigit() or int(count) == 0 or variables.get(b"LISTEN_PID") != b"%d" % posix.getpid():
        return 0, []
    environment = [f"LISTEN_FDS={int(count)}", "LISTEN_PID=1"]
    if names := variables.get(b"LISTEN_FDNAMES"):
        environment.append(f"LISTEN_FDNAMES={names.decode(errors='surrogateescape')}")
    return int(count), environment
