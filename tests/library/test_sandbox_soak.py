"""Many sandboxes at once, and many runs one after the other: with `--soak` so many that it takes minutes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Place
from .test_host_program import program

MOST = 1 << 20  # bytes of the program's own memory for each sandbox

AT_ONCE = """
import asyncio, resource
from sampan import aio
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
COUNT = {count}
def resident():
    gc.collect()
    return int(read("/proc/self/statm").split()[1]) * 4096
def descriptors(): return len(os.listdir("/proc/self/fd"))
async def main():
    asyncio.get_running_loop().slow_callback_duration = 100  # of the debug mode, on a machine that is busy
    async with aio.Pool(1, COUNT, root=root, memory="32M", work="4M") as pool:
        async with pool.take() as sandbox: await sandbox.run(["true"])
        before = resident(), descriptors(), threading.active_count()
        arrived, go = [], asyncio.Event()
        async def one(number):
            async with pool.take() as sandbox:
                result = await sandbox.run(["sh", "-c", f"read x; echo {{number}}"], input="x", timeout=600)
                running = asyncio.create_task(sandbox.run(["sleep", "1000"], timeout=600))
                await asyncio.sleep(0.5)
                arrived.append(number)
                if len(arrived) == COUNT: go.set()
                await go.wait()
                running.cancel()
                await asyncio.wait([running])
                return int(result.stdout)
        begun = time.monotonic()
        tasks = [asyncio.create_task(one(number)) for number in range(COUNT)]
        await go.wait()
        took = time.monotonic() - begun
        during = resident(), descriptors()
        assert sorted(await asyncio.gather(*tasks)) == list(range(COUNT))
    return took, (during[0] - before[0]) / COUNT, (during[1] - before[1]) / COUNT, threading.active_count()
took, memory, files, threads = asyncio.run(main())
print(json.dumps({{"seconds": took, "memory": memory, "descriptors": files, "threads": threads}}))
"""

IN_A_ROW = """
def resident():
    gc.collect()
    return int(read("/proc/self/statm").split()[1]) * 4096
COUNT = {count}
with sampan.Sandbox(root=root) as sandbox:
    def some(count):
        for number in range(count):
            result = sandbox.run(["/bin/sh", "-c", "cat; (sleep 100 &); echo err >&2"], input=b"x")
            assert (result.stdout, result.stderr, result.reason) == (b"x", b"err\\n", "exit"), result
            if number % 100 == 99: sandbox.reset()
    some(200)
    before = len(os.listdir("/proc/self/fd")), resident()
    begun = time.monotonic()
    some(COUNT)
    took = time.monotonic() - begun
    after = len(os.listdir("/proc/self/fd")), resident()
print(json.dumps({{"seconds": took, "memory": after[1] - before[1], "descriptors": after[0] - before[0]}}))
"""


@pytest.fixture
def is_soak(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--soak"))


def test_at_once(place: Place, states: Path, is_soak: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """From one asyncio program; a run in each that lasts until all are there."""
    count = 500 if is_soak else 12
    found = json.loads(program(place, AT_ONCE.format(count=count), timeout=900))
    with capsys.disabled():
        print(f" [{count}: {found}]", end="")
    assert found["memory"] < MOST
    assert found["threads"] < 40


def test_in_a_row(place: Place, states: Path, is_soak: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """With a process that each of them leaves, and a reset after every hundredth."""
    count = 10_000 if is_soak else 200
    found = json.loads(program(place, IN_A_ROW.format(count=count), timeout=1800))
    with capsys.disabled():
        print(f" [{count}: {found}]", end="")
    assert found["descriptors"] == 0
    assert found["memory"] < 1 << 20
