"""The layers of DESIGN: imports go downwards only, and the pure packages touch no kernel."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "sampan"

# What each layer may import, besides itself and `errors`. "" is the package itself, whose names are lazy.
PERMITTED = {
    "": {"api", "audit", "engine", "spec"},
    "errors": {"api"},  # a type, for the type checker
    "_linux": set(),
    "_seccomp": set(),
    "linux": {"_linux", "_seccomp", "spec"},
    "spec": {"_linux"},
    "cgroups": {"spec", "linux", "_linux"},
    "plan": {"spec"},
    "audit": {"plan", "spec"},
    "profiles": {"audit", "spec"},
    "doctor": {"engine", "plan", "cgroups", "spec", "linux", "_linux", "_seccomp"},
    "engine": {"audit", "profiles", "plan", "cgroups", "spec", "linux", "_linux", "_seccomp"},
    "api": {"engine", "profiles", "audit", "plan", "cgroups", "spec", "linux", "_linux"},
    "aio": {"api", "spec"},
    "cli": {"", "api", "audit", "doctor", "engine", "plan", "cgroups", "spec", "linux", "_linux", "_seccomp"},
}
PURE = ("spec", "plan", "audit", "profiles")
KERNEL = {
    "posix",
    "os",
    "socket",
    "subprocess",
    "signal",
    "fcntl",
    "ctypes",
    "mmap",
    "pathlib",
    "shutil",
    "time",
    "select",
}

MODULES = sorted(path for path in PACKAGE.rglob("*.py*") if path.suffix in {".py", ".pyi"})


def layer(module: str) -> str:
    """The layer of a module's dotted name: "sampan.plan.wire" is of "plan"."""
    return [*module.split("."), ""][1]


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> list[tuple[int, str]]:
    """Every import of a file, also in functions and for types: line and dotted name."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import; name the module whole"
            assert node.module
            if node.module == "sampan":
                found += [
                    (node.lineno, f"sampan.{alias.name}" if not alias.name.startswith("__") else "sampan")
                    for alias in node.names
                ]
            else:
                found.append((node.lineno, node.module))
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downwards_only(path: Path) -> None:
    own = layer(name_of(path))
    assert own in PERMITTED, f"{path}: a layer that this test does not know; where does it stand?"
    allowed = PERMITTED[own] | {own, "errors"}
    wrong = [
        f"{path}:{line}: {own or 'sampan'} must not import {name}"
        for line, name in imports(path)
        if name.split(".")[0] == "sampan" and layer(name) not in allowed
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "path", [p for p in MODULES if layer(name_of(p)) in PURE], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_pure_packages_touch_no_kernel(path: Path) -> None:
    wrong = [f"{path}:{line}: imports {name}" for line, name in imports(path) if name.split(".")[0] in KERNEL]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path}: has no docstring"


def test_every_layer_is_there() -> None:
    present = {layer(name_of(path)) for path in MODULES}
    assert {"cli", "audit", "profiles", "doctor", "engine", "plan", "cgroups", "spec", "linux", "errors"} <= present
