"""The processes of a container, for `ps`. Changes nothing."""

from __future__ import annotations

import posix

from sampan.errors import KernelError, StateError
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.engine.store import Record, Store


def pids(store: Store, container_id: str) -> list[int]:
    """The pids of all processes of a container, sorted, as this process sees them; none of one that has stopped.

    They are those of its cgroup and the ones below. Those of a container that has no cgroup (of a user who may not make
    one) are told by its pid namespace, if that is its own. Raises NotFoundError, StateError where they cannot be told,
    KernelError.
    """
    with store.look(container_id) as held:
        record = held.load()
    group = record.group()
    return sorted(set(group.processes() if group.directories else _of_namespace(record)))


def _of_namespace(record: Record) -> list[int]:
    """The processes in the pid namespace of the container's process, and all descendants of them."""
    pidfd = record.open_process()
    if pidfd < 0:
        return []
    try:
        if not record.own_pid_namespace:
            raise StateError(
                f"the processes of container {record.id} cannot be told from others: it is in no cgroup, and in the "
                "pid namespace of others"
            )
        return _members(record.pid)
    finally:
        posix.close(pidfd)


def _members(init: int) -> list[int]:
    own = _namespace(init)
    parents = {}
    found = {init}
    for name in posix.listdir("/proc"):
        if not name.isdigit():
            continue
        pid = int(name)
        parent = _parent(pid)
        if parent is not None:
            parents[pid] = parent
            if own is not None and _namespace(pid) == own:
                found.add(pid)
    # those in namespaces below its own are descendants
    more = True
    while more:
        below = {pid for pid, parent in parents.items() if parent in found} - found
        found |= below
        more = bool(below)
    return list(found)


def _namespace(pid: int) -> tuple[int, int] | None:
    """What tells the pid namespace from any other; None for a process that is gone, or not to be asked."""
    try:
        status = posix.stat(f"/proc/{pid}/ns/pid")
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _parent(pid: int) -> int | None:
    try:
        stat = files.read(f"/proc/{pid}/stat")
    except KernelError:
        return None
    return int(stat[stat.rindex(b")") + 2 :].split()[1])
