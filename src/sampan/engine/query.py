"""`state` (runtime.md#query-state) and `list`: what is known of containers. Hot path; changes nothing."""

from __future__ import annotations

from sampan.engine.store import STOPPED
from sampan.errors import NotFoundError, StateError
from sampan.spec.names import SPEC_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.engine.store import Store


def state(store: Store, container_id: str) -> dict[str, object]:
    """The state of runtime.md, with the further properties that runc gives: rootfs, created, owner."""
    with store.look(container_id) as held:
        record = held.load()
        status = held.status(record)
        return {
            "ociVersion": SPEC_VERSION,
            "id": record.id,
            "pid": 0 if status == STOPPED else record.pid,
            "status": status,
            "bundle": record.bundle,
            "rootfs": record.rootfs,
            "created": record.created,
            "annotations": record.annotations,
            "owner": user_name(record.owner),
        }


def containers(store: Store) -> list[dict[str, object]]:
    """The states of all containers, sorted by id."""
    found = []
    for container_id in store.ids():
        try:
            found.append(state(store, container_id))
        except (NotFoundError, StateError):
            continue  # deleted meanwhile, or not a container: it is not ours to list
    return found


def user_name(uid: int) -> str:
    """The name of a user, or #UID for one that has none."""
    if uid == 0:
        return "root"
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"
