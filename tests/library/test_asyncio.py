"""The same with an asyncio loop: `sampan.aio`. With that of uvloop, too, which many servers have."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine

import pytest

import sampan
from sampan import aio
from sampan.aio.pipes import LoopPipe

from .conftest import Place, children

MEGABYTES = os.urandom(1 << 20) * 10


async def nothing() -> None:
    pass


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> str:
    """The name of the module whose loop runs the test."""
    module = pytest.importorskip(request.param, reason="needs uvloop: `make .venv/.test-tools`")
    module.run(nothing())  # the first one opens what stays
    return str(request.param)


def runs(test: Callable[[Place], Coroutine[None, None, None]]) -> Callable[[str, Place], None]:
    def run(loop: str, place: Place) -> None:
        importlib.import_module(loop).run(test(place))

    run.__name__ = test.__name__
    return run


@runs
async def test_a_life(place: Place) -> None:
    async with await aio.create(place.id(), **place.of("sh", "-c", "exit 3")) as container:
        assert container.status == container.state().status == "created"
        assert [state.id for state in await aio.list(root=place.root)] == [container.id]
        await container.start()
        assert await container.wait(10) == sampan.ExitStatus(3)
        assert container.poll() == sampan.ExitStatus(3)
        await container.delete()


@runs
async def test_what_a_container_can_do(place: Place) -> None:
    async with await aio.create(place.id(), **place.of("sleep", "100")) as container:
        await container.start()
        await container.pause()
        assert container.status == "paused"
        await container.resume()
        await container.update({"pids": {"limit": 42}})
        pids = (await container.stats()).pids
        assert pids is not None
        assert pids.limit == 42
        async for event in container.events(0.05):
            assert event["type"] == "stats"
            break
        await container.kill(signal.SIGKILL)
        assert (await container.wait(10)).signal == signal.SIGKILL


@runs
async def test_events_until_the_end(place: Place) -> None:
    async with await aio.create(place.id(), **place.of("sleep", "0.5")) as container:
        await container.start()
        assert len([event async for event in container.events(0.1)]) >= 2


@runs
async def test_further_processes(place: Place) -> None:
    async with await aio.create(place.id(), **place.of("sleep", "100")) as container:
        await container.start()
        done = await container.exec(["cat"], input=MEGABYTES, capture=True)
        assert done.stdout == MEGABYTES
        text = await container.exec(["sh", "-c", "echo out; echo err >&2; exit 2"], capture=True, text=True)
        assert (text.stdout, text.stderr, text.status.code) == ("out\n", "err\n", 2)
        with pytest.raises(sampan.ExitError):
            await container.exec(["false"], check=True)
        assert (await container.exec(["true"], input=MEGABYTES)).status.success
        process = await container.popen(["cat"], stdin=aio.PIPE, stdout=aio.PIPE)
        async with process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"line\n")
            assert await process.stdout.readline() == b"line\n"
            process.stdin.close()
            assert (await process.wait(10)).success
        async with await container.popen(["sleep", "100"]) as process:
            pass
        assert process.poll() == sampan.ExitStatus(signal=9)


@runs
async def test_time_runs_out(place: Place) -> None:
    async with await aio.create(place.id(), **place.of("sleep", "100")) as container:
        await container.start()
        with pytest.raises(sampan.TimeoutExpiredError):
            await container.wait(0.05)
        with pytest.raises(sampan.TimeoutExpiredError) as caught:
            await container.exec(["sh", "-c", "echo part; exec sleep 100"], capture=True, text=True, timeout=0.3)
        assert (caught.value.stdout, caught.value.id) == ("part\n", container.id)
        process = await container.popen(["sh", "-c", "cat; sleep 0.5; echo end"], stdin=aio.PIPE, stdout=aio.PIPE)
        async with process:
            with pytest.raises(sampan.TimeoutExpiredError):
                await process.communicate(MEGABYTES, timeout=0.001)
            assert await process.communicate(timeout=60) == (MEGABYTES + b"end\n", None)
    with pytest.raises(sampan.TimeoutExpiredError) as caught:
        await aio.run(capture=True, timeout=0.3, **place.of("sh", "-c", "echo part; sleep 100"))
    assert caught.value.stdout == b"part\n"


@runs
async def test_run(place: Place) -> None:
    done = await aio.run(input="in", capture=True, text=True, **place.of("sh", "-c", "cat; exit 4"))
    assert (done.stdout, done.status.code) == ("in", 4)


@runs
async def test_errors(place: Place) -> None:
    with pytest.raises(sampan.ExecutableError) as caught:
        await aio.run(place.id(), **place.of("nothing"))
    assert caught.value.id
    with pytest.raises(sampan.NotFoundError):
        await aio.load("nobody", root=place.root)


@runs
async def test_a_loaded_container(place: Place) -> None:
    async with await aio.create(place.id(), **place.of("sleep", "100")) as own:
        async with await aio.load(own.id, root=place.root) as loaded:
            await loaded.start()
        assert own.status == "running"


@runs
async def test_many_wait_for_one(place: Place) -> None:
    async with await aio.create(place.id(), **place.of("sleep", "0.3")) as container:
        await container.start()
        assert await asyncio.gather(*(container.wait(20) for _ in range(20))) == [sampan.ExitStatus(0)] * 20


@runs
async def test_fifty_at_once(place: Place) -> None:
    """Waiting costs no thread: the executor's are as many as it likes, and not one more for a container."""

    async def one(number: int) -> int:
        async with await aio.create(
            place.id(), stdout=aio.PIPE, **place.of("sh", "-c", f"echo {number}; sleep 1")
        ) as made:
            await made.start()
            output, _ = await made.communicate(timeout=120)
            return int(output or b"-1")

    assert await asyncio.gather(*map(one, range(50))) == list(range(50))
    assert threading.active_count() <= min(32, (os.cpu_count() or 1) + 4) + 1


@pytest.mark.parametrize("moment", [0.0, 0.001, 0.003, 0.006, 0.01, 0.02, 0.1])
def test_what_is_cancelled_leaves_nothing(place: Place, moment: float) -> None:
    async def main() -> None:
        for work in (
            aio.run(place.id(), capture=True, **place.of("sleep", "100")),
            aio.create(place.id(), stdin=aio.PIPE, stdout=aio.PIPE, **place.of("sleep", "100")),
        ):
            task = asyncio.ensure_future(work)
            await asyncio.sleep(moment)
            if task.done():
                async with task.result():
                    continue
            task.cancel()
            try:
                async with await task:
                    pass
            except asyncio.CancelledError:
                assert sampan.list(root=place.root) == []
        assert children() == set()

    asyncio.run(main())


@runs
async def test_a_further_process_that_is_cancelled_is_killed(place: Place) -> None:
    async with await aio.create(place.id(), **place.of("sleep", "100")) as container:
        await container.start()
        for moment in (0.0, 0.003, 0.01, 0.1):
            task = asyncio.create_task(container.exec(["sleep", "77"], capture=True))
            await asyncio.sleep(moment)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert children() == {container.pid}


@runs
async def test_the_loop_goes_on_meanwhile(place: Place) -> None:
    """A hook may take any time; the loop does not wait for it."""
    slow = place.of("true")
    slow["config"]["hooks"] = {"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "0.5"]}]}
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    turning = asyncio.create_task(turn())
    begun = time.monotonic()
    await aio.run(**slow)
    assert time.monotonic() - begun >= 0.5
    assert turns > 10
    turning.cancel()


def test_a_descriptor_that_is_another_s_by_now_is_not_closed() -> None:
    """uvloop closes it, and later the object: meanwhile another thread may have got the number."""
    reading, writing = os.pipe()
    pipe = LoopPipe(os.fdopen(reading, "rb"))
    number = pipe.fileno()
    os.close(number)
    pipe.close()
    other = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    pipe = LoopPipe(os.fdopen(writing, "wb"))
    number = pipe.fileno()
    os.dup2(other, number)
    pipe.close()
    os.fstat(number)  # still open
    os.close(number)
    os.close(other)
