"""Stops all processes of a container's cgroup at once, and lets them go on: the freezers of v1 and v2. Hot path.

On v1 a fork may slip past the freezer, and the cgroup stays FREEZING until it is told again; and what is frozen there
does not die of SIGKILL. On v2 the kernel sees to both.
"""

from __future__ import annotations

import errno
import time

from sampan.cgroups import delegation, tree
from sampan.cgroups.layout import UNIFIED
from sampan.errors import KernelError
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE = 5.0  # seconds until a cgroup must be frozen: a task in the kernel's hands may resist
_THAW_PATIENCE = 1.0  # seconds: nothing resists, but one above it may be frozen
_ROUND = 20  # attempts on v1, after which it is thawed for a moment: that ends a deadlock of freezing and forking
_GONE = (errno.ENOENT, errno.ENODEV)


def is_frozen(directories: Mapping[str, str]) -> bool:
    """Is the cgroup frozen, by itself or by one above it? False where it is gone, or there is no freezer."""
    try:
        if "freezer" in directories:
            return files.read(f"{directories['freezer']}/freezer.state") != b"THAWED\n"
        if UNIFIED in directories:
            return b"frozen 1" in files.read(f"{directories[UNIFIED]}/cgroup.events")
    except KernelError as error:
        if error.errno not in _GONE:
            raise
    return False


def freeze(directories: Mapping[str, str], patience: float = PATIENCE) -> None:
    """Freeze the cgroup. Raises KernelError where there is no freezer, or some process is not frozen in ``patience``
    seconds; then it is thawed again.
    """
    directory = _freezer(directories, "freeze")
    _tell(directories, frozen=True)
    deadline = time.monotonic() + patience
    attempts = 0
    while not _is_settled(directories):
        if time.monotonic() > deadline:
            _tell(directories, frozen=False)
            detail = f"some of its processes cannot be frozen: the kernel is still busy for them after {patience:.0f} s"
            raise KernelError("freeze cgroup", directory, errno.EBUSY, detail=detail)
        attempts += 1
        time.sleep(min(0.0002 * attempts, 0.01))
        if "freezer" in directories:
            if attempts % _ROUND == 0:
                _tell(directories, frozen=False)
                time.sleep(0.01)
            _tell(directories, frozen=True)


def thaw(directories: Mapping[str, str]) -> None:
    """Let its processes go on, if it is still there. Raises KernelError where there is no freezer, or something else
    keeps it frozen.
    """
    directory = _freezer(directories, "thaw")
    try:
        _tell(directories, frozen=False)
    except KernelError as error:
        if error.errno not in _GONE:
            raise
    deadline = time.monotonic() + _THAW_PATIENCE
    while is_frozen(directories):
        if time.monotonic() > deadline:
            raise KernelError("thaw cgroup", directory, errno.EBUSY, detail="one above it is frozen: thaw that first")
        time.sleep(0.001)


def release(directories: Mapping[str, str]) -> None:
    """Thaw the v1 freezers of the cgroup and of all below it, which the container may have frozen by itself.

    After SIGKILL, so that it takes effect.
    """
    if "freezer" not in directories:
        return
    for fd in tree.inner(directories["freezer"]):
        try:
            files.write("freezer.state", "THAWED", dir_fd=fd)
        except KernelError as error:
            if error.errno not in (*_GONE, *delegation.DENIED):
                raise


def _freezer(directories: Mapping[str, str], verb: str) -> str:
    """The directory whose freezer is used."""
    directory = directories.get("freezer", directories.get(UNIFIED, ""))
    if not directory:
        detail = "it has no cgroup with a freezer; a user without root privileges needs one that is delegated"
        raise KernelError(verb, "the container", errno.EOPNOTSUPP, detail=detail)
    return directory


def _tell(directories: Mapping[str, str], *, frozen: bool) -> None:
    if "freezer" in directories:
        files.write(f"{directories['freezer']}/freezer.state", "FROZEN" if frozen else "THAWED")
    else:
        files.write(f"{directories[UNIFIED]}/cgroup.freeze", "1" if frozen else "0")


def _is_settled(directories: Mapping[str, str]) -> bool:
    if "freezer" in directories:
        return files.read(f"{directories['freezer']}/freezer.state") == b"FROZEN\n"
    return is_frozen(directories)
