"""Stops all processes of a container's cgroup at once, and lets them go on: the freezers of v1 and v2. Hot path."""

from __future__ import annotations

import errno
import time

from sampan.cgroups.layout import UNIFIED
from sampan.errors import KernelError
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE = 5.0  # seconds until a cgroup must be frozen: a task in the kernel's hands may resist


def is_frozen(directories: Mapping[str, str]) -> bool:
    """Is the cgroup frozen, by itself or by one above it? False where it is gone, or there is no freezer."""
    try:
        if "freezer" in directories:
            return files.read(f"{directories['freezer']}/freezer.state") != b"THAWED\n"
        if UNIFIED in directories:
            return b"frozen 1" in files.read(f"{directories[UNIFIED]}/cgroup.events")
    except KernelError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):
            raise
    return False


def freeze(directories: Mapping[str, str]) -> None:
    """Freeze the cgroup. Raises KernelError where there is no freezer, or some process cannot be frozen in time."""
    path, value = _file(directories, "FROZEN", "1")
    deadline = time.monotonic() + PATIENCE
    while True:
        files.write(path, value)  # on v1 again and again: a fork may slip in (FREEZING)
        if _is_settled(directories):
            return
        if time.monotonic() > deadline:
            thaw(directories)
            detail = f"some of its processes cannot be frozen: the kernel is still busy for them after {PATIENCE:.0f} s"
            raise KernelError("freeze cgroup", path.rpartition("/")[0], errno.EBUSY, detail=detail)
        time.sleep(0.001)


def thaw(directories: Mapping[str, str]) -> None:
    """Let the processes go on."""
    files.write(*_file(directories, "THAWED", "0"))


def _file(directories: Mapping[str, str], on_v1: str, on_v2: str) -> tuple[str, str]:
    """The file that freezes and thaws, and the value for it."""
    if "freezer" in directories:
        return f"{directories['freezer']}/freezer.state", on_v1
    if UNIFIED in directories:
        return f"{directories[UNIFIED]}/cgroup.freeze", on_v2
    detail = "the container has no cgroup with a freezer"
    raise KernelError("freeze or thaw", "the container", errno.EOPNOTSUPP, detail=detail)


def _is_settled(directories: Mapping[str, str]) -> bool:
    if "freezer" in directories:
        return files.read(f"{directories['freezer']}/freezer.state") == b"FROZEN\n"
    return is_frozen(directories)
