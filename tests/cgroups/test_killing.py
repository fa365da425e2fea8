"""Signals reach every process of a cgroup, whatever it does meanwhile: by cgroup.kill, by a freezer, or by neither."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups import killing
from sampan.cgroups.cgroup import Cgroup
from sampan.cgroups.layout import UNIFIED, Layout

from .conftest import Program
from .control import eventually
from .programs import HANDLER, HYDRA, SLEEPER, UNFREEZABLE

MEANS = ["cgroup.kill", "the freezer of v2", "the freezer of v1", "no freezer", "both hierarchies"]


@pytest.fixture(params=MEANS)
def group(request: pytest.FixtureRequest, host: Layout, locate: Any, monkeypatch: pytest.MonkeyPatch) -> Cgroup:
    """A cgroup of which processes can be killed only by these means."""
    v2 = Layout("hybrid", host.unified, {}, host.own)
    without_freezer = {name: point for name, point in host.mounts.items() if name != "freezer"}
    layouts = {
        "cgroup.kill": v2,
        "the freezer of v2": v2,
        "the freezer of v1": Layout("v1", "", host.mounts, host.own),
        "no freezer": Layout("v1", "", without_freezer, host.own),
        "both hierarchies": host,
    }
    if not host.unified and request.param not in ("the freezer of v1", "no freezer"):
        pytest.skip("no v2 hierarchy is mounted")
    if not host.mounts and layouts[request.param] is not v2:
        pytest.skip("no v1 hierarchy is mounted")
    if request.param == "the freezer of v2":
        # as with Linux 5.13 and older, that have no such file
        monkeypatch.setattr(killing, "_kill_at_once", lambda _: False)
    made: Cgroup = locate("killed", layouts[request.param])
    made.create({})
    return made


def begin(program: Any, group: Cgroup, code: str = SLEEPER) -> Program:
    made: Program = program(code)
    if made.begin_in(group) != "begun\n":
        pytest.skip("this kernel, or this user, has no userfaultfd")
    return made


def test_no_process_escapes_by_forking(group: Cgroup, program: Any) -> None:
    begin(program, group, HYDRA)
    time.sleep(0.05)
    before = time.monotonic()
    group.kill()
    eventually(lambda: not group.processes())
    assert time.monotonic() - before < 3
    time.sleep(0.05)
    assert not group.processes()


def test_a_frozen_one_dies(group: Cgroup, program: Any) -> None:
    sleeper = begin(program, group)
    if "freezer" in group.directories or UNIFIED in group.directories:
        group.freeze()
    group.kill()
    assert sleeper.process.wait(5) == -signal.SIGKILL


def test_one_that_cannot_be_frozen_dies(group: Cgroup, program: Any) -> None:
    hanging, sleeper = begin(program, group, UNFREEZABLE), begin(program, group)
    time.sleep(0.05)  # until it hangs
    group.kill()
    assert hanging.process.wait(5) == sleeper.process.wait(5) == -signal.SIGKILL


def test_another_signal_reaches_all(group: Cgroup, program: Any) -> None:
    sleepers = [begin(program, group) for _ in range(3)]
    group.kill(signal.SIGTERM)
    assert [sleeper.process.wait(5) for sleeper in sleepers] == [-signal.SIGTERM] * 3
    assert not group.is_frozen()


def test_another_signal_does_not_thaw(group: Cgroup, program: Any) -> None:
    if "freezer" not in group.directories and UNIFIED not in group.directories:
        pytest.skip("this means has no freezer")
    handler = begin(program, group, HANDLER)  # on v2 who has none dies at once
    group.freeze()
    group.kill(signal.SIGTERM)
    time.sleep(0.05)
    assert group.is_frozen()
    assert handler.process.poll() is None
    group.thaw()
    assert handler.process.wait(5) == 42


def test_nobody_there_is_no_error(group: Cgroup) -> None:
    for number in (signal.SIGKILL, signal.SIGTERM):
        group.kill(number)
    group.remove()
    for number in (signal.SIGKILL, signal.SIGTERM):
        group.kill(number)


def test_on_a_hybrid_host_those_die_too_that_are_only_in_v1(host: Layout, locate: Any, program: Any) -> None:
    if not host.unified or "freezer" not in host.mounts:
        pytest.skip("needs a host with both hierarchies")
    group = locate()
    group.create({})
    hydra: Program = program(HYDRA)
    group.enter(hydra.pid, unified=False)
    assert hydra.process.stdin is not None
    hydra.process.stdin.write("\n")
    hydra.process.stdin.flush()
    v1 = Path(group.directories["freezer"], "cgroup.procs")
    eventually(lambda: len(v1.read_text().split()) > 1)
    assert not Path(group.directories[UNIFIED], "cgroup.procs").read_text()
    group.kill()
    eventually(lambda: not v1.read_text())
    time.sleep(0.05)
    assert not v1.read_text()


def test_one_in_a_cgroup_below_that_is_frozen_dies(group: Cgroup, program: Any) -> None:
    if "freezer" not in group.directories and UNIFIED not in group.directories:
        pytest.skip("this means has no freezer")
    sleeper = begin(program, group)
    for name in ("freezer", UNIFIED):
        if name in group.directories:
            inner = Path(group.directories[name], "inner")
            inner.mkdir()
            (inner / "cgroup.procs").write_text(str(sleeper.pid))
            state = inner / ("cgroup.freeze" if name == UNIFIED else "freezer.state")
            state.write_text("1" if name == UNIFIED else "FROZEN")
    group.kill()
    assert sleeper.process.wait(5) == -signal.SIGKILL
