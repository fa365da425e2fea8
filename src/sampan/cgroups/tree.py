"""Directories of a cgroup file system: made, listed, removed. Knows nothing of controllers or limits.

Hot path: imports only ``errno``, ``posix`` and ``time``.
"""

from __future__ import annotations

import errno
import posix
import time

from sampan.errors import KernelError
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FIELD = "linux.cgroupsPath"
_GONE = (errno.ENOENT, errno.ENODEV)  # the directory went away before, or while it was being read
_ATTEMPTS = 8


def make(directory: str, made: list[str]) -> bool:
    """Make a cgroup and those that lead to it; what was made is appended to ``made``, outermost first.

    False where it was there before. Raises KernelError.
    """
    for _ in range(_ATTEMPTS):  # someone else may remove an empty leading cgroup just now
        try:
            posix.mkdir(directory, 0o755)
        except FileExistsError:
            return False
        except FileNotFoundError:
            parent = directory.rpartition("/")[0]
            if not parent:
                break
            make(parent, made)
        except OSError as error:
            raise KernelError("make cgroup", directory, error.errno or 0, FIELD) from None
        except BaseException:  # a signal handler of a host program has raised right after it was made
            made.append(directory)
            raise
        else:
            made.append(directory)
            return True
    raise KernelError("make cgroup", directory, errno.ENOENT, FIELD)


def unmake(made: list[str]) -> None:
    """Remove what ``make`` made, innermost first, as far as it is empty."""
    while made:
        try:
            posix.rmdir(made.pop())
        except OSError:
            continue  # somebody else uses it by now; or it is gone


def inner(directory: str) -> Iterator[int]:
    """A descriptor of each cgroup below ``directory``, innermost first, and of itself at last, open until the next one.

    What vanishes meanwhile is left out. By descriptors and without recursion, because a container that may make cgroups
    can nest them deeper than a path is long.
    """
    at = _open(directory, None)
    left = [_names(at)]  # of each level on the way down, what has not been visited yet
    try:
        while at >= 0:
            if left[-1]:
                deeper = _open(left[-1].pop(), at)
                if deeper >= 0:
                    posix.close(at)
                    at = deeper
                    left.append(_names(at))
                continue
            yield at
            left.pop()
            above = _open("..", at) if left else -1
            posix.close(at)
            at = above
    finally:
        if at >= 0:
            posix.close(at)


def _open(path: str, dir_fd: int | None) -> int:
    """-1 where it is gone."""
    try:
        return posix.open(path, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=dir_fd)
    except OSError:
        return -1


def _names(fd: int) -> list[str]:
    """The cgroups right below this one."""
    try:
        with posix.scandir(fd) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def processes(directory: str) -> list[int]:
    """The processes of a cgroup and of all below it, as far as this pid namespace shows them."""
    pids: list[int] = []
    for fd in inner(directory):
        try:
            text = files.read("cgroup.procs", dir_fd=fd)
        except KernelError as error:
            # A threaded cgroup (v2) says EOPNOTSUPP: its processes are listed by the domain above it.
            if error.errno not in (*_GONE, errno.EOPNOTSUPP):
                raise
        else:
            pids.extend(int(line) for line in text.split() if line != b"0")
    return pids


def remove(directories: Iterable[str], patience: float) -> None:
    """Remove cgroups and all below them; wait up to ``patience`` seconds for dying processes. Raises KernelError."""
    busy = [directory for directory in directories if not _remove_one(directory)]
    deadline = time.monotonic() + patience
    pause = 0.0005
    while busy:
        for directory in busy:
            for fd in inner(directory):
                for name in _names(fd):
                    _remove_one(name, dir_fd=fd)
        busy = [directory for directory in busy if not _remove_one(directory)]
        if busy and time.monotonic() > deadline:
            raise _still_there(busy[0])
        if busy:
            time.sleep(pause)
            pause = min(pause * 2, 0.1)


def _remove_one(directory: str, *, dir_fd: int | None = None) -> bool:
    """Is it gone now? False while it has processes or cgroups of its own."""
    try:
        posix.rmdir(directory, dir_fd=dir_fd)
    except OSError as error:
        if error.errno in (errno.EBUSY, errno.ENOTEMPTY):
            return False
        if error.errno not in _GONE:
            raise KernelError("remove cgroup", directory, error.errno or 0) from None
    return True


def _still_there(directory: str) -> KernelError:
    pids = processes(directory)
    some = ", ".join(str(pid) for pid in pids[:5]) + (", ..." if len(pids) > 5 else "")
    detail = f"{len(pids)} of its processes remain: {some}" if pids else "it has processes that are not visible here"
    return KernelError("remove cgroup", directory, errno.EBUSY, detail=detail)
