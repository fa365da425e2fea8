"""Processes of a frozen cgroup do nothing, on v1 and v2; and what cannot be frozen is an error that changes nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups import freezing
from sampan.cgroups.cgroup import Cgroup
from sampan.cgroups.layout import UNIFIED, Layout
from sampan.errors import KernelError

from .conftest import Program
from .control import eventually
from .programs import COUNTER, HYDRA, SLEEPER, UNFREEZABLE


@pytest.fixture(params=["v1", "v2"])
def version(request: pytest.FixtureRequest, host: Layout) -> Layout:
    """Only the hierarchies of one version, as if the other were not mounted."""
    if request.param == "v2":
        if not host.unified:
            pytest.skip("no v2 hierarchy is mounted")
        return Layout("hybrid", host.unified, {}, host.own)
    if "freezer" not in host.mounts:
        pytest.skip("no v1 hierarchy has the freezer")
    return Layout("v1", "", host.mounts, host.own)


@pytest.fixture
def group(locate: Any, version: Layout) -> Cgroup:
    made: Cgroup = locate("frozen", version)
    made.create({})
    return made


def begin(program: Any, group: Cgroup, code: str) -> Program:
    made: Program = program(code)
    if made.begin_in(group) != "begun\n":
        pytest.skip("this kernel, or this user, has no userfaultfd")
    return made


def test_nothing_makes_progress_until_it_is_thawed(group: Cgroup, program: Any, tmp_path: Path) -> None:
    path = tmp_path / "count"
    begin(program, group, COUNTER.format(path=str(path)))
    eventually(lambda: path.exists() and path.stat().st_size > 0)
    group.freeze()
    assert group.is_frozen()
    size = path.stat().st_size
    time.sleep(0.1)
    assert path.stat().st_size == size
    group.thaw()
    assert not group.is_frozen()
    eventually(lambda: path.stat().st_size > size)


def test_processes_that_fork_all_the_time_are_frozen(group: Cgroup, program: Any) -> None:
    begin(program, group, HYDRA)
    for _ in range(5):
        group.freeze()
        before = group.processes()
        time.sleep(0.01)
        assert group.processes() == before
        group.thaw()
        eventually(lambda before=before: group.processes() != before)  # type: ignore[misc]


def test_what_cannot_be_frozen_is_an_error_and_all_goes_on(group: Cgroup, program: Any, tmp_path: Path) -> None:
    path = tmp_path / "count"
    begin(program, group, UNFREEZABLE)
    begin(program, group, COUNTER.format(path=str(path)))
    time.sleep(0.05)  # until it hangs
    with pytest.raises(KernelError, match=r"freeze cgroup .*cannot be frozen: the kernel is still busy"):
        freezing.freeze(group.directories, patience=0.3)
    assert not group.is_frozen()
    size = path.stat().st_size
    eventually(lambda: path.stat().st_size > size)


def test_below_a_frozen_cgroup_it_stays_frozen_and_that_is_an_error(locate: Any, version: Layout, program: Any) -> None:
    parent, child = locate("above", version), locate("above/below", version)
    child.create({})
    begin(program, child, SLEEPER)
    parent.freeze()
    try:
        assert child.is_frozen()
        with pytest.raises(KernelError, match=r"one above it is frozen"):
            child.thaw()
    finally:
        parent.thaw()
    eventually(lambda: not child.is_frozen())
    child.kill()
    child.remove()  # before the one that it is in


def test_a_cgroup_that_is_gone_is_not_frozen(group: Cgroup) -> None:
    group.freeze()
    group.remove()
    assert not group.is_frozen()
    group.thaw()
    group.release()


def test_without_a_freezer_the_error_says_what_is_needed() -> None:
    for change in (Cgroup({}).freeze, Cgroup({}).thaw, Cgroup({"pids": "/sys/fs/cgroup/pids"}).freeze):
        with pytest.raises(KernelError, match=r"the container: .*it has no cgroup with a freezer; .* delegated"):
            change()


def test_release_thaws_what_is_below_on_v1(host: Layout, locate: Any, program: Any) -> None:
    if "freezer" not in host.mounts:
        pytest.skip("no v1 hierarchy has the freezer")
    group = locate("outer", Layout("v1", "", host.mounts, host.own))
    group.create({})
    inner = Path(group.directories["freezer"], "inner")
    inner.mkdir()
    sleeper = begin(program, group, SLEEPER)
    (inner / "cgroup.procs").write_text(str(sleeper.pid))
    (inner / "freezer.state").write_text("FROZEN")
    group.freeze()
    sleeper.process.kill()
    group.release()
    assert sleeper.process.wait(5) == -9


def test_the_freezer_of_v1_is_used_where_there_are_both(host: Layout, locate: Any) -> None:
    if "freezer" not in host.mounts or not host.unified:
        pytest.skip("needs a host with both hierarchies")
    group = locate()
    group.create({})
    group.freeze()
    assert Path(group.directories["freezer"], "freezer.state").read_text() == "FROZEN\n"
    assert Path(group.directories[UNIFIED], "cgroup.freeze").read_text() == "0\n"
    group.thaw()
