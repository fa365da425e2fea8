"""Limits of processes, memory and processor time hold, whichever hierarchy has the controller."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups.layout import Layout

from .conftest import Program
from .control import MIB, content, place, require


def test_processes_stop_at_the_pids_limit(host: Layout, locate: Any, program: Any) -> None:
    require(host, "pids")
    group = locate()
    group.create({"pids": {"limit": 5}})
    forker: Program = program("""
import os, signal
count = 1
try:
    while count < 50:
        if os.fork() == 0:
            signal.pause()
        count += 1
except OSError as error:
    print(count, error.errno, flush=True)
signal.pause()
""")
    assert forker.begin_in(group) == f"5 {errno.EAGAIN}\n"


def test_a_process_that_takes_more_memory_than_allowed_is_killed(host: Layout, locate: Any, program: Any) -> None:
    require(host, "memory")
    group = locate()
    group.create({"memory": {"limit": 32 * MIB, "swap": 32 * MIB}})
    hungry: Program = program("held = bytearray(256 << 20); print('alive')")
    assert hungry.run_in(group) == ""
    assert hungry.process.returncode == -9
    modest: Program = program("held = bytearray(8 << 20); print('alive')")
    assert modest.run_in(group) == "alive\n"


def test_a_process_that_nobody_may_kill_for_memory_waits(host: Layout, locate: Any, program: Any) -> None:
    """disableOOMKiller, which only v1 can do"""
    require(host, "memory")
    if "memory" not in host.mounts:
        pytest.skip("v2 has the memory controller here, and always an OOM killer")
    group = locate()
    group.create({"memory": {"limit": 32 * MIB, "swap": 32 * MIB, "disableOOMKiller": True}})
    hungry: Program = program("print('begun', flush=True); held = bytearray(64 << 20); print('alive')")
    hungry.begin_in(group)
    with pytest.raises(subprocess.TimeoutExpired):
        hungry.process.wait(0.5)
    group.update({"memory": {"limit": 128 * MIB, "swap": 128 * MIB}})
    assert hungry.process.communicate(timeout=10)[0] == "alive\n"


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_spinner_gets_its_quota_of_processor_time(host: Layout, locate: Any, program: Any, share: float) -> None:
    require(host, "cpu")
    group = locate()
    shares = 262144  # whatever else this machine is busy with
    group.create({"cpu": {"quota": round(share * 50000), "period": 50000, "shares": shares}})
    spinner: Program = program("""
import time
begin, used = time.monotonic(), time.process_time()
while time.monotonic() - begin < 2:
    pass
print((time.process_time() - used) / (time.monotonic() - begin))
""")
    assert float(spinner.run_in(group)) == pytest.approx(share, rel=0.15)


def test_shares_divide_a_busy_processor(host: Layout, locate: Any, program: Any) -> None:
    require(host, "cpu", "cpuset")
    spin = """
import os, time
begin, used = time.monotonic(), time.process_time()
while time.monotonic() - begin < 2:
    pass
print(time.process_time() - used, flush=True)
"""
    spinners = []
    for name, shares in (("little", 256), ("much", 1024)):
        group = locate(name)
        group.create({"cpu": {"shares": shares, "cpus": "0"}})
        one: Program = program(spin)
        group.enter(one.pid)
        spinners.append(one)
    for one in spinners:
        assert one.process.stdin
        one.process.stdin.write("\n")
        one.process.stdin.flush()
    little, much = (float(one.process.communicate(timeout=30)[0]) for one in spinners)
    assert 1.7 < much / little < 6.5  # 4 by v1's shares, 100/35 by the weights that they are converted to


def test_real_time_is_for_those_that_have_been_given_some(host: Layout, locate: Any, program: Any) -> None:
    require(host, "cpu")
    if not Path(host.mounts.get("cpu", "/"), "cpu.rt_runtime_us").exists():
        pytest.skip("no hierarchy here has real-time limits: v2 never has, v1 only in kernels that are built for it")
    code = """
import os
try:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    print("real time")
except PermissionError:
    print("none")
"""
    for runtime, answer in ((0, "none\n"), (50000, "real time\n")):
        group = locate(f"rt{runtime}")
        group.create({"cpu": {"realtimeRuntime": runtime, "realtimePeriod": 500000}})
        asking: Program = program(code)
        assert asking.run_in(group) == answer
        assert content(group, "cpu", "cpu.rt_period_us", "") == "500000"


def test_swappiness(host: Layout, locate: Any) -> None:
    if "memory" not in host.mounts:
        pytest.skip("no v1 hierarchy has the memory controller")
    group = locate()
    group.create({"memory": {"swappiness": 0}})
    assert (place(group, "memory") / "memory.swappiness").read_text() == "0\n"
