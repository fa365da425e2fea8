"""`kill` (runtime.md#kill): sends a signal to the container's process, or to all of its processes. Hot path."""

from __future__ import annotations

import posix

from sampan import _linux
from sampan.engine.store import CREATED, RUNNING
from sampan.errors import KernelError, StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.engine.store import Record, Store

SIGKILL = 9


def kill(store: Store, container_id: str, signal: int, *, all_processes: bool = False) -> None:
    """Send ``signal``. Raises StateError unless the container is created or running."""
    with store.look(container_id) as held:
        record = held.load()
        status = held.status(record)
        if all_processes:
            record.group().kill(signal)
            return
        if status not in (CREATED, RUNNING):
            # the words by which engines know that there is nothing left to kill
            raise StateError(f"cannot signal container {container_id}: container not running (it is {status})")
        _signal(record, signal)
        if signal == SIGKILL and not record.own_pid_namespace:
            # no namespace ends with the process: what it started must not outlive it
            record.group().kill(SIGKILL)


def _signal(record: Record, signal: int) -> None:
    pidfd = record.open_process()
    if pidfd < 0:
        raise StateError(f"cannot signal container {record.id}: container not running (process already finished)")
    try:
        _linux.pidfd_signal(pidfd, signal)
    except OSError as error:
        raise KernelError("signal process", str(record.pid), error.errno or 0) from None
    finally:
        posix.close(pidfd)
