"""What tests of limits have in common: which controllers this view has, and what a container's cgroup says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from . import cgroupfs, views
from .container import Container

MIB = 1 << 20
_V1_NAMES = {"io": "blkio"}  # of the controllers that v1 calls otherwise


def needs(*controllers: str) -> None:
    """Skips the test where this view of the cgroups lacks one of them; they are named as v2 names them."""
    there = views.controllers()
    for name in controllers:
        if not {name, _V1_NAMES.get(name, name)} & there:
            pytest.skip(f"this view of the cgroups has no {name} controller")


def place(container: Container, controller: str) -> Path:
    """The container's cgroup that the controller acts on."""
    v1 = _V1_NAMES.get(controller, controller)
    return container.cgroup(v1 if v1 in cgroupfs.hierarchies() else controller)


def is_v2(directory: Path) -> bool:
    return (directory / "cgroup.controllers").exists()


def read(container: Container, controller: str, v1: str, v2: str) -> str:
    """What the container's cgroup says, in the file of the version that holds the controller."""
    directory = place(container, controller)
    return (directory / (v2 if is_v2(directory) else v1)).read_text().strip()


def shown(container: Container, controller: str, v1: Mapping[str, str], v2: Mapping[str, str]) -> None:
    """Checks the files of the version that holds the controller: file -> a line that it has."""
    directory = place(container, controller)
    for name, line in (v2 if is_v2(directory) else v1).items():
        lines = (directory / name).read_text().splitlines()
        assert line in lines, f"{directory / name} says {lines}"
