"""The tables agree with the published JSON schema, with the TypedDicts, and with the headings of the text."""

from __future__ import annotations

import json
import re
import resource
import types as python
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, Required, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from sampan.spec import features, schema, schema_state, types, types_linux, types_platforms
from sampan.spec.check import FORMATS, described
from sampan.spec.names import CAPABILITIES, MOUNT_OPTIONS, RLIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = Path(__file__).resolve().parents[3] / "shared" / "spec" / "runtime-spec"
SCHEMA = TEXT / "schema"
needs_text = pytest.mark.skipif(not SCHEMA.is_dir(), reason=f"{SCHEMA} is not there")

DOCUMENTS = {
    "config-schema.json": schema.CONFIG,
    "state-schema.json": schema_state.STATE,
    "features-schema.json": features.FEATURES,
}

# Where the tables differ from the published schema, and why: the text is the law, the schema is not.
EXPLAINED = {
    # properties
    "features.linux.memoryPolicy": "features-linux.md has it; the schema has not",
    "features.linux.intelRdt.schemata": "features-linux.md has it; the schema has not",
    "features.linux.intelRdt.monitoring": "features-linux.md has it; the schema has not",
    # what is required
    "config.process.ioPriority.priority": 'config.md: "priority (int, REQUIRED)"',
    "config.linux.personality.domain": 'config-linux.md: "domain (string, REQUIRED)"',
    "config.linux.memoryPolicy.mode": 'config-linux.md: "mode (string, REQUIRED)"',
    "config.linux.resources.pids.limit": 'config-linux.md: "limit (int64, OPTIONAL)"',
    "config.linux.resources.blockIO.throttleReadBpsDevice[].rate": 'config-linux.md: "rate (uint64, REQUIRED)"',
    "config.linux.resources.blockIO.throttleWriteBpsDevice[].rate": 'config-linux.md: "rate (uint64, REQUIRED)"',
    "config.linux.resources.blockIO.throttleReadIOPSDevice[].rate": 'config-linux.md: "rate (uint64, REQUIRED)"',
    "config.linux.resources.blockIO.throttleWriteIOPSDevice[].rate": 'config-linux.md: "rate (uint64, REQUIRED)"',
    "config.freebsd.devices[].path": 'config-freebsd.md: "path (string, REQUIRED)"',
    # types and values
    "config.windows.resources.cpu.affinity": 'config-windows.md: "affinity (array of objects, OPTIONAL)"',
    "config.linux.devices[].fileMode": 'config-linux.md: "fileMode (uint32, OPTIONAL)"; podman sends type bits, too',
    "config.linux.rootfsPropagation": "engines also send the recursive spellings of mount(8)",
    "config.linux.resources.devices[].type": "config-linux.md lists the values; the schema takes any string",
    "state.status": '"Additional values MAY be defined by the runtime"',
}


def resolved(node: dict[str, Any], file: str) -> tuple[dict[str, Any], str]:
    """A node of the schema with its references and alternatives merged into it, and the file that it is in."""
    if "$ref" in node:
        name, _, pointer = node["$ref"].partition("#")
        file = name or file
        target = json.loads((SCHEMA / file).read_bytes())
        for key in pointer.strip("/").split("/"):
            target = target[key]
        return resolved(target, file)
    if "anyOf" in node:
        return resolved(node["anyOf"][0], file)
    if "allOf" in node:
        merged: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
        for part in node["allOf"]:
            inner, inner_file = resolved(part, file)
            for name, value in inner.get("properties", {}).items():
                merged["properties"][name] = resolved(value, inner_file)[0]
            merged["required"] += inner.get("required", [])
        return merged, file
    return node, file


def differences(node: dict[str, Any], file: str, kind: Any, where: str) -> Iterator[tuple[str, str]]:
    node, file = resolved(node, file)
    kind = described(kind)
    tag, expected = kind[0], node.get("type")
    if tag == "object" and expected == "object":
        yield from object_differences(node, file, kind, where)
    elif tag == "map" and expected == "object":
        yield from map_differences(node, file, kind, where)
    elif tag in ("array", "strings") and expected == "array":
        item = ("string",) if tag == "strings" else kind[1]
        if node.get("minItems", 0) != (kind[1] if tag == "strings" else kind[2]):
            yield where, "another least number of entries"
        yield from differences(node["items"], file, item, f"{where}[]")
    elif tag == "integer" and expected == "integer":
        if kind[1] < node.get("minimum", kind[1]) or kind[2] > node.get("maximum", kind[2]):
            yield where, f"wider than the schema: {kind}"
    elif tag == "enum" and expected == "string":
        if sorted(kind[1]) != sorted(node.get("enum", ())) and not re.fullmatch(node.get("pattern", "x"), kind[1][0]):
            yield where, f"other values: {kind[1]}"
    elif tag in ("string", "format") and expected == "string":
        if "enum" in node:
            yield where, "takes any string"
    elif (tag, expected) != ("bool", "boolean"):
        yield where, f"{tag} in the table, {expected} in the schema"


def object_differences(node: dict[str, Any], file: str, kind: Any, where: str) -> Iterator[tuple[str, str]]:
    properties = node.get("properties", {})
    for name in set(properties) ^ set(kind[4]):
        yield f"{where}.{name}", "only in the schema" if name in properties else "only in the table"
    for name in set(node.get("required", ())) ^ set(kind[3]):
        yield f"{where}.{name}", "REQUIRED in one of them only"
    for name in set(properties) & set(kind[4]):
        yield from differences(properties[name], file, kind[4][name], f"{where}.{name}")


def map_differences(node: dict[str, Any], file: str, kind: Any, where: str) -> Iterator[tuple[str, str]]:
    if "properties" in node:  # timeOffsets: a map in the text, whose keys the schema lists
        if set(node["properties"]) != set(kind[2]):
            yield where, "other keys"
        inner = next(iter(node["properties"].values()))
    else:
        inner = node.get("additionalProperties") or next(iter(node["patternProperties"].values()))
    yield from differences(inner, file, kind[1], f"{where}{{}}")


@needs_text
def test_every_property_of_the_published_schema_is_in_the_tables_and_the_reverse() -> None:
    found: dict[str, str] = {}
    for file, kind in DOCUMENTS.items():
        document = json.loads((SCHEMA / file).read_bytes())
        found |= dict(differences(document, file, kind, file.removesuffix("-schema.json")))
    assert {where: what for where, what in found.items() if where not in EXPLAINED} == {}
    assert set(EXPLAINED) - set(found) == set(), "explained, but not different any more"


def objects(kind: Any) -> Iterator[Any]:
    """All object descriptions below ``kind``."""
    kind = described(kind)
    if kind[0] == "object":
        yield kind
        for inner in kind[4].values():
            yield from objects(inner)
    elif kind[0] in ("array", "map"):
        yield from objects(kind[1])


ALL = {
    kind[1]: kind
    for root in (*DOCUMENTS.values(), schema_state.CONTAINER_PROCESS_STATE)
    for kind in objects(root)
    if kind[1]  # windows.credentialSpec is any object
}


def typed_dict(name: str) -> Any:
    for module in (types, types_linux, types_platforms):
        if hasattr(module, name):
            return getattr(module, name)
    raise AssertionError(f"there is no TypedDict {name}")


def type_of(kind: Any) -> object:
    """What a value of this description is in Python's types."""
    kind = described(kind)
    if kind[0] == "object":
        return typed_dict(kind[1]) if kind[1] else dict[str, object]
    if kind[0] == "array":
        return python.GenericAlias(list, (type_of(kind[1]),))
    if kind[0] == "map":
        return python.GenericAlias(dict, (str, type_of(kind[1])))
    return {"strings": list[str], "bool": bool, "integer": int}.get(kind[0], str)


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_typed_dict_has_the_names_types_and_requirements_of_its_table(name: str) -> None:
    _, _, _, required, fields = ALL[name]
    typed = typed_dict(name)
    hints = get_type_hints(typed, include_extras=True)
    needed = {
        field
        for field, hint in hints.items()
        if get_origin(hint) is Required or (typed.__total__ and get_origin(hint) is not NotRequired)
    }
    plain = {
        field: get_args(hint)[0] if get_origin(hint) in (Required, NotRequired) else hint
        for field, hint in hints.items()
    }
    assert plain == {field: type_of(kind) for field, kind in fields.items()}
    assert needed == set(required)


def test_every_typed_dict_has_a_table() -> None:
    defined = {
        name
        for module in (types, types_linux, types_platforms)
        for name, value in vars(module).items()
        if is_typeddict(value) and name != "TypedDict"
    }
    assert defined == set(ALL)


def sections(kind: Any) -> Iterator[str]:
    if kind[0] == "section":
        yield kind[1]
    for inner in objects(kind):
        if inner[2]:
            yield inner[2]
        for value in inner[4].values():
            if value[0] == "section":
                yield value[1]


@needs_text
def test_every_section_that_an_error_points_to_is_a_heading_of_the_text() -> None:
    headings = {
        f"{file.name}#{anchor(line)}"
        for file in TEXT.glob("*.md")
        for line in file.read_text().splitlines()
        if line.startswith("#")
    }
    named = {
        section for kind in (*DOCUMENTS.values(), schema_state.CONTAINER_PROCESS_STATE) for section in sections(kind)
    }
    source = Path(schema.__file__).parent
    for file in source.glob("rules*.py"):
        named |= set(re.findall(r'"((?:config|runtime|features)[a-z-]*\.md#[a-z-]+)"', file.read_text()))
    assert named - headings == set()


def anchor(line: str) -> str:
    """The name that a heading of Markdown is linked by."""
    text = re.sub(r"<[^>]*>", "", line.lstrip("#")).strip().lower()
    return re.sub(r"[^a-z0-9 _-]", "", text).replace(" ", "-")


def test_every_format_of_the_tables_exists() -> None:
    used = {
        described(inner)[1] for kind in ALL.values() for inner in kind[4].values() if described(inner)[0] == "format"
    }
    assert used <= set(FORMATS)


@needs_text
def test_every_mount_option_of_the_text_is_among_the_names() -> None:
    rows = re.findall(r"^ `(\w+) *` +\| (?:MUST|SHOULD|MAY)", (TEXT / "config.md").read_text(), re.MULTILINE)
    assert len(rows) > 60
    assert set(MOUNT_OPTIONS) - set(rows) == {"rnodev"}
    assert set(rows) - set(MOUNT_OPTIONS) == set()


@needs_text
def test_capabilities_are_numbered_as_the_text_lists_them() -> None:
    """features-linux.md has them in the order of the kernel's numbers."""
    listed = re.findall(r'"(CAP_\w+)"', (TEXT / "features-linux.md").read_text())
    assert {name: number for number, name in enumerate(listed)} == CAPABILITIES


def test_resource_limits_have_the_numbers_of_this_platform() -> None:
    known = {name: number for name, number in vars(resource).items() if name in RLIMITS}
    assert {name: RLIMITS[name] for name in known} == known
