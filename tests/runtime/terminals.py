"""Terminals: one with a command on it, as a person at a keyboard has it, and those that a runtime gives away.

The kernel flushes what the far side of a pseudoterminal has written before it says that there is nothing to read: so
when the writer has ended, what can be read at once is all that there will be.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE = 20.0  # seconds

# The shell of a session, as it is for a person: a terminal without a session leader is hung up and loses its modes. It
# starts one command in a process group of its own in the foreground, reports its pid and then how it ended, and stays.
_LEADER = """
import os, signal, subprocess, sys
report, *streams = map(int, sys.argv[1:5])
terminal = os.open("/dev/tty", os.O_RDWR)
def come_to_the_foreground():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpid())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTTOU})
stdin, stdout, stderr = streams
command = subprocess.Popen(sys.argv[5:], stdin=stdin, stdout=stdout, stderr=stderr, preexec_fn=come_to_the_foreground)
for stream in set(streams):
    if stream > 2:
        os.close(stream)
os.write(report, b"%d\\n" % command.pid)
os.write(report, b"%d\\n" % command.wait())
signal.pause()
"""


class Pseudoterminal:
    """The near side of a pseudoterminal: where somebody types and reads."""

    def __init__(self, near: int) -> None:
        self.near = near
        self._unread = b""

    def send(self, text: str) -> None:
        data = text.encode()
        while data:
            _wait_until_ready(self.near, select.POLLOUT, "the terminal to take what is typed")
            data = data[os.write(self.near, data) :]

    def read(self, size: int = 65536) -> bytes:
        """Some of what is shown; nothing when nobody has the far side any more."""
        return self._read(size, time.monotonic() + PATIENCE)

    def _read(self, size: int, deadline: float) -> bytes:
        if self._unread:
            part, self._unread = self._unread[:size], self._unread[size:]
            return part
        _wait_until_ready(self.near, select.POLLIN, "more on the terminal", deadline)
        try:
            return os.read(self.near, size)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return b""

    def read_until(self, text: str) -> str:
        """What is shown up to this text, and with it. What comes after it is for the next to read."""
        wanted, shown = text.encode(), b""
        deadline = time.monotonic() + PATIENCE
        while wanted not in shown:
            part = self._read(65536, deadline)
            assert part, f"the terminal was closed after {shown!r} and before {text!r}"
            shown += part
        found, wanted, self._unread = shown.partition(wanted)
        return (found + wanted).decode(errors="replace")

    def rest(self) -> str:
        """All that is still to be read, when those who write have ended."""
        shown, self._unread = self._unread, b""
        while select.select([self.near], [], [], 0)[0] and (part := self.read()):
            shown += part
        return shown.decode(errors="replace")

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.near, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(self.near, termios.TIOCGWINSZ, bytes(8)))
        return rows, columns

    def close(self) -> None:
        os.close(self.near)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Terminal(Pseudoterminal):
    """A command in the foreground of a terminal, and the person before it.

    Standard streams may be redirected to other descriptors: the terminal is the controlling terminal all the same.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        rows: int = 24,
        columns: int = 80,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> None:
        near, self._far = os.openpty()
        super().__init__(near)
        self.resize(rows, columns)
        self.mode_before = self._have_a_mode_of_its_own()
        self._report, report = os.pipe()
        streams = [self._far if stream is None else stream for stream in (stdin, stdout, stderr)]
        numbers = [str(number) for number in (report, *streams)]
        try:
            self._leader = subprocess.Popen(
                ["setsid", "--ctty", sys.executable, "-I", "-S", "-c", _LEADER, *numbers, *command],
                stdin=self._far,
                stdout=self._far,
                stderr=self._far,
                pass_fds=(report, *streams),
            )
        finally:
            os.close(report)
        self.pid = int(self._reported())
        self._status: int | None = None

    def _have_a_mode_of_its_own(self) -> list[object]:
        """Not the default one, by which it could be told that it was restored to that."""
        mode = termios.tcgetattr(self._far)
        mode[0] |= termios.IXANY
        mode[6][termios.VERASE] = b"\x08"
        termios.tcsetattr(self._far, termios.TCSANOW, mode)
        return self.mode

    def _reported(self) -> str:
        line = b""
        while not line.endswith(b"\n"):
            _wait_until_ready(self._report, select.POLLIN, "the command")
            part = os.read(self._report, 1)
            assert part, f"the command could not be started: {self.rest()}"
            line += part
        return line.decode()

    def wait(self) -> int:
        """The exit status of the command, as subprocess gives it: negative for a signal."""
        if self._status is None:
            self._status = int(self._reported())
        return self._status

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    @property
    def mode(self) -> list[object]:
        """As tcgetattr(3) gives it."""
        return termios.tcgetattr(self._far)

    @property
    def is_raw(self) -> bool:
        """Whether what is typed goes to the command as it is: no lines, no echo, no keys that send signals."""
        flags = termios.tcgetattr(self._far)[3]
        return not flags & (termios.ICANON | termios.ECHO | termios.ISIG)

    def close(self) -> None:
        """Ends the session: whoever is still on it is hung up, and the command killed."""
        if self._status is None and self._leader.poll() is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._leader.kill()
        self._leader.wait()
        os.close(self._far)
        os.close(self._report)
        super().close()


class Console(Pseudoterminal):
    """A terminal that came through a console socket."""

    def __init__(self, near: int, name: str) -> None:
        super().__init__(near)
        self.name = name


class ConsoleSocket:
    """Listens at a path, as engines do, for one terminal."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.settimeout(PATIENCE)
        self._listener.bind(str(path))
        self._listener.listen()

    @property
    def option(self) -> str:
        return f"--console-socket={self.path}"

    def receive(self) -> Console:
        """The one descriptor of the one message, and the name that it comes with."""
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(PATIENCE)
            name, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(16))
            descriptors = array.array("i")
            for level, kind, data in ancillary:
                assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
                descriptors.frombytes(data)
            rest = connection.recv(4096)
        for surplus in descriptors[1:]:
            os.close(surplus)
        assert (len(descriptors), rest) == (1, b"")
        return Console(descriptors[0], name.decode())

    def is_left_alone(self) -> bool:
        """Whether nobody has called, or said nothing and hung up."""
        if not select.select([self._listener], [], [], 0)[0]:
            return True
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(PATIENCE)
            return connection.recv(4096) == b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()


def _wait_until_ready(descriptor: int, event: int, what: str, deadline: float | None = None) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    left = PATIENCE if deadline is None else max(0.0, deadline - time.monotonic())
    assert poll.poll(left * 1000), f"waited {PATIENCE:.0f} s for {what}"
