"""config-linux.md, Block IO: weights and throttles, on a loop device of the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .bundle import Bundle
from .container import Container
from .limits import MIB, needs, place, shown


class Disk:
    def __init__(self, path: str) -> None:
        number = os.stat(path).st_rdev
        self.numbers = {"major": os.major(number), "minor": os.minor(number)}
        self.name = f"{os.major(number)}:{os.minor(number)}"
        self.scheduler = Path("/sys/block", os.path.basename(path), "queue/scheduler")


@pytest.fixture
def disk(container: Container) -> Iterator[Disk]:
    """A block device of 8 MiB, that the container has as /disk and may use."""
    needs("io")
    if not os.path.exists("/dev/loop-control") and shutil.which("modprobe"):
        subprocess.run(["modprobe", "--quiet", "loop"])
    if shutil.which("losetup") is None or not os.path.exists("/dev/loop-control"):
        pytest.skip("no loop devices here, or no losetup")
    image = container.directory / "image"
    image.write_bytes(bytes(8 * MIB))
    made = subprocess.run(["losetup", "--find", "--show", str(image)], capture_output=True, text=True, check=True)
    path = made.stdout.strip()
    disk = Disk(path)
    container.bundle.add("linux.devices", {"path": "/disk", "type": "b", "fileMode": 0o666, **disk.numbers})
    container.bundle.add("linux.resources.devices", {"allow": True, "type": "b", **disk.numbers, "access": "rwm"})
    yield disk
    container.clean_up()
    subprocess.run(["losetup", "--detach", path], check=True)


@pytest.fixture
def bfq(disk: Disk) -> Iterator[Disk]:
    """The disk, with an I/O scheduler that knows weights."""
    schedulers = disk.scheduler.read_text()
    if "bfq" not in schedulers:
        pytest.skip("this kernel has no I/O scheduler bfq")
    before = schedulers.partition("[")[2].partition("]")[0]
    disk.scheduler.write_text("bfq")
    yield disk
    disk.scheduler.write_text(before)


NOW = "cut -d ' ' -f 1 /proc/uptime"
READ = "if=/disk of=/dev/null iflag=direct"
WRITE = "if=/dev/zero of=/disk oflag=direct"
THROTTLES = ("throttleReadBpsDevice", "throttleWriteBpsDevice", "throttleReadIOPSDevice", "throttleWriteIOPSDevice")


@pytest.mark.parametrize(
    ("field", "rate", "files"),
    [(THROTTLES[0], MIB, READ), (THROTTLES[1], MIB, WRITE), (THROTTLES[2], 16, READ), (THROTTLES[3], 16, WRITE)],
)
def test_a_throttled_device_is_slow(
    container: Container, bundle: Bundle, disk: Disk, field: str, rate: int, files: str
) -> None:
    """'rate (uint64, REQUIRED) - bandwidth rate limit in bytes per second for the device', 'IO rate limit'"""
    bundle.set(f"linux.resources.blockIO.{field}", [{**disk.numbers, "rate": rate}])
    begin, end = map(float, container.output(f"{NOW}; dd {files} bs=65536 count=32 2>/dev/null; {NOW}").split())
    assert end - begin > 1.2  # 2 MiB, or 32 operations


def test_all_throttles_of_a_device(container: Container, bundle: Bundle, disk: Disk) -> None:
    """'throttleReadBpsDevice, throttleWriteBpsDevice, throttleReadIOPSDevice, throttleWriteIOPSDevice'"""
    bundle.set(
        "linux.resources.blockIO", {name: [{**disk.numbers, "rate": 1000 + n}] for n, name in enumerate(THROTTLES)}
    )
    container.create()
    files = ("read_bps_device", "write_bps_device", "read_iops_device", "write_iops_device")
    v1 = {f"blkio.throttle.{file}": f"{disk.name} {1000 + n}" for n, file in enumerate(files)}
    shown(container, "io", v1, {"io.max": f"{disk.name} rbps=1000 wbps=1001 riops=1002 wiops=1003"})


@pytest.mark.parametrize(
    "entry", [{"major": 4000, "minor": 9, "rate": 1}, {"major": 4000, "minor": 9, "rate": 1 << 40}]
)
def test_a_device_that_does_not_exist_is_an_error(container: Container, bundle: Bundle, entry: Any) -> None:
    """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error'"""
    needs("io")
    bundle.set("linux.resources.blockIO.throttleReadBpsDevice", [entry])
    result = container.fails("create")
    if container.runtime.is_sampan:
        assert "linux.resources.blockIO.throttleReadBpsDevice[0]" in result.stderr


@pytest.mark.parametrize("weight", [10, 500, 1000])
def test_weight(container: Container, bundle: Bundle, bfq: Disk, weight: int) -> None:
    """'weight (uint16, OPTIONAL) - specifies per-cgroup weight.'"""
    del bfq
    bundle.set("linux.resources.blockIO.weight", weight)
    container.create()
    shown(container, "io", {"blkio.bfq.weight": str(weight)}, {"io.bfq.weight": f"default {weight}"})


def test_weight_of_a_device(container: Container, bundle: Bundle, bfq: Disk) -> None:
    """'weightDevice (array of objects, OPTIONAL) - an array of per-device bandwidth weights.'"""
    bundle.set("linux.resources.blockIO", {"weight": 500, "weightDevice": [{**bfq.numbers, "weight": 250}]})
    container.create()
    file = (
        "blkio.bfq.weight_device" if (place(container, "io") / "blkio.bfq.weight_device").exists() else "io.bfq.weight"
    )
    assert (place(container, "io") / file).read_text().splitlines() == ["default 500", f"{bfq.name} 250"]


def test_a_weight_that_is_neither_of_both_is_an_error(container: Container, bundle: Bundle, disk: Disk) -> None:
    """'You MUST specify at least one of weight or leafWeight in a given entry'"""
    bundle.set("linux.resources.blockIO.weightDevice", [disk.numbers])
    container.fails("create")


@pytest.mark.parametrize(
    "block_io", [{}, {"weight": 0}, {"weight": 0, "weightDevice": [], "throttleReadBpsDevice": None}]
)
def test_nothing_asked_for_needs_no_controller(container: Container, bundle: Bundle, block_io: Any) -> None:
    """'blockIO (object, OPTIONAL)'; docker sends a weight of 0 for each container"""
    bundle.set("linux.resources.blockIO", block_io)
    container.create()
