"""Limits as a list of settings, and the one loop that writes them. Which files they are, ``v1`` and ``v2`` say.

A setting is (controller, file, value, the field of config.json that asks for it, may the file be missing?).
Hot path: imports only ``errno``.
"""

from __future__ import annotations

import errno

from sampan.cgroups.layout import UNIFIED
from sampan.errors import KernelError
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sampan.spec.types import Resources

    Setting = tuple[str, str, str, str, bool]

_CONTROLLERS = frozenset(("cpu", "cpuset", "memory", "pids"))  # of the limits that this release applies
_REASONS = {
    errno.ENOENT: "this kernel does not have that file",
    errno.EINVAL: "the kernel does not accept {value!r}, or not under the limits of the parent cgroup",
    errno.ERANGE: "{value!r} is out of the kernel's range",
    errno.EBUSY: "more is in use already than {value!r} allows",
    errno.ENOSPC: "{value!r} names what the parent cgroup does not have",
    errno.EACCES: "not permitted, or not within what the parent cgroup has",
}


def settings(resources: Resources, directories: Mapping[str, str]) -> list[Setting]:
    """All limits, each as the hierarchy that has its controller wants it: v1 where ``directories`` has one, or v2."""
    if not (resources.get("memory") or resources.get("cpu") or resources.get("pids")):
        return []
    found: list[Setting] = []
    missing = _CONTROLLERS.difference(directories)
    if len(missing) < len(_CONTROLLERS):
        from sampan.cgroups import v1

        found += [setting for setting in v1.settings(resources) if setting[0] not in missing]
    if missing:
        from sampan.cgroups import v2

        found += [setting for setting in v2.settings(resources) if setting[0] in missing]
    return found


def update(resources: Resources, directories: Mapping[str, str]) -> None:
    """Change the limits of a live cgroup. Raises KernelError with the field."""
    places = dict(directories)
    found = settings(resources, directories)
    for setting in found:
        places.setdefault(setting[0], directories.get(UNIFIED, ""))
    apply(places, found)


def collect(resources: Resources, *parts: Callable[[Resources, Callable[..., None]], None]) -> list[Setting]:
    """The settings that ``parts`` add, and that of pids, which v1 and v2 name alike."""
    found: list[Setting] = []

    def add(controller: str, name: str, value: object, field: str, may_miss: bool = False) -> None:
        if value is not None:
            found.append((controller, f"{controller}.{name}", str(value), f"linux.resources.{field}", may_miss))

    for part in parts:
        part(resources, add)
    pids = resources.get("pids", {}).get("limit")
    if pids is not None:
        # podman and others mean "no limit" by 0, which would let no process of the container fork
        add("pids", "max", pids if pids > 0 else "max", "pids.limit")
    return found


def apply(directories: Mapping[str, str], settings: Iterable[Setting]) -> None:
    """Write the settings into the directories of their controllers. Raises KernelError with the field.

    Some values depend on each other (memory on memory+swap, quota on period and burst on quota) and can be set in one
    order when they grow and in the other when they shrink. So what is refused once is tried again after the rest.
    """
    refused: list[Setting] = []
    for setting in settings:
        try:
            _write(directories, setting)
        except KernelError as error:
            if error.errno != errno.EINVAL:
                raise
            refused.append(setting)
    for setting in refused:
        _write(directories, setting)


def _write(directories: Mapping[str, str], setting: Setting) -> None:
    controller, name, value, field, may_miss = setting
    path = f"{directories[controller]}/{name}"
    try:
        files.write(path, value)
    except KernelError as error:
        if may_miss and error.errno == errno.ENOENT:
            return
        reason = _REASONS.get(error.errno, "").format(value=value)
        raise KernelError(f"write {value!r} to", path, error.errno, field, reason) from None
