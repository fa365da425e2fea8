"""The program's side of `sampan-hold` (native/hold.c), the first process of a sandbox."""

from __future__ import annotations

import array
import errno
import os
import socket
import struct
from typing import TYPE_CHECKING

from sampan.errors import KernelError, StateError

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 10.0  # seconds until an answer, also from a sandbox that is busy
_REQUEST = struct.Struct("<c3xII")  # struct request of native/hold.c: what, flags, mode; the path follows
_LONGEST = 4096  # bytes of a path, with its end


class Keeper:
    """A connection to it. It serves one request at a time, and so does this. Its end is that of the sandbox."""

    def __init__(self) -> None:
        """Raises OSError where there is no descriptor left."""
        self._ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.settimeout(PATIENCE)

    def begin(self) -> None:
        """It has the other end: wait until it is ready. Raises StateError."""
        self.theirs.close()
        self._answer()

    def ask_to_end_others(self) -> None:
        """Kill every process of the sandbox but it. Raises StateError where it is gone."""
        self._ask(b"k")

    def others_have_ended(self) -> None:
        """Wait until none is left, for which this program must have reaped what it has started itself.

        Raises StateError where it is gone, or does not answer.
        """
        self._succeed(self._answer(), "end the processes of", "the sandbox")

    def open(self, path: str, flags: int, mode: int = 0) -> int:
        """A descriptor of a path as the guest sees it and may open it; no part of the path is a symbolic link.

        Raises KernelError, StateError.
        """
        self._ask(b"o", flags, mode, path)
        answer = self._answer()
        self._succeed(answer, "open", path)
        return answer[1][0]

    def make_directory(self, path: str, mode: int) -> None:
        """A new directory; the path has no slash at its end. Raises KernelError, StateError."""
        parent, _, name = path.rpartition("/")
        self._ask(b"m", 0, mode, parent or "/", name)
        self._succeed(self._answer(), "make the directory", path)

    def close(self) -> None:
        """End it, and with it all that is in the sandbox."""
        self._ours.close()
        self.theirs.close()

    def _ask(self, what: bytes, flags: int = 0, mode: int = 0, *paths: str) -> None:
        text = b"".join(os.fsencode(path) + b"\0" for path in paths)
        if len(text) > _LONGEST:
            raise KernelError("open", paths[0], errno.ENAMETOOLONG)
        try:
            self._ours.send(_REQUEST.pack(what, flags, mode) + text)
        except OSError as error:
            raise _gone(error) from None

    def _answer(self) -> tuple[int, Sequence[int]]:
        """The kernel's answer, and the descriptor that came with it."""
        found = array.array("i")
        space = socket.CMSG_SPACE(found.itemsize)
        try:
            data, parts, _, _ = self._ours.recvmsg(4, space, socket.MSG_CMSG_CLOEXEC)
        except OSError as error:
            raise _gone(error) from None
        for level, kind, content in parts:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                found.frombytes(content[: len(content) - len(content) % found.itemsize])
        if len(data) != 4:
            raise _gone(None)
        return int.from_bytes(data, "little", signed=True), found

    def _succeed(self, answer: tuple[int, Sequence[int]], operation: str, subject: str) -> None:
        if answer[0] < 0:
            raise KernelError(operation, f"{subject} in the sandbox", -answer[0])


def _gone(error: OSError | None) -> StateError:
    if isinstance(error, TimeoutError):
        return StateError(f"the sandbox has not answered within {PATIENCE:.0f} s")
    return StateError("the sandbox has ended: its first process was killed; reset() makes it anew")
