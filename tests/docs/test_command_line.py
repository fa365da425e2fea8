"""docs/command-line.md says what the tables of the command line say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from sampan.cli.settings import OPTIONS
from sampan.cli.verbs import all_verbs

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENT = PROJECT / "docs" / "command-line.md"


def test_it_is_current() -> None:
    command = [sys.executable, str(PROJECT / "scripts" / "make-reference"), "markdown"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert DOCUMENT.read_text() == made, "scripts/make-reference markdown >docs/command-line.md"


def test_every_verb_and_option_is_in_it() -> None:
    text = DOCUMENT.read_text()
    before, *sections = re.split(r"^## sampan (?=\w)", text, flags=re.MULTILINE)
    assert [section.partition("\n")[0] for section in sections] == [verb.name for verb in all_verbs()]
    for verb, section in zip(all_verbs(), sections, strict=True):
        for name, *_ in verb.options:
            assert f"| `--{name}" in section
    for name, *_ in OPTIONS:
        assert f"| `--{name}" in before


def test_its_links_lead_somewhere() -> None:
    text = DOCUMENT.read_text()
    anchors = {f"#{title.lower().replace(' ', '-')}" for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\((#[^)]*)\)", text)) <= anchors
