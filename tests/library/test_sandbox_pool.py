"""sampan.Pool, and sampan.aio's Sandbox and Pool: ready before they are wanted, never too many, none used twice."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import sampan
from sampan import aio

MARK = ["sh", "-c", "cat /tmp/mark; echo used >/tmp/mark"]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def there(states: Path) -> int:
    return len(sampan.list(root=states))


def test_a_pool(states: Path) -> None:
    with sampan.Pool(2, 3, root=states) as pool:
        until(lambda: there(states) == 2)
        for _ in range(5):
            with pool.take(60) as sandbox:
                assert sandbox.run(MARK, text=True).stdout == ""
                assert there(states) <= 3
        until(lambda: there(states) == 2)
        free = pytest.raises(sampan.TimeoutExpiredError, match="free")
        with pool.take(60), pool.take(60), pool.take(60), free, pool.take(0.05):
            pass
    assert there(states) == 0
    with pytest.raises(sampan.StateError, match="closed"), pool.take():
        pass


def test_a_pool_of_many_threads(states: Path) -> None:
    found: list[str] = []
    with sampan.Pool(1, 3, root=states) as pool:

        def work() -> None:
            for _ in range(3):
                with pool.take() as sandbox:
                    found.append(sandbox.run(MARK, text=True).stdout)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [""] * 12


def test_a_pool_that_cannot_make_any(states: Path, tmp_path: Path) -> None:
    with sampan.Pool(1, 2, root=states, rootfs=tmp_path) as pool:  # the sandbox's user cannot even enter it
        for _ in range(2):
            with pytest.raises(sampan.SampanError, match="permission denied"), pool.take(60):
                pass
    with pytest.raises(sampan.UsageError):
        sampan.Pool(3, 2)


def test_a_sandbox_of_a_loop(states: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Sandbox(root=states) as sandbox:
            result = await sandbox.run(["sh", "-c", "read x; echo $x; exit 4"], input="a\n", text=True)
            assert (result.status.code, result.stdout) == (4, "a\n")
            flood = await sandbox.run(["cat", "/dev/zero"])
            assert flood.reason == "output"
            assert (await sandbox.run(["sleep", "100"], timeout=0.2)).reason == "timeout"
            data = os.urandom(1 << 19)
            assert (await sandbox.run(["cat"], input=data)).stdout == data
            await sandbox.put("a/file", "x")
            assert await sandbox.get("a/file") == b"x"
            await sandbox.get_tree("a", tmp_path / "a")
            await sandbox.put_tree(tmp_path / "a", "b")
            assert await sandbox.get("b/file") == b"x"
            several = await asyncio.gather(*(sandbox.run(["echo", str(n)], text=True) for n in range(5)))
            assert [one.stdout for one in several] == [f"{n}\n" for n in range(5)]
            with pytest.raises(sampan.ExitError):
                await sandbox.run(["false"], check=True)
            with pytest.raises(sampan.ExecutableError):
                await sandbox.run(["no-such-program"])
            await sandbox.reset()
            assert (await sandbox.run(["ls", "/tmp"])).stdout == b""
            assert sandbox.alive

    asyncio.run(main())


def test_a_cancelled_run_is_killed(states: Path) -> None:
    async def main() -> None:
        async with aio.Sandbox(root=states) as sandbox:
            for patience in (0.0, 0.001, 0.005, 0.02, 0.2):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(patience):
                        await sandbox.run(["sh", "-c", "sleep 100 & sleep 100"])
                seen = await sandbox.run(["sh", "-c", "cd /proc; echo [0-9]* $$"], text=True)
                assert len(set(seen.stdout.split())) == 2, seen

    asyncio.run(main())


def test_a_cancelled_start_leaves_nothing(states: Path) -> None:
    async def main() -> None:
        for patience in (0.0, 0.001, 0.003, 0.01):
            try:
                async with asyncio.timeout(patience), aio.Sandbox(root=states):
                    await asyncio.sleep(100)
            except TimeoutError:
                pass
            assert there(states) == 0

    asyncio.run(main())


def test_a_pool_of_a_loop(states: Path) -> None:
    async def one(pool: aio.Pool) -> str:
        async with pool.take() as sandbox:
            assert there(states) <= 4
            return (await sandbox.run(MARK, text=True)).stdout

    async def main() -> None:
        async with aio.Pool(2, 4, root=states) as pool:
            assert await asyncio.gather(*(one(pool) for _ in range(12))) == [""] * 12
            async with pool.take(), pool.take(), pool.take(), pool.take():
                with pytest.raises(sampan.TimeoutExpiredError):
                    async with pool.take(0.05):
                        pass
        with pytest.raises(sampan.StateError):
            async with pool.take():
                pass

    asyncio.run(main())
    assert there(states) == 0


def test_a_pool_of_a_loop_that_cannot_make_any(states: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Pool(1, 2, root=states, rootfs=tmp_path) as pool:

            async def one() -> None:
                async with pool.take(60):
                    pass

            found = await asyncio.gather(*(one() for _ in range(4)), return_exceptions=True)
            assert ["permission denied" in str(error) for error in found] == [True] * 4

    asyncio.run(main())
