"""Signals to every process of a container's cgroup, without a way out by forking. Not on the path of ``run``."""

from __future__ import annotations

import errno
import posix
import time

from sampan.cgroups import tree
from sampan.cgroups.layout import UNIFIED
from sampan.errors import KernelError
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SIGKILL = 9
_PATIENCE = 5.0  # seconds until a cgroup must be frozen, or empty
_FROZEN, _THAWED = "FROZEN", "THAWED"


def kill(directories: Mapping[str, str], signal: int) -> None:
    """Send ``signal`` to every process of the cgroup. Raises KernelError if a fork bomb outlives it."""
    unified = directories.get(UNIFIED, "")
    if signal == SIGKILL and unified and _kill_at_once(unified):
        directories = {name: path for name, path in directories.items() if name != UNIFIED}
        _kill_strays(set(directories.values()))
        return
    freezer = directories.get("freezer", "")
    everywhere = set(directories.values())
    if not _processes(everywhere):
        return
    if signal == SIGKILL and not freezer:
        _kill_until_empty(everywhere)
        return
    # No process of a frozen cgroup forks or ends: the list holds until it is thawed, and the signal is there first.
    was_frozen = bool(freezer) and _state(freezer) != _THAWED
    try:
        if freezer and not was_frozen:
            _freeze(freezer)
        _signal(_processes(everywhere), signal)
    finally:
        if freezer and (signal == SIGKILL or not was_frozen):
            files.write(f"{freezer}/freezer.state", _THAWED)


def _kill_at_once(directory: str) -> bool:
    """cgroup.kill, of Linux 5.14: the kernel kills all, and who forks meanwhile is killed as well."""
    try:
        files.write(f"{directory}/cgroup.kill", "1")
    except KernelError as error:
        if error.errno not in (errno.ENOENT, errno.EOPNOTSUPP):
            raise
        # No such file: an older kernel, or the cgroup is gone, and then there is nobody to kill.
        return False
    return True


def _kill_strays(directories: set[str]) -> None:
    """On a hybrid host: whoever is in a v1 cgroup of the container, but was not in the v2 one."""
    pids = _processes(directories)
    if pids:
        _signal(pids, SIGKILL)


def _kill_until_empty(directories: set[str]) -> None:
    """Without a freezer, more may be born than are killed, for a while."""
    deadline = time.monotonic() + _PATIENCE
    while pids := _processes(directories):
        _signal(pids, SIGKILL)
        if time.monotonic() > deadline:
            detail = f"{len(pids)} processes remain after {_PATIENCE:.0f} s"
            raise KernelError("kill the processes of", min(directories), errno.EBUSY, detail=detail)
        time.sleep(0.001)


def _processes(directories: set[str]) -> list[int]:
    found: dict[int, None] = {}
    for directory in directories:
        found.update(dict.fromkeys(tree.processes(directory)))
    return list(found)


def _signal(pids: list[int], signal: int) -> None:
    for pid in pids:
        try:
            posix.kill(pid, signal)
        except ProcessLookupError:
            continue  # it has ended by itself
        except OSError as error:
            raise KernelError(f"send signal {signal} to", f"process {pid}", error.errno or 0) from None


def _freeze(directory: str) -> None:
    """Freeze a v1 cgroup, as far as it can be done in time: a task in the kernel's hands may resist."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        files.write(f"{directory}/freezer.state", _FROZEN)  # again and again: a fork may slip in (FREEZING)
        if _state(directory) == _FROZEN:
            return
        time.sleep(0.001)


def _state(directory: str) -> str:
    try:
        return files.read(f"{directory}/freezer.state").decode().strip()
    except KernelError:
        return _THAWED
