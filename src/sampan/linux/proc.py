"""What /proc tells of a process. A pid alone may mean another process tomorrow: with its start time it cannot. Hot
path.
"""

from __future__ import annotations

from sampan._linux import pidfd_open
from sampan.errors import KernelError
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


_EXITING = 4  # PF_EXITING of the kernel's sched.h


def start_time(pid: int) -> int:
    """When the process was started, in clock ticks since boot; 0 where there is none, or only what is left of one."""
    fields = _stat(pid)
    return 0 if not fields or fields[0] in (b"Z", b"X") else int(fields[19])


def is_ending(pid: int, started: int) -> bool:
    """Whether the process that has this pid and start time is gone, or on its way: it leaves its namespaces before
    it is what is left of a process, and the first of a pid namespace waits for all others meanwhile."""
    fields = _stat(pid)
    return not fields or int(fields[19]) != started or fields[0] in (b"Z", b"X") or bool(int(fields[6]) & _EXITING)


def _stat(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat from the state on; none where there is no such process."""
    try:
        stat = files.read(f"/proc/{pid}/stat")
    except KernelError:
        return []
    # the command's name stands in parentheses and may hold any character
    return stat[stat.rindex(b")") + 2 :].split()


def open_process(pid: int, started: int) -> int:
    """A pidfd of the process that has this pid and start time, or -1 if it is gone."""
    try:
        pidfd = pidfd_open(pid)
    except (OSError, OverflowError):
        return -1
    if start_time(pid) == started:
        return pidfd
    import posix

    posix.close(pidfd)
    return -1


def status_fields(pid: int | str = "self") -> Mapping[bytes, bytes]:
    """/proc/PID/status: field -> value. Raises KernelError."""
    fields = {}
    for line in files.lines(files.read(f"/proc/{pid}/status")):
        name, _, value = line.partition(b":\t")
        fields[name] = value.strip()
    return fields


def pid_inside(pid: int) -> int:
    """The pid of the process as it sees itself, in the innermost of its pid namespaces."""
    return int(status_fields(pid)[b"NSpid"].split()[-1])
