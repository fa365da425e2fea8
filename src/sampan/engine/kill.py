"""`kill` (runtime.md#kill): sends a signal to the container's process, or to all of its processes. Hot path."""

from __future__ import annotations

import posix

from sampan import _linux
from sampan.engine.removal import silent
from sampan.engine.store import CREATING, STOPPED
from sampan.errors import KernelError, StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.engine.store import Record, Store

SIGKILL = 9


def kill(
    store: Store,
    container_id: str,
    signal: int,
    *,
    all_processes: bool = False,
    warn: Callable[[str], None] = silent,
) -> None:
    """Send ``signal``. Raises StateError unless the container is created, running or paused; with ``all_processes`` it
    may have stopped, since processes may be left of it, and it is no error if there are none.

    A paused container gets the signal when it is resumed, but SIGKILL at once.
    """
    with store.look(container_id) as held:
        record = held.load()
        status = held.status(record)
        if status == CREATING or (status == STOPPED and not all_processes):
            # the words by which engines know that there is nothing left to kill
            raise StateError(f"cannot signal container {container_id}: container not running (it is {status})")
        group = record.group()
        if all_processes and group.directories:
            group.kill(signal)
        elif status != STOPPED:
            _signal(record, signal)
            if signal == SIGKILL and record.own_pid_namespace:
                group.release()  # all of the namespace end with its first process, if they are not frozen
            elif signal == SIGKILL and group.directories:
                group.kill(SIGKILL)  # no namespace ends: what the process has started must not outlive it
            elif signal == SIGKILL or all_processes:
                warn(f"container {container_id} has no cgroup: only its first process can be found, and got the signal")


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
