"""The statistics document, read from directories that look like a cgroup's: every field, and what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sampan.cgroups import counters, statistics
from sampan.errors import KernelError
from sampan.linux import network
from sampan.spec.statistics import Interface, Statistics

from .cgroup_trees import V1, make_v1, make_v2

SIZES = ("1GB", "2MB")


def document(directories: dict[str, str], sizes: tuple[str, ...] = SIZES) -> dict[str, object]:
    return Statistics("web", 7, 8, *statistics.read(directories, sizes)).to_document()


def test_v2(tmp_path: Path) -> None:
    assert document(make_v2(tmp_path)) == {
        "version": 1,
        "id": "web",
        "time": 7,
        "uptime": 8,
        "cpu": {
            "usage": 231991000,
            "user": 107996000,
            "system": 123995000,
            "limit": 0.2,
            "cpus": 4,
            "throttling": {
                "periods": 12,
                "throttled_periods": 8,
                "throttled_time": 497376000,
                "bursts": 1,
                "burst_time": 20000,
            },
        },
        "memory": {
            "usage": 4939776,
            "limit": 67108864,
            "peak": 5672960,
            "working_set": 4939776 - 303104,
            "anon": 114688,
            "file": 4505600,
            "kernel": 319488,
            "swap": {"usage": 8192, "limit": 33554432},
            "faults": 885,
            "major_faults": 2,
            "limit_hits": 7,
            "ooms": 2,
            "oom_kills": 1,
        },
        "io": [
            {
                "device": "254:0",
                "read_bytes": 311296,
                "write_bytes": 4096,
                "discard_bytes": 512,
                "reads": 4,
                "writes": 1,
                "discards": 1,
            }
        ],
        "pids": {"current": 2, "limit": 100},
        "hugetlb": {"2MB": {"usage": 4194304, "limit_hits": 3, "reserved": {"usage": 2097152, "limit": 8388608}}},
        "rdma": {
            "mlx4_0": {"hca_handles": {"usage": 2, "limit": 3}, "hca_objects": {"usage": 2000}},
            "ocrdma1": {"hca_handles": {"usage": 1}, "hca_objects": {"usage": 0}},
        },
        "pressure": {
            "cpu": {
                "some": {"avg10": 0.18, "avg60": 0.03, "avg300": 0.0, "total": 22340000},
                "full": {"avg10": 0.0, "avg60": 0.0, "avg300": 1.5, "total": 15973000},
            },
            "memory": {
                "some": {"avg10": 0.0, "avg60": 0.0, "avg300": 0.0, "total": 243000},
                "full": {"avg10": 0.0, "avg60": 0.0, "avg300": 0.0, "total": 243000},
            },
        },
    }


def test_v1(tmp_path: Path) -> None:
    found = document(make_v1(tmp_path))
    assert found["cpu"] == {
        "usage": 8641461,
        "user": 30_000_000,  # three ticks of 10 ms
        "system": 10_000_000,
        "limit": 0.5,
        "cpus": 2,
        "throttling": {
            "periods": 5,
            "throttled_periods": 2,
            "throttled_time": 1500,
            "bursts": 0,
            "burst_time": 0,
        },
    }
    assert found["memory"] == {
        "usage": 950272,
        "limit": 67108864,
        "peak": 2797568,
        "working_set": 950272 - 4096,
        "anon": 118784,
        "file": 4096,
        "kernel": 679936,
        "swap": {"usage": 8192, "limit": 100663296 - 67108864},
        "faults": 849,
        "major_faults": 1,
        "limit_hits": 4 + 2,  # of memory, and of memory and swap
        "oom_kills": 1,
    }
    assert found["io"] == [
        {
            "device": "8:0",
            "read_bytes": 131072,
            "write_bytes": 8192,
            "discard_bytes": 512,
            "reads": 16,
            "writes": 2,
            "discards": 1,
        }
    ]
    assert found["pids"] == {"current": 3}
    assert found["hugetlb"] == {
        "2MB": {
            "usage": 2097152,
            "limit_hits": 2,
            "reserved": {"usage": 2097152, "limit": 4194304, "limit_hits": 5},
        }
    }
    assert "pressure" not in found  # which only v2 counts


def test_v1_of_each_device_what_has_been_counted(tmp_path: Path) -> None:
    """bfq and the throttling layer count, each some devices; on Linux 6.1 the latter shows the others with zeros."""
    directories = make_v1(tmp_path)
    for name, number in (("io_service_bytes", 4096), ("io_serviced", 1)):
        throttle = f"8:0 Read {number}\n8:0 Total {number}\n8:16 Read 0\n8:16 Total 0\nTotal {number}\n"
        bfq = f"8:16 Write {number * 2}\n8:16 Total {number * 2}\nTotal {number * 2}\n"
        (tmp_path / f"blkio/blkio.throttle.{name}_recursive").write_text(throttle)
        (tmp_path / f"blkio/blkio.bfq.{name}_recursive").write_text(bfq)
    nothing = {"discard_bytes": 0, "discards": 0}
    assert document(directories)["io"] == [
        {"device": "8:0", "read_bytes": 4096, "write_bytes": 0, "reads": 1, "writes": 0, **nothing},
        {"device": "8:16", "read_bytes": 0, "write_bytes": 8192, "reads": 0, "writes": 2, **nothing},
    ]


def test_v1_without_a_layer_that_counts(tmp_path: Path) -> None:
    directories = make_v1(tmp_path)
    for path in (tmp_path / "blkio").iterdir():
        path.unlink()
    assert "io" not in document(directories)


def test_hybrid_takes_each_controller_from_where_it_is(tmp_path: Path) -> None:
    directories = make_v1(tmp_path / "v1")
    del directories["hugetlb"]
    found = document(directories | make_v2(tmp_path / "v2"))
    on_v1 = document(make_v1(tmp_path / "v1"))
    on_v2 = document(make_v2(tmp_path / "v2"))
    for name in ("cpu", "memory", "io", "pids"):
        assert found[name] == on_v1[name]
    for name in ("hugetlb", "rdma", "pressure"):
        assert found[name] == on_v2[name]


@pytest.mark.parametrize(
    ("controller", "absent"),
    [("memory.", "memory"), ("io.", "io"), ("pids.", "pids"), ("hugetlb.", "hugetlb"), ("rdma.", "rdma")],
)
def test_a_controller_that_is_not_there_is_left_out(tmp_path: Path, controller: str, absent: str) -> None:
    found = document(make_v2(tmp_path, without=controller))
    assert absent not in found
    assert {"cpu", "memory", "io", "pids", "hugetlb", "rdma"} - found.keys() == {absent}


def test_without_the_cpu_controller_v2_still_tells_the_usage(tmp_path: Path) -> None:
    directories = make_v2(tmp_path, without="cpu.max")
    (tmp_path / "cpu.stat").write_text("usage_usec 5\nuser_usec 3\nsystem_usec 2\n")
    (tmp_path / "cpuset.cpus.effective").unlink()
    assert document(directories)["cpu"] == {"usage": 5000, "user": 3000, "system": 2000}


@pytest.mark.parametrize("name", ["cpu.max", "memory.max", "memory.swap.max", "pids.max"])
def test_no_limit_is_left_out(tmp_path: Path, name: str) -> None:
    directories = make_v2(tmp_path)
    (tmp_path / name).write_text("max 100000\n" if name == "cpu.max" else "max\n")
    found: object = document(directories)
    for part in name.removesuffix(".max").split("."):
        assert isinstance(found, dict)
        found = found[part]
    assert isinstance(found, dict)
    assert "limit" not in found


@pytest.mark.parametrize(
    ("controller", "name", "unlimited"),
    [("memory", "memory.limit_in_bytes", "9223372036854771712"), ("cpu", "cpu.cfs_quota_us", "-1")],
)
def test_v1_has_numbers_that_mean_no_limit(tmp_path: Path, controller: str, name: str, unlimited: str) -> None:
    directories = make_v1(tmp_path)
    (tmp_path / controller / name).write_text(unlimited)
    found = document(directories)[controller]
    assert isinstance(found, dict)
    assert "limit" not in found


def test_a_kernel_without_swap_accounting(tmp_path: Path) -> None:
    directories = make_v1(tmp_path)
    for path in (tmp_path / "memory").glob("memory.memsw.*"):
        path.unlink()
    stat = V1["memory"]["memory.stat"].replace("total_swap 8192\n", "")
    (tmp_path / "memory/memory.stat").write_text(stat)
    found = document(directories)["memory"]
    assert isinstance(found, dict)
    assert "swap" not in found


def test_an_older_kernel_without_peak_kernel_and_psi(tmp_path: Path) -> None:
    directories = make_v2(tmp_path)
    for name in ("memory.peak", "cpu.pressure", "memory.pressure", "hugetlb.2MB.rsvd.current"):
        (tmp_path / name).unlink()
    (tmp_path / "memory.stat").write_text("anon 1\nfile 2\ninactive_file 0\npgfault 3\npgmajfault 0\n")
    found = document(directories)
    assert isinstance(found["memory"], dict)
    assert {"peak", "kernel"}.isdisjoint(found["memory"])
    assert "pressure" not in found
    assert found["hugetlb"] == {"2MB": {"usage": 4194304, "limit_hits": 3}}


def test_the_working_set_is_never_negative(tmp_path: Path) -> None:
    directories = make_v2(tmp_path)
    (tmp_path / "memory.current").write_text("4096\n")
    found = document(directories)["memory"]
    assert isinstance(found, dict)
    assert found["working_set"] == 0


def test_a_container_without_cgroup_has_no_numbers(tmp_path: Path) -> None:
    assert document({}) == {"version": 1, "id": "web", "time": 7, "uptime": 8}


def test_a_cgroup_that_has_gone_has_no_numbers(tmp_path: Path) -> None:
    assert document({"": str(tmp_path / "gone"), "memory": str(tmp_path / "gone too")}).keys() == {
        "version",
        "id",
        "time",
        "uptime",
    }


def test_a_file_that_may_not_be_read_is_an_error_with_its_path(tmp_path: Path) -> None:
    directories = make_v2(tmp_path)
    (tmp_path / "memory.stat").unlink()
    (tmp_path / "memory.stat").mkdir()
    with pytest.raises(KernelError, match=r"read .*/memory\.stat: is a directory"):
        document(directories)


def test_devices_without_traffic_share_a_line_on_some_kernels(tmp_path: Path) -> None:
    """Linux 5.10 and others: io.stat says `8:0 8:16 rbytes=1 ...`."""
    path = tmp_path / "io.stat"
    path.write_text("8:0 253:0 8:16 rbytes=1 wbytes=2\n8:32 rbytes=3\n")
    assert counters.nested(str(path)) == {
        "8:0": {},
        "253:0": {},
        "8:16": {"rbytes": "1", "wbytes": "2"},
        "8:32": {"rbytes": "3"},
    }


def test_a_file_longer_than_one_read(tmp_path: Path) -> None:
    path = tmp_path / "memory.stat"
    for lines in (340, 341, 342, 683, 5000):  # below, at and above a multiple of what is read at once
        path.write_text("".join(f"key{number:04} 123\n" for number in range(lines)))
        assert counters.table(str(path)) == {f"key{number:04}": 123 for number in range(lines)}
    path.write_text("a 1\n" * 1024)
    assert counters.text(str(path)) == b"a 1\n" * 1024


@pytest.mark.parametrize(
    ("text", "found"), [(b"", []), (b"\n", []), (b"0\n", [0]), (b"0-3,7\n", [0, 1, 2, 3, 7]), (b"1,3\n", [1, 3])]
)
def test_lists_of_numbers(text: bytes, found: list[int]) -> None:
    assert counters.numbers(text) == found


def test_interfaces() -> None:
    text = (
        b"Inter-|   Receive                            |  Transmit\n"
        b" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop ...\n"
        b"    lo:       1       2    3    4    0     0          0         0        5       6    7    8    0     0 0 0\n"
        b"eth0.1: 10 20 30 40 0 0 0 0 50 60 70 80 0 0 0 0\n"
        b"a:b:12345678 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n"
    )
    assert list(network.parse(text)) == [
        Interface("lo", 1, 2, 3, 4, 5, 6, 7, 8),
        Interface("eth0.1", 10, 20, 30, 40, 50, 60, 70, 80),
        Interface("a:b", 12345678, 1, 0, 0, 2, 1, 0, 0),
    ]


def test_objects_cannot_be_changed() -> None:
    entry = Statistics("web", 1, 2)
    with pytest.raises(AttributeError):
        entry.id = "other"  # type: ignore[misc]
