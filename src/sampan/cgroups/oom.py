"""Being told when the kernel kills a process of a cgroup because memory has run out. Not on the hot path.

v1 signals an eventfd; v2 wakes whoever polls memory.events. Neither says which process it was.
"""

from __future__ import annotations

import errno
import posix
import select

from sampan.cgroups.layout import UNIFIED
from sampan.errors import KernelError
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Watch:
    """Watches one cgroup: ``fd`` is to be polled for ``mask``, and then ``happened`` asked."""

    __slots__ = ("_directory", "fd", "mask")

    def __init__(self, directory: str, fd: int, mask: int) -> None:
        self._directory = directory
        self.fd = fd
        self.mask = mask

    def happened(self) -> bool:
        """Whether a process was killed since this was last asked."""
        raise NotImplementedError

    def close(self) -> None:
        posix.close(self.fd)


class _V1(Watch):
    __slots__ = ()

    def happened(self) -> bool:
        try:
            count = posix.eventfd_read(self.fd)
        except BlockingIOError:
            return False
        return count > (0 if _exists(self._directory) else 1)  # the removal of the cgroup counts as one


class _V2(Watch):
    __slots__ = ("_kills",)

    def __init__(self, directory: str, fd: int) -> None:
        super().__init__(directory, fd, select.POLLPRI)
        self._kills = self._count()  # a file is awake until it has been read

    def happened(self) -> bool:
        before, self._kills = self._kills, self._count()
        return self._kills > before

    def _count(self) -> int:
        try:
            words = posix.pread(self.fd, 4096, 0).split()
        except OSError as error:
            if error.errno != errno.ENODEV:  # the cgroup has been removed
                raise KernelError("read", f"{self._directory}/memory.events", error.errno or 0) from None
            return self._kills
        return int(words[words.index(b"oom_kill") + 1])


def watch(directories: Mapping[str, str]) -> Watch | None:
    """A watch of the cgroup in these directories; None where no hierarchy has its memory controller.

    Raises KernelError.
    """
    if "memory" in directories:
        return _watch_v1(directories["memory"])
    unified = directories.get(UNIFIED)
    if unified is None or not _exists(f"{unified}/memory.events"):
        return None
    path = f"{unified}/memory.events"
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError as error:
        raise KernelError("open", path, error.errno or 0) from None
    return _V2(unified, fd)


def _watch_v1(directory: str) -> Watch:
    """The kernel keeps what it needs of the file that is written about; the descriptor can go."""
    event = posix.eventfd(0, posix.EFD_CLOEXEC | posix.EFD_NONBLOCK)
    path = f"{directory}/memory.oom_control"
    try:
        subject = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError as error:
        posix.close(event)
        raise KernelError("open", path, error.errno or 0) from None
    try:
        files.write(f"{directory}/cgroup.event_control", f"{event} {subject}")
    except KernelError:
        posix.close(event)
        raise
    finally:
        posix.close(subject)
    return _V1(directory, event, select.POLLIN)


def _exists(path: str) -> bool:
    try:
        posix.stat(path)
    except OSError:
        return False
    return True
