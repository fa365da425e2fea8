"""The examples of docs/library.md are true: they are run, and print what their comments say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"
SAMPAN = Path(sys.executable).with_name("sampan")
ELSEWHERE = "import os, sampan.api.making\nsampan.api.making.default_root = lambda environment: os.environ['STATES']\n"


def blocks(language: str) -> str:
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL))


@pytest.mark.skipif(os.geteuid() != 0, reason="the examples are for root")
def test_the_examples_are_true(tmp_path: Path) -> None:
    states = tmp_path / "states"
    path = f"{SAMPAN.parent}:{os.environ['PATH']}"
    for line in blocks("console").splitlines():
        subprocess.run(line.removeprefix("$ "), shell=True, check=True, cwd=tmp_path, env=os.environ | {"PATH": path})
    program = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE + program],
        cwd=tmp_path,
        env=os.environ | {"STATES": str(states)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected = [line.rpartition("  # ")[2] for line in program.splitlines() if "print(" in line]
    assert len(expected) > 15
    assert done.stdout.splitlines() == expected
    assert list(states.iterdir()) == []
    shutil.rmtree(states)


def test_every_error_is_told_of() -> None:
    import sampan

    page = PAGE.read_text()
    errors = [
        name for name in sampan.__all__ if name.endswith("Error") and name not in ("PlatformError", "SampanError")
    ]
    assert [name for name in errors if f"`{name}`" not in page] == []


def test_every_method_of_a_configuration_is_told_of() -> None:
    import sampan

    page = PAGE.read_text()
    methods = [name for name in dir(sampan.Spec) if not name.startswith("_")]
    assert len(methods) > 50
    assert [name for name in methods if f"`{name}`" not in page] == []
