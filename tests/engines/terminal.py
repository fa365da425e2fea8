"""A command of an engine on a terminal, as a person has it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
from types import TracebackType
from typing import Protocol

from .view import Command, Result

TIMEOUT = 20  # seconds


class CommandLine(Protocol):
    """An engine's."""

    def in_background(self, *words: str, **descriptors: int) -> Command: ...


class Terminal:
    def __init__(self, engine: CommandLine, *words: str, rows: int = 24, columns: int = 80) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._command = engine.in_background(*words, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.shown = ""

    def read(self, until: str = "") -> str:
        """Waits for a text among what was not yet read, or for the end: the error that nobody has the other side."""
        text = ""
        while not (until and until in text):
            ready, _, _ = select.select([self._ours], [], [], TIMEOUT)
            assert ready, f"nothing more within {TIMEOUT} s after {self.shown!r}"
            try:
                part = os.read(self._ours, 4096).decode()
            except OSError:
                assert not until, f"the end, without {until!r}, after {self.shown!r}"
                break
            text += part
            self.shown += part
        return text

    def enter(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def wait(self) -> Result:
        return self._command.wait()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._ours)
        if error is not None:
            self._command.send_signal(signal.SIGKILL)
            self._command.wait()
