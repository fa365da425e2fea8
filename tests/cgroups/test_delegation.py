"""A user to whom a v2 cgroup is delegated without its controllers: what limits then are, and what the error tells."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups import cgroup, layout
from sampan.cgroups.layout import Layout
from sampan.errors import SampanError

NOBODY = 65534


@pytest.fixture
def delegated(host: Layout) -> Iterator[Path]:
    """A cgroup that nobody may make others in and move processes in, but whose controllers nobody may enable."""
    if not host.unified:
        pytest.skip("this machine has no v2 hierarchy")
    top = Path(host.unified, f"sampan-test-{os.getpid()}-user")
    for path in (top, top / "own"):
        path.mkdir()
        for one in (path, path / "cgroup.procs"):
            os.chown(one, NOBODY, NOBODY)
    yield top
    for path in (top / "own" / "web", top / "web", top / "own", top):
        if path.exists():
            path.rmdir()


def created_in(delegated: Path, resources: Any) -> str:
    """The v2 directory of a cgroup that nobody creates from there, or the error."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            (delegated / "own" / "cgroup.procs").write_text("0")
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            group = cgroup.locate(layout.detect(), None, "web")
            group.create(resources)
            os.write(write, group.directories[""].encode())
        except SampanError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read) as said:
        text = said.read()
    os.waitpid(pid, 0)
    return text


def test_a_container_without_limits_needs_no_controller(delegated: Path) -> None:
    assert created_in(delegated, {}) in (f"{delegated}/web", f"{delegated}/own/web")


@pytest.mark.parametrize(
    ("resources", "field"),
    [
        ({"memory": {"limit": 1 << 26}}, "linux.resources.memory.limit"),
        ({"cpu": {"cpus": "0"}}, "linux.resources.cpu.cpus"),
        ({"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}, "linux.resources.hugepageLimits[0]"),
        ({"unified": {"hugetlb.2MB.max": "0"}}, 'linux.resources.unified["hugetlb.2MB.max"]'),
        ({"rdma": {"mlx4_0": {"hcaObjects": 5}}}, 'linux.resources.rdma["mlx4_0"]'),
    ],
)
def test_limits_are_an_error_that_says_how_to_get_delegation(delegated: Path, resources: Any, field: str) -> None:
    said = created_in(delegated, resources)
    assert "Delegate=yes" in said
    if "controller is not available" in said:  # else v1 has it, where nothing can be delegated
        assert field in said
    assert not (delegated / "web").exists()
    assert not (delegated / "own" / "web").exists()


@pytest.mark.parametrize(
    "resources", [{"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}]}}, {"pids": {"limit": 5}}]
)
def test_so_they_are_on_v1(host: Layout, delegated: Path, resources: Any) -> None:
    if not {"blkio", "pids"} <= set(host.mounts):
        pytest.skip("no v1 hierarchy has the controllers blkio and pids")
    assert "Delegate=yes" in created_in(delegated, resources)
