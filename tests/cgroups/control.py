"""What the tests of limits need on any hierarchy: its controllers, what a file says, a disk of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sampan.cgroups.cgroup import Cgroup
from sampan.cgroups.layout import UNIFIED, Layout

MIB = 1 << 20
_V1_NAMES = {"io": "blkio"}


def require(host: Layout, *controllers: str) -> None:
    """Skips the test where neither v1 nor v2 has all of these controllers, that are named as v2 names them."""
    there = set(host.mounts)
    if host.unified:
        there |= set(Path(host.unified, "cgroup.controllers").read_text().split())
    missing = [name for name in controllers if not {name, _V1_NAMES.get(name, name)} & there]
    if missing:
        pytest.skip(f"no cgroup hierarchy here has the controllers {', '.join(missing)}")


def place(group: Cgroup, controller: str) -> Path:
    """The directory in which the controller's files are."""
    name = _V1_NAMES.get(controller, controller)
    return Path(group.directories[name] if name in group.directories else group.directories[UNIFIED])


def content(group: Cgroup, controller: str, v1: str, v2: str) -> str:
    """What the file says that the hierarchy of the controller has for it."""
    on_v1 = _V1_NAMES.get(controller, controller) in group.directories
    return (place(group, controller) / (v1 if on_v1 else v2)).read_text().strip()


def eventually(condition: Callable[[], bool]) -> None:
    """Waits until the condition is true."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Disk:
    """A block device of our own."""

    def __init__(self, path: str) -> None:
        self.path = path
        number = os.stat(path).st_rdev
        self.numbers = {"major": os.major(number), "minor": os.minor(number)}
        self.name = f"{os.major(number)}:{os.minor(number)}"
        self.scheduler = Path("/sys/block", os.path.basename(path), "queue/scheduler")


@contextmanager
def loop_device(directory: Path, size: int = 8 * MIB) -> Iterator[Disk]:
    """A loop device on a file in ``directory``."""
    if not os.path.exists("/dev/loop-control") and shutil.which("modprobe"):
        subprocess.run(["modprobe", "--quiet", "loop"])
    if shutil.which("losetup") is None or not os.path.exists("/dev/loop-control"):
        pytest.skip("no loop devices here, or no losetup")
    image = directory / "disk"
    image.write_bytes(bytes(size))
    made = subprocess.run(["losetup", "--find", "--show", str(image)], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no loop device can be had: {made.stderr.strip()}")
    disk = Disk(made.stdout.strip())
    try:
        yield disk
    finally:
        subprocess.run(["losetup", "--detach", disk.path], check=True)
