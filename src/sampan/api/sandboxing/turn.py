"""One run in a sandbox: its program is fed, heard, and ended when it has ended, takes too long, or says too much."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sampan.api.process import Process
    from sampan.api.sandboxing.result import Reason
    from sampan.api.status import ExitStatus

Overflow = Literal["kill", "discard"]

_PIECE = 65536  # bytes at a time: what a pipe holds
_TICKS = os.sysconf("SC_CLK_TCK")


class Output:
    """What comes from one pipe, of which the first bytes are kept."""

    __slots__ = ("_fd", "_limit", "data", "truncated")

    def __init__(self, fd: int, limit: int) -> None:
        self._fd = fd
        self._limit = limit
        self.data = bytearray()
        self.truncated = False

    def read(self) -> int | None:
        """Take a piece of it: of how many bytes, 0 at its end. None where there is nothing yet."""
        try:
            piece = os.read(self._fd, _PIECE)
        except BlockingIOError:
            return None
        room = self._limit - len(self.data)
        self.truncated |= len(piece) > room
        self.data += piece[:room]
        return len(piece)


class Turn:
    """Watches a process that has begun. ``poll`` can be waited for by a loop; then `step` does what there is to do."""

    def __init__(
        self,
        process: Process,
        data: bytes,
        limit: int,
        overflow: Overflow,
        timeout: float | None,
        begun: float,
        before: tuple[float | None, int | None],
    ) -> None:
        """``process`` is this object's from now on. ``begun`` is when it was asked for, on the monotonic clock, and
        ``before`` the cpu time and the kills of memory until then.
        """
        self.before = before
        self.process = process
        self.begun = begun
        self.reason: Reason | None = None  # why it is over; None while it runs
        self.poll = select.epoll()
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._overflow = overflow
        self._input = memoryview(data)
        self._stdin = process.stdin
        assert process.stdout is not None
        assert process.stderr is not None
        self.stdout = Output(process.stdout.fileno(), limit)
        self.stderr = Output(process.stderr.fileno(), limit)
        self._outputs = {process.stdout.fileno(): self.stdout, process.stderr.fileno(): self.stderr}
        for fd in self._outputs:
            os.set_blocking(fd, False)
            self.poll.register(fd, select.EPOLLIN)
        self.poll.register(process.pidfd, select.EPOLLIN)
        if self._stdin is not None:
            os.set_blocking(self._stdin.fileno(), False)
            self.poll.register(self._stdin, select.EPOLLOUT)

    def patience(self) -> float | None:
        """Seconds until it takes too long."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def step(self, patience: float | None = 0.0) -> bool:
        """Wait for that many seconds for something to do, and do it. Whether the run is over."""
        for fd, _ in self.poll.poll(patience):
            if fd == self.process.pidfd:
                self.reason = self.reason or "exit"
            elif fd in self._outputs:
                self._hear(fd)
            else:
                self._feed(fd)
        if self.reason is None and self.patience() == 0.0:
            self.reason = "timeout"
        return self.reason is not None

    def end(self) -> tuple[ExitStatus, float]:
        """Wait for the program itself: how it has ended, and after how many seconds."""
        status = self.process.wait()
        return status, time.monotonic() - self.begun

    def own_cpu_time(self) -> float | None:
        """Seconds of processors of the program, and of those that it has waited for; before `end`."""
        try:
            with open(f"/proc/{self.process.pid}/stat", "rb") as file:
                words = file.read().rpartition(b")")[2].split()
        except OSError:
            return None  # a host program that reaps whatever it finds
        return sum(map(int, words[11:15])) / _TICKS

    def drain(self) -> None:
        """Take what was written before all who could write were killed: no more than pipes hold."""
        for output in (self.stdout, self.stderr):
            while output.read():
                pass

    def close(self) -> None:
        """Give the descriptors back; the process has ended, or is let go."""
        self.poll.close()
        self.process.close()

    def _hear(self, fd: int) -> None:
        output = self._outputs[fd]
        if output.read() == 0:
            self.poll.unregister(fd)  # closed by all who had it
        elif output.truncated and self._overflow == "kill":
            self.reason = self.reason or "output"

    def _feed(self, fd: int) -> None:
        try:
            self._input = self._input[os.write(fd, self._input[:_PIECE]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._input = memoryview(b"")  # it does not want to read it
        if not self._input:
            self.poll.unregister(fd)
            assert self._stdin is not None
            self._stdin.close()


def reason_of(found: Reason, status: ExitStatus, oom_kills: int | None) -> Reason:
    """Why a run is over, now that it is known how its program has ended."""
    if found in ("timeout", "output"):
        return found
    if oom_kills and not status.success:
        return "oom"
    return "exit" if status.signal is None else "signal"
