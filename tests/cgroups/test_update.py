"""An update of a live cgroup changes what it names, or nothing where it fails: on the hierarchies of this machine."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups.cgroup import Cgroup
from sampan.cgroups.layout import UNIFIED, Layout
from sampan.errors import ConfigError, KernelError, SampanError

from .conftest import Program
from .control import MIB, content, require

DOCKER_20_10 = (
    '{"memory":{"limit":0,"reservation":0,"kernel":0},'
    '"cpu":{"shares":0,"quota":0,"period":0,"cpus":"0"},"blockIO":{"weight":0}}'
)
SLEEPER = "import time; print('begun', flush=True); time.sleep(60)"
Live = Callable[[Any], Cgroup]


@pytest.fixture
def live(locate: Any, program: Any) -> Live:
    """Makes a cgroup with these limits, and a process in it."""

    def make(resources: Any) -> Cgroup:
        group: Cgroup = locate()
        group.create(resources)
        sleeper: Program = program(SLEEPER)
        sleeper.begin_in(group)
        return group

    return make


def memory(group: Cgroup) -> tuple[str, str]:
    """The limits of memory, and of memory and swap (v1) or of swap (v2)."""
    swap = content(group, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max")
    return content(group, "memory", "memory.limit_in_bytes", "memory.max"), swap


def cpu_time(group: Cgroup) -> tuple[str, str]:
    """Quota and period."""
    if "cpu" in group.directories:
        quota = content(group, "cpu", "cpu.cfs_quota_us", "").replace("-1", "max")
        return quota, content(group, "cpu", "cpu.cfs_period_us", "")
    quota, period = content(group, "cpu", "", "cpu.max").split()
    return quota, period


def everything(group: Cgroup) -> dict[str, str]:
    """What all files of limits say."""
    found = {}
    for directory in set(group.directories.values()):
        for path in Path(directory).glob("*.*"):
            changing = path.suffix in (".pressure", ".stat", ".local", ".events") or "usage" in path.name
            if changing or not path.stat().st_mode & stat.S_IWUSR:
                continue
            try:
                found[str(path)] = path.read_text()
            except OSError:
                continue  # only to be written, or not of this kind of cgroup
    return found


def needs_swap(group: Cgroup) -> None:
    try:
        memory(group)
    except FileNotFoundError:
        pytest.skip("this kernel does not account for swap")


@pytest.mark.parametrize(("limit", "swap"), [(256, 512), (8, 16), (256, 256), (16, 512), (512, 600), (8, 8)])
def test_memory_and_swap_grow_and_shrink_together(host: Layout, live: Live, limit: int, swap: int) -> None:
    require(host, "memory")
    group = live({"memory": {"limit": 128 * MIB}})
    needs_swap(group)
    group.update({"memory": {"limit": 128 * MIB, "swap": 256 * MIB}})
    group.update({"memory": {"limit": limit * MIB, "swap": swap * MIB}})
    assert memory(group) == (str(limit * MIB), str((swap if "memory" in group.directories else swap - limit) * MIB))


def test_memory_of_minus_one_takes_the_limits_away(host: Layout, live: Live) -> None:
    require(host, "memory")
    group = live({"memory": {"limit": 64 * MIB, "swap": 64 * MIB}})
    needs_swap(group)
    group.update({"memory": {"limit": -1}})
    assert all(value == "max" or int(value) > 1 << 60 for value in memory(group))


def test_swap_alone_counts_from_the_memory_limit_in_force(host: Layout, live: Live) -> None:
    require(host, "memory")
    group = live({"memory": {"limit": 64 * MIB, "swap": 64 * MIB}})
    needs_swap(group)
    group.update({"memory": {"swap": 96 * MIB}})
    assert memory(group) == (str(64 * MIB), str((96 if "memory" in group.directories else 32) * MIB))


def test_check_before_update(host: Layout, live: Live) -> None:
    """Without it v2 would kill the processes for the new limit; v1 refuses it in any case."""
    require(host, "memory")
    group = live({"memory": {"limit": 256 * MIB}})
    before = everything(group)
    with pytest.raises(SampanError, match=r"linux\.resources\.memory\.limit: .*in use"):
        group.update({"memory": {"limit": 4096, "checkBeforeUpdate": True}, "cpu": {"shares": 5}})
    assert everything(group) == before
    assert len(group.processes()) == 1


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [
        ({"quota": 30000}, ("30000", "200000")),
        ({"period": 50000}, ("60000", "50000")),
        ({"quota": -1}, ("max", "200000")),
        ({"quota": 300000, "period": 500000}, ("300000", "500000")),
        ({"quota": 1000, "period": 1000}, ("1000", "1000")),
        ({"shares": 5}, ("60000", "200000")),
        ({"quota": 0, "period": 0}, ("60000", "200000")),
    ],
)
def test_quota_and_period_one_without_the_other(host: Layout, live: Live, cpu: Any, expected: tuple[str, str]) -> None:
    require(host, "cpu")
    group = live({"cpu": {"quota": 60000, "period": 200000}})
    group.update({"cpu": cpu})
    assert cpu_time(group) == expected


def test_quota_and_burst_in_whatever_order_the_kernel_takes_them(host: Layout, live: Live) -> None:
    require(host, "cpu")
    group = live({"cpu": {"quota": 20000, "burst": 20000}})
    for quota, burst in ((80000, 70000), (10000, 5000), (10000, 10000), (90000, 0)):
        group.update({"cpu": {"quota": quota, "burst": burst}})
        assert cpu_time(group)[0] == str(quota)
        assert content(group, "cpu", "cpu.cfs_burst_us", "cpu.max.burst") == str(burst)


def test_an_idle_cgroup_is_given_the_same_limits_again(host: Layout, live: Live) -> None:
    """containerd sends all that the container has been made with; the kernel takes no shares of one that is idle."""
    require(host, "cpu")
    same: Any = {"cpu": {"shares": 512, "idle": 1}}
    group = live(same)
    group.update(same)
    assert content(group, "cpu", "cpu.idle", "cpu.idle") == "1"
    group.update({"cpu": {"shares": 512, "idle": 0}})
    assert content(group, "cpu", "cpu.idle", "cpu.idle") == "0"
    assert content(group, "cpu", "cpu.shares", "cpu.weight") == ("512" if "cpu" in group.directories else "59")


def test_cpus_change_under_a_running_process(host: Layout, live: Live) -> None:
    """Also where the controller was not enabled for the cgroup until now."""
    require(host, "cpuset")
    group = live({})
    group.update(json.loads(DOCKER_20_10))
    assert os.sched_getaffinity(group.processes()[0]) == {0}


def test_zeros_change_nothing_but_the_cpus_that_are_asked_for(host: Layout, live: Live) -> None:
    require(host, "memory", "cpu", "cpuset")
    group = live({"memory": {"limit": 64 * MIB}, "cpu": {"shares": 300, "quota": 40000}, "pids": {"limit": 30}})
    group.update({"cpu": {"cpus": "0"}})
    before = everything(group)
    group.update(json.loads(DOCKER_20_10))
    assert everything(group) == before


def test_the_number_of_processes(host: Layout, live: Live) -> None:
    require(host, "pids")
    group = live({"pids": {"limit": 20}})
    for limit, shown in ((50, "50"), (-1, "max"), (7, "7")):
        group.update({"pids": {"limit": limit}})
        assert content(group, "pids", "pids.max", "pids.max") == shown


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"cpu": {"cpus": "4095"}}, "cpu.cpus"),
        ({"blockIO": {"throttleReadBpsDevice": [{"major": 4000, "minor": 9, "rate": 5}]}}, r"blockIO\..*"),
    ],
)
def test_one_that_fails_changes_nothing(host: Layout, live: Live, wrong: Any, field: str) -> None:
    require(host, "memory", "cpu", "pids", "cpuset", "io")
    group = live({"memory": {"limit": 64 * MIB, "swap": 96 * MIB}, "cpu": {"quota": 40000, "shares": 300}})
    group.update({"cpu": {"cpus": "0"}})
    before = everything(group)
    more: Any = {
        "memory": {"limit": 128 * MIB, "swap": 256 * MIB, "reservation": 32 * MIB},
        "cpu": {"quota": 90000, "period": 300000, "shares": 400, "idle": 1},
        "pids": {"limit": 55},
    }
    more["cpu"] |= wrong.get("cpu", {})
    with pytest.raises(KernelError, match=rf"^linux\.resources\.{field}: "):
        group.update(wrong | more)
    assert everything(group) == before


def test_what_the_machine_does_not_have_is_named_and_nothing_changed(host: Layout, live: Live) -> None:
    require(host, "pids")
    group = live({"pids": {"limit": 20}})
    resources: Any = {"pids": {"limit": 30}, "unified": {"no/such": "1"}}
    with pytest.raises(ConfigError, match=r'^resources: linux\.resources\.unified\["no/such"\]'):
        group.update(resources)
    if "net_cls" not in group.directories:
        with pytest.raises(ConfigError, match=r"^resources: linux\.resources\.network\.classID: .* net_cls"):
            group.update({"pids": {"limit": 30}, "network": {"classID": 5}})
    assert content(group, "pids", "pids.max", "pids.max") == "20"


def test_the_devices_stay_as_they_are(host: Layout, live: Live) -> None:
    """containerd and podman send those of the creation; a GPU that was allowed since then stays allowed."""
    group = live({"devices": [{"allow": False, "access": "rwm"}]})
    before = everything(group)
    group.update({"devices": [{"allow": True, "access": "rwm"}]})
    group.update({"devices": [{"allow": False, "access": "rwm"}]})
    assert everything(group) == before
    assert UNIFIED in group.directories or "devices" in group.directories
