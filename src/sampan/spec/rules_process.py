"""The rules of the `process` object (config.md, Process). Fields are named relative to it. Hot path."""

from __future__ import annotations

from sampan.errors import Problem
from sampan.spec.names import RLIMITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sampan.spec.types import Process


def problems_of_process(process: Process, platform: str) -> Iterator[Problem]:
    yield from _command(process, platform)
    if "env" in process and platform != "windows":
        yield from env_problems(process["env"], "config.md#process")
    if "rlimits" in process:
        yield from _rlimits(process, platform)
    if "user" in process and platform != "windows":
        for name in ("uid", "gid"):
            if name not in process["user"]:
                yield Problem(f"user.{name}", None, "is required", "config.md#posix-platform-user")
    if "scheduler" in process:
        from sampan.spec.rules_rare import scheduler_problems

        yield from scheduler_problems(process["scheduler"])


def env_problems(env: Sequence[str], section: str) -> Iterator[Problem]:
    # "with the same semantics as IEEE Std 1003.1-2008's environ": strings of the form name=value. runc refuses others, too.
    for index, entry in enumerate(env):
        if entry.find("=") < 1:
            yield Problem(f"env[{index}]", entry, "must have the form NAME=VALUE", section)


def _command(process: Process, platform: str) -> Iterator[Problem]:
    args = process.get("args", ())
    section = "config.md#process"
    if args:
        if not args[0]:
            yield Problem("args[0]", "", "must name a program, not be empty", section)
    elif platform != "windows":
        # "This specification extends the IEEE standard in that at least one entry is REQUIRED (non-Windows)"
        yield Problem("args", None, "must have at least one entry, the program to run", section)
    elif not process.get("commandLine"):
        yield Problem("commandLine", None, "is required where args is not given", section)
    cwd = process.get("cwd", "/")
    if not cwd.startswith("/") and not (platform == "windows" and is_absolute_on_windows(cwd)):
        yield Problem("cwd", cwd, "must be an absolute path", section)


def is_absolute_on_windows(path: str) -> bool:
    return path.startswith("\\") or (path[:1].isalpha() and path[1:3] in (":\\", ":/"))


def _rlimits(process: Process, platform: str) -> Iterator[Problem]:
    section = "config.md#posix-process"
    seen: dict[str, int] = {}
    for index, rlimit in enumerate(process["rlimits"]):
        field = f"rlimits[{index}]"
        kind = rlimit.get("type", "")
        if kind in seen:
            yield Problem(f"{field}.type", kind, f"must not be there twice: rlimits[{seen[kind]}] has it, too", section)
        elif kind:
            seen[kind] = index
        if platform == "linux" and kind and kind not in RLIMITS:
            yield Problem(f"{field}.type", kind, f"must be one of {', '.join(RLIMITS)}", section)
        soft, hard = rlimit.get("soft", 0), rlimit.get("hard", 0)
        if soft > hard and "hard" in rlimit:
            yield Problem(f"{field}.soft", soft, f"must not be greater than the hard limit, {hard}", section)
