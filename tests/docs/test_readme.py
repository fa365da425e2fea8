"""The README's tour is true to the letter: its commands are run, and they print what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"
SAMPAN = shutil.which("sampan", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="the tour is for root"),
    pytest.mark.skipif(SAMPAN is None, reason="sampan is not installed"),
]


def steps() -> list[tuple[str, str]]:
    """(command, what it prints), in the order of the text."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", README.read_text(), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return [(command, "\n".join(lines)) for command, lines in found]


def matches(expected: str, printed: str) -> bool:
    """Whether it is the same text, where `...` stands for anything, and rows of spaces for one."""
    squeezed = re.sub(r" +", " ", expected).strip()
    pattern = re.escape(squeezed).replace(re.escape("..."), ".*").replace(r"\ .*\ ", r"\ .*")
    return re.fullmatch(pattern, re.sub(r" +", " ", printed).strip(), re.DOTALL) is not None


def test_the_tour_is_true(tmp_path: Path) -> None:
    assert SAMPAN is not None
    root = tmp_path / "state"
    shell = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin" / "sampan"
    wrapper.write_text(f'#!/bin/sh\nexec {SAMPAN} --root {root} "$@"\n')
    wrapper.chmod(0o755)
    (tmp_path / "tour").mkdir()
    for number, (command, expected) in enumerate(steps()):
        # a file, not a pipe: what a container that stays behind holds open must not be waited for
        output = tmp_path / f"output-{number}"
        with output.open("wb") as stream:
            subprocess.run(
                command,
                shell=True,
                cwd=tmp_path / "tour",
                env=shell,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                timeout=60,
            )
        printed = output.read_text()
        assert matches(expected, printed), f"$ {command}\n{printed}\n-- the README says --\n{expected}"


def test_the_tour_has_steps() -> None:
    assert len(steps()) > 10
