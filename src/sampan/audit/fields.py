"""Where a value stands in config.json, in the two ways it is written: a field of messages, and a pointer of patches.

A patch is that of RFC 6902 (JSON Patch): what a report tells to change, a program can change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Path = tuple[str | int, ...]

END = "-"  # RFC 6901: the place behind the last element of an array

# Objects whose keys are data and not names of the specification.
_MAPS = (
    ("annotations",),
    ("linux", "netDevices"),
    ("linux", "resources", "rdma"),
    ("linux", "resources", "unified"),
    ("linux", "sysctl"),
    ("linux", "timeOffsets"),
)


@dataclass(frozen=True)
class Edit:
    """One operation of a patch: "add" (which replaces a member that is there), "replace" (an element) or "remove"."""

    op: str
    path: Path
    value: Any = None

    def document(self) -> dict[str, Any]:
        """As RFC 6902 writes it."""
        operation = {"op": self.op, "path": pointer(self.path)}
        return operation if self.op == "remove" else {**operation, "value": self.value}

    def __str__(self) -> str:
        from json import dumps

        if self.op == "remove":
            return f"remove {field(self.path)}"
        value = dumps(self.value, ensure_ascii=False)
        if self.path[-1] == END:
            return f"add {value} to {field(self.path[:-1])}"
        return f"set {field(self.path)} to {value}"


def field(path: Path) -> str:
    """As messages name it: "mounts[2].options", 'linux.sysctl["net.ipv4.ip_forward"]'."""
    text = ""
    for index, part in enumerate(path):
        if isinstance(part, int):
            text += f"[{part}]"
        elif path[:index] in _MAPS:
            text += f'["{part}"]'
        else:
            text += f".{part}" if text else part
    return text


def pointer(path: Path) -> str:
    """As RFC 6901 writes it: "/mounts/2/options"."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def setting(config: Mapping[str, Any], path: Path, value: object) -> Edit:
    """The edit that gives what is at ``path`` a value, with the objects around it that are not there yet."""
    holder: Any = config
    for index, part in enumerate(path[:-1]):
        if isinstance(holder, dict) and part not in holder:
            for missing in reversed(path[index + 1 :]):
                value = [value] if missing == END else {missing: value}
            return Edit("add", path[: index + 1], value)
        holder = holder[part]
    # "add" would put it before an element that is there
    return Edit("replace" if isinstance(path[-1], int) else "add", path, value)


def settings(config: Mapping[str, Any], values: Mapping[Path, object]) -> tuple[Edit, ...]:
    """The edits for several members, which may need the same objects around them."""
    from copy import deepcopy

    changed: Any = deepcopy(dict(config))
    edits = []
    for path, value in values.items():
        edit = setting(changed, path, value)
        holder = changed
        for part in edit.path[:-1]:
            holder = holder[part]
        holder[edit.path[-1]] = edit.value
        edits.append(edit)
    return tuple(edits)


def removal(path: Path) -> Edit:
    """The edit that takes a member or an element away."""
    return Edit("remove", path)


def removals(path: Path, indexes: Sequence[int]) -> tuple[Edit, ...]:
    """The edits that take elements away, from the last to the first, since a removal moves those behind it."""
    return tuple(removal((*path, index)) for index in sorted(indexes, reverse=True))
