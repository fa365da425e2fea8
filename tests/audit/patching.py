"""Makes the patches that the audit proposes: as much of RFC 6902 as they use, by the letter of the RFC."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any


def patched(document: Any, patch: Iterable[Mapping[str, Any]]) -> Any:
    """The document after all operations of the patch; the given one stays as it is."""
    document = copy.deepcopy(document)
    for operation in patch:
        *holders, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        holder = document
        for part in holders:
            holder = holder[int(part)] if isinstance(holder, list) else holder[part]
        _apply(operation, holder, last)
    return document


def _apply(operation: Mapping[str, Any], holder: Any, last: str) -> None:
    if operation["op"] == "remove":
        del holder[int(last) if isinstance(holder, list) else last]
        return
    assert operation["op"] in ("add", "replace")
    if not isinstance(holder, list):
        holder[last] = operation["value"]
    elif operation["op"] == "replace":
        holder[int(last)] = operation["value"]
    else:
        holder.insert(len(holder) if last == "-" else int(last), operation["value"])
