"""blockIO, hugepageLimits, network, rdma and unified: their values, files, and what is refused, on trees of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups import block_io, limits, unified, v1, v2
from sampan.cgroups.layout import Layout
from sampan.cgroups.support import asked, unsupported
from sampan.errors import ConfigError, KernelError

V1 = Layout("v1", "", {name: f"/v1/{name}" for name in ("memory", "blkio", "net_cls", "net_prio")}, {})
V2 = Layout("v2", "/sys/fs/cgroup", {}, {"": "/"})
HYBRID = Layout("hybrid", "/sys/fs/cgroup/unified", {name: f"/v1/{name}" for name in ("memory", "blkio")}, {})
DISK = {"major": 8, "minor": 16}


def written(settings: list[Any]) -> list[tuple[str, str]]:
    return [(name, value) for _, name, value, _, _ in settings]


THROTTLES = {
    "throttleReadBpsDevice": [{**DISK, "rate": 600}],
    "throttleWriteBpsDevice": [{**DISK, "rate": 700}, {"major": 259, "minor": 0, "rate": 1}],
    "throttleReadIOPSDevice": [{**DISK, "rate": 800}],
    "throttleWriteIOPSDevice": [{**DISK, "rate": 0}],
}


class TestBlockIO:
    def test_throttles(self) -> None:
        resources: Any = {"blockIO": THROTTLES}
        assert written(v1.settings(resources)) == [
            ("blkio.throttle.read_bps_device", "8:16 600"),
            ("blkio.throttle.write_bps_device", "8:16 700"),
            ("blkio.throttle.write_bps_device", "259:0 1"),
            ("blkio.throttle.read_iops_device", "8:16 800"),
            ("blkio.throttle.write_iops_device", "8:16 0"),
        ]
        assert written(v2.settings(resources)) == [
            ("io.max", "8:16 rbps=600"),
            ("io.max", "8:16 wbps=700"),
            ("io.max", "259:0 wbps=1"),
            ("io.max", "8:16 riops=800"),
            ("io.max", "8:16 wiops=max"),
        ]

    def test_more_operations_than_the_kernel_can_count_are_no_limit(self) -> None:
        """v1 would cut 2^32 off, and nothing would be left."""
        resources: Any = {"blockIO": {"throttleReadIOPSDevice": [{**DISK, "rate": 1 << 32}]}}
        assert written(v1.settings(resources)) == [("blkio.throttle.read_iops_device", f"8:16 {(1 << 32) - 1}")]

    @pytest.mark.parametrize(("weight", "converted"), [(10, 1), (11, 11), (500, 4950), (1000, 10000)])
    def test_weights_are_converted_to_io_weight_as_runc_and_crun_do(self, weight: int, converted: int) -> None:
        assert block_io.io_weight(weight) == converted

    @pytest.mark.parametrize(
        ("back", "there", "file", "content"),
        [
            (v1, ["blkio.weight", "blkio.bfq.weight"], "blkio.weight", "500"),
            (v1, ["blkio.bfq.weight"], "blkio.bfq.weight", "500"),
            (v2, ["io.bfq.weight", "io.weight"], "io.bfq.weight", "500"),
            (v2, ["io.weight"], "io.weight", "4950"),
        ],
    )
    def test_the_weight_goes_to_the_scheduler_that_is_there(
        self, tmp_path: Path, back: Any, there: list[str], file: str, content: str
    ) -> None:
        for name in there:
            (tmp_path / name).touch()
        limits.apply({"blkio": str(tmp_path), "io": str(tmp_path)}, back.settings({"blockIO": {"weight": 500}}))
        assert {name: (tmp_path / name).read_text() for name in there if (tmp_path / name).read_text()} == {
            file: content
        }

    @pytest.mark.parametrize(
        ("back", "file", "content"),
        [
            (v1, "blkio.weight_device", "8:16 300"),
            (v1, "blkio.bfq.weight_device", "8:16 300"),
            (v2, "io.bfq.weight", "8:16 300"),
            (v2, "io.weight", "8:16 2930"),
        ],
    )
    def test_so_does_that_of_a_device(self, tmp_path: Path, back: Any, file: str, content: str) -> None:
        (tmp_path / file).touch()
        resources: Any = {"blockIO": {"weightDevice": [{**DISK, "weight": 300}]}}
        limits.apply({"blkio": str(tmp_path), "io": str(tmp_path)}, back.settings(resources))
        assert (tmp_path / file).read_text() == content

    def test_leaf_weights_are_those_of_v1(self, tmp_path: Path) -> None:
        for name in ("blkio.leaf_weight", "blkio.leaf_weight_device"):
            (tmp_path / name).touch()
        resources: Any = {"blockIO": {"leafWeight": 20, "weightDevice": [{**DISK, "leafWeight": 30}]}}
        limits.apply({"blkio": str(tmp_path)}, v1.settings(resources))
        assert (tmp_path / "blkio.leaf_weight").read_text() == "20"
        assert (tmp_path / "blkio.leaf_weight_device").read_text() == "8:16 30"

    @pytest.mark.parametrize("back", [v1, v2])
    def test_without_such_a_scheduler_the_error_names_the_field_and_the_reason(self, tmp_path: Path, back: Any) -> None:
        with pytest.raises(KernelError, match=r"linux\.resources\.blockIO\.weight: .*no I/O scheduler with weights"):
            limits.apply({"blkio": str(tmp_path), "io": str(tmp_path)}, back.settings({"blockIO": {"weight": 500}}))

    def test_every_entry_names_its_field(self) -> None:
        resources: Any = {"blockIO": {"weightDevice": [{**DISK, "weight": 10, "leafWeight": 10}], **THROTTLES}}
        fields = {field.removeprefix("linux.resources.blockIO.") for _, _, _, field, _ in v1.settings(resources)}
        assert fields == {
            "weightDevice[0].weight",
            "weightDevice[0].leafWeight",
            "throttleReadBpsDevice[0]",
            "throttleWriteBpsDevice[0]",
            "throttleWriteBpsDevice[1]",
            "throttleReadIOPSDevice[0]",
            "throttleWriteIOPSDevice[0]",
        }


class TestHugepages:
    @pytest.mark.parametrize(
        ("back", "end"), [(v1, ("rsvd.limit_in_bytes", "limit_in_bytes")), (v2, ("rsvd.max", "max"))]
    )
    def test_reservations_and_pages_in_use_are_limited(self, back: Any, end: tuple[str, str]) -> None:
        resources: Any = {"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}, {"pageSize": "1GB", "limit": 0}]}
        assert written(back.settings(resources)) == [
            (f"hugetlb.{size}.{file}", value) for size, value in (("2MB", "4194304"), ("1GB", "0")) for file in end
        ]

    def test_a_kernel_without_limits_of_reservations(self, tmp_path: Path) -> None:
        (tmp_path / "hugetlb.2MB.max").touch()
        resources: Any = {"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}
        limits.apply({"hugetlb": str(tmp_path)}, v2.settings(resources))
        assert (tmp_path / "hugetlb.2MB.max").read_text() == "4194304"

    @pytest.mark.parametrize(("back", "end"), [(v1, "limit_in_bytes"), (v2, "max")])
    def test_an_unknown_size_is_an_error_that_tells_the_known_ones(self, tmp_path: Path, back: Any, end: str) -> None:
        for size in ("2MB", "1GB"):
            for name in (f"{size}.{end}", f"{size}.rsvd.{end}", f"{size}.current"):
                (tmp_path / f"hugetlb.{name}").touch()
        resources: Any = {"hugepageLimits": [{"pageSize": "2MB", "limit": 0}, {"pageSize": "3MB", "limit": 0}]}
        with pytest.raises(
            KernelError, match=r"linux\.resources\.hugepageLimits\[1\]: .* huge pages here are 1GB, 2MB"
        ):
            limits.apply({"hugetlb": str(tmp_path)}, back.settings(resources))

    def test_on_a_hybrid_host_the_hierarchy_decides_that_has_the_controller(self) -> None:
        resources: Any = {"memory": {"limit": 1}, "hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}
        found = limits.settings(resources, {"memory": "/v1/memory", "": "/v2"})
        assert {name for name, _ in written(found)} == {
            "memory.limit_in_bytes",
            "hugetlb.2MB.rsvd.max",
            "hugetlb.2MB.max",
        }
        assert limits.places(found, {"memory": "/v1/memory", "": "/v2"})["hugetlb"] == "/v2"
        found = limits.settings(resources, {"memory": "/v1/memory", "hugetlb": "/v1/hugetlb", "": "/v2"})
        assert "hugetlb.2MB.limit_in_bytes" in {name for name, _ in written(found)}


@pytest.mark.parametrize("back", [v1, v2])
def test_rdma_has_one_line_for_each_device(back: Any) -> None:
    resources: Any = {
        "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}, "mlx4_0": {"hcaObjects": 0}, "x": {"hcaHandles": 1}}
    }
    assert written(back.settings(resources)) == [
        ("rdma.max", "mlx5_1 hca_handle=3 hca_object=10000"),
        ("rdma.max", "mlx4_0 hca_object=0"),
        ("rdma.max", "x hca_handle=1"),
    ]


NETWORK: Any = {"network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 500}]}}


class TestNetwork:
    def test_class_and_priorities(self, tmp_path: Path) -> None:
        for name in ("net_cls.classid", "net_prio.ifpriomap"):
            (tmp_path / name).touch()
        directories = {"net_cls": str(tmp_path), "net_prio": str(tmp_path)}
        limits.apply(directories, limits.settings(NETWORK, directories))
        assert (tmp_path / "net_cls.classid").read_text() == "1048577"
        assert (tmp_path / "net_prio.ifpriomap").read_text() == "eth0 500"

    def test_it_is_never_skipped_where_v1_does_not_have_it(self) -> None:
        """Whoever asks for settings without having asked what is supported finds out when they are enabled."""
        assert {setting[0] for setting in limits.settings(NETWORK, {"": "/v2"})} == {"net_cls", "net_prio"}


class TestUnified:
    def test_values_are_written_as_they_stand_line_by_line(self) -> None:
        found = unified.settings({"io.max": "8:16 rbps=1\n8:0 wiops=2\n", "cpuset.cpus": "\n", "cgroup.max.depth": "3"})
        assert [(controller, name, value) for controller, name, value, _, _ in found] == [
            ("io", "io.max", "8:16 rbps=1"),
            ("io", "io.max", "8:0 wiops=2"),
            ("cpuset", "cpuset.cpus", "\n"),
            ("", "cgroup.max.depth", "3"),
        ]
        assert found[0][3] == 'linux.resources.unified["io.max"]'

    def test_it_wins_over_what_is_converted_from_v1(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        order: list[str] = []

        def write(path: str, value: str) -> None:
            order.append(value)
            if order == ["7"]:  # refused at first, and so written again: but not after the unified value
                raise KernelError("write", path, 22)

        monkeypatch.setattr("sampan.linux.files.write", write)
        resources: Any = {"unified": {"pids.max": "8"}, "pids": {"limit": 7}}
        limits.apply({"pids": str(tmp_path)}, limits.settings(resources, {"": str(tmp_path)}))
        assert order == ["7", "7", "8"]

    def test_an_unknown_file_is_an_error_of_the_kernel(self, tmp_path: Path) -> None:
        settings = limits.settings({"unified": {"no.such": "1"}}, {"": str(tmp_path)})
        with pytest.raises(KernelError, match=r'linux\.resources\.unified\["no\.such"\]: .*does not have that file'):
            limits.apply(limits.places(settings, {"": str(tmp_path)}), settings)

    def test_what_is_no_controller_needs_none_to_be_enabled(self, tmp_path: Path) -> None:
        for path in (tmp_path, tmp_path / "c"):
            path.mkdir(exist_ok=True)
            (path / "cgroup.controllers").write_text("")
        v2.enable(str(tmp_path), str(tmp_path / "c"), {"irq": 'linux.resources.unified["irq.pressure"]'})
        with pytest.raises(ConfigError, match=r'unified\["misc\.max"\]: the misc controller is not available'):
            v2.enable(str(tmp_path), str(tmp_path / "c"), {"misc": 'linux.resources.unified["misc.max"]'})


@pytest.mark.parametrize(
    ("resources", "layout", "fields"),
    [
        ({"blockIO": {"weight": 500, "leafWeight": 5, "weightDevice": [{**DISK, "leafWeight": 5}]}}, V1, []),
        (
            {"blockIO": {"weight": 500, "leafWeight": 5, "weightDevice": [{**DISK, "leafWeight": 5}]}},
            V2,
            ["blockIO.leafWeight", "blockIO.weightDevice[0].leafWeight"],
        ),
        ({"blockIO": {"weight": 9, "weightDevice": [{**DISK, "weight": 1001}]}}, V1, []),
        (
            {"blockIO": {"weight": 9, "weightDevice": [{**DISK, "weight": 1001}]}},
            V2,
            ["blockIO.weight", "blockIO.weightDevice[0].weight"],
        ),
        ({"blockIO": {"weight": 0, "leafWeight": 0, **THROTTLES}}, V2, []),
        ({"network": {"classID": 0, "priorities": []}}, V2, []),
        (NETWORK, V2, ["network.classID", "network.priorities"]),
        (NETWORK, HYBRID, ["network.classID", "network.priorities"]),
        (NETWORK, V1, []),
        ({"unified": {"memory.high": "1", "io.max": "x", "hugetlb.2MB.max": "1"}}, V2, []),
        (
            {"unified": {"memory.high": "1", "io.max": "x", "hugetlb.2MB.max": "1", "cgroup.max.depth": "1"}},
            HYBRID,
            ['unified["memory.high"]', 'unified["io.max"]'],
        ),
        ({"unified": {"hugetlb.2MB.max": "1"}}, V1, ['unified["hugetlb.2MB.max"]']),
        ({"unified": {"../memory.max": "1", "..": "1"}}, V2, ['unified["../memory.max"]', 'unified[".."]']),
        ({"unified": {"memory.max": ""}}, V2, ['unified["memory.max"]']),
    ],
)
def test_what_cannot_be_applied_is_named(resources: Any, layout: Layout, fields: list[str]) -> None:
    assert [problem.field for problem in unsupported(resources, layout)] == [
        f"linux.resources.{name}" for name in fields
    ]


def test_what_is_asked_for_without_a_cgroup() -> None:
    nothing: Any = {
        "devices": [{"allow": False}],
        "memory": {"limit": 0, "kernel": 5, "useHierarchy": True, "checkBeforeUpdate": True, "disableOOMKiller": False},
        "blockIO": {"weight": 0},
        "network": {"classID": 0, "priorities": []},
        "hugepageLimits": [],
        "unified": {},
    }
    assert asked(nothing) == []
    some: Any = {"pids": {"limit": 5}, "hugepageLimits": [{"pageSize": "2MB", "limit": 0}], "unified": {"io.max": "x"}}
    assert [field for field, _ in asked(some)] == [
        "linux.resources.hugepageLimits",
        "linux.resources.pids.limit",
        'linux.resources.unified["io.max"]',
    ]
