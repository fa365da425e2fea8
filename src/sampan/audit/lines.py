"""On which line of a JSON document a value stands, since a person looks for it there."""

from __future__ import annotations

from json.decoder import JSONDecoder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampan.audit.fields import Path

_SPACE = " \t\r\n"
_DECODER = JSONDecoder(strict=False)


def line_of(text: str, path: Path) -> int:
    """The line, from 1, of the member or element at ``path``; of the innermost one around it that is there.

    ``text`` is valid JSON.
    """
    at = _after_space(text, 0)
    start = at
    for part in path:
        found = _member(text, at, part) if isinstance(part, str) else _element(text, at, part)
        if found is None:
            break
        start, at = found
    return text.count("\n", 0, start) + 1


def _member(text: str, at: int, key: str) -> tuple[int, int] | None:
    """Where the key begins, and where its value does. The last one counts, as for decoders."""
    if text[at] != "{":
        return None
    found = None
    at = _after_space(text, at + 1)
    while text[at] != "}":
        start = at
        name, at = _DECODER.raw_decode(text, at)
        at = _after_space(text, _after_space(text, at) + 1)
        if name == key:
            found = start, at
        at = _next(text, at)
    return found


def _element(text: str, at: int, index: int) -> tuple[int, int] | None:
    if text[at] != "[":
        return None
    at = _after_space(text, at + 1)
    while text[at] != "]":
        if index == 0:
            return at, at
        index -= 1
        at = _next(text, at)
    return None


def _next(text: str, at: int) -> int:
    """Behind the value at ``at`` and the comma after it, if there is one."""
    _, at = _DECODER.raw_decode(text, at)
    at = _after_space(text, at)
    return _after_space(text, at + 1) if text[at] == "," else at


def _after_space(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at
