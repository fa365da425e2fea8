"""Cgroups as directories below /sys/fs/cgroup, v1 or v2: where a process is, and what its cgroup's files say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from . import views
from .procfs import Process


def hierarchies() -> dict[str, Path]:
    """Controller (v1), or "" (v2) -> mount point."""
    found = {}
    for mount in Process().mounts():
        if not mount.target.startswith(views.CGROUPS):
            continue
        if mount.kind == "cgroup2":
            found[""] = Path(mount.target)
        elif mount.kind == "cgroup":
            for option in mount.data - {"rw"}:
                found[option.removeprefix("name=")] = Path(mount.target)
    return found


def directory(process: Process, controller: str) -> Path:
    """The cgroup of `process` that `controller` acts on."""
    mounted = hierarchies()
    paths = process.cgroups()
    key = controller if controller in mounted else ""
    return mounted[key] / paths[key].lstrip("/")


def walk(token: str) -> Iterator[Path]:
    """All cgroups whose name has `token` in it, children first."""
    for mounted in set(hierarchies().values()):
        found = [path for path, _, _ in os.walk(mounted) if token in path]  # top-down it does not recurse
        yield from map(Path, reversed(found))


def thaw(token: str) -> None:
    """On v1 a frozen process does not die, whoever kills it; nor does the init of its pid namespace then."""
    for path in walk(token):
        if (state := path / "freezer.state").exists():
            state.write_text("THAWED")
