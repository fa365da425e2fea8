"""The network interfaces that a process sees, and what has passed through them. Off the hot path."""

from __future__ import annotations

import posix
from typing import TYPE_CHECKING

from sampan.errors import KernelError
from sampan.linux import files
from sampan.spec.statistics import Interface

if TYPE_CHECKING:
    from collections.abc import Iterator

_TITLES = 2  # lines
# columns of /proc/PID/net/dev: bytes, packets, errors and dropped of what was received, and of what was sent
_COLUMNS = (0, 1, 2, 3, 8, 9, 10, 11)


def namespace(pid: int | str = "self") -> tuple[int, int]:
    """What tells the network namespace of a process from any other. Raises KernelError."""
    path = f"/proc/{pid}/ns/net"
    try:
        found = posix.stat(path)
    except OSError as error:
        raise KernelError("stat", path, error.errno or 0) from None
    return found.st_dev, found.st_ino


def interfaces(pid: int) -> tuple[Interface, ...]:
    """The interfaces in the network namespace of a process. Raises KernelError."""
    return tuple(parse(files.read(f"/proc/{pid}/net/dev")))


def parse(data: bytes) -> Iterator[Interface]:
    """The interfaces of /proc/PID/net/dev."""
    for line in files.lines(data)[_TITLES:]:
        name, _, rest = line.decode(errors="surrogateescape").rpartition(":")
        counted = rest.split()
        yield Interface(name.strip(), *(int(counted[column]) for column in _COLUMNS))
