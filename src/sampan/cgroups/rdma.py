"""What ``linux.resources.rdma`` means in the file of the rdma controller, which v1 and v2 have alike."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sampan.spec.types import Rdma


def limit(devices: Mapping[str, Rdma], add: Callable[..., None]) -> None:
    """Adds a line for each device; what an entry leaves out stays as it is. 0 is a limit."""
    for name, entry in devices.items():
        limits = [
            f"{key}={value}"
            for key, value in (("hca_handle", entry.get("hcaHandles")), ("hca_object", entry.get("hcaObjects")))
            if value is not None
        ]
        add("rdma", "max", " ".join((name, *limits)), f'rdma["{name}"]')
