"""docs/audit.md says what the rules of the audit say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from sampan.audit.table import RULES

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENT = PROJECT / "docs" / "audit.md"


def test_it_is_current() -> None:
    command = [sys.executable, str(PROJECT / "scripts" / "make-reference"), "audit"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert DOCUMENT.read_text() == made, "scripts/make-reference audit >docs/audit.md"


def test_every_rule_has_its_part() -> None:
    titles = re.findall(r"^#### (.*)$", DOCUMENT.read_text(), re.MULTILINE)
    assert titles == [rule.id for rule in RULES]


def test_its_links_lead_somewhere() -> None:
    text = DOCUMENT.read_text()
    titles = set(re.findall(r"^#### (.*)$", text, re.MULTILINE))
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) == titles
