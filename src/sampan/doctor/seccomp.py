"""What filters of system calls can be made of: libseccomp, the kernel's actions and flags, user notification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.doctor.row import LIMITED, NO, OK, UNKNOWN, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.doctor.host import Host

_SYSCTL = "/proc/sys/kernel/seccomp/actions_avail"
ACTIONS = ("kill_process", "kill_thread", "trap", "errno", "trace", "log", "allow")
FLAGS = {  # flag -> the release of Linux that has brought it
    "SECCOMP_FILTER_FLAG_TSYNC": "3.17",
    "SECCOMP_FILTER_FLAG_LOG": "4.14",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": "4.17",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": "5.19",
}
_OFF = "use a kernel that is built with CONFIG_SECCOMP_FILTER=y"
_REFUSED = "configurations with linux.seccomp are refused"


def rows(host: Host) -> Iterator[Row]:
    """The four rows."""
    yield _library(host)
    available = host.words(_SYSCTL)
    yield _actions(available)
    yield _flags(host)
    yield _notification(host, available)


def _library(host: Host) -> Row:
    try:
        return Row("seccomp.libseccomp", "libseccomp", OK, host.tries.libseccomp())
    except ImportError as error:
        fix = "install it: apt-get install libseccomp2, or dnf install libseccomp"
        return Row("seccomp.libseccomp", "libseccomp", NO, "", f"{error}; {_REFUSED}", fix)


def _actions(available: list[str]) -> Row:
    identity = ("seccomp.actions", "actions")
    if not available:
        return Row(*identity, NO, why=f"{_SYSCTL} is not there; {_REFUSED}", fix=_OFF, needs="4.14")
    missing = [action for action in ACTIONS if action not in available]
    found = " ".join(available)
    if not missing:
        return Row(*identity, OK, found, needs="4.14")
    why = f"not {' '.join(missing)}: profiles with them are refused"
    return Row(*identity, LIMITED, found, why, "install Linux 4.14 or newer, or leave these actions out", "4.14")


def _flags(host: Host) -> Row:
    identity = ("seccomp.flags", "flags")
    known = host.tries.seccomp_flags()
    missing = [flag for flag in FLAGS if flag not in known]
    found = " ".join(flag.removeprefix("SECCOMP_FILTER_FLAG_") for flag in known)
    if not missing:
        return Row(*identity, OK, found)
    why = f"the kernel does not take {', '.join(missing)}"
    fix = "; ".join(f"{flag} needs Linux {FLAGS[flag]}" for flag in missing)
    return Row(*identity, LIMITED if known else NO, found, why, fix)


def _notification(host: Host, available: list[str]) -> Row:
    identity = ("seccomp.user_notification", "user notification")
    if "user_notif" not in available:
        fix = f"install Linux 5.0 or newer, or {_OFF}"
        return Row(*identity, NO, "", "the kernel has no action user_notif", fix, "5.0")
    try:
        reason = host.tries.notifies()
    except ImportError as error:
        return Row(*identity, UNKNOWN, "", f"without libseccomp this cannot be asked: {error}", needs="5.0")
    if not reason:
        return Row(*identity, OK, needs="5.0")
    why = "the kernel has it, but this release refuses a profile with SCMP_ACT_NOTIFY"
    return Row(*identity, NO, "", why, "use SCMP_ACT_ERRNO in its place, or runc for these containers", "5.0")
