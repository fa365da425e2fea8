"""Values in GVariant's text format, as annotations give properties of a unit: "uint64 5", "['a', 'b']", "true". Pure.

Only what properties of units are made of: no paths of objects, signatures or descriptors, and no "maybe", which D-Bus
does not have. The format: https://docs.gtk.org/glib/gvariant-text-format.html
"""

from __future__ import annotations

import math
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Typed = tuple[str, Any]  # a D-Bus signature, and a value that fits it

_TYPES = {
    "boolean": "b",
    "byte": "y",
    "int16": "n",
    "uint16": "q",
    "int32": "i",
    "uint32": "u",
    "int64": "x",
    "uint64": "t",
    "double": "d",
    "string": "s",
}
_RANGES = {
    "y": (0, 2**8 - 1),
    "n": (-(2**15), 2**15 - 1),
    "q": (0, 2**16 - 1),
    "i": (-(2**31), 2**31 - 1),
    "u": (0, 2**32 - 1),
    "x": (-(2**63), 2**63 - 1),
    "t": (0, 2**64 - 1),
}
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>b?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))
        | (?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf|nan))(?![\w.])
        | (?P<signature>@[a-z(){}]+)
        | (?P<word>[a-z][a-z0-9]*)
        | (?P<mark>[][(){}<>,:])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\n": ""}
_DEEPEST = 32  # nesting
_MOST_TYPES = 256  # that are tried for one value


class _Node:
    """A part of the text: what was written, and its type where one was written with it."""

    __slots__ = ("kind", "parts", "type")

    def __init__(self, kind: str, parts: Any, signature: str = "") -> None:
        self.kind = kind  # "boolean", "number", "string", "bytes", "array", "tuple", "dictionary", "variant"
        self.parts = parts
        self.type = signature


def parse(text: str) -> Typed:
    """The value that ``text`` stands for, and its signature. Raises ValueError with what is wrong with it."""
    tokens = _tokens(text)
    node = _node(tokens, 0)
    if tokens:
        raise ValueError(f"{tokens[-1][1]!r} is too much")
    return _typed(node)


class _DoesNotFitError(ValueError):
    """A value is not of that type."""


def _tokens(text: str) -> list[tuple[str, str]]:
    """What the text is made of, the first last: it is taken first."""
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{text[at:].strip()[:20]!r} is not understood: strings stand in quotes")
        found.append((match.lastgroup or "", match.group(match.lastgroup or 0)))
        at = match.end()
    return found[::-1]


def _node(tokens: list[tuple[str, str]], depth: int) -> _Node:
    if not tokens:
        raise ValueError("a value is missing")
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    kind, text = tokens.pop()
    if kind == "signature":
        if _split(text[1:]) != [text[1:]]:
            raise ValueError(f"{text!r} is not one type of D-Bus")
        return _with_type(text[1:], _node(tokens, depth + 1))
    if kind == "word":
        if text in ("true", "false"):
            return _Node("boolean", text == "true")
        if text in _TYPES:
            return _with_type(_TYPES[text], _node(tokens, depth + 1))
        raise ValueError(f"{text!r} is not understood: strings stand in quotes")
    if kind == "number":
        return _Node("number", text)
    if kind == "string":
        return _Node("bytes", _unquote(text[1:])) if text[0] == "b" else _Node("string", _unquote(text))
    return _collection(text, tokens, depth)


def _collection(opening: str, tokens: list[tuple[str, str]], depth: int) -> _Node:
    kinds = {"[": ("array", "]"), "(": ("tuple", ")"), "{": ("dictionary", "}"), "<": ("variant", ">")}
    if opening not in kinds:
        raise ValueError(f"{opening!r} stands where a value should")
    kind, closing = kinds[opening]
    parts: list[Any] = []
    while not _take(tokens, closing):
        if parts and not _take(tokens, ","):
            raise ValueError(f"',' or {closing!r} is missing")
        part = _node(tokens, depth + 1)
        if kind == "dictionary":
            if not _take(tokens, ":"):
                raise ValueError("':' is missing")
            parts.append((part, _node(tokens, depth + 1)))
        else:
            parts.append(part)
        if kind == "tuple" and len(parts) == 1 and tokens[-2:] == [("mark", ")"), ("mark", ",")]:
            tokens.pop()  # (1,) is a tuple of one, (1) is none
        elif kind == "tuple" and len(parts) == 1 and tokens[-1:] == [("mark", ")")]:
            raise ValueError("',' is missing: a tuple of one is (VALUE,)")
    if kind == "variant" and len(parts) != 1:
        raise ValueError("a variant holds one value")
    return _Node(kind, parts)


def _take(tokens: list[tuple[str, str]], text: str) -> bool:
    if tokens and tokens[-1] == ("mark", text):
        tokens.pop()
        return True
    return False


def _typed(node: _Node) -> Typed:
    reason = "its type must be written before it, as in '@as []'"
    for signature in _candidates(node):
        try:
            return signature, _convert(node, signature)
        except _DoesNotFitError as error:
            reason = str(error)
    raise ValueError(reason)


def _with_type(signature: str, node: _Node) -> _Node:
    if node.type not in ("", signature):
        raise ValueError(f"it cannot be of the types {signature!r} and {node.type!r} at once")
    node.type = signature
    return node


def _candidates(node: _Node) -> list[str]:
    """The types that a value may have, the most natural one first; none where it is empty."""
    if node.type:
        return [node.type]
    if node.kind == "number":
        return ["i", "d"] if re.fullmatch(r"[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)", node.parts) else ["d"]
    if node.kind == "array":
        # one type for all: where it is written out for one element, it holds for the others
        written = [part for part in node.parts if part.type]
        found = [f"a{candidate}" for part in written or node.parts for candidate in _candidates(part)]
        return list(dict.fromkeys(found))
    if node.kind == "dictionary":
        keys = dict.fromkeys(candidate for key, _ in node.parts for candidate in _candidates(key))
        values = dict.fromkeys(candidate for _, value in node.parts for candidate in _candidates(value))
        return _few([f"a{{{key}{value}}}" for key in keys for value in values])
    if node.kind == "tuple":
        found = ["("] if node.parts else []  # D-Bus has no tuple of none
        for part in node.parts:
            found = _few([f"{begun}{candidate}" for begun in found for candidate in _candidates(part)])
        return [f"{begun})" for begun in found]
    return [{"boolean": "b", "string": "s", "bytes": "ay", "variant": "v"}[node.kind]]


def _few(types: list[str]) -> list[str]:
    """Raises ValueError for more types than can be tried: each number may be of two, and what holds it, of twice as
    many."""
    if len(types) > _MOST_TYPES:
        raise ValueError("it may be of too many types: write the right one before it, as in '@(tt) (1, 2)'")
    return types


def _convert(node: _Node, signature: str) -> Any:
    """The value as the D-Bus library takes it for this type."""
    if node.type and node.type != signature:
        raise _DoesNotFitError(f"a value of type {node.type!r} stands where {signature!r} is needed")
    if node.kind == "number":
        return _number(node.parts, signature)
    if node.kind == "string" and signature == "s":
        return node.parts
    if node.kind == "bytes" and signature == "ay":
        return node.parts.encode("latin-1", "replace") + b"\0"
    if node.kind == "boolean" and signature == "b":
        return node.parts
    if node.kind == "variant" and signature == "v":
        return _typed(node.parts[0])
    if node.kind == "array" and signature[0] == "a" and signature[1:2] != "{":
        return _array(node, signature[1:])
    if node.kind == "dictionary" and signature.startswith("a{"):
        key, value = _split(signature[2:-1])
        return {_convert(one, key): _convert(other, value) for one, other in node.parts}
    if node.kind == "tuple" and signature[0] == "(":
        types = _split(signature[1:-1])
        if len(types) == len(node.parts):
            return tuple(_convert(part, one) for part, one in zip(node.parts, types, strict=True))
    raise _DoesNotFitError(f"the {node.kind} is not of the type {signature!r}")


def _array(node: _Node, element: str) -> list[Any] | bytes:
    values = [_convert(part, element) for part in node.parts]
    return bytes(values) if element == "y" else values


def _number(text: str, signature: str) -> int | float:
    if signature == "d":
        try:
            number = float(int(text, 16)) if "x" in text.lower() else float(text)
        except OverflowError:
            number = math.inf
        if math.isinf(number) and not text.endswith("inf"):
            raise ValueError(f"{text} is too large")
        return number
    if signature not in _RANGES:
        raise _DoesNotFitError(f"the number {text} is not of the type {signature!r}")
    try:
        value = int(text, 16 if "x" in text.lower() else 10)
    except ValueError:
        raise _DoesNotFitError(f"{text} is not a whole number") from None
    low, high = _RANGES[signature]
    if not low <= value <= high:
        raise ValueError(f"{text} is not within {low} and {high}")
    return value


def _split(signature: str) -> list[str]:
    """The single types that a signature is made of. Raises ValueError."""
    found, at = [], 0
    while at < len(signature):
        end = _end(signature, at)
        found.append(signature[at:end])
        at = end
    return found


def _end(signature: str, at: int) -> int:
    """Where the single type that begins at ``at`` ends."""
    letter = signature[at : at + 1]
    if letter == "a" and signature[at + 1 : at + 2] == "{":
        end = _end(signature, _end(signature, at + 2))
        if signature[at + 2] in _TYPES.values() and signature[end : end + 1] == "}":
            return end + 1
    elif letter == "a":
        return _end(signature, at + 1)
    elif letter == "(" and signature[at + 1 : at + 2] != ")":
        at += 1
        while signature[at : at + 1] != ")":
            at = _end(signature, at)
        return at + 1
    elif letter == "v" or letter in _TYPES.values():
        return at + 1
    raise ValueError(f"{signature!r} is not a signature of D-Bus")


def _unquote(text: str) -> str:
    def unescape(match: re.Match[str]) -> str:
        code = match.group(1)
        if code[0] in "uU" and len(code) > 1:
            number = int(code[1:], 16)
            if number > sys.maxunicode:
                raise ValueError(f"\\{code} is no character")
            return chr(number)
        if code[0] in "01234567":
            return chr(int(code, 8))
        return _ESCAPES.get(code, code)

    value = _ESCAPE.sub(unescape, text[1:-1])
    if not value.isprintable() and any(ord(letter) == 0 or 0xD800 <= ord(letter) < 0xE000 for letter in value):
        raise ValueError(f"{text} has a character that D-Bus does not carry")
    return value
