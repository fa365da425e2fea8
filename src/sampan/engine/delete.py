"""`delete` (runtime.md#delete): removes a container that has stopped, or, with force, any. Hot path."""

from __future__ import annotations

from sampan._linux import lock_file
from sampan.engine.removal import destroy, kill_and_wait, silent
from sampan.engine.store import STOPPED
from sampan.errors import NotFoundError, StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.engine.store import Store


def delete(
    store: Store, container_id: str, *, force: bool = False, created: str = "", warn: Callable[[str], None] = silent
) -> None:
    """Delete the container. Raises StateError unless it has stopped or ``force`` is set, NotFoundError without it.

    ``created`` is when the container was made that is meant: another one of the same id is none.
    """
    if force:
        _kill_who_holds_the_lock(store, container_id, created)
    try:
        held = store.hold(container_id)
    except NotFoundError:
        if force:
            return
        raise
    with held:
        if held.has_nothing():
            held.remove()  # of a creation that was killed at its first step
            return
        record = held.load()
        if created and record.created != created:
            if force:
                return
            raise NotFoundError(f"container {container_id} does not exist: there is another one of that id by now")
        status = held.status(record)
        if status != STOPPED and not force:
            hint = "stop it first, or use --force"
            raise StateError(f"cannot delete container {container_id} that is not stopped: it is {status} ({hint})")
        kill_and_wait(record)
        destroy(held, record, warn)


def _kill_who_holds_the_lock(store: Store, container_id: str, created: str) -> None:
    """End the processes also where somebody else holds the lock. He may wait for one of them, and for ever.

    For a process that another one of the container stops while it joins, that hangs as a hook in it, or that its
    seccomp agent does not let begin.
    """
    try:
        with store.look(container_id) as seen:
            if lock_file(seen.fd, True, False):
                return
            record = seen.load()
            if record.complete and created in ("", record.created):
                kill_and_wait(record)
    except (NotFoundError, StateError):
        pass  # whatever is wrong is told by who holds the lock
