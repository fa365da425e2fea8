"""`delete` (runtime.md#delete): removes a container that has stopped, or, with force, any. Hot path."""

from __future__ import annotations

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
