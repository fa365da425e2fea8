"""No container can be in a v2 cgroup below one whose threads are divided: that is said before anything is made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups.layout import Layout
from sampan.errors import KernelError

from .conftest import remains


@pytest.fixture
def parent(host: Layout, locate: Any) -> Iterator[Path]:
    """A cgroup of type "domain threaded", for it has a threaded one below it, called t."""
    if not host.unified:
        pytest.skip("this machine has no v2 hierarchy")
    group = locate("p")
    group.create({})
    directory = Path(group.directories[""])
    (directory / "t").mkdir()
    (directory / "t" / "cgroup.type").write_text("threaded")
    assert (directory / "cgroup.type").read_text() == "domain threaded\n"
    yield directory
    assert sorted(remains(f"sampan-test-{os.getpid()}")) == sorted({*group.directories.values()})
    assert [path.name for path in directory.iterdir() if path.is_dir()] == ["t"]


@pytest.mark.parametrize(
    ("below", "kinds"),
    [("p/c", "'domain invalid', .* 'domain threaded'"), ("p/t/c", "'domain invalid', .* 'threaded'")],
)
def test_a_container_below_it_is_refused(parent: Path, locate: Any, below: str, kinds: str) -> None:
    del parent
    with pytest.raises(KernelError, match=rf"linux\.cgroupsPath: use cgroup .*its type is {kinds}; choose"):
        locate(below).create({})


def test_so_is_one_that_is_threaded_itself(parent: Path, locate: Any) -> None:
    del parent
    with pytest.raises(
        KernelError, match=r"linux\.cgroupsPath: use cgroup .*its type is 'threaded', .* 'domain threaded'"
    ):
        locate("p/t").create({})


def test_a_container_beside_it_is_not(host: Layout, parent: Path, locate: Any) -> None:
    del host, parent
    group = locate("q/c")
    group.create({})
    group.remove()
    for directory in set(group.directories.values()):
        os.rmdir(os.path.dirname(directory))
