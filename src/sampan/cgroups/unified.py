"""What ``linux.resources.unified`` says: any file of the container's cgroup v2, written as it stands.

Loaded only where something is asked for. Its keys and values are the kernel's; of them no more is known than this:
the part before the first dot names a controller, or the core (``cgroup``), which all cgroups have.
"""

from __future__ import annotations

from sampan.cgroups.layout import UNIFIED
from sampan.cgroups.limits import UNIFIED_FIELD, V1_NAMES
from sampan.errors import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sampan.cgroups.limits import Setting

_SECTION = "config-linux.md#unified"


def problems(unified: Mapping[str, str], controllers: Collection[str], has_v2: bool) -> Iterator[Problem]:
    """What cannot be applied where v1 has these ``controllers``, and there is a v2 hierarchy or none."""
    for name, value in unified.items():
        controller = name.partition(".")[0]
        on_v1 = V1_NAMES.get(controller, controller)
        if "/" in name or name in (".", ".."):
            rule = "must have the name of a file in the cgroup as its key"
        elif not has_v2:
            rule = "cannot be set: it needs cgroup v2, and no such hierarchy is mounted"
        elif on_v1 in controllers:
            rule = f"cannot be set: a hierarchy of cgroup v1 has the {on_v1} controller here"
        elif not value:
            rule = "must not be empty: the kernel takes no notice when nothing is written"
        else:
            continue
        yield Problem(f'{UNIFIED_FIELD}["{name}"]', value, rule, _SECTION)


def settings(unified: Mapping[str, str]) -> list[Setting]:
    """One for each line: files like io.max take no more than a line at a time."""
    found: list[Setting] = []
    for name, value in unified.items():
        controller = name.partition(".")[0]
        field = f'{UNIFIED_FIELD}["{name}"]'
        lines = [line for line in value.split("\n") if line] or ["\n"]  # "\n" empties a file, say cpuset.cpus
        found += [(UNIFIED if controller == "cgroup" else controller, name, line, field, False) for line in lines]
    return found
