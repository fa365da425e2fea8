"""What a loop can do for a container: watch descriptors, and have a thread for the engine's system calls."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.api.ending import Ending
    from sampan.api.status import ExitStatus

    T = TypeVar("T")


async def in_thread(work: Callable[[], T], undo: Callable[[T], object] | None = None) -> T:
    """The result of ``work``, done in the default executor, where it cannot be stopped.

    Where this is cancelled, what it has made is undone, before the cancellation goes on.
    """
    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(None, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await _stubbornly(future)
        if undo is not None and not future.cancelled() and future.exception() is None:
            made = future.result()
            await _stubbornly(loop.run_in_executor(None, lambda: undo(made)))
        raise


async def _stubbornly(future: asyncio.Future[T]) -> None:
    """Until it is done, however often this is cancelled."""
    while not future.done():
        try:
            await asyncio.wait((future,))
        except asyncio.CancelledError:
            continue
    if not future.cancelled():
        future.exception()  # is seen


async def readable(fd: int, timeout: float | None = None) -> bool:
    """Until the descriptor can be read. False after ``timeout`` seconds."""
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    fd = os.dup(fd)  # others may wait for the same at the same time, and a loop watches a descriptor once
    loop.add_reader(fd, event.set)
    try:
        async with asyncio.timeout(timeout):
            await event.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(fd)
        os.close(fd)
    return True


async def ended(ending: Ending, timeout: float | None = None) -> ExitStatus | None:
    """How the process has ended; None where it has not after ``timeout`` seconds."""
    if ending.pidfd >= 0 and not await readable(ending.pidfd, timeout):
        return None
    return await asyncio.to_thread(ending.poll) if ending.is_foreign() else ending.poll()
