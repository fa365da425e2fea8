"""What is left of a document when all that `check` refuses is taken out, so that rules.py can judge the rest.

Used only when there is something to refuse, or a null. Keeps the positions of array entries: where one is refused, an
empty value of its kind stands in its place.
"""

from __future__ import annotations

from sampan.spec.check import check, described

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.spec.check import Kind

CONTAINERS = {"object": dict, "map": dict, "array": list, "strings": list}
EMPTY = {"integer": 0, "bool": False}


def prune(value: object, kind: Kind) -> Any:
    """A copy of ``value`` without what does not fit ``kind``, without unknown properties and without nulls."""
    kind = described(kind)
    if kind[0] in ("object", "map"):
        return _prune_members(value, kind) if isinstance(value, dict) else {}
    if kind[0] in ("array", "strings"):
        item_kind: Kind = ("string",) if kind[0] == "strings" else kind[1]
        return [prune(item, item_kind) for item in value] if isinstance(value, list) else []
    return EMPTY.get(kind[0], "") if check(value, kind) else value


def _prune_members(value: dict[str, object], kind: Kind) -> dict[str, object]:
    kept = {}
    for name, item in value.items():
        item_kind = kind[4].get(name) if kind[0] == "object" else kind[1]
        if item is None or item_kind is None:
            continue
        item_kind = described(item_kind)
        container = CONTAINERS.get(item_kind[0])
        if isinstance(item, container) if container else not check(item, item_kind):
            kept[name] = prune(item, item_kind)
    return kept


def drop_nulls(document: object) -> None:
    """Takes the members that are null out of every object in ``document``, in place."""
    pending = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            for name in [name for name, item in value.items() if item is None]:
                del value[name]
            pending += value.values()
        elif isinstance(value, list):
            pending += value
