"""Sandboxes that are ready before anybody asks for one, in a program with an asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING

from sampan.aio.sandbox import Sharing
from sampan.aio.waiting import in_thread
from sampan.api import log
from sampan.api.sandboxing import sandbox as api
from sampan.api.sandboxing.pool import check_sizes
from sampan.api.sandboxing.template import Template
from sampan.errors import StateError, TimeoutExpiredError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from types import TracebackType
    from typing import Self, Unpack

    from sampan.aio.sandbox import Sandbox
    from sampan.api.sandboxing.template import Options


class Pool:
    """As `sampan.Pool`: sandboxes for one use each. Tasks of the loop make and remove them; `start` begins."""

    def __init__(self, ready: int = 2, most: int = 16, **options: Unpack[Options]) -> None:
        """Nothing is made yet. Raises UsageError."""
        check_sizes(ready, most)
        self._template = Template(**options)
        self._wanted = ready
        self._most = most
        self._ready: deque[Sandbox] = deque()
        self._there = 0  # how many exist, or are being made or removed
        self._making = 0
        self._waiting: deque[asyncio.Future[Sandbox]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def start(self) -> None:
        """Begin to make sandboxes."""
        self._fill()

    @contextlib.asynccontextmanager
    async def take(self, timeout: float | None = None) -> AsyncIterator[Sandbox]:
        """A sandbox that nobody has used, for the time of an `async with` block.

        Raises TimeoutExpiredError where none is free for ``timeout`` seconds, StateError when the pool is closed, and
        what making one raises.
        """
        sandbox = await self._take(timeout)
        try:
            yield sandbox
        finally:
            self._do(self._remove(sandbox))

    async def close(self) -> None:
        """Remove all sandboxes, and wait for those that are taken until they are given back."""
        self._closed = True
        for future in self._waiting:
            if not future.done():
                future.set_exception(StateError("the pool has been closed"))
        while self._there or self._tasks:
            while self._ready:
                self._do(self._remove(self._ready.popleft()))
            if self._tasks:
                await asyncio.wait(self._tasks)
            else:
                await asyncio.sleep(0.01)  # somebody has taken one, and not given it back yet
        self._template.close()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _take(self, timeout: float | None) -> Sandbox:
        if self._closed:
            raise StateError("the pool has been closed")
        if self._ready:
            sandbox = self._ready.popleft()
            self._fill()
            return sandbox
        future: asyncio.Future[Sandbox] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._fill()
        try:
            async with asyncio.timeout(timeout):
                return await future
        except BaseException as error:
            if future in self._waiting:
                self._waiting.remove(future)
            if future.done() and not future.cancelled() and future.exception() is None:
                self._offer(future.result())  # it came too late
            if isinstance(error, TimeoutError) and not isinstance(error, TimeoutExpiredError):
                assert timeout is not None
                raise TimeoutExpiredError(f"no sandbox was free for {timeout:g} s", timeout) from None
            raise

    def _fill(self) -> None:
        """Begin to make what is missing."""
        while not self._closed and self._there < self._most:
            if len(self._ready) + self._making >= self._wanted + len(self._waiting):
                return
            self._there += 1
            self._making += 1
            self._do(self._make())

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _make(self) -> None:
        made = api.Sharing(self._template)
        try:
            await in_thread(made.start, lambda _: made.close())
        except BaseException as error:
            self._there -= 1
            self._making -= 1
            if not isinstance(error, Exception):
                raise
            while self._waiting:  # the first who still waits is told, and for the others it is tried again
                future = self._waiting.popleft()
                if not future.done():
                    future.set_exception(error)
                    self._fill()
                    break
            return
        self._making -= 1
        self._offer(Sharing(made))

    def _offer(self, sandbox: Sandbox) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(sandbox)
                return
        self._ready.append(sandbox)

    async def _remove(self, sandbox: Sandbox) -> None:
        try:
            await sandbox.close()
        except Exception as error:  # noqa: BLE001 - the pool goes on
            log.warn(f"a sandbox of the pool could not be removed: {error}")
        finally:
            self._there -= 1
            self._fill()
