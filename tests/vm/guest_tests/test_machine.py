"""The virtual machine has what the tests in it rely on: without it they would skip, and nobody would notice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .conftest import CGROUPS, User

MIB = 1 << 20
WRITE = """
import mmap, os, sys
descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_DIRECT, 0o600)
block = mmap.mmap(-1, 1 << 20)  # aligned as O_DIRECT wants it
sys.stdin.readline()
for _ in range(4):
    os.write(descriptor, block)
"""


def test_cgroup_v2_has_every_controller() -> None:
    wanted = {"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"}
    assert set((CGROUPS / "cgroup.controllers").read_text().split()) == wanted


def test_systemd_is_init_and_its_bus_answers() -> None:
    assert Path("/proc/1/comm").read_text() == "systemd\n"
    command = ["busctl", "get-property", "org.freedesktop.systemd1", "/org/freedesktop/systemd1"]
    answer = subprocess.run(
        [*command, "org.freedesktop.systemd1.Manager", "Version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith('s "252')


def test_a_user_has_controllers_delegated(tester: User) -> None:
    place = tester.run("cat", "/proc/self/cgroup").stdout.strip().removeprefix("0::/")
    assert place.startswith(str(tester.cgroup.relative_to(CGROUPS)))
    assert (tester.cgroup / "cgroup.controllers").read_text().split() == ["cpuset", "cpu", "io", "memory", "pids"]


def test_what_is_written_to_tmp_can_be_throttled(new_cgroup: Callable[[], Path]) -> None:
    device = os.stat("/tmp").st_dev
    cgroup = new_cgroup()
    (cgroup / "io.max").write_text(f"{os.major(device)}:{os.minor(device)} wbps={MIB}")
    with subprocess.Popen([sys.executable, "-c", WRITE, "/tmp/throttled"], stdin=subprocess.PIPE) as writer:
        (cgroup / "cgroup.procs").write_text(str(writer.pid))
        begin = time.monotonic()
        writer.communicate(b"\n")
    os.unlink("/tmp/throttled")
    assert writer.returncode == 0
    assert time.monotonic() - begin > 3  # 4 MiB at 1 MiB a second


def test_io_has_weights() -> None:
    assert "[bfq]" in Path("/sys/block/vdb/queue/scheduler").read_text()


def test_there_are_swap_and_huge_pages() -> None:
    facts = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    assert int(facts["SwapTotal"].split()[0]) > 100 * 1024
    assert int(facts["HugePages_Free"]) >= 8
