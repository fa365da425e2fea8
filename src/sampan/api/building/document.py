"""A configuration that is never changed: each change gives a new one, which shares what is as before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sampan.api.building.arguments import plain, refused
from sampan.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any, Self


class Document:
    """A decoded config.json. A field is named as in errors: "linux.resources.memory.limit"."""

    __slots__ = ("content",)

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content  # nobody changes it

    def get(self, field: str) -> Any:
        """The value of a field; None where it is not there."""
        value: Any = self.content
        for name in field.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def object(self, field: str) -> dict[str, Any]:
        """A copy of the object that a field is, empty where it is not there. Raises ConfigError for something else."""
        return dict(self._expected(field, dict, "an object"))

    def array(self, field: str) -> list[Any]:
        """A copy of the array that a field is, empty where it is not there. Raises ConfigError for something else."""
        return list(self._expected(field, list, "an array"))

    def _expected(self, field: str, kind: type, word: str) -> Any:
        value = self.get(field)
        if value is not None and not isinstance(value, kind):
            raise ConfigError("config.json", [Problem(field, value, f"must be {word}", "")])
        return kind() if value is None else value

    def set(self, field: str, value: Any) -> Document:
        """With the field as ``value``, which nobody else has, and the objects around it; None removes the field."""
        holder, _, name = field.rpartition(".")
        around = self.object(holder) if holder else dict(self.content)
        if value is None:
            if name not in around:
                return self
            del around[name]
        else:
            around[name] = value
        return self.set(holder, around) if holder else Document(around)

    def set_all(self, holder: str, values: Mapping[str, Any]) -> Document:
        """With fields of an object set, but those whose value is None."""
        values = {name: value for name, value in values.items() if value is not None}
        return self.set(holder, {**self.object(holder), **values}) if values else self

    def update(self, field: str, values: Mapping[str, Any]) -> Document:
        """With entries of a map set, whose keys may be any text; None removes one."""
        entries = {**self.object(field), **values}
        return self.set(field, {key: value for key, value in entries.items() if value is not None})

    def put(self, field: str, key: str, entry: dict[str, Any]) -> Document:
        """With an entry of an array in the place of those with the same ``key``, or at the end."""
        entries = self.array(field)
        same = [
            index for index, other in enumerate(entries) if isinstance(other, dict) and other.get(key) == entry[key]
        ]
        if not same:
            return self.set(field, [*entries, entry])
        entries[same[0]] = entry
        return self.set(field, [other for index, other in enumerate(entries) if index not in same[1:]])

    def add(self, field: str, entry: Any) -> Document:
        """With one entry of an array more."""
        return self.set(field, [*self.array(field), entry])

    def remove(self, field: str, key: str, values: Collection[str]) -> Document:
        """Without the entries of an array whose ``key`` is one of ``values``."""
        entries = self.array(field)
        left = [entry for entry in entries if not (isinstance(entry, dict) and entry.get(key) in values)]
        return self if len(left) == len(entries) else self.set(field, left)


class Part:
    """What all parts of `sampan.Spec` build on."""

    __slots__ = ("_document",)

    _document: Document

    def __init__(self, document: Mapping[str, Any]) -> None:
        content = plain(document)
        if not isinstance(content, dict):
            raise refused("document", content, "must be an object, as config.json is one")
        self._document = Document(content)

    def _of(self, document: Document) -> Self:
        """The same, of another configuration."""
        new = object.__new__(type(self))
        new._document = document
        return new

    def to_dict(self) -> dict[str, Any]:
        """The configuration as JSON is decoded: a copy that may be changed."""
        copy: dict[str, Any] = plain(self._document.content)
        return copy

    def to_json(self) -> str:
        """The text of config.json, as `sampan spec` writes it: indented by tabs."""
        return json.dumps(self._document.content, indent="\t", ensure_ascii=False) + "\n"

    def __eq__(self, other: object) -> bool:
        return self._document.content == other._document.content if isinstance(other, Part) else NotImplemented

    def __hash__(self) -> int:
        return hash(json.dumps(self._document.content, sort_keys=True))
