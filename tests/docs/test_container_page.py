"""docs/container.md shows the plan as it is, and explains each of its lines."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs" / "container.md"


def test_it_is_current() -> None:
    command = [sys.executable, str(PROJECT / "scripts" / "make-container-page")]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert PAGE.read_text() == made, "scripts/make-container-page"


def test_every_step_is_explained() -> None:
    """Each section explains the lines of its part of the plan, in their order."""
    explained: list[int] = []
    for section in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE):
        block = re.search(r"```text\n(.*?)```", section, re.DOTALL)
        shown = [int(number) for number in re.findall(r"^ *(\d+)  ", block[1], re.MULTILINE)] if block else []
        here: list[int] = []
        for first, last in re.findall(r"^- \*\*(\d+)(?:-(\d+))?\.\*\*", section, re.MULTILINE):
            here += range(int(first), int(last or first) + 1)
        assert here == shown, section.partition("\n")[0]
        explained += here
    assert explained == list(range(1, len(explained) + 1))
    assert len(explained) > 50
