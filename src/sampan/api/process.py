"""A process in a container, as a program that waits for it and speaks with it sees it."""

from __future__ import annotations

import os
import time
from typing import IO, TYPE_CHECKING

from sampan import _linux
from sampan.api.ending import Ending
from sampan.api.exchange import Exchange
from sampan.api.streams import Pipes, close_pipes
from sampan.errors import KernelError, TimeoutExpiredError, UsageError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from sampan.api.status import ExitStatus

SIGKILL = 9


class Running:
    """What the process of a container and a further one have in common. Any thread may use it."""

    def __init__(self, container_id: str, pid: int, pidfd: int, pipes: Pipes, terminal: int) -> None:
        """``pidfd``, ``pipes`` and ``terminal`` are this object's from now on."""
        self.id = container_id
        """Of the container."""
        self.pid = pid
        """Its number in the program's pid namespace, also after its end."""
        self.terminal: int | None = terminal if terminal >= 0 else None
        """The descriptor of the near side of its terminal; None where it has none."""
        self._pipes = pipes
        self.ending = Ending(pidfd)  # for sampan.aio
        self._exchange: Exchange | None = None

    @property
    def stdin(self) -> IO[bytes] | None:
        """The program's end of its standard input, if that is a pipe."""
        return self._pipes[0]

    @property
    def stdout(self) -> IO[bytes] | None:
        """The program's end of its standard output, if that is a pipe."""
        return self._pipes[1]

    @property
    def stderr(self) -> IO[bytes] | None:
        """The program's end of its standard error, if that is a pipe."""
        return self._pipes[2]

    @property
    def pidfd(self) -> int:
        """A pidfd of the process, which can be read once it has ended; -1 once this object is closed. Not to be closed,
        and not to be waited on with waitid(2)."""
        return self.ending.pidfd

    def poll(self) -> ExitStatus | None:
        """How the process has ended; None where it has not. Does not wait."""
        return self.ending.poll()

    def wait(self, timeout: float | None = None) -> ExitStatus:
        """Wait for the end of the process, at most ``timeout`` seconds (None: as long as it takes).

        How a process has ended that is not a child of this program (see `sampan.load`) the kernel tells since Linux
        6.15, if its parent has reaped it; otherwise code and signal of the status are None. Raises TimeoutExpiredError
        when time is over; the process goes on.
        """
        status = self.ending.wait(timeout)
        if status is None:
            assert timeout is not None
            raise self.expired(timeout)
        return status

    def communicate(
        self,
        input: bytes | None = None,  # noqa: A002 - as in subprocess
        timeout: float | None = None,
    ) -> tuple[bytes | None, bytes | None]:
        """Write ``input`` to the pipe of standard input and close it, read the others to their ends, and wait.

        Returns what came from stdout and stderr; None for what is no pipe. Raises TimeoutExpiredError after ``timeout``
        seconds, with what has come until then; the process goes on, and another call continues where this one stopped.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        if self._exchange is None:
            if input is not None and self.stdin is None:
                raise UsageError("input needs stdin=PIPE")
            self._exchange = Exchange(self._pipes, input)
        done = self._exchange.run(deadline)
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        status = self.ending.wait(left) if done else None
        stdout, stderr = (None if part is None else bytes(part) for part in self._exchange.output)
        if status is None:
            assert timeout is not None
            raise self.expired(timeout, stdout, stderr)
        return stdout, stderr

    def close(self) -> None:
        """Give back all descriptors. The process goes on, and can not be waited for any more."""
        close_pipes(self._pipes)
        terminal, self.terminal = self.terminal, None
        if terminal is not None:
            os.close(terminal)
        self.ending.close()

    def __del__(self) -> None:
        if hasattr(self, "ending"):
            self.close()

    def _signal(self, number: int) -> None:
        """Send a signal; nothing happens where the process has ended. Raises KernelError."""
        if self.poll() is not None:
            return
        pidfd = self.ending.duplicate()
        try:
            _linux.pidfd_signal(pidfd, number)
        except ProcessLookupError:
            pass
        except OSError as error:
            failure = KernelError("signal process", str(self.pid), error.errno or 0)
            failure.id = self.id
            raise failure from None
        finally:
            os.close(pidfd)

    def expired(self, timeout: float, stdout: bytes | None = None, stderr: bytes | None = None) -> TimeoutExpiredError:
        """The error of having waited for too long."""
        message = f"process {self.pid} of container {self.id} has not ended within {timeout:g} s"
        error = TimeoutExpiredError(message, timeout, stdout, stderr)
        error.id = self.id
        return error


class Process(Running):
    """A further process in a container (`Container.popen`). The end of a `with` block kills it, if it still runs."""

    def __init__(
        self, container_id: str, args: tuple[str, ...], pid: int, pidfd: int, pipes: Pipes, terminal: int
    ) -> None:
        self.args = args
        """The command line."""
        super().__init__(container_id, pid, pidfd, pipes, terminal)

    def kill(self, signal: int = SIGKILL) -> None:
        """Send a signal to the process; nothing happens where it has ended. Raises KernelError.

        What it has started is not meant: that ends with the container.
        """
        self._signal(signal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._signal(SIGKILL)
            self.ending.wait(None)
        finally:
            self.close()

    def __repr__(self) -> str:
        return f"<sampan.Process {' '.join(self.args)!r} in {self.id!r}, pid {self.pid}, {self.poll() or 'running'}>"
