"""Reading the numbers of a cgroup: one file, one read. Decides nothing, and remembers nothing.

A file that is not there gives None: the kernel does not have it, the controller is not enabled, or the cgroup has just
been removed, which whoever asks finds out by its process. Imports only ``errno`` and ``posix``.
"""

from __future__ import annotations

import errno
import posix

from sampan.errors import KernelError

UNLIMITED = (1 << 64) - 1  # "max"
_HUGE = 1 << 62  # v1 has no word for "no limit": it shows the largest multiple of a page, or of a huge page
_ENOUGH = 4096  # bytes: no file of numbers but memory.stat is longer, and that has no more than a few of these

_ABSENT = frozenset((errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP))


def text(path: str) -> bytes | None:
    """The whole file. Raises KernelError.

    The kernel makes such a file whole for the first read: what is shorter than was asked for has no more to come.
    """
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise KernelError("open", path, error.errno or 0) from None
    try:
        data = posix.read(fd, _ENOUGH)
        while data and len(data) % _ENOUGH == 0 and (more := posix.read(fd, _ENOUGH)):
            data += more
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise KernelError("read", path, error.errno or 0) from None
    finally:
        posix.close(fd)
    return data


def number(path: str) -> int | None:
    """The one number of a file; UNLIMITED for "max", and 0 for what is below. Raises KernelError."""
    data = text(path)
    if data is None:
        return None
    return value(data)


def value(word: bytes) -> int:
    """One number as the kernel writes it."""
    return UNLIMITED if word.startswith(b"max") else max(0, int(word))


def limit(path: str) -> int | None:
    """The limit that a file holds; None where there is none. Raises KernelError."""
    return bounded(number(path))


def bounded(amount: int | None) -> int | None:
    """``amount``, or None for the large numbers that stand for "no limit"."""
    return None if amount is None or amount >= _HUGE else amount


def numbers(data: bytes) -> list[int]:
    """The numbers of a list like ``0-3,7``."""
    found: list[int] = []
    for part in data.decode().strip().split(","):
        first, _, last = part.partition("-")
        if first:
            found += range(int(first), int(last or first) + 1)
    return found


def table(path: str) -> dict[str, int] | None:
    """The numbers of a file with lines of ``KEY NUMBER``. Raises KernelError."""
    data = text(path)
    if data is None:
        return None
    words = data.decode().split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=False))


def nested(path: str) -> dict[str, dict[str, str]] | None:
    """The file with lines of ``NAME KEY=VALUE KEY=VALUE ...``. Raises KernelError.

    Some kernels forget the end of a line that has no values (io.stat of a device without traffic): so a word without
    "=" begins the next one wherever it stands.
    """
    data = text(path)
    if data is None:
        return None
    found: dict[str, dict[str, str]] = {}
    entry: dict[str, str] = {}
    for word in data.decode().split():
        key, equals, amount = word.partition("=")
        if equals:
            entry[key] = amount
        else:
            entry = found.setdefault(word, {})
    return found
