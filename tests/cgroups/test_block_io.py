"""Limits of block I/O hold, on a loop device, by v1's blkio or v2's io."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups.layout import Layout
from sampan.errors import KernelError

from .conftest import Program, remains
from .control import MIB, Disk, content, loop_device, place, require

EVERY_DEVICE = [{"allow": True, "access": "rwm"}]
# Seconds that it takes to transfer this many bytes past the page cache, in pieces of 64 KiB.
TRANSFER = """
import mmap, os, sys, time
piece = mmap.mmap(-1, 65536)
fd = os.open({path!r}, os.{mode} | os.O_DIRECT)
begin = time.monotonic()
for offset in range(0, {size}, 65536):
    os.{call}(fd, [piece], offset)
print(time.monotonic() - begin, flush=True)
"""


@pytest.fixture
def disk(host: Layout, tmp_path: Path) -> Iterator[Disk]:
    require(host, "io")
    with loop_device(tmp_path) as made:
        yield made


def read(disk: Disk, size: int) -> str:
    return TRANSFER.format(path=disk.path, mode="O_RDONLY", call="preadv", size=size)


def write(disk: Disk, size: int) -> str:
    return TRANSFER.format(path=disk.path, mode="O_WRONLY", call="pwritev", size=size)


@pytest.mark.parametrize(
    ("field", "rate", "transfer"),
    [
        ("throttleReadBpsDevice", MIB, read),
        ("throttleWriteBpsDevice", MIB, write),
        ("throttleReadIOPSDevice", 16, read),
        ("throttleWriteIOPSDevice", 16, write),
    ],
)
def test_it_is_throttled(locate: Any, program: Any, disk: Disk, field: str, rate: int, transfer: Any) -> None:
    group = locate()
    group.create({"devices": EVERY_DEVICE, "blockIO": {field: [{**disk.numbers, "rate": rate}]}})
    throttled: Program = program(transfer(disk, 2 * MIB))
    slow = float(throttled.run_in(group))
    assert slow > 1.2
    group.update({"blockIO": {field: [{**disk.numbers, "rate": 0}]}})
    free: Program = program(transfer(disk, 2 * MIB))
    assert float(free.run_in(group)) < slow / 2


def test_the_throttles_of_one_device_do_not_undo_each_other(locate: Any, disk: Disk) -> None:
    group = locate()
    throttles = ("throttleReadBpsDevice", "throttleWriteBpsDevice", "throttleReadIOPSDevice", "throttleWriteIOPSDevice")
    group.create({"blockIO": {name: [{**disk.numbers, "rate": 1000 + n}] for n, name in enumerate(throttles)}})
    if (place(group, "io") / "io.max").exists():
        assert content(group, "io", "", "io.max") == f"{disk.name} rbps=1000 wbps=1001 riops=1002 wiops=1003"
        return
    for n, name in enumerate(("read_bps", "write_bps", "read_iops", "write_iops")):
        assert content(group, "io", f"blkio.throttle.{name}_device", "") == f"{disk.name} {1000 + n}"


def test_more_operations_than_can_be_counted_are_not_cut_to_none(locate: Any, disk: Disk, program: Any) -> None:
    group = locate()
    throttles = {"throttleReadIOPSDevice": [{**disk.numbers, "rate": (1 << 32) + 1}]}
    group.create({"devices": EVERY_DEVICE, "blockIO": throttles})
    free: Program = program(read(disk, MIB))
    assert float(free.run_in(group)) < 5  # and not for ever


def test_a_device_that_does_not_exist_is_an_error_that_leaves_nothing(host: Layout, locate: Any) -> None:
    require(host, "io")
    with pytest.raises(
        KernelError,
        match=r"linux\.resources\.blockIO\.throttleReadBpsDevice\[0\]: .* device that this machine does not",
    ):
        locate().create({"blockIO": {"throttleReadBpsDevice": [{"major": 4000, "minor": 9, "rate": 1}]}})
    assert not remains(f"sampan-test-{os.getpid()}")


class TestWeights:
    @pytest.fixture
    def bfq(self, host: Layout, disk: Disk) -> Iterator[Disk]:
        """The disk, scheduled by bfq."""
        schedulers = disk.scheduler.read_text()
        if "bfq" not in schedulers:
            pytest.skip("this kernel has no I/O scheduler bfq")
        before = schedulers.partition("[")[2].partition("]")[0]
        disk.scheduler.write_text("bfq")
        yield disk
        disk.scheduler.write_text(before)

    def test_of_the_cgroup_and_of_a_device(self, locate: Any, bfq: Disk) -> None:
        group = locate()
        group.create({"blockIO": {"weight": 500, "weightDevice": [{**bfq.numbers, "weight": 250}]}})
        assert content(group, "io", "blkio.bfq.weight", "io.bfq.weight").split("\n")[0].split()[-1] == "500"
        of_devices = content(group, "io", "blkio.bfq.weight_device", "io.bfq.weight").splitlines()
        assert of_devices == ["default 500", f"{bfq.name} 250"]
        group.update({"blockIO": {"weight": 100}})
        assert content(group, "io", "blkio.bfq.weight", "io.bfq.weight").split("\n")[0].split()[-1] == "100"
        assert f"{bfq.name} 250" in content(group, "io", "blkio.bfq.weight_device", "io.bfq.weight")

    def test_an_update_that_fails_leaves_them_as_they_were(self, locate: Any, bfq: Disk) -> None:
        group = locate()
        group.create({"blockIO": {"weight": 500, "weightDevice": [{**bfq.numbers, "weight": 700}]}})
        before = content(group, "io", "blkio.bfq.weight_device", "io.bfq.weight")
        device = [{**bfq.numbers, "weight": 250}, {"major": 4000, "minor": 9, "weight": 10}]
        with pytest.raises(KernelError, match=r"blockIO\.weightDevice\[1\]\.weight"):
            group.update({"blockIO": {"weight": 100, "weightDevice": device}})
        assert content(group, "io", "blkio.bfq.weight_device", "io.bfq.weight") == before

    def test_one_that_the_device_s_scheduler_does_not_know_is_an_error(self, locate: Any, disk: Disk) -> None:
        if "[bfq]" in disk.scheduler.read_text():
            disk.scheduler.write_text("none")
        with pytest.raises(KernelError, match=r"blockIO\.weightDevice\[0\]\.weight: .* weights"):
            locate().create({"blockIO": {"weightDevice": [{**disk.numbers, "weight": 250}]}})
        assert not remains(f"sampan-test-{os.getpid()}")
