"""Files into and out of a sandbox, while nothing runs in it.

Paths are resolved inside, by its first process (native/hold.c), with the rights of the guest and without symbolic
links; the program has the descriptors only, and looks at what each is before it reads or writes. So what a guest has
prepared (links, FIFOs, sockets, files that claim to be huge) leads nowhere that the guest could not go itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sampan.api.sandboxing.template import WORK
from sampan.errors import KernelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO

    from sampan.api.sandboxing.life import Life

_PIECE = 1 << 20
_DEEPEST = 64  # directories in each other: each is a descriptor
_HARMLESS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NOT_REGULAR = "it is neither a regular file nor a directory"


def put(life: Life, path: str, data: bytes, mode: int) -> None:
    """Raises KernelError, StateError."""
    path = _absolute(path)
    with _told("write", path), _written(life, path, mode) as file:
        _write_all(file, data)


def get(life: Life, path: str, limit: int) -> bytes:
    """Raises KernelError, StateError."""
    path = _absolute(path)
    with _told("read", path), _opened(life.keeper.open(path, os.O_RDONLY), path, "rb") as file:
        _check_size(os.fstat(file.fileno()).st_size, limit, path)
        return _read(file, limit, path)


def put_tree(life: Life, source: str | os.PathLike[str], path: str) -> None:
    """Raises UsageError, KernelError, StateError."""
    path = _absolute(path)
    _make_directories(life, path)
    for directory, directories, names in os.walk(source, onerror=_unreadable):
        place = os.path.normpath(os.path.join(path, os.path.relpath(directory, source)))
        for name in sorted(directories):
            _regular_of_host(os.path.join(directory, name), stat.S_ISDIR)
            _make_directories(life, f"{place}/{name}")
        for name in sorted(names):
            host = os.path.join(directory, name)
            mode = _regular_of_host(host, stat.S_ISREG)
            with (
                _told("write", place),
                _written(life, f"{place}/{name}", mode & 0o777) as copy,
                open(host, "rb") as file,
            ):
                while piece := file.read(_PIECE):
                    _write_all(copy, piece)


def get_tree(life: Life, path: str, destination: str | os.PathLike[str], limit: int, entries: int) -> None:
    """Raises KernelError, StateError, UsageError; then there is no ``destination``."""
    path = _absolute(path)
    fd = life.keeper.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        place = Path(destination)
        try:
            place.mkdir()
        except OSError as error:
            raise UsageError(f"the directory {place} cannot be made: {error.strerror}") from None
        try:
            with _told("copy", path):
                _Copying(limit, entries).directory(fd, place, path, 0)
        except BaseException:
            shutil.rmtree(place)
            raise
    finally:
        os.close(fd)


class _Copying:
    """How much may still come."""

    def __init__(self, limit: int, entries: int) -> None:
        self.limit = limit
        self.entries = entries

    def directory(self, fd: int, place: Path, path: str, depth: int) -> None:
        if depth > _DEEPEST:
            raise KernelError("copy", path, errno.ELOOP, detail=f"more than {_DEEPEST} directories in each other")
        with os.scandir(fd) as found:
            for entry in found:
                self.entries -= 1
                if self.entries < 0:
                    raise KernelError("copy", path, errno.EFBIG, detail="there are more entries than `entries` allows")
                self._entry(fd, entry.name, place / entry.name, f"{path}/{entry.name}", depth)

    def _entry(self, directory: int, name: str, place: Path, path: str, depth: int) -> None:
        kind = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
            raise KernelError("copy", path, errno.EINVAL, detail=_NOT_REGULAR)
        fd = os.open(name, os.O_RDONLY | _HARMLESS, dir_fd=directory)
        try:
            if stat.S_ISDIR(kind):
                place.mkdir()
                self.directory(fd, place, path, depth + 1)
            else:
                self._file(fd, place, path)
        finally:
            os.close(fd)

    def _file(self, fd: int, place: Path, path: str) -> None:
        status = os.fstat(fd)
        _check_size(status.st_size, self.limit, path)
        with _opened(os.dup(fd), path, "rb") as file:
            data = _read(file, self.limit, path)
        self.limit -= len(data)
        place.write_bytes(data)
        place.chmod(0o644 | status.st_mode & 0o111)


@contextlib.contextmanager
def _told(operation: str, path: str) -> Iterator[None]:
    """What the kernel refuses, as an error of ours."""
    try:
        yield
    except OSError as error:
        raise KernelError(operation, f"{path} in the sandbox", error.errno or 0) from None


def _absolute(path: str) -> str:
    if not path or "\0" in path:
        raise UsageError(f"{path!r} is no path")
    return os.path.normpath(os.path.join(WORK, path))


def _written(life: Life, path: str, mode: int) -> FileIO:
    """The file, empty, for writing."""
    flags = os.O_WRONLY | os.O_CREAT
    try:
        fd = life.keeper.open(path, flags, mode)
    except KernelError as error:
        if error.errno != errno.ENOENT:
            raise
        _make_directories(life, os.path.dirname(path))
        fd = life.keeper.open(path, flags, mode)
    file = _opened(fd, path, "wb")
    try:
        os.ftruncate(fd, 0)
        os.fchmod(fd, mode)
    except BaseException:
        file.close()
        raise
    return file


def _make_directories(life: Life, path: str) -> None:
    made = ""
    for name in path.split("/")[1:]:
        made = f"{made}/{name}"
        try:
            life.keeper.make_directory(made, 0o755)
        except KernelError as error:
            if error.errno not in (errno.EEXIST, errno.EROFS):
                raise


def _opened(fd: int, path: str, mode: Literal["rb", "wb"]) -> FileIO:
    """The descriptor, which is the file's from now on, where it is of a regular file."""
    kind = os.fstat(fd).st_mode
    if not stat.S_ISREG(kind):
        os.close(fd)
        detail = "it is a directory" if stat.S_ISDIR(kind) else _NOT_REGULAR
        raise KernelError("use", f"{path} in the sandbox", errno.EINVAL, detail=detail)
    return os.fdopen(fd, mode, buffering=0)


def _unreadable(error: OSError) -> None:
    raise UsageError(f"{error.filename} cannot be read: {error.strerror}")


def _regular_of_host(path: str, is_wanted: Callable[[int], bool]) -> int:
    mode = os.lstat(path).st_mode
    if not is_wanted(mode):
        raise UsageError(f"{path} is neither a regular file nor a directory, and nothing else is copied")
    return mode


def _check_size(size: int, limit: int, path: str) -> None:
    if size > limit:
        detail = f"it has {size} bytes, and {limit} are allowed"
        raise KernelError("read", f"{path} in the sandbox", errno.EFBIG, detail=detail)


def _write_all(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _read(file: FileIO, limit: int, path: str) -> bytes:
    """All of it; what it says of its size is not believed."""
    data = bytearray()
    while piece := file.read(min(_PIECE, limit + 1 - len(data))):
        data += piece
        _check_size(len(data), limit, path)
    return bytes(data)
