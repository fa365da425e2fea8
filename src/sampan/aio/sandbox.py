"""Sandboxes of a program with an asyncio loop."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Literal, overload

from sampan.aio.waiting import in_thread, readable
from sampan.api.sandboxing import sandbox as api
from sampan.api.sandboxing.template import WORK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self, Unpack

    from sampan.api.making import Path
    from sampan.api.sandboxing.result import Result
    from sampan.api.sandboxing.template import Limits, Means, Options, Resource
    from sampan.api.sandboxing.turn import Overflow, Turn


class Sandbox:
    """As `sampan.Sandbox`. A cancelled run has been killed, with all that it has started, when the call is over."""

    def __init__(self, **options: Unpack[Options]) -> None:
        """Nothing is made yet: `start`, an `async with` block or the first run does. Raises UsageError."""
        self._set_up(api.Sandbox(**options))

    def _set_up(self, sandbox: api.Sandbox) -> None:
        self._sandbox = sandbox
        self._lock = asyncio.Lock()

    @property
    def limits(self) -> Limits:
        """What it may use."""
        return self._sandbox.limits

    @property
    def enforced(self) -> Mapping[Resource, Means]:
        """As of `sampan.Sandbox`."""
        return self._sandbox.enforced

    @property
    def id(self) -> str:
        """The id of its container; "" where there is none."""
        return self._sandbox.id

    @property
    def alive(self) -> bool:
        """As of `sampan.Sandbox`."""
        return self._sandbox.alive

    async def start(self) -> None:
        """Make it, unless it is made already."""
        async with self._lock:
            await in_thread(self._sandbox.start, lambda _: self._sandbox.close())

    @overload
    async def run(
        self,
        command: Sequence[str],
        *,
        input: bytes | str | None = ...,
        text: Literal[False] = ...,
        timeout: float | None = ...,
        env: Mapping[str, str] | None = ...,
        cwd: str = ...,
        overflow: Overflow = ...,
        check: bool = ...,
    ) -> Result[bytes]: ...
    @overload
    async def run(
        self,
        command: Sequence[str],
        *,
        input: bytes | str | None = ...,
        text: Literal[True],
        timeout: float | None = ...,
        env: Mapping[str, str] | None = ...,
        cwd: str = ...,
        overflow: Overflow = ...,
        check: bool = ...,
    ) -> Result[str]: ...
    async def run(
        self,
        command: Sequence[str],
        *,
        input: bytes | str | None = None,  # noqa: A002 - as in subprocess
        text: bool = False,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str = WORK,
        overflow: Overflow = "kill",
        check: bool = False,
    ) -> Result[bytes] | Result[str]:
        """Run a program, wait for its end, and kill whatever it leaves running."""
        sandbox = self._sandbox
        async with self._lock:
            begin = partial(sandbox.begin, command, input, timeout, env, cwd, overflow)
            turn: Turn = await in_thread(begin, sandbox.abandon)
            try:
                while not turn.step():
                    await readable(turn.poll.fileno(), turn.patience())
            except BaseException:
                await in_thread(partial(sandbox.abandon, turn))
                raise
            result = await in_thread(partial(sandbox.finish, turn))
        return api.delivered(result, text=text, check=check)

    async def put(self, path: str, data: bytes | str, *, mode: int = 0o644) -> None:
        """Write a file of the sandbox."""
        async with self._lock:
            await in_thread(partial(self._sandbox.put, path, data, mode=mode))

    async def get(self, path: str, *, limit: int = 64 << 20) -> bytes:
        """The content of a file of the sandbox."""
        async with self._lock:
            return await in_thread(partial(self._sandbox.get, path, limit=limit))

    async def put_tree(self, source: Path, path: str) -> None:
        """Copy a directory of the host into the sandbox."""
        async with self._lock:
            await in_thread(partial(self._sandbox.put_tree, source, path))

    async def get_tree(self, path: str, destination: Path, *, limit: int = 64 << 20, entries: int = 10_000) -> None:
        """Copy a directory of the sandbox to a new one of the host."""
        async with self._lock:
            await in_thread(partial(self._sandbox.get_tree, path, destination, limit=limit, entries=entries))

    async def reset(self) -> None:
        """Put a new one in its place."""
        async with self._lock:
            await in_thread(self._sandbox.reset)

    async def close(self) -> None:
        """Remove all of it."""
        async with self._lock:
            await in_thread(self._sandbox.close)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<sampan.aio.Sandbox {self.id or 'not made'}>"


class Sharing(Sandbox):
    """One of a pool."""

    def __init__(self, sandbox: api.Sandbox) -> None:
        self._set_up(sandbox)
