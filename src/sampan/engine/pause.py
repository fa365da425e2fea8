"""Stops all processes of a container, and lets them go on: runc's `pause` and `resume`."""

from __future__ import annotations

from sampan.engine.store import CREATED, PAUSED, RUNNING
from sampan.errors import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.engine.store import Store


def pause(store: Store, container_id: str) -> None:
    """Freeze the container's cgroup: nothing in it makes progress until `resume`, and its status is "paused".

    Raises StateError unless it is created or running, NotFoundError, and KernelError where it has no freezer or some
    process cannot be frozen in time; then it runs on.
    """
    with store.hold(container_id) as held:
        record = held.load()
        status = held.status(record)
        if status not in (CREATED, RUNNING):
            raise StateError(f"cannot pause container {container_id}: container not running (it is {status})")
        record.group().freeze()


def resume(store: Store, container_id: str) -> None:
    """Let a paused container go on.

    Raises StateError unless it is paused, NotFoundError, and KernelError where a cgroup above its own keeps it frozen.
    """
    with store.hold(container_id) as held:
        record = held.load()
        status = held.status(record)
        if status != PAUSED:
            raise StateError(f"cannot resume container {container_id}: container not paused (it is {status})")
        record.group().thaw()
