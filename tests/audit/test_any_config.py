"""Whatever valid configuration there is: it is judged, every report can be written, and every patch can be made."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.audit.document import document, sarif
from sampan.audit.page import page
from sampan.audit.report import judge
from sampan.audit.subject import Machine, Subject
from sampan.audit.text import text
from sampan.errors import ConfigError
from sampan.spec.config import load

from .cases import CASES, arranged
from .patching import patched

GOOD = Path(__file__).parents[1] / "unit" / "data" / "broken" / "good.json"


def places(value: object, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document, the whole of it and what is like its neighbours in a long list aside."""
    if way:
        yield way
    entries: Any = value.items() if isinstance(value, dict) else enumerate(value[:9]) if isinstance(value, list) else ()
    for key, entry in entries:
        yield from places(entry, (*way, key))


def valid_without_one_part(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for way in places(whole):
        config = copy.deepcopy(whole)
        holder: Any = config
        for key in way[:-1]:
            holder = holder[key]
        del holder[way[-1]]
        try:
            load(json.dumps(config).encode())
        except ConfigError:
            continue
        yield config


def check(config: dict[str, Any]) -> None:
    source = json.dumps(config, indent=1)
    report = judge(Subject(load(source.encode()), "/b", Machine(groups={"disk": 6})), source)
    assert 0 <= report.score <= 100
    assert text(report) and page(report)
    json.dumps([document(report), sarif(report, "0.1.0")])
    for finding in report.findings:
        changed = patched(config, [edit.document() for edit in finding.edits])
        load(json.dumps(changed).encode())


def test_a_configuration_with_everything() -> None:
    config = json.loads(GOOD.read_bytes())
    check(config)
    judged = 0
    for part in valid_without_one_part(config):
        if "root" in part:  # without it, it is for another platform
            check(part)
            judged += 1
    assert judged > 100


@pytest.mark.parametrize("rule", ["root-on-host", "device-blocks", "seccomp-default-allow", "host-files-readable-high"])
def test_any_part_can_be_missing(rule: str) -> None:
    assert rule in CASES
    for part in valid_without_one_part(arranged(rule)):
        if "root" in part:
            check(part)


def test_the_least_that_is_valid() -> None:
    check({"ociVersion": "1.3.0", "root": {"path": "/"}})
