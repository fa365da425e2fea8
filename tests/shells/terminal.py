"""A shell on a terminal: what is typed at it, and what it makes of a line when tab is pressed."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from pathlib import Path

PATIENCE = 5.0  # seconds
SHOW = b"\x18s"  # ^X s: prints the line, and empties it

# How each shell is started and set up. ^X s is a key of ours.
PROGRAMS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
SET_UP = {
    "bash": r"""
bind 'set bell-style none'; bind 'set enable-bracketed-paste off'
show() { echo "LINE<$READLINE_LINE>"; READLINE_LINE=; }
bind -x '"\C-xs": show'
""",
    "zsh": r"""
autoload -Uz compinit; compinit -D -u
unsetopt beep list_beep
show() { print -r -- "LINE<$BUFFER>"; BUFFER=; zle redisplay }
zle -N show; bindkey '^Xs' show
""",
}


class Terminal:
    """An interactive shell in ``directory`` that has read the ``script``."""

    def __init__(self, shell: str, directory: Path, script: Path) -> None:
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(directory)
            environment = {"PATH": f"{directory}/bin:/usr/bin:/bin", "TERM": "dumb", "HOME": str(directory), "PS1": ""}
            os.execvpe(PROGRAMS[shell][0], PROGRAMS[shell], environment)
        start = directory / f"{shell}-set-up"
        start.write_text(f"{SET_UP[shell]}source {script}\necho set''up\n")
        self._send(f"source {start}\n".encode())
        self._read_until(r"setup\r")

    def complete(self, line: str) -> str:
        """The line after a press of the tab key."""
        self._send(line.encode() + b"\t" + SHOW)
        return self._read_until(r"LINE<(.*)>")

    def close(self) -> None:
        os.close(self._fd)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def _send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._fd, data) :]

    def _read_until(self, pattern: str) -> str:
        text = ""
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, text)):
            assert select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))[0], (
                f"the shell says: {text}"
            )
            text += os.read(self._fd, 65536).decode(errors="replace")
        return found[1] if found.re.groups else ""
