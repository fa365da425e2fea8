"""A pipe that is the loop's: whose descriptor is closed once, whatever the loop does.

uvloop closes the descriptor of a pipe, and then the object that it was given, as if nobody could have got its number
meanwhile. In a program with threads somebody may have, and the file of another thread would be closed.
"""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class LoopPipe:
    """What `loop.connect_read_pipe` and `connect_write_pipe` are given. Takes the pipe of a file, which is closed.

    They are called in a `with` block, which closes it where they fail.
    """

    __slots__ = ("_fd", "_identity")

    def __init__(self, pipe: IO[bytes]) -> None:
        self._fd = os.dup(pipe.fileno())
        self._identity = _identity(self._fd)
        pipe.close()

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd

    def close(self) -> None:
        """Close the descriptor, if that is still the pipe's. No two pipes have ever the same number of an inode."""
        fd, self._fd = self._fd, -1
        if fd >= 0 and _identity(fd) == self._identity:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.close()


def _identity(fd: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino
