"""The file of --pid-file. Its directory may be one that others may write, too, as /tmp: nothing there is followed."""

from __future__ import annotations

import posix

from sampan.errors import KernelError
from sampan.linux import files


def write_pid_file(path: str, pid: int) -> None:
    """The pid in a file, whole or not at all: engines wait for the file and read it at once."""
    directory, slash, name = path.rpartition("/")
    new = f"{directory}{slash}.{name}.sampan"
    try:
        _forget(new)
        files.write(new, str(pid), flags=posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL, mode=0o644)
        posix.rename(new, path)
    except OSError as error:
        raise KernelError("write", path, error.errno or 0, detail="--pid-file") from None


def _forget(path: str) -> None:
    """What a runtime that was killed has left, or somebody has put there."""
    try:
        posix.unlink(path)
    except FileNotFoundError:
        pass
