"""crun's mount option `idmap=uids=FILES-HOST-SIZE#...;gids=...`, by which podman passes on the mappings of a volume."""

from __future__ import annotations

from sampan.errors import ConfigError, Problem
from sampan.spec.rules_linux import mapping_problems

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.spec.types import IDMapping, Linux

FORM = 'must be "idmap=uids=FIRST-HOST-SIZE;gids=FIRST-HOST-SIZE", further ranges after "#"'
SECTION = "docs/crun.md"


def parse(option: str, linux: Linux, field: str) -> tuple[list[IDMapping], list[IDMapping]]:
    """The mappings of users and of groups. Each is from ids of the files to those of the host, or, after "@", to what
    the container's own mapping makes of them. Raises ConfigError."""
    found: dict[str, list[IDMapping]] = {}
    for part in option.partition("=")[2].split(";"):
        kind, _, ranges = part.partition("=")
        if kind not in ("uids", "gids") or kind in found:
            raise _refused(option, field, FORM)
        own = linux.get("uidMappings", ()) if kind == "uids" else linux.get("gidMappings", ())
        found[kind] = [_mapping(one, own, option, field) for one in ranges.split("#")]
    if len(found) < 2:
        raise _refused(option, field, "must have both uids= and gids=: files of ids without a mapping are nobody's")
    problems = [problem for mapping in found.values() for problem in mapping_problems(mapping, field, SECTION)]
    if problems:
        raise ConfigError("config.json", problems)
    return found["uids"], found["gids"]


def _mapping(text: str, own: Sequence[IDMapping], option: str, field: str) -> IDMapping:
    numbers = text.removeprefix("@").split("-")
    if len(numbers) != 3 or not all(number.isascii() and number.isdigit() for number in numbers):
        raise _refused(option, field, FORM)
    first, host, size = map(int, numbers)
    if text.startswith("@"):
        for mapping in own:
            if mapping["containerID"] <= first < mapping["containerID"] + mapping["size"]:
                host += mapping["hostID"] - mapping["containerID"]
                break
        else:
            raise _refused(option, field, f"must be within the container's own mapping, which has no {first}")
    return {"containerID": first, "hostID": host, "size": size}


def _refused(option: str, field: str, rule: str) -> ConfigError:
    return ConfigError("config.json", [Problem(field, option, rule, SECTION)])
