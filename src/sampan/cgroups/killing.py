"""Signals to every process of a container's cgroup, without a way out by forking. Not on the path of ``run``."""

from __future__ import annotations

import errno
import posix
import time

from sampan.cgroups import freezing, tree
from sampan.cgroups.layout import UNIFIED
from sampan.errors import KernelError
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SIGKILL = 9
_FREEZE_PATIENCE = 1.0  # seconds; then the signal is sent to processes that run
_KILL_PATIENCE = 5.0  # seconds until no new processes may appear


def kill(directories: Mapping[str, str], signal: int) -> None:
    """Send ``signal`` to every process of the cgroup; no error where there is none. Raises KernelError.

    What was frozen before stays so, and gets the signal when it is thawed; but after SIGKILL nothing is frozen that
    this would keep alive.
    """
    if signal == SIGKILL:
        _end(directories)
    elif _processes(directories.values()):
        _signal_at_rest(directories, signal)


def _end(directories: Mapping[str, str]) -> None:
    rest: Iterable[int] = ()
    unified = directories.get(UNIFIED, "")
    if unified and _kill_at_once(unified):
        # On a hybrid host somebody may be in a v1 cgroup of the container, but not in the v2 one.
        rest = set(_processes(path for path in directories.values() if path != unified))
        rest = rest and rest.difference(_processes((unified,)))
    else:
        rest = _processes(directories.values())
    if rest and not _signal_at_rest(directories, SIGKILL):
        _kill_the_newborn(directories)
    freezing.release(directories)


def _kill_at_once(directory: str) -> bool:
    """cgroup.kill, of Linux 5.14: the kernel kills all, and who forks meanwhile is killed as well."""
    try:
        files.write(f"{directory}/cgroup.kill", "1")
    except KernelError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
            raise
        # No such file: an older kernel, or the cgroup is gone, and then there is nobody to kill.
        return False
    return True


def _signal_at_rest(directories: Mapping[str, str], signal: int) -> bool:
    """Signal all processes while they are frozen; False where they could not be frozen, and may have forked meanwhile.

    No process of a frozen cgroup forks or ends: the list holds until it is thawed, and the signal is there first.
    """
    was_frozen = at_rest = freezing.is_frozen(directories)
    try:
        if not was_frozen:
            freezing.freeze(directories, _FREEZE_PATIENCE)
            at_rest = True
    except KernelError:
        at_rest = False  # no freezer, or none for this user, or a task in the kernel's hands that resists
    try:
        _signal(_processes(directories.values()), signal)
    finally:
        if at_rest and not was_frozen:
            freezing.thaw(directories)
    return at_rest


def _kill_the_newborn(directories: Mapping[str, str]) -> None:
    """Kill again until only those are there that were killed before: none of them can fork any more."""
    deadline = time.monotonic() + _KILL_PATIENCE
    killed: set[int] = set()
    while not (found := set(_processes(directories.values()))) <= killed:
        _signal(found, SIGKILL)
        killed = found
        if time.monotonic() > deadline:
            detail = f"new ones appear after {_KILL_PATIENCE:.0f} s of killing; there are {len(found)}"
            raise KernelError("kill the processes of", min(directories.values()), errno.EBUSY, detail=detail)
        time.sleep(0.001)


def _processes(directories: Iterable[str]) -> list[int]:
    found: dict[int, None] = {}
    for directory in set(directories):
        found.update(dict.fromkeys(tree.processes(directory)))
    return list(found)


def _signal(pids: Iterable[int], signal: int) -> None:
    for pid in pids:
        try:
            posix.kill(pid, signal)
        except ProcessLookupError:
            continue  # it has ended by itself
        except OSError as error:
            raise KernelError(f"send signal {signal} to", f"process {pid}", error.errno or 0) from None
