"""`events`: a container's statistics every so often, and that memory has run out, in the shape of runc's events.

Changes nothing. Imports little: `events --stats` is a command that engines give again and again.
"""

from __future__ import annotations

import posix
import time

from sampan.cgroups import event_data
from sampan.engine.store import CREATING, STOPPED
from sampan.errors import KernelError, StateError
from sampan.linux import huge_pages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.cgroups.oom import Watch
    from sampan.engine.store import Record, Store

    Event = dict[str, object]

_MILLISECOND = 1_000_000


def statistics(store: Store, container_id: str) -> Event:
    """The event of type "stats" of a container, as it is now.

    Raises NotFoundError, StateError where it has stopped, KernelError.
    """
    return _statistics(_record(store, container_id))


def stream(
    store: Store, container_id: str, interval: int, emit: Callable[[Event], None], warn: Callable[[str], None]
) -> None:
    """Pass to ``emit`` an event of type "stats" every ``interval`` nanoseconds, the first after one of them, and one of
    type "oom" each time the kernel has killed for memory; until the container's process has ended.

    ``warn`` is told what cannot be watched or read. Raises NotFoundError, StateError where it has stopped, KernelError.
    """
    record = _record(store, container_id)
    pidfd = record.open_process()
    if pidfd < 0:
        raise _not_running(container_id)
    try:
        watch = _watch(record, warn)
        try:
            _Stream(record, pidfd, watch, emit, warn).run(interval)
        finally:
            if watch is not None:
                watch.close()
    finally:
        posix.close(pidfd)


class _Stream:
    __slots__ = ("_emit", "_pidfd", "_record", "_warn", "_watch")

    def __init__(
        self,
        record: Record,
        pidfd: int,
        watch: Watch | None,
        emit: Callable[[Event], None],
        warn: Callable[[str], None],
    ) -> None:
        self._record = record
        self._pidfd = pidfd
        self._watch = watch
        self._emit = emit
        self._warn = warn

    def run(self, interval: int) -> None:
        import select

        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        if self._watch is not None:
            poll.register(self._watch.fd, self._watch.mask)
        due = time.monotonic_ns() + interval
        ended = False
        while not ended:
            wait = max(0, due - time.monotonic_ns())
            ended = self._pidfd in dict(poll.poll(-(-wait // _MILLISECOND)))
            self._tell_oom()  # once more at the end: that may be what has ended it
            if not ended and time.monotonic_ns() >= due:
                self._tell_statistics()
                due = max(due + interval, time.monotonic_ns())  # those that were missed are not made up for

    def _tell_oom(self) -> None:
        if self._watch is not None and self._watch.happened():
            self._emit({"type": "oom", "id": self._record.id})

    def _tell_statistics(self) -> None:
        try:
            event = _statistics(self._record)
        except KernelError as error:
            self._warn(str(error))
        else:
            self._emit(event)


def _record(store: Store, container_id: str) -> Record:
    with store.look(container_id) as held:
        record = held.load()
        if held.status(record) in (CREATING, STOPPED):
            raise _not_running(container_id)
    return record


def _not_running(container_id: str) -> StateError:
    return StateError(f"container with id {container_id} is not running")  # runc's words


def _statistics(record: Record) -> Event:
    data = event_data.read(record.group().directories, huge_pages.sizes())
    if record.rdt:
        from sampan.cgroups import event_rdt, resctrl

        group = resctrl.from_state(record.rdt)
        data["intel_rdt"] = event_rdt.read(group.point, group.directory, group.monitor)
    return {"type": "stats", "id": record.id, "data": data}


def _watch(record: Record, warn: Callable[[str], None]) -> Watch | None:
    from sampan.cgroups import oom

    try:
        watch = oom.watch(record.group().directories)
    except KernelError as error:
        warn(f"running out of memory cannot be told: {error}")
        return None
    if watch is None:
        warn("running out of memory cannot be told: the container's cgroup has no memory controller")
    return watch
