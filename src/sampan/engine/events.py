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
    from collections.abc import Callable, Iterator

    from sampan.cgroups.oom import Watch
    from sampan.engine.store import Record, Store

    Event = dict[str, object]

_MILLISECOND = 1_000_000


def statistics(store: Store, container_id: str) -> Event:
    """The event of type "stats" of a container, as it is now.

    Raises NotFoundError, StateError where it has stopped, KernelError.
    """
    return _statistics(_record(store, container_id))


def stream(store: Store, container_id: str, interval: int, warn: Callable[[str], None]) -> Iterator[Event]:
    """An event of type "stats" every ``interval`` nanoseconds, the first after one of them, and one of type "oom" each
    time the kernel has killed for memory; until the container's process has ended.

    ``warn`` is told what cannot be watched or read. Raises NotFoundError, StateError where it has stopped, KernelError.
    """
    events = Events(store, container_id, interval, warn)
    try:
        while not events.ended:
            events.poll.poll(events.patience())
            yield from events.happened()
    finally:
        events.close()


class Events:
    """What happens to a container, for whoever waits for ``poll`` by himself, and no longer than ``patience`` says."""

    __slots__ = ("_due", "_interval", "_pidfd", "_record", "_warn", "_watch", "ended", "poll")

    def __init__(self, store: Store, container_id: str, interval: int, warn: Callable[[str], None]) -> None:
        """Raises NotFoundError, StateError where it has stopped, KernelError."""
        import select

        self._record = _record(store, container_id)
        self._warn = warn
        self._interval = interval
        self._due = time.monotonic_ns() + interval
        self._watch: Watch | None = None
        self.ended = False  # True: there is nothing more to come
        self.poll = select.epoll()
        self._pidfd = self._record.open_process()
        try:
            if self._pidfd < 0:
                raise _not_running(container_id)
            self.poll.register(self._pidfd, select.EPOLLIN)
            self._watch = _watch(self._record, warn)
            if self._watch is not None:
                self.poll.register(self._watch.fd, self._watch.mask)
        except BaseException:
            self.close()
            raise

    def patience(self) -> float:
        """Seconds until the next event is due, in whole milliseconds."""
        return -(-max(0, self._due - time.monotonic_ns()) // _MILLISECOND) / 1000

    def happened(self) -> Iterator[Event]:
        """What there is to tell since this was last asked."""
        self.ended = any(fd == self._pidfd for fd, _ in self.poll.poll(0))
        if self._watch is not None and self._watch.happened():  # once more at the end: that may be what has ended it
            yield {"type": "oom", "id": self._record.id}
        if not self.ended and time.monotonic_ns() >= self._due:
            # those that were missed are not made up for
            self._due = max(self._due + self._interval, time.monotonic_ns())
            try:
                yield _statistics(self._record)
            except KernelError as error:
                self._warn(str(error))

    def close(self) -> None:
        self.poll.close()
        if self._watch is not None:
            self._watch.close()
        if self._pidfd >= 0:
            posix.close(self._pidfd)
            self._pidfd = -1


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
