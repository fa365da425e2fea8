"""Documents to feed to the fuzzed functions: real ones with a few things changed, by the tables of spec/schema*.py.

A change goes down a table to some field, and puts a value there that fits its description, or one that breaks it in a
way that has broken parsers before. So a field that is new in a table is fuzzed without a word here.
"""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import words
from hypothesis import strategies as st

from sampan.profiles.default import default_config, rootless_config
from sampan.spec.check import BOOL, INT64, STRING, described
from sampan.spec.check import NUMBERS as NUMBERS_KIND
from sampan.spec.schema import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.spec.check import Kind

REPOSITORY = Path(__file__).resolve().parents[2]
GOOD = REPOSITORY / "tests" / "unit" / "data" / "broken" / "good.json"
MOST_CHANGES = 4
WEIGHTS = {"object": 12, "array": 6, "map": 6}  # how often a change is in such a field
CHARACTERS = st.characters(codec="utf-8")

MANY = 100_000  # elements of an array that is larger than any real one
LARGEST = 16 << 20  # bytes of a document
LONG = 1 << 20  # bytes of a string, far beyond PATH_MAX and a page

FORMATS = {
    "absolute": st.sampled_from([path for path in words.PATHS if path.startswith("/")]),
    "not empty": st.sampled_from(words.PATHS),
    "numbers": st.sampled_from(words.NUMBERS),
    "word": st.sampled_from(("eth0", "a", "é", "x" * 300)),
    "access": st.sampled_from(("", "r", "rwm", "mw", "rr")),
    "page size": st.sampled_from(("64KB", "2MB", "1GB", "3MB", "99999999999999999999GB")),
}


def text() -> st.SearchStrategy[str]:
    return st.sampled_from(words.DICTIONARY) | st.text(CHARACTERS, max_size=12)


def fitting(kind: Kind) -> st.SearchStrategy[Any]:
    """Values that a description permits, most of them."""
    return _FITTING[kind[0]](kind)


def _integers(kind: Kind) -> st.SearchStrategy[int]:
    _, lowest, highest, _ = kind
    edges = {lowest, highest, *(number for number in (0, 1, 2, 100, 4096) if lowest <= number <= highest)}
    return st.sampled_from(sorted(edges)) | st.integers(lowest, highest)


def _object(kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    _, _, _, required, fields = kind
    return st.fixed_dictionaries(
        {name: fitting(fields[name]) for name in required},
        optional={name: fitting(field) for name, field in fields.items() if name not in required},
    )


def _keys(keys: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(keys) if keys else text()


_FITTING: dict[str, Callable[[Kind], st.SearchStrategy[Any]]] = {
    "string": lambda _: text(),
    "strings": lambda kind: st.lists(text(), min_size=kind[1], max_size=5),
    "integer": _integers,
    "enum": lambda kind: st.sampled_from(kind[1]),
    "format": lambda kind: FORMATS[kind[1]],
    "bool": lambda _: st.booleans(),
    "array": lambda kind: st.lists(st.deferred(lambda: fitting(kind[1])), min_size=kind[2], max_size=3),
    "map": lambda kind: st.dictionaries(_keys(kind[2]), fitting(kind[1]), max_size=3),
    "object": _object,
    "section": lambda kind: fitting(kind[2]),
    "platform": lambda kind: fitting(described(kind)),
}


@cache
def bases() -> tuple[str, ...]:
    """Real documents, as JSON: each is good, but the last, which has all fields that any container could have."""
    rootless: Any = rootless_config(1000, 1000, cgroup_namespace=True)
    small: Any = {
        "ociVersion": "1.0.2",
        "root": {"path": "/srv/root"},
        "process": {"args": ["sh"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
        "linux": {"namespaces": [{"type": "mount"}, {"type": "network", "path": "/run/netns/a"}]},
    }
    full = json.loads(GOOD.read_bytes())
    return tuple(json.dumps(document) for document in (default_config(), rootless, small, _supported(full), full))


def _supported(full: Any) -> Any:
    """The same without what needs a kernel with SELinux or AppArmor."""
    changed = json.loads(json.dumps(full))
    del changed["process"]["selinuxLabel"], changed["process"]["apparmorProfile"], changed["linux"]["mountLabel"]
    return changed


_REPLACEMENTS: dict[tuple[int, int], st.SearchStrategy[Any]] = {}


def _replacement(kind: Kind, hostile: tuple[object, ...]) -> st.SearchStrategy[Any]:
    """What a change puts somewhere. Made once for each table: that costs more than to draw from it."""
    key = (id(kind), id(hostile))  # tables and these tuples live as long as the program
    if key not in _REPLACEMENTS:
        good = fitting(kind)
        _REPLACEMENTS[key] = st.one_of(good, good, st.sampled_from(hostile)) if hostile else good
    return _REPLACEMENTS[key]


def _names(fields: dict[str, Kind]) -> list[str]:
    """The names of the fields, those of large ones more often. (Hashing a table would take longer than this.)"""
    inner = {name: kind[2] if kind[0] == "section" else kind for name, kind in fields.items()}
    return [name for name, kind in inner.items() for _ in range(WEIGHTS.get(kind[0], 1))]


def _step(draw: st.DrawFn, value: object, kind: Kind) -> tuple[Any, Kind] | None:
    """A place inside of ``value``, and its description; None where there is none, or where the change shall be here."""
    if kind[0] == "object" and isinstance(value, dict) and kind[4]:
        name = draw(st.sampled_from(_names(kind[4])))
        return name, kind[4][name]
    if kind[0] == "map" and isinstance(value, dict) and draw(st.booleans()):
        return draw(st.sampled_from(list(value)) if value else _keys(kind[2])), kind[1]
    if kind[0] in ("array", "strings") and isinstance(value, list) and value and draw(st.booleans()):
        return draw(st.integers(0, len(value) - 1)), STRING if kind[0] == "strings" else kind[1]
    return None


def _change(draw: st.DrawFn, holder: Any, key: Any, kind: Kind, hostile: tuple[object, ...]) -> None:
    """Change something at ``holder[key]`` or below it."""
    kind = described(kind)
    value = holder.get(key) if isinstance(holder, dict) else holder[key]
    step = _step(draw, value, kind) if draw(st.integers(0, 15)) != 15 else None
    if step is not None:
        _change(draw, value, *step, hostile)
        return
    if isinstance(value, list) and value and draw(st.booleans()):
        value.append(value[draw(st.integers(0, len(value) - 1))])  # the same twice
        return
    new = draw(_replacement(kind, hostile))
    if new is not words.GONE:
        holder[key] = copy.deepcopy(new) if isinstance(new, dict | list) else new
    elif isinstance(holder, dict):
        holder.pop(key, None)
    else:
        del holder[key]


@st.composite
def changed(
    draw: st.DrawFn, originals: tuple[str, ...], kind: Kind = CONFIG, hostile: tuple[object, ...] = words.HOSTILE
) -> Any:
    """One of ``originals``, which are JSON, with a few changes."""
    holder = {"": json.loads(draw(st.sampled_from(originals)))}
    hostile = draw(st.sampled_from(((), hostile)))  # what has one hostile value seldom gets as far as to a plan
    for _ in range(draw(st.integers(0, MOST_CHANGES))):
        _change(draw, holder, "", kind, hostile)
    return holder.get("")


def changed_freely(originals: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """The same of documents that no table describes: a change keeps the type of a value, or is hostile."""
    return st.one_of([changed((original,), shape(json.loads(original))) for original in originals])


def shape(value: object) -> Kind:
    """A description of this one value."""
    if isinstance(value, dict):
        return ("object", "", "", (), {name: shape(item) for name, item in value.items()})
    if isinstance(value, list):
        return ("array", shape(value[0]) if value else STRING, 0)
    return BOOL if isinstance(value, bool) else INT64 if isinstance(value, int) else STRING


@st.composite
def large(draw: st.DrawFn, originals: tuple[str, ...], kind: Kind = CONFIG) -> Any:
    """One of ``originals`` in which one field is far larger than it ever should be."""
    holder: Any = {"": json.loads(draw(st.sampled_from(originals)))}
    place: Any = holder
    key: Any = ""
    while (step := _step(draw, place.get(key) if isinstance(place, dict) else place[key], described(kind))) is not None:
        place, (key, kind) = (place.get(key) if isinstance(place, dict) else place[key]), step
    place[key] = _enlarged(draw, described(kind))
    return holder[""]


def _many(draw: st.DrawFn, one: object) -> int:
    """So many that all together have no more than LARGEST bytes."""
    return draw(st.sampled_from((1000, min(MANY, LARGEST // len(json.dumps(one))))))


def _enlarged(draw: st.DrawFn, kind: Kind) -> object:
    if kind[0] in ("array", "strings"):
        one = draw(fitting(STRING if kind[0] == "strings" else kind[1]))
        return [one] * _many(draw, one)
    if kind[0] == "map":
        one = draw(fitting(kind[1]))
        return {f"{draw(_keys(kind[2]))}{number}": one for number in range(_many(draw, one))}
    if kind == NUMBERS_KIND:
        return ",".join(["0-1023"] * draw(st.sampled_from((1000, MANY))))
    deep: object = draw(fitting(kind))
    if draw(st.booleans()):
        return (str(deep) or "/") * (LONG // (len(str(deep)) or 1))
    for _ in range(draw(st.sampled_from((50, 98, 101)))):
        deep = [deep]
    return deep


@st.composite
def damaged(draw: st.DrawFn, documents: st.SearchStrategy[Any]) -> bytes:
    """A document as JSON, and now and then not quite JSON any more."""
    data = json.dumps(draw(documents), ensure_ascii=draw(st.booleans())).encode()
    for _ in range(max(0, draw(st.integers(-6, 2)))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.sampled_from(words.TOKENS)) + data[at + draw(st.integers(0, 3)) :]
    return data
