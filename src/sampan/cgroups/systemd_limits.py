"""The properties that a container's unit is started with, and those that change with its limits.

What the files of the cgroup say and what the unit says must be the same: systemd writes the one over the other whenever
it reloads its configuration. Where systemd cannot be as exact as a file (a quota of CPU), the file has the last word.
"""

from __future__ import annotations

import posix

from sampan.cgroups import devices, limits, systemd_devices, systemd_properties
from sampan.errors import KernelError
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sampan.cgroups.limits import Setting
    from sampan.cgroups.systemd_manager import Manager
    from sampan.cgroups.systemd_properties import Property
    from sampan.cgroups.systemd_unit import Unit
    from sampan.spec.types import Resources

_ALWAYS: tuple[Property, ...] = (
    ("DefaultDependencies", ("b", False)),  # it shall not end before others at shutdown, nor wait for their start
    ("MemoryAccounting", ("b", True)),
    ("CPUAccounting", ("b", True)),
    ("TasksAccounting", ("b", True)),
)


def of_unit(unit: Unit, pid: int, *, on_v1: bool) -> list[Property]:
    """What the unit of any container is; a scope begins with the process in it."""
    found = [*_ALWAYS, ("BlockIOAccounting" if on_v1 else "IOAccounting", ("b", True))]
    if unit.is_slice:
        return [*found, ("Wants", ("as", [unit.slice]))]
    return [*found, ("Slice", ("s", unit.slice)), ("Delegate", ("b", True)), ("PIDs", ("au", [pid]))]


def of_devices(resources: Resources, *, on_v1: bool) -> list[Property]:
    """``linux.resources.devices``, which are known to be right, and the default devices."""
    rules, _ = devices.parse(resources.get("devices", []))
    return systemd_devices.properties(rules + devices.defaults(), on_v1=on_v1)


def of_resources(
    settings: Sequence[Setting], version: Callable[[], int], *, on_v1: bool
) -> tuple[list[Property], bool]:
    """The limits with which a unit starts, and whether these are all that it can have, or `tell` has to tell the rest.

    Which file the weight of a device goes to, and what the kernel makes of "64M", is known when the files are there.
    """
    values = {name: value for _, name, value, _, _ in settings if not systemd_properties.is_of_devices(name)}
    complete = not any(systemd_properties.is_of_devices(setting[1]) for setting in settings)
    try:
        return systemd_properties.of_files(values, version, on_v1=on_v1), complete
    except ValueError:
        return [], False


def tell(manager: Manager, unit: Unit, settings: Sequence[Setting], directories: Mapping[str, str]) -> None:
    """Set the properties that correspond to ``settings``, which have been written to the files. Raises BusError."""
    places = limits.places(settings, directories)
    whole: dict[str, str] = {}  # path -> content
    values: dict[str, str] = {}
    for controller, name, value, _, otherwise in settings:
        directory = places[controller]
        if isinstance(otherwise, tuple) and not posix.access(f"{directory}/{name}", posix.F_OK):
            _, name, value, _, _ = otherwise  # noqa: PLW2901 - the one that was written
        if systemd_properties.is_of_devices(name):
            values[name] = f"{values.get(name, '')}{value}\n"
            continue
        for file in systemd_properties.related(name):
            content = _read(f"{directory}/{file}")
            if content:
                whole[f"{directory}/{file}"] = values[file] = content
    properties = systemd_properties.of_files(values, manager.version, on_v1=is_v1(directories))
    if properties:
        manager.set_properties(unit.name, properties)
    for path, content in whole.items():
        if _read(path) != content:
            files.write(path, content)


def is_v1(directories: Mapping[str, str]) -> bool:
    """Are the controllers that systemd knows in hierarchies of v1?"""
    return "memory" in directories or "cpu" in directories


def _read(path: str) -> str:
    try:
        return files.read(path).decode()
    except KernelError:
        return ""
