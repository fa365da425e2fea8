"""Reading and writing small files whole, with errors that say which file. Hot path: imports only ``posix``."""

from __future__ import annotations

import posix

from sampan.errors import KernelError


def read(path: str, *, dir_fd: int | None = None) -> bytes:
    """The whole content of the file at ``path``. Raises KernelError."""
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC, dir_fd=dir_fd)
    except OSError as error:
        raise KernelError("open", path, error.errno or 0) from None
    try:
        return read_fd(fd)
    except OSError as error:
        raise KernelError("read", path, error.errno or 0) from None
    finally:
        posix.close(fd)


def read_fd(fd: int) -> bytes:
    """All that is left to read from ``fd``. Raises OSError."""
    parts = []
    while part := posix.read(fd, 65536):
        parts.append(part)
    return b"".join(parts)


def lines(data: bytes) -> list[bytes]:
    """The lines of a file of /proc that are not empty.

    Only a newline ends one. A container chooses names that are in them, and may put what splitlines() takes for an end
    of line there: a carriage return, a form feed, U+2028. What follows must not be read as a line of the kernel's.
    """
    return [line for line in data.split(b"\n") if line]


def write(
    path: str, data: str | bytes, *, flags: int = posix.O_WRONLY, mode: int = 0o600, dir_fd: int | None = None
) -> None:
    """Write ``data`` to the file at ``path`` in one write(2), as control files need. Raises KernelError."""
    if isinstance(data, str):
        data = data.encode()
    try:
        fd = posix.open(path, flags | posix.O_CLOEXEC, mode, dir_fd=dir_fd)
    except OSError as error:
        raise KernelError("open", path, error.errno or 0) from None
    try:
        posix.write(fd, data)
    except OSError as error:
        raise KernelError("write", path, error.errno or 0, detail=f"wrote {data.decode(errors='replace')!r}") from None
    finally:
        posix.close(fd)


def close_all(descriptors: list[int]) -> None:
    """Close and forget them; -1 is none. Each is forgotten first: where a signal handler of a host program raises in
    between, closing it again could close what another thread has opened under its number.
    """
    while descriptors:
        fd = descriptors.pop()
        if fd >= 0:
            posix.close(fd)


def absolute(path: str) -> str:
    """The path from the root on."""
    if path.startswith("/"):
        return path.rstrip("/") or "/"
    return f"{posix.getcwd()}/{path}".removesuffix("/.").rstrip("/") or "/"
