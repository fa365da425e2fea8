"""What a hot verb may import: each module more costs every container that is ever made."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sampan

PACKAGE = Path(sampan.__file__).parent

# Beyond what the interpreter has loaded by itself. All but __future__ are built in, and cost microseconds.
STANDARD_LIBRARY = {"__future__", "_imp", "errno", "marshal", "posix", "time"}
COMMAND_LINE = {"main", "log", "options", "output", "settings"}
HOT_VERBS = {  # verb -> modules of the command line beside its own
    "create": set(),
    "start": set(),
    "run": {"create"},
    "finish": set(),
    "exec": set(),
    "state": set(),
    "kill": {"signals"},
    "delete": set(),
    "list": set(),
    "pause": set(),
    "resume": set(),
    "update": set(),
}


def imports_when_run(verb: str) -> list[str]:
    """The modules that a verb always imports, also in its functions: not what stands in an `if`, for a rare option."""
    tree = ast.parse((PACKAGE / "cli" / f"{verb}.py").read_text())
    return sorted({node.module for node in unconditional(tree) if isinstance(node, ast.ImportFrom) and node.module})


def unconditional(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.If):
            yield from unconditional(child)


def loaded(modules: list[str]) -> set[str]:
    """What importing ``modules`` adds to a fresh interpreter, started as the launcher starts it."""
    program = (
        "import sys; before = set(sys.modules); sys.path.append(sys.argv[1])\n"
        "for name in sys.argv[2:]: __import__(name)\n"
        "print('\\n'.join(set(sys.modules) - before))"
    )
    command = [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", program, str(PACKAGE.parent), *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("verb", HOT_VERBS)
def test_a_hot_verb_imports_only_what_is_on_the_short_list(verb: str) -> None:
    found = loaded(["sampan.cli.main", f"sampan.cli.{verb}", *imports_when_run(verb)])
    assert f"sampan.cli.{verb}" in found
    foreign = {name for name in found if name.split(".")[0] != "sampan"}
    assert foreign <= STANDARD_LIBRARY, "too expensive for the hot path; import it where it is needed, or do without"
    others = {name.removeprefix("sampan.cli.") for name in found if name.startswith("sampan.cli.")}
    assert others <= COMMAND_LINE | HOT_VERBS[verb] | {verb}


@pytest.mark.parametrize("verb", HOT_VERBS)
def test_a_hot_verb_loads_no_libseccomp_and_no_types(verb: str) -> None:
    found = loaded([f"sampan.cli.{verb}", *imports_when_run(verb)])
    assert not {name for name in found if name == "sampan._seccomp" or name.startswith("sampan.spec.types")}


def test_the_package_alone_imports_nothing() -> None:
    assert loaded(["sampan"]) <= {"sampan", "__future__"}


def test_a_misspelt_command_is_cheap() -> None:
    program = (
        "import sys, json; sys.path.append(sys.argv[1]); from sampan.cli.main import main; before = set(sys.modules)\n"
        "main(['fly']); print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(PACKAGE.parent)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []
