"""Servers in a private view."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from .view import View

PATIENCE = 60.0  # seconds until a daemon answers
STOP = 'kill "$1"; while kill -0 "$1" 2>&-; do sleep 0.05; done'


class Daemon:
    """A server, from its start until it is stopped or the view ends."""

    def __init__(self, view: View, log: Path, words: Sequence[str], answers: Sequence[str]) -> None:
        """Starts it, and waits until the command `answers` succeeds. What it prints is added to `log`."""
        self._view = view
        started = view.run("sh", "-c", f'"$@" >>{log} 2>&1 & echo $!', "sh", *words)
        self._pid = started.checked().output
        deadline = time.monotonic() + PATIENCE
        while view.run(*answers).status != 0:
            assert time.monotonic() < deadline, f"{words[0]} does not answer:\n{log.read_text()}"
            time.sleep(0.1)

    def stop(self) -> None:
        """Asks it to end (SIGTERM), and waits for that."""
        self._view.run("sh", "-c", STOP, "sh", self._pid).checked()
