"""The terminal of a person who runs an engine's command."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
from types import TracebackType

TIMEOUT = 10.0  # seconds for the next output


class Terminal:
    """A pseudo terminal; commands get `descriptors`, which are closed in this process by the first `read`."""

    def __init__(self, rows: int, columns: int) -> None:
        self._ours, self._theirs = pty.openpty()
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    @property
    def descriptors(self) -> dict[str, int]:
        return {"stdin": self._theirs, "stdout": self._theirs, "stderr": self._theirs}

    def write(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def read(self, until: str = "") -> str:
        """What is shown, up to a text or the end, which for a terminal is the error that nobody has its other side."""
        self._leave_theirs()
        text = ""
        while not (until and until in text):
            ready, _, _ = select.select([self._ours], [], [], TIMEOUT)
            assert ready, f"nothing more within {TIMEOUT} s after {text!r}"
            try:
                text += os.read(self._ours, 4096).decode()
            except OSError:
                break
        return text

    def _leave_theirs(self) -> None:
        if self._theirs >= 0:
            os.close(self._theirs)
            self._theirs = -1

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave_theirs()
        os.close(self._ours)
