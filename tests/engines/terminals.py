"""An engine's command on a terminal, as a person has it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from .engine import Engine
from .view import Command

TIMEOUT = 10  # seconds for more to be shown
COLUMNS = 80


class Terminal:
    """The person's side of it, and the command on the other side."""

    def __init__(self, descriptor: int, command: Command) -> None:
        self._descriptor = descriptor
        self.command = command
        self.shown = ""

    def write(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def read_until(self, text: str) -> str:
        """What is shown from now up to a text, and may be after it."""
        start = len(self.shown)
        while text not in self.shown[start:]:
            ready, _, _ = select.select([self._descriptor], [], [], TIMEOUT)
            assert ready, f"{text!r} is not shown within {TIMEOUT} s, but {self.shown!r}"
            try:
                self.shown += os.read(self._descriptor, 4096).decode()
            except OSError:
                raise AssertionError(f"ended without {text!r}: {self.shown!r}") from None
        return self.shown[start:]

    def read_rest(self) -> str:
        """What is shown up to the end, which for a terminal is the error that nobody has its other side."""
        start = len(self.shown)
        while True:
            ready, _, _ = select.select([self._descriptor], [], [], TIMEOUT)
            assert ready, f"does not end within {TIMEOUT} s after {self.shown!r}"
            try:
                self.shown += os.read(self._descriptor, 4096).decode()
            except OSError:
                return self.shown[start:]


@contextmanager
def on_a_terminal(engine: Engine, *words: str, rows: int = 24) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, COLUMNS, 0, 0))
        command = engine.in_background(*words, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        yield Terminal(ours, command)
    finally:
        os.close(ours)
