"""Printing without sys.stdout: whole texts to a descriptor, paths in any encoding. Hot path: imports only ``posix``."""

from __future__ import annotations

import posix


def write(text: str, fd: int = 1) -> None:
    """Write all of ``text`` to ``fd``, standard output where none is given. Raises OSError."""
    data = text.encode(errors="surrogateescape")
    while data:
        data = data[posix.write(fd, data) :]
