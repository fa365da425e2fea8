"""The standard streams of a process: descriptors, files, pipes to the program. The words are those of `subprocess`."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Protocol

from sampan.errors import UsageError
from sampan.linux.files import close_all

if TYPE_CHECKING:
    from types import TracebackType

# The values of subprocess, so that either's may be given.
PIPE = -1
"""As a stream: a pipe to this program, whose end is `stdin`, `stdout` or `stderr` of the object."""
STDOUT = -2
"""As ``stderr``: what standard output is."""
DEVNULL = -3
"""As a stream: /dev/null."""


class HasDescriptor(Protocol):
    """A file, a socket: whatever has a descriptor."""

    def fileno(self) -> int:
        """The descriptor."""


Stream = int | HasDescriptor | None  # None: the program's own

Pipes = tuple[IO[bytes] | None, IO[bytes] | None, IO[bytes] | None]  # the program's ends


class Streams:
    """Opens what a process is to have, for a `with` block that starts it. What is not taken by its end is closed."""

    __slots__ = ("_ours", "_theirs", "standard")

    def __init__(self, stdin: Stream, stdout: Stream, stderr: Stream) -> None:
        """Raises UsageError for what is no stream."""
        self._ours: list[IO[bytes] | None] = [None, None, None]
        self._theirs: list[int] = []
        self.standard = (-1, -1, -1)
        try:
            places = [self._open(place, stream) for place, stream in enumerate((stdin, stdout, stderr))]
        except BaseException:
            self.close()
            raise
        if stderr is not None and stderr == STDOUT:
            places[2] = places[1] if places[1] >= 0 else 1
        self.standard = (places[0], places[1], places[2])

    def take(self) -> Pipes:
        """The program's ends of the pipes, which are the caller's from now on."""
        stdin, stdout, stderr = self._ours
        self._ours = [None, None, None]
        return stdin, stdout, stderr

    def __enter__(self) -> Streams:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the process's ends, of which it has its own by now, and what nobody has taken."""
        close_all(self._theirs)
        close_pipes(self.take())

    def _open(self, place: int, stream: Stream) -> int:
        """The descriptor for the process; -1 is the program's own."""
        if stream is None or (place == 2 and stream == STDOUT):
            return -1
        if stream == PIPE:
            return self._pipe(place)
        if stream == DEVNULL:
            self._theirs.append(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
            return self._theirs[-1]
        name = ("stdin", "stdout", "stderr")[place]
        fd = stream if isinstance(stream, int) else stream.fileno()
        if fd < 0:
            raise UsageError(f"{name} must be a file, a descriptor, PIPE, DEVNULL or None, not {fd}")
        try:
            os.fstat(fd)
        except OSError:
            raise UsageError(f"{name} is descriptor {fd}, which is not open") from None
        return fd

    def _pipe(self, place: int) -> int:
        reading, writing = os.pipe()
        ours, theirs, mode = (writing, reading, "wb") if place == 0 else (reading, writing, "rb")
        self._theirs.append(theirs)
        self._ours[place] = open(ours, mode)  # noqa: SIM115 - the caller's
        return theirs


def close_pipes(pipes: Pipes) -> None:
    """Close what is open of them. What was not flushed to a process that is gone is lost."""
    for pipe in pipes:
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                pass  # a closed file all the same
