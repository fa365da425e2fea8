"""The library from the view of a user who checks types: what is right passes, and each mistake is found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import sampan

SAMPLE = Path(__file__).with_name("typed_sample.py")
WRONG = {number for number, line in enumerate(SAMPLE.read_text().splitlines(), 1) if "# wrong" in line}


def test_the_package_says_that_it_is_typed() -> None:
    assert Path(sampan.__file__).with_name("py.typed").is_file()
    assert len(WRONG) == 12


def test_mypy_strict(tmp_path: Path) -> None:
    """Checked against the installed package."""
    pytest.importorskip("mypy", reason="needs mypy: `make .venv/.test-tools`")
    words = ["mypy", "--strict", "--no-error-summary", "--config-file=", f"--cache-dir={tmp_path}"]
    done = subprocess.run([sys.executable, "-m", *words, SAMPLE], capture_output=True, text=True, cwd=tmp_path)
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error: " in line}
    assert found == WRONG, done.stdout + done.stderr


def test_pyright_strict(tmp_path: Path) -> None:
    """The project of a user, with pyright's own rules and not those that basedpyright adds."""
    pytest.importorskip("basedpyright", reason="needs basedpyright: `make .venv/.test-tools`")
    project = tmp_path / "pyrightconfig.json"
    project.write_text(json.dumps({"include": [str(SAMPLE)], "typeCheckingMode": "strict", "pythonVersion": "3.11"}))
    words = ["basedpyright", "--outputjson", f"--project={project}", f"--pythonpath={sys.executable}"]
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout, done.stderr
    result = json.loads(done.stdout)
    assert result["summary"]["filesAnalyzed"] == 1
    found = {diagnostic["range"]["start"]["line"] + 1 for diagnostic in result["generalDiagnostics"]}
    assert found == WRONG, done.stdout
