"""The library from the view of a user who checks types: what is right passes, and each mistake is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import sampan

SAMPLE = Path(__file__).with_name("typed_sample.py")


def test_a_users_program(tmp_path: Path) -> None:
    """Checked against the installed package, which says of itself that it is typed (py.typed)."""
    pytest.importorskip("mypy", reason="needs mypy: `make .venv/.test-tools`")
    assert Path(sampan.__file__).with_name("py.typed").is_file()
    words = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--config-file=",
        f"--cache-dir={tmp_path}",
    ]
    done = subprocess.run([*words, SAMPLE], capture_output=True, text=True, cwd=tmp_path)
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error: " in line}
    lines = SAMPLE.read_text().splitlines()
    expected = {number for number, line in enumerate(lines, 1) if "# wrong" in line}
    assert len(expected) == 10
    assert found == expected, done.stdout + done.stderr
