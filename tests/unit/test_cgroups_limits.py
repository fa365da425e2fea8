"""linux.resources becomes the right values in the right files, and what cannot be applied is named beforehand.

Memory, cpu and pids, and what all limits have in common; the rest is in test_cgroups_rare_limits.py.
"""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups import cgroup, limits, tree, v1, v2
from sampan.cgroups.layout import Layout
from sampan.cgroups.support import unsupported
from sampan.errors import ConfigError, KernelError

V1 = Layout("v1", "", {name: f"/v1/{name}" for name in ("memory", "cpu", "cpuset", "pids", "blkio", "devices")}, {})
V2 = Layout("v2", "/sys/fs/cgroup", {}, {"": "/"})
HYBRID = Layout("hybrid", "/sys/fs/cgroup/unified", V1.mounts, {})
MIB = 1 << 20
CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus" / "config"


def values(settings: list[Any]) -> dict[str, str]:
    return {name: value for _, name, value, _, _ in settings}


@pytest.mark.parametrize(
    ("resources", "on_v1", "on_v2"),
    [
        ({}, {}, {}),
        # docker's zeros ask for nothing
        ({"memory": {"limit": 0, "swap": 0, "reservation": 0, "kernel": 0, "disableOOMKiller": False}}, {}, {}),
        ({"cpu": {"shares": 0, "quota": 0, "period": 0, "burst": 0, "cpus": "", "realtimePeriod": 0}}, {}, {}),
        ({"memory": {"kernel": 4096, "kernelTCP": 4096, "useHierarchy": True, "checkBeforeUpdate": True}}, {}, {}),
        (
            {"memory": {"limit": 64 * MIB, "swap": 96 * MIB, "reservation": 32 * MIB}},
            {
                "memory.limit_in_bytes": "67108864",
                "memory.memsw.limit_in_bytes": "100663296",
                "memory.soft_limit_in_bytes": "33554432",
            },
            {"memory.max": "67108864", "memory.swap.max": "33554432", "memory.low": "33554432"},
        ),
        (
            {"memory": {"limit": MIB, "swap": MIB}},
            {"memory.limit_in_bytes": "1048576", "memory.memsw.limit_in_bytes": "1048576"},
            {"memory.max": "1048576", "memory.swap.max": "0"},
        ),
        (
            {"memory": {"limit": -1}},
            {"memory.limit_in_bytes": "-1", "memory.memsw.limit_in_bytes": "-1"},
            {"memory.max": "max", "memory.swap.max": "max"},
        ),
        (
            {"memory": {"limit": MIB, "swap": -1}},
            {"memory.limit_in_bytes": "1048576", "memory.memsw.limit_in_bytes": "-1"},
            {"memory.max": "1048576", "memory.swap.max": "max"},
        ),
        (
            {"cpu": {"shares": 512, "quota": 50000, "period": 100000, "burst": 10000, "cpus": "0-1", "mems": "0"}},
            {
                "cpu.shares": "512",
                "cpu.cfs_quota_us": "50000",
                "cpu.cfs_period_us": "100000",
                "cpu.cfs_burst_us": "10000",
                "cpuset.cpus": "0-1",
                "cpuset.mems": "0",
            },
            {
                "cpu.weight": "59",
                "cpu.max": "50000 100000",
                "cpu.max.burst": "10000",
                "cpuset.cpus": "0-1",
                "cpuset.mems": "0",
            },
        ),
        ({"cpu": {"quota": -1}}, {"cpu.cfs_quota_us": "-1"}, {"cpu.max": "max 100000"}),
        ({"cpu": {"period": 20000}}, {"cpu.cfs_period_us": "20000"}, {"cpu.max": "max 20000"}),
        ({"cpu": {"idle": 1}}, {"cpu.idle": "1"}, {"cpu.idle": "1"}),
        ({"cpu": {"idle": 0}}, {}, {}),
        (
            {"cpu": {"realtimeRuntime": 95000, "realtimePeriod": 1000000}},
            {"cpu.rt_runtime_us": "95000", "cpu.rt_period_us": "1000000"},
            {},
        ),
        (
            {"memory": {"swappiness": 0, "disableOOMKiller": True}},
            {"memory.swappiness": "0", "memory.oom_control": "1"},
            {},
        ),
        ({"pids": {"limit": 7}}, {"pids.max": "7"}, {"pids.max": "7"}),
        ({"pids": {"limit": -1}}, {"pids.max": "max"}, {"pids.max": "max"}),
        ({"pids": {"limit": 0}}, {"pids.max": "max"}, {"pids.max": "max"}),
    ],
)
def test_resources_become_settings(resources: Any, on_v1: dict[str, str], on_v2: dict[str, str]) -> None:
    assert values(v1.settings(resources)) == on_v1
    assert values(v2.settings(resources)) == on_v2


@pytest.mark.parametrize(
    ("shares", "weight"),
    [(0, 0), (1, 1), (2, 1), (3, 2), (256, 35), (512, 59), (1024, 100), (262144, 10000), (1 << 40, 10000)],
)
def test_cpu_shares_are_converted_as_runc_and_crun_do_today(shares: int, weight: int) -> None:
    assert v2.weight(shares) == weight


@pytest.mark.parametrize("back", [v1, v2])
def test_shares_are_set_before_a_cgroup_becomes_idle(back: Any) -> None:
    """The kernel refuses them to one that is."""
    written = list(values(back.settings({"cpu": {"shares": 5, "idle": 1}})))
    assert written in (["cpu.shares", "cpu.idle"], ["cpu.weight", "cpu.idle"])


def test_every_setting_names_its_field_and_its_controller() -> None:
    resources: Any = {"memory": {"limit": 1, "swap": 2}, "cpu": {"shares": 3, "cpus": "0"}, "pids": {"limit": 4}}
    for back in (v1, v2):
        fields = {(controller, field) for controller, _, _, field, _ in back.settings(resources)}
        assert fields == {
            ("memory", "linux.resources.memory.limit"),
            ("memory", "linux.resources.memory.swap"),
            ("cpu", "linux.resources.cpu.shares"),
            ("cpuset", "linux.resources.cpu.cpus"),
            ("pids", "linux.resources.pids.limit"),
        }


def test_what_the_kernel_refuses_at_first_is_tried_again_after_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def write(path: str, value: str) -> None:
        if (
            path.endswith("limit_in_bytes")
            and "memsw" not in path
            and "/c/memory.memsw.limit_in_bytes=9" not in written
        ):
            raise KernelError("write", path, errno.EINVAL)
        written.append(f"{path}={value}")

    monkeypatch.setattr("sampan.linux.files.write", write)
    limits.apply({"memory": "/c"}, v1.settings({"memory": {"limit": 8, "swap": 9}}))
    assert written == ["/c/memory.memsw.limit_in_bytes=9", "/c/memory.limit_in_bytes=8"]


def test_a_limit_whose_file_is_missing_is_an_error_that_names_the_field(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match=r"linux\.resources\.cpu\.realtimeRuntime: .*does not have that file"):
        limits.apply({"cpu": str(tmp_path)}, v1.settings({"cpu": {"realtimeRuntime": 95000}}))
    limits.apply(
        {"memory": str(tmp_path)}, v2.settings({"memory": {"swap": -1}})
    )  # no swap to limit, and no limit asked


@pytest.mark.parametrize(
    ("resources", "layout", "fields"),
    [
        ({"blockIO": {"weight": 0}, "hugepageLimits": [], "network": {}, "unified": {}, "rdma": {}}, V1, []),
        ({"memory": {"swappiness": 10, "disableOOMKiller": True}}, V1, []),
        (
            {"memory": {"swappiness": 10, "disableOOMKiller": True}},
            V2,
            ["memory.swappiness", "memory.disableOOMKiller"],
        ),
        ({"memory": {"disableOOMKiller": False}}, V2, []),
        ({"memory": {"swappiness": 101}}, V1, ["memory.swappiness"]),
        ({"memory": {"limit": 8, "swap": 4}}, V1, ["memory.swap"]),
        ({"memory": {"swap": 4}}, V2, ["memory.swap"]),
        ({"cpu": {"realtimeRuntime": 1, "realtimePeriod": 1}}, V2, ["cpu.realtimeRuntime", "cpu.realtimePeriod"]),
        ({"cpu": {"realtimeRuntime": 1, "realtimePeriod": 1}}, V1, []),
        ({"cpu": {"shares": 1}}, V1, ["cpu.shares"]),
        ({"cpu": {"shares": 1}}, V2, []),
        ({"cpu": {"quota": 5, "burst": 6}}, V1, ["cpu.burst"]),
        ({"cpu": {"idle": 2}}, V1, ["cpu.idle"]),
        ({"devices": [{"allow": True, "type": "c", "access": "q"}]}, V1, ["devices[0].access"]),
    ],
)
def test_what_cannot_be_applied_is_named(resources: Any, layout: Layout, fields: list[str]) -> None:
    assert [problem.field for problem in unsupported(resources, layout)] == [
        f"linux.resources.{name}" for name in fields
    ]


def test_a_hole_in_a_device_rule_is_named_on_v1_only() -> None:
    rules: Any = [
        {"allow": True, "type": "c", "major": 10, "access": "rwm"},
        {"allow": False, "type": "c", "major": 10, "minor": 200, "access": "rw"},
    ]
    assert [problem.field for problem in unsupported({"devices": rules}, V1)] == ["linux.resources.devices[1]"]
    assert not unsupported({"devices": rules}, V2)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of engines' documents is not beside this repository")
@pytest.mark.parametrize("layout", [V1, V2, HYBRID], ids=["v1", "v2", "hybrid"])
def test_what_engines_send_can_be_applied(layout: Layout) -> None:
    for path in sorted(CORPUS.glob("*.json")):
        resources = json.loads(path.read_text()).get("linux", {}).get("resources", {})
        assert not unsupported(resources, layout), path.name
        directories = {name: f"/{name}" for name in (layout.mounts or {"": ""})}
        meant = {field.partition("[")[0] for _, _, _, field, _ in limits.settings(resources, directories)}
        if "linux.resources.cpu.quota" in meant:
            meant.add("linux.resources.cpu.period")  # which v2 has in the same file
        assert meant == {f"linux.resources.{field}" for field in not_zero(resources)}, path.name


def not_zero(resources: Any) -> set[str]:
    """What an engine means by its document: of numbers that are zero, nothing."""
    return {
        f"{part}.{name}"
        for part, values in resources.items()
        if part != "devices"
        for name, value in values.items()
        if value
    }


def fake_v2(root: Path, *levels: str, available: str, has: str = "") -> None:
    """Directories that look like a cgroup2 file system with the controllers ``available`` at its top."""
    place = root
    (place / "cgroup.controllers").write_text(available)
    (place / "cgroup.subtree_control").write_text("")
    for level in levels:
        place = place / level
        place.mkdir()
        (place / "cgroup.controllers").write_text(has)
        (place / "cgroup.subtree_control").write_text("")


def test_controllers_are_enabled_in_every_cgroup_above_the_containers(tmp_path: Path) -> None:
    fake_v2(tmp_path, "pod", "web", available="cpu memory pids hugetlb")
    v2.enable(str(tmp_path), str(tmp_path / "pod" / "web"), {})
    for place in (tmp_path, tmp_path / "pod"):
        assert (place / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert (tmp_path / "pod" / "web" / "cgroup.subtree_control").read_text() == ""


def test_controllers_that_are_there_already_are_left_alone(tmp_path: Path) -> None:
    fake_v2(tmp_path, "web", available="cpu memory pids io", has="cpu memory pids io")
    v2.enable(str(tmp_path), str(tmp_path / "web"), {"pids": "linux.resources.pids.limit"})
    assert (tmp_path / "cgroup.subtree_control").read_text() == ""


def test_a_controller_that_a_limit_needs_and_the_host_lacks_is_an_error_with_the_field(tmp_path: Path) -> None:
    fake_v2(tmp_path, "web", available="hugetlb")
    with pytest.raises(
        ConfigError, match=r"linux\.resources\.pids\.limit: the pids controller is not available in /.*/web"
    ):
        v2.enable(str(tmp_path), str(tmp_path / "web"), {"pids": "linux.resources.pids.limit"})


def test_a_limit_without_any_cgroups_is_an_error_and_none_is_none() -> None:
    group = cgroup.locate(Layout("none", "", {}, {}), None, "web")
    assert (group.directories, group.open_unified(), group.tasks_files(), group.processes()) == ({}, -1, [], [])
    group.enter(1)
    group.kill()
    group.remove()
    group.create({"devices": [{"allow": True, "access": "rwm"}]})
    with pytest.raises(ConfigError, match=r"linux\.resources\.pids\.limit: .* has the pids controller"):
        group.create({"pids": {"limit": 4}, "devices": [{"allow": True, "access": "rwm"}]})


def test_leading_directories_are_made_and_a_failed_creation_takes_them_away_again(tmp_path: Path) -> None:
    made: list[str] = []
    assert tree.make(f"{tmp_path}/a/b/c", made)
    assert made == [f"{tmp_path}/a", f"{tmp_path}/a/b", f"{tmp_path}/a/b/c"]
    assert not tree.make(f"{tmp_path}/a/b/c", made)
    (tmp_path / "a" / "other").mkdir()
    tree.unmake(made)
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "other"]


def test_removing_takes_what_is_below_as_well_and_says_what_stays(tmp_path: Path) -> None:
    (tmp_path / "c" / "x" / "y").mkdir(parents=True)
    tree.remove([f"{tmp_path}/c", f"{tmp_path}/gone"], 0)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "cgroup.procs").write_text("17\n18\n")
    with pytest.raises(KernelError, match="2 of its processes remain: 17, 18"):
        tree.remove([f"{tmp_path}/d"], 0)
