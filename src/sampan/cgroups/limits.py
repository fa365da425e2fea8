"""Limits as a list of settings, and the one loop that writes them. What they are, a module for each part says.

A setting is (controller, file, value, the field of config.json that asks for it, what to do where the file is missing:
nothing (True), to fail (False), or another setting to write instead). Hot path: imports only ``errno``.
"""

from __future__ import annotations

import errno

from sampan.cgroups.layout import UNIFIED
from sampan.errors import KernelError
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sampan.spec.types import Resources

    Setting = tuple[str, str, str, str, bool | "Setting"]

V1_NAMES = {"io": "blkio"}  # of the controllers that v1 calls otherwise
UNIFIED_FIELD = "linux.resources.unified"
# The parts of linux.resources that limit something, and their controllers by v1's names.
_CONTROLLERS = {
    "memory": ("memory",),
    "cpu": ("cpu", "cpuset"),
    "pids": ("pids",),
    "blockIO": ("blkio",),
    "hugepageLimits": ("hugetlb",),
    "network": ("net_cls", "net_prio"),
    "rdma": ("rdma",),
}


def settings(resources: Resources, directories: Mapping[str, str]) -> list[Setting]:
    """All limits, each as the hierarchy that has its controller wants it: v1 where ``directories`` has one, or v2."""
    wanted = {name for part, names in _CONTROLLERS.items() if resources.get(part) for name in names}
    missing = wanted.difference(directories)
    found: list[Setting] = []
    if len(missing) < len(wanted):
        from sampan.cgroups import v1

        found += [setting for setting in v1.settings(resources) if setting[0] in directories]
    if missing:
        from sampan.cgroups import v2

        found += [setting for setting in v2.settings(resources) if V1_NAMES.get(setting[0], setting[0]) in missing]
    if resources.get("unified"):
        from sampan.cgroups import unified

        found += unified.settings(resources["unified"])
    return found


def places(settings: Iterable[Setting], directories: Mapping[str, str]) -> dict[str, str]:
    """controller -> directory: v2's for those of ``settings`` that no v1 hierarchy has."""
    found = dict(directories)
    for setting in settings:
        found.setdefault(setting[0], directories.get(UNIFIED, ""))
    return found


def update(resources: Resources, directories: Mapping[str, str]) -> None:
    """Change the limits of a live cgroup; what is absent or zero in ``resources`` stays, and so do the devices.

    Raises ConfigError, KernelError with the field; what was in force before is in force again then.
    """
    from sampan.cgroups import updating

    updating.update(resources, directories)


def collect(resources: Resources, *parts: Callable[[Resources, Callable[..., None]], None]) -> list[Setting]:
    """The settings that ``parts`` add, and those that v1 and v2 name alike."""
    found: list[Setting] = []

    def add(controller: str, name: str, value: object, field: str, otherwise: bool | Setting = False) -> None:
        if value is not None:
            found.append((controller, f"{controller}.{name}", str(value), f"linux.resources.{field}", otherwise))

    for part in parts:
        part(resources, add)
    pids = resources.get("pids", {}).get("limit")
    if pids is not None:
        # podman and others mean "no limit" by 0, which would let no process of the container fork
        add("pids", "max", pids if pids > 0 else "max", "pids.limit")
    if resources.get("rdma"):
        from sampan.cgroups import rdma

        rdma.limit(resources["rdma"], add)
    if resources.get("network"):
        from sampan.cgroups import network

        network.mark(resources["network"], add)
    return found


def apply(directories: Mapping[str, str], settings: Sequence[Setting]) -> None:
    """Write the settings into the directories of their controllers. Raises KernelError with the field.

    What ``unified`` asks for is written after the rest, and so wins over what says the same in v1's words.
    """
    own = [setting for setting in settings if setting[3].startswith(UNIFIED_FIELD)]
    _apply(directories, [setting for setting in settings if setting not in own] if own else settings)
    _apply(directories, own)


def _apply(directories: Mapping[str, str], settings: Iterable[Setting]) -> None:
    """Some values depend on each other (memory on memory+swap, quota on period and burst on quota) and can be set in
    one order when they grow and in the other when they shrink. So what is refused once is tried again after the rest.
    """
    refused: list[Setting] = []
    for setting in settings:
        try:
            write(directories, setting)
        except KernelError as error:
            if error.errno != errno.EINVAL:
                raise
            refused.append(setting)
    for setting in refused:
        write(directories, setting)


def write(directories: Mapping[str, str], setting: Setting) -> None:
    """Write one setting, or the one that stands in for it. Raises KernelError with the field."""
    controller, name, value, _, otherwise = setting
    directory = directories[controller]
    try:
        files.write(f"{directory}/{name}", value)
    except KernelError as error:
        if error.errno != errno.ENOENT or otherwise is False:
            from sampan.cgroups import refusals

            raise refusals.explain(error, directory, setting) from None
        if otherwise is not True:
            write(directories, otherwise)
