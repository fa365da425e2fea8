"""What is counted of containers: `sampan stats`, docs/statistics.md. Changes nothing; not on the hot path."""

from __future__ import annotations

import errno
import posix
import time
from typing import TYPE_CHECKING

from sampan.cgroups import statistics
from sampan.engine.store import CREATED, CREATING, STOPPED
from sampan.errors import KernelError, NotFoundError, StateError
from sampan.linux import huge_pages, network
from sampan.spec.statistics import Statistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.engine.store import Store
    from sampan.spec.statistics import Interface

__all__ = ["Statistics", "read", "read_all"]

_SECOND = 1_000_000_000
_GONE = (errno.ENOENT, errno.ESRCH, errno.EINVAL)  # a process of which nothing, or only a zombie, is left


def read(store: Store, container_id: str) -> Statistics:
    """The statistics of one container that is created, running or paused.

    Raises NotFoundError, StateError where it is not complete yet or has stopped, also while it is read, KernelError.
    """
    return _read(store, container_id, huge_pages.sizes(), (CREATING, STOPPED))


def read_all(store: Store) -> list[Statistics]:
    """The statistics of all containers that are running or paused, sorted by id. Raises KernelError.

    One that ends while it is read is left out.
    """
    sizes = huge_pages.sizes()
    found = []
    for container_id in store.ids():
        try:
            found.append(_read(store, container_id, sizes, (CREATING, CREATED, STOPPED)))
        except (NotFoundError, StateError):
            continue  # not a running container: stopped, deleted meanwhile, or not a container at all
    return found


def _read(store: Store, container_id: str, sizes: Sequence[str], excluded: Sequence[str]) -> Statistics:
    with store.look(container_id) as held:
        record = held.load()
        now, since_boot = time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        counted = statistics.read(record.group().directories, sizes)
        interfaces = _interfaces(record.pid)
        # Asked last: a process that is there now was there all the time, and with it its cgroup.
        status = held.status(record)
    if status in excluded:
        raise StateError(f"container with id {container_id} is not running (it is {status})")
    uptime = max(0, since_boot - record.started * _SECOND // posix.sysconf("SC_CLK_TCK"))
    return Statistics(container_id, now, uptime, *counted, interfaces)


def _interfaces(pid: int) -> tuple[Interface, ...] | None:
    """Those of the container's network namespace; none where that is the runtime's own: their traffic is not its."""
    try:
        if network.namespace(pid) == network.namespace():
            return None
        return network.interfaces(pid)
    except KernelError as error:
        if error.errno in _GONE:
            return None
        raise
