"""A container as an object of a program with an asyncio loop."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, overload

from sampan.aio.process import SIGKILL, Process, Running
from sampan.aio.waiting import in_thread, readable
from sampan.api.container import completed, decoded, for_exchange
from sampan.errors import TimeoutExpiredError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from sampan.api import container as api
    from sampan.api.describing import User
    from sampan.api.process import Process as StartedProcess
    from sampan.api.status import Completed, State
    from sampan.api.streams import Stream
    from sampan.spec.statistics import Statistics
    from sampan.spec.types import Process as Document
    from sampan.spec.types_linux import Resources


class Container(Running):
    """As `sampan.Container`. The end of an `async with` block kills and deletes one that this program has made."""

    _running: api.Container

    @property
    def root(self) -> str:
        """The directory below which its state is kept."""
        return self._running.root

    @property
    def bundle(self) -> str:
        """Its bundle."""
        return self._running.bundle

    @property
    def status(self) -> str:
        """As of `sampan.Container`: a few system calls, which do not wait."""
        return self._running.status

    def state(self) -> State:
        """As of `sampan.Container`: a few system calls, which do not wait."""
        return self._running.state()

    async def start(self) -> None:
        """Let the process of a created container become the program of its configuration.

        Raises StateError, ExecutableError, HookError.
        """
        await in_thread(self._running.start)

    async def kill(self, signal: int = SIGKILL, *, all: bool = False) -> None:  # noqa: A002
        """Send a signal, by its number, to its process, or to ``all`` of its processes. Raises StateError."""
        await in_thread(partial(self._running.kill, signal, all=all))

    async def pause(self) -> None:
        """Freeze all of its processes until `resume`. Raises StateError."""
        await in_thread(self._running.pause)

    async def resume(self) -> None:
        """Let a paused container go on. Raises StateError unless it is paused."""
        await in_thread(self._running.resume)

    async def update(self, resources: Resources) -> None:
        """Change limits: ``resources`` is like `linux.resources` of config.json. Raises ConfigError, KernelError."""
        await in_thread(partial(self._running.update, resources))

    async def stats(self) -> Statistics:
        """What is counted of it now. Times are nanoseconds, amounts bytes. Raises StateError."""
        return await in_thread(self._running.stats)

    async def events(self, interval: float = 5.0) -> AsyncIterator[Mapping[str, object]]:
        """Its statistics every ``interval`` seconds, and that the kernel has killed in it for memory, until it ends."""
        events = self._running.watch(interval)
        try:
            while not events.ended:
                await readable(events.poll.fileno(), events.patience())
                for event in events.happened():
                    yield event
        finally:
            events.close()

    async def popen(
        self,
        command: Sequence[str] | Document,
        *,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: User | None = None,
        terminal: bool = False,
    ) -> Process:
        """Start a further process in the container, and return once its program runs.

        Raises ExecutableError, StateError, ConfigError, UsageError. Where this is cancelled no process stays.
        """
        work = partial(
            self._running.popen,
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=env,
            cwd=cwd,
            user=user,
            terminal=terminal,
        )
        started = await in_thread(work, _end)
        try:
            return await Process(started)._connect()  # noqa: SLF001
        except BaseException:
            await in_thread(partial(_end, started))
            raise

    @overload
    async def exec(
        self,
        command: Sequence[str] | Document,
        *,
        stdin: Stream = ...,
        stdout: Stream = ...,
        stderr: Stream = ...,
        input: bytes | str | None = ...,
        capture: bool = ...,
        text: Literal[False] = ...,
        env: Mapping[str, str] | None = ...,
        cwd: str | None = ...,
        user: User | None = ...,
        timeout: float | None = ...,
        check: bool = ...,
    ) -> Completed[bytes]: ...
    @overload
    async def exec(
        self,
        command: Sequence[str] | Document,
        *,
        stdin: Stream = ...,
        stdout: Stream = ...,
        stderr: Stream = ...,
        input: bytes | str | None = ...,
        capture: bool = ...,
        text: Literal[True],
        env: Mapping[str, str] | None = ...,
        cwd: str | None = ...,
        user: User | None = ...,
        timeout: float | None = ...,
        check: bool = ...,
    ) -> Completed[str]: ...
    async def exec(
        self,
        command: Sequence[str] | Document,
        *,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        input: bytes | str | None = None,  # noqa: A002 - as in subprocess
        capture: bool = False,
        text: bool = False,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: User | None = None,
        timeout: float | None = None,
        check: bool = False,
    ) -> Completed[bytes] | Completed[str]:
        """Run a further process in the container, and wait for its end. It is killed where this is cancelled.

        Raises as `popen`, TimeoutExpiredError after ``timeout`` seconds, and with ``check`` ExitError.
        """
        stdin, stdout, stderr = for_exchange(stdin, stdout, stderr, given=input is not None, capture=capture)
        process = await self.popen(command, stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd, user=user)
        async with process:
            return await finish(process, process.args, input, timeout, text=text, check=check)

    async def delete(self, *, force: bool = False) -> None:
        """Remove all that there is of it. Raises StateError unless it has stopped, or ``force`` is set."""
        await in_thread(partial(self._running.delete, force=force))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._disconnect()
        await in_thread(partial(_end, self._running))

    def __repr__(self) -> str:
        return f"<sampan.aio.Container {self.id!r}, pid {self.pid}>"


async def finish(
    process: Running,
    args: tuple[str, ...],
    data: bytes | str | None,
    timeout: float | None,
    *,
    text: bool,
    check: bool,
) -> Completed[bytes] | Completed[str]:
    """Wait for a process. Raises TimeoutExpiredError, ExitError."""
    try:
        stdout, stderr = await process.communicate(data.encode() if isinstance(data, str) else data, timeout)
    except TimeoutExpiredError as error:
        if text:
            error.stdout, error.stderr = decoded(error.stdout), decoded(error.stderr)
        raise
    return completed(process.id, args, await process.wait(), stdout, stderr, text=text, check=check)


def _end(running: api.Container | StartedProcess) -> None:
    """What the end of a `with` block does."""
    running.__exit__(None, None, None)
