"""config-linux.md#network-devices: which devices are moved, in which order, and what they are called then."""

from __future__ import annotations

from sampan.errors import ConfigError, Problem
from sampan.plan.operations import DeviceMove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.spec.types import Config

SECTION = "config-linux.md#network-devices"


def device_moves(config: Config) -> list[DeviceMove]:
    """The moves of `linux.netDevices`. Raises ConfigError where the container has no network namespace of its own.

    Names with a template come last: the kernel must not give away one that another device is to have.
    """
    linux = config.get("linux", {})
    devices = linux.get("netDevices", {})
    if devices and all(entry["type"] != "network" for entry in linux.get("namespaces", ())):
        rule = "needs a network namespace in linux.namespaces to move the devices to"
        raise ConfigError("config.json", [Problem("linux.netDevices", None, rule, SECTION)])
    moves = [
        DeviceMove(name, device.get("name") or name, f'linux.netDevices["{name}"]') for name, device in devices.items()
    ]
    return sorted(moves, key=is_template)


def is_template(move: DeviceMove) -> bool:
    """ "[...] unless the user has provided a template by appending `%d` to the new name." """
    return "%d" in move.name
