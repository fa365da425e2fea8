"""Writing to a process and reading from it at the same time, so that neither side waits for the other for ever."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampan.api.streams import Pipes

_PIECE = 65536  # bytes at a time: what a pipe holds


class Exchange:
    """All that goes to a process and comes from it. May be interrupted and resumed; nothing is lost."""

    __slots__ = ("_input", "_poll", "_readers", "_stdin", "output")

    def __init__(self, pipes: Pipes, data: bytes | None) -> None:
        stdin, stdout, stderr = pipes
        self._input = memoryview(data or b"")
        self._stdin = stdin
        self._readers = {pipe.fileno(): (pipe, bytearray()) for pipe in (stdout, stderr) if pipe and not pipe.closed}
        self._poll = select.poll()
        self.output = tuple(
            None if pipe is None or pipe.closed else self._readers[pipe.fileno()][1] for pipe in (stdout, stderr)
        )
        for fd in self._readers:
            self._poll.register(fd, select.POLLIN)
        if stdin is not None and not stdin.closed:
            if self._input:
                self._poll.register(stdin, select.POLLOUT)
            else:
                self._end_of_input()

    def run(self, deadline: float | None) -> bool:
        """Until all is written and read, or the deadline of the monotonic clock. Whether it is done."""
        stdin = self._stdin
        if stdin is not None and not stdin.closed:
            os.set_blocking(stdin.fileno(), False)
        try:
            while self._readers or self._input:
                patience = None if deadline is None else (deadline - time.monotonic()) * 1000
                if patience is not None and patience <= 0:
                    return False
                for fd, _ in self._poll.poll(patience):
                    self._act(fd)
        finally:
            if stdin is not None and not stdin.closed:
                os.set_blocking(stdin.fileno(), True)
        return True

    def _act(self, fd: int) -> None:
        reader = self._readers.get(fd)
        if reader is None:
            self._write(fd)
            return
        pipe, output = reader
        if data := os.read(fd, _PIECE):
            output += data
            return
        self._poll.unregister(fd)
        del self._readers[fd]
        pipe.close()

    def _write(self, fd: int) -> None:
        try:
            self._input = self._input[os.write(fd, self._input[:_PIECE]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._input = memoryview(b"")  # it does not want to read it
        if not self._input:
            self._poll.unregister(fd)
            self._end_of_input()

    def _end_of_input(self) -> None:
        assert self._stdin is not None
        try:
            self._stdin.close()
        except BrokenPipeError:
            pass
