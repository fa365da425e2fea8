"""Follows the README of an example word by word."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PYTHON = Path(sys.executable).parent


def copy_of(example: str, directory: Path) -> Path:
    """A copy of the example's directory, in which nothing of this checkout is found by accident."""
    return shutil.copytree(EXAMPLES / example, directory / example, ignore=shutil.ignore_patterns("__pycache__", ".*"))


def environment() -> dict[str, str]:
    """Of a person who has activated the virtual environment."""
    quick = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # hypothesis, which the examples do not use, takes a second
    return {**os.environ, **quick, "PATH": f"{PYTHON}:{os.environ['PATH']}", "COLUMNS": "80"}


def steps(readme: Path) -> list[tuple[str, str]]:
    """(command, what it prints), in the order of the text."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", readme.read_text(), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return [(command, "\n".join(lines)) for command, lines in found]


def follow(directory: Path) -> None:
    """Run what the README says; it prints what the README says, where `...` stands for anything."""
    commands = steps(directory / "README.md")
    assert commands
    for command, expected in commands:
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=directory,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        pattern = re.escape(re.sub(" +", " ", expected).strip()).replace(re.escape("..."), ".*").replace(r"\ .*", ".*")
        printed = re.sub(" +", " ", done.stdout).strip()
        assert re.fullmatch(pattern, printed, re.DOTALL), f"$ {command}\n{done.stdout}\n-- README.md --\n{expected}"
