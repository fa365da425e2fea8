"""`update`: changes the limits of a container that exists, as engines ask for it."""

from __future__ import annotations

from sampan.engine.store import CREATED, PAUSED, RUNNING
from sampan.errors import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.engine.store import Held, Record, Store
    from sampan.spec.types import IntelRdt, Resources


def update(store: Store, container_id: str, resources: Resources, rdt: IntelRdt | None = None) -> None:
    """Change the limits that ``resources`` and ``rdt`` (l3CacheSchema, memBwSchema) name; what is absent or zero stays.

    The device rules never change: engines send "deny all" with every update, and mean nothing by it. Raises StateError
    unless the container is created, running or paused, NotFoundError, ConfigError with every field that this cgroup
    cannot have, and KernelError for what the kernel refuses; then all of ``resources`` is as it was.
    """
    if resources.get("pids", {}).get("limit") == 0:
        # "unchanged" to runc, so that engines write -1 for "no limit"; only to a new container it means that, too
        resources = {**resources, "pids": {}}
    with store.hold(container_id) as held:
        record = held.load()
        status = held.status(record)
        if status not in (CREATED, RUNNING, PAUSED):
            raise StateError(f"cannot update container {container_id}: container not running (it is {status})")
        if rdt:  # first: a machine without resctrl refuses it, and then nothing has been changed
            _update_rdt(held, record, rdt)
        record.group().update(resources)


def _update_rdt(held: Held, record: Record, rdt: IntelRdt) -> None:
    from sampan.cgroups import resctrl

    def remember(state: dict[str, object]) -> None:
        record.rdt = state
        held.save(record)

    resctrl.update(record.rdt, record.id, rdt, record.group().processes, remember)
