"""Which runtimes the engines of these tests drive."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

REFERENCE = "runc"


def runtimes_of(config: pytest.Config) -> dict[str, str]:
    """Name -> path, or "" for a runtime that is not found."""
    given = config.getoption("--engine-runtime", None)
    if not given:
        given = config.getoption("--runtime") or ["sampan"]
        given = [*given, REFERENCE] if shutil.which(REFERENCE) else given
    words = [word for value in given for word in value.split(",")]
    beside_python = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ.get('PATH', '')}"
    return {os.path.basename(word): shutil.which(word, path=beside_python) or "" for word in words}


def found_runtimes(config: pytest.Config) -> dict[str, str]:
    """The same; a runtime that is not found fails the test."""
    runtimes = runtimes_of(config)
    if lost := [name for name, path in runtimes.items() if not path]:
        pytest.fail(f"not in PATH and not beside {sys.executable}: {', '.join(lost)}", pytrace=False)
    return runtimes


def need_a_reference(runtimes: dict[str, str]) -> None:
    """Skip a comparison where there is nothing to compare."""
    if REFERENCE not in runtimes or len(runtimes) < 2:
        pytest.skip(f"compares a runtime with {REFERENCE}, and this session has only {', '.join(runtimes)}")
