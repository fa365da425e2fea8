"""What annotations say about the unit that systemd makes for a container: conventions of runc and crun. Pure.

``org.systemd.property.NAME``: a property of the unit, its value in GVariant's text format.
``run.oci.systemd.subgroup``: a cgroup below that of the unit, where the container is.
"""

from __future__ import annotations

from sampan.errors import ConfigError, Problem
from sampan.spec.annotations import below_rule
from sampan.spec.names import SYSTEMD_PROPERTY, SYSTEMD_SUBGROUP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampan.cgroups.systemd_properties import Property, Variant

_IN_SECONDS, _IN_MICROSECONDS = "Sec", "USec"  # units of ends of names: of unit files, and of D-Bus


def properties(annotations: Mapping[str, str]) -> list[Property]:
    """The properties that annotations give the unit. Raises ConfigError with all that cannot be understood."""
    found: list[Property] = []
    problems = []
    for key, text in annotations.items():
        if not key.startswith(SYSTEMD_PROPERTY):
            continue
        try:
            found.append(_property(key.removeprefix(SYSTEMD_PROPERTY), text))
        except ValueError as error:
            problems.append(Problem(f"annotations[{key}]", text, f"gives systemd no property: {error}", ""))
    if problems:
        raise ConfigError("config.json", problems)
    return found


def subgroup(annotations: Mapping[str, str]) -> str:
    """The path of the container's cgroup below that of the unit; "" where it is the unit's own. Raises ConfigError."""
    path = annotations.get(SYSTEMD_SUBGROUP, "")
    if rule := below_rule(path):
        raise ConfigError("config.json", [Problem(f"annotations[{SYSTEMD_SUBGROUP}]", path, rule, "")])
    return path.strip("/")


def _property(name: str, text: str) -> Property:
    if len(name) < 3 or not (name.isascii() and name.isalpha()):
        raise ValueError(f"{name!r} cannot be its name, which is made of letters")
    from sampan.cgroups import gvariant

    value: Variant = gvariant.parse(text)
    stem = name.removesuffix(_IN_SECONDS)
    if stem != name and stem[-1:].islower():
        return f"{stem}{_IN_MICROSECONDS}", _microseconds(value)
    return name, value


def _microseconds(value: Variant) -> Variant:
    number = value[1]
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number < 2**63 / 1e6:
        raise ValueError("a number of seconds is needed")
    return "t", int(number * 1_000_000)
