"""What ``linux.resources.network`` means in the files of v1's net_cls and net_prio. v2 has no counterpart to them."""

from __future__ import annotations

from sampan.errors import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from sampan.spec.types import Network

_FIELDS = {"classID": "net_cls", "priorities": "net_prio"}  # and the controller of each
_SECTION = "config-linux.md#network"


def problems(network: Network, controllers: Collection[str]) -> Iterator[Problem]:
    """What cannot be applied where v1 has only these ``controllers``."""
    for name, controller in _FIELDS.items():
        value = network.get(name)
        if value and controller not in controllers:
            rule = f"cannot be applied: it needs cgroup v1's {controller}, and no such hierarchy is mounted"
            yield Problem(f"linux.resources.network.{name}", value, rule, _SECTION)


def mark(network: Network, add: Callable[..., None]) -> None:
    """Adds the class that the packets are tagged with, and the priority for each interface of the host."""
    add("net_cls", "classid", network.get("classID") or None, "network.classID")
    for index, entry in enumerate(network.get("priorities", ())):
        add("net_prio", "ifpriomap", f"{entry['name']} {entry['priority']}", f"network.priorities[{index}]")
