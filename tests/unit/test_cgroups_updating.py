"""An update changes what it names and nothing else. On trees of files; tests/cgroups/test_update.py asks the kernel."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups import limits, updating
from sampan.cgroups.support import asked
from sampan.errors import ConfigError, KernelError

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus" / "update"
MIB = 1 << 20
CONTROLLERS = "cpuset cpu io memory hugetlb pids rdma"
Tree = Callable[..., Path]


@pytest.fixture
def v2(tmp_path: Path) -> Tree:
    """Makes a directory that looks like a cgroup with all controllers of v2. (Its files are not cut when written.)"""

    def make(**files: str) -> Path:
        (tmp_path / "cgroup.controllers").write_text(CONTROLLERS)
        for name, content in files.items():
            (tmp_path / name.replace("__", ".")).write_text(content)
        return tmp_path

    return make


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_what_docker_20_10_leaves_alone_stays(v2: Tree) -> None:
    """It sends a zero for whatever its user has not named."""
    resources: Any = {
        "memory": {"limit": 0, "swap": 0, "reservation": 0, "kernel": 0},
        "cpu": {"shares": 0, "quota": 0, "period": 0, "cpus": "", "mems": ""},
        "blockIO": {"weight": 0},
    }
    directory = v2(memory__max="8", cpu__max="9 10", cpu__weight="11", cpuset__cpus="0", io__weight="default 12")
    before = contents(directory)
    limits.update(resources, {"": str(directory)})
    limits.update(resources, dict.fromkeys(("memory", "cpu", "cpuset", "blkio"), str(directory)))
    assert contents(directory) == before


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of engines' documents is not beside this repository")
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.json")), ids=lambda path: path.stem)
def test_what_engines_send_is_written_and_no_more(path: Path, v2: Tree) -> None:
    directory = v2(cpuset__cpus="", pids__max="", memory__max="", cpu__max="", cpu__weight="", io__weight="")
    limits.update(json.loads(path.read_text()), {"": str(directory)})
    files = {"linux.resources.cpu.cpus": "cpuset.cpus", "linux.resources.pids.limit": "pids.max"}
    meant = {files[field]: str(value) for field, value in asked(json.loads(path.read_text()))}
    assert {name: text for name, text in contents(directory).items() if text and "cgroup" not in name} == meant


@pytest.mark.parametrize(
    ("cpu", "cpu_max"),
    [
        ({"quota": 500000}, "500000 100000"),
        ({"quota": -1}, "max 100000"),
        ({"period": 5000000}, "50000 5000000"),
        ({"quota": 20000, "period": 1000000}, "20000 1000000"),
    ],
)
def test_on_v2_quota_and_period_are_changed_one_without_the_other(v2: Tree, cpu: Any, cpu_max: str) -> None:
    directory = v2(cpu__max="50000 100000" if cpu != {"quota": -1} else "5 100000")
    limits.update({"cpu": cpu}, {"": str(directory)})
    assert contents(directory)["cpu.max"] == cpu_max


def test_a_quota_of_unified_is_written_as_it_stands(v2: Tree) -> None:
    directory = v2(cpu__max="5 100000")
    limits.update({"unified": {"cpu.max": "max 200000"}}, {"": str(directory)})
    assert contents(directory)["cpu.max"] == "max 200000"


def test_a_burst_of_zero_is_none_and_not_nothing(v2: Tree) -> None:
    """runc, too, tells the zero from what is not there; a burst could not be taken back otherwise."""
    directory = v2(cpu__max__burst="5")
    limits.update({"cpu": {"burst": 0}}, {"": str(directory)})
    assert contents(directory)["cpu.max.burst"] == "0"
    (directory / "cpu.cfs_burst_us").write_text("5")
    limits.update({"cpu": {"burst": 0}}, {"cpu": str(directory)})
    assert contents(directory)["cpu.cfs_burst_us"] == "0"


def test_on_v2_swap_is_what_exceeds_the_memory_limit_in_force(v2: Tree) -> None:
    directory = v2(memory__max=str(64 * MIB), memory__swap__max="0")
    limits.update({"memory": {"swap": 96 * MIB}}, {"": str(directory)})
    assert contents(directory)["memory.swap.max"] == str(32 * MIB)
    with pytest.raises(ConfigError, match=r"memory\.swap: must not be less than memory\.limit \(67108864\)"):
        limits.update({"memory": {"swap": 32 * MIB}}, {"": str(directory)})


def test_on_v2_swap_without_any_memory_limit_is_an_error(v2: Tree) -> None:
    directory = v2(memory__max="max", memory__swap__max="0")
    with pytest.raises(ConfigError, match=r"linux\.resources\.memory\.swap: needs memory\.limit on cgroup v2"):
        limits.update({"memory": {"swap": 96 * MIB}}, {"": str(directory)})


@pytest.mark.parametrize(
    ("memory", "refused"),
    [
        ({"limit": 7 * MIB}, "limit"),
        ({"limit": 8 * MIB}, ""),
        ({"limit": -1}, ""),
        ({"limit": 8 * MIB, "swap": 9 * MIB}, "swap"),
        ({"limit": 8 * MIB, "swap": 10 * MIB}, ""),
    ],
)
def test_check_before_update_refuses_what_is_less_than_in_use(v2: Tree, memory: Any, refused: str) -> None:
    """'If enabled (true), runtime MAY check if a new memory limit is lower than the current usage, and MUST reject'"""
    directory = v2(
        memory__max="1",
        memory__swap__max="1",
        memory__current=str(8 * MIB),
        memory__swap__current=str(2 * MIB),
    )
    limits.update({"memory": memory}, {"": str(directory)})
    checked: Any = {"memory": {**memory, "checkBeforeUpdate": True}}
    if refused:
        with pytest.raises(ConfigError, match=rf"memory\.{refused}: must not be less than what is in use, \d+ "):
            limits.update(checked, {"": str(directory)})
    else:
        limits.update(checked, {"": str(directory)})


def test_devices_are_never_changed(v2: Tree) -> None:
    """containerd and podman send those of the creation along."""
    directory = v2(pids__max="")
    before = contents(directory)
    limits.update({"devices": [{"allow": False, "access": "rwm"}]}, {"": str(directory)})
    limits.update({"devices": [{"allow": True, "access": "no such"}]}, {"devices": str(directory)})
    assert contents(directory) == before


@pytest.mark.parametrize("directories", [{}, {"cpu": "/v1/cpu"}])
def test_a_limit_that_the_container_has_no_cgroup_for_is_an_error(directories: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"linux\.resources\.pids\.limit: cannot be changed: the container"):
        limits.update({"pids": {"limit": 5}}, directories)
    limits.update({"memory": {"limit": 0}, "cpu": {"idle": 0, "burst": 0}}, directories)


def test_what_fails_is_undone(tmp_path: Path) -> None:
    for name, content in {"cpu.shares": "1024", "cpu.cfs_quota_us": "-1"}.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(KernelError, match=r"linux\.resources\.cpu\.period: "):
        limits.update({"cpu": {"shares": 2048, "quota": 10000, "period": 100000}}, {"cpu": str(tmp_path)})
    assert contents(tmp_path)["cpu.shares"] == "1024"


@pytest.mark.parametrize(
    ("name", "content", "value", "undoing"),
    [
        ("memory.max", "max\n", "5", "max"),
        ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n", "1", "0"),
        ("cpu.max", "max 100000\n", "5000 200000", "max 100000\n"),
        ("cpu.max", "5000 100000\n", "5000 200000", "5000 100000"),
        ("cpu.max", "max 100000\n", "5000", "max 100000"),
        ("cpuset.cpus", "\n", "0", "\n"),
        ("io.weight", "default 100\n8:0 50\n", "200", "100 and 8:0 50"),
        ("io.weight", "default 100\n8:0 50\n", "8:0 200", "8:0 50"),
        ("io.weight", "default 100\n8:0 50\n", "8:16 200", "8:16 default"),
        ("blkio.bfq.weight_device", "default 100\n", "8:16 200", "8:16 default"),
        ("io.max", "", "8:0 wiops=5", "8:0 rbps=max wbps=max riops=max wiops=max"),
        (
            "io.max",
            "8:0 rbps=1 wbps=max riops=max wiops=max\n",
            "8:0 rbps=5",
            "8:0 rbps=1 wbps=max riops=max wiops=max",
        ),
        ("blkio.throttle.read_bps_device", "8:0 100\n", "8:16 5", "8:16 0"),
        (
            "rdma.max",
            "mlx4_0 hca_handle=2 hca_object=max\n",
            "mlx4_0 hca_handle=5",
            "mlx4_0 hca_handle=2 hca_object=max",
        ),
        ("net_prio.ifpriomap", "lo 0\neth0 4\n", "eth0 5", "eth0 4"),
    ],
)
def test_how_a_file_gets_back_what_it_had(name: str, content: str, value: str, undoing: str) -> None:
    assert updating.undoing(f"/c/{name}", content, value) == undoing.split(" and ")
