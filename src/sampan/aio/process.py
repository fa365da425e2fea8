"""A process in a container, as a program with an asyncio loop waits for it and speaks with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sampan.aio.pipes import LoopPipe
from sampan.aio.waiting import ended, in_thread
from sampan.api import process as api
from sampan.errors import UsageError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import IO, Self

    from sampan.api.status import ExitStatus

SIGKILL = api.SIGKILL
_PIECE = 65536


class _Writing(asyncio.StreamReaderProtocol):
    """Of a pipe to a process. A transport that is closed for good may not even be told to end."""

    is_over = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_over = True
        super().connection_lost(exc)


class Running:
    """What the process of a container and a further one have in common."""

    def __init__(self, running: api.Running) -> None:
        self._running = running
        self.id = running.id
        """Of the container."""
        self.pid = running.pid
        """Its number in the program's pid namespace, also after its end."""
        self.stdin: asyncio.StreamWriter | None = None
        """The program's end of its standard input, if that is a pipe."""
        self.stdout: asyncio.StreamReader | None = None
        """The program's end of its standard output, if that is a pipe."""
        self.stderr: asyncio.StreamReader | None = None
        """The program's end of its standard error, if that is a pipe."""
        self._reading: list[asyncio.ReadTransport] = []
        self._writing: tuple[asyncio.WriteTransport, _Writing] | None = None
        self._output: dict[asyncio.StreamReader, bytearray] = {}

    async def _connect(self) -> Self:
        """Let the loop watch the pipes."""
        loop = asyncio.get_running_loop()
        try:
            self.stdout = await self._read(self._running.stdout)
            self.stderr = await self._read(self._running.stderr)
            if (pipe := self._running.stdin) is not None:
                protocol = _Writing(asyncio.StreamReader())
                with LoopPipe(pipe) as given:
                    transport, _ = await loop.connect_write_pipe(lambda: protocol, given)
                self._writing = transport, protocol
                self.stdin = asyncio.StreamWriter(transport, protocol, None, loop)
        except BaseException:
            self._disconnect()
            raise
        return self

    async def _read(self, pipe: IO[bytes] | None) -> asyncio.StreamReader | None:
        if pipe is None:
            return None
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        with LoopPipe(pipe) as given:
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, given)
        self._reading.append(transport)
        self._output[reader] = bytearray()
        return reader

    @property
    def pidfd(self) -> int:
        """As of `sampan.Process`."""
        return self._running.pidfd

    @property
    def terminal(self) -> int | None:
        """The descriptor of the near side of its terminal, where it has one."""
        return self._running.terminal

    def poll(self) -> ExitStatus | None:
        """How the process has ended; None where it has not."""
        return self._running.poll()

    async def wait(self, timeout: float | None = None) -> ExitStatus:
        """Wait for its end. Raises TimeoutExpiredError after ``timeout`` seconds; the process goes on."""
        status = await ended(self._running.ending, timeout)
        if status is None:
            assert timeout is not None
            raise self._running.expired(timeout)
        return status

    async def communicate(
        self,
        input: bytes | None = None,  # noqa: A002 - as in subprocess
        timeout: float | None = None,
    ) -> tuple[bytes | None, bytes | None]:
        """Write ``input`` to standard input and close it, read the others to their ends, and wait.

        Returns what came from stdout and stderr; None for what is no pipe. Raises TimeoutExpiredError after ``timeout``
        seconds, with what has come until then; the process goes on, and another call continues where this one stopped.
        """
        if input is not None and self.stdin is None:
            raise UsageError("input needs stdin=PIPE")
        try:
            async with asyncio.timeout(timeout), asyncio.TaskGroup() as tasks:
                if self.stdin is not None:
                    tasks.create_task(self._feed(input))
                for reader in self._output:
                    tasks.create_task(self._collect(reader))
                tasks.create_task(self.wait())
        except TimeoutError:
            assert timeout is not None
            raise self._running.expired(timeout, *self._collected()) from None
        return self._collected()

    async def _feed(self, data: bytes | None) -> None:
        assert self.stdin is not None
        try:
            if data and not self.stdin.is_closing():
                self.stdin.write(data)  # once: what is not written yet when this is cancelled stays with the transport
            self.stdin.close()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it does not want to read it

    async def _collect(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(_PIECE):
            self._output[reader] += data

    def _collected(self) -> tuple[bytes | None, bytes | None]:
        stdout, stderr = (
            None if reader is None else bytes(self._output[reader]) for reader in (self.stdout, self.stderr)
        )
        return stdout, stderr

    def close(self) -> None:
        """Give back all descriptors. The process goes on, and can not be waited for any more."""
        self._disconnect()
        self._running.close()

    def _disconnect(self) -> None:
        for transport in self._reading:
            transport.close()
        if self._writing is not None:
            writing, protocol = self._writing
            if not protocol.is_over:
                writing.abort()
        self._reading.clear()
        self._writing = None


class Process(Running):
    """A further process in a container (`Container.popen`). The end of an `async with` block kills it."""

    _running: api.Process

    @property
    def args(self) -> tuple[str, ...]:
        """Its command line."""
        return self._running.args

    def kill(self, signal: int = SIGKILL) -> None:
        """Send a signal to the process; nothing happens where it has ended. Raises KernelError."""
        self._running.kill(signal)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await in_thread(self._end)
        finally:
            self.close()

    def _end(self) -> None:
        """Soon over: it has been killed."""
        self._running.kill()
        self._running.wait()
