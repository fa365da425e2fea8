"""What a user without the host's root privileges may do with cgroups, and what to tell who may not. Hot path."""

from __future__ import annotations

import errno
import posix

from sampan.linux import files

DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
HINT = (
    "limits need a cgroup that this user may change: have one delegated, "
    "for example with `systemd-run --user --scope -p Delegate=yes COMMAND` on a host with cgroup v2"
)
_ALL_IDS = b"4294967295"  # the third number of /proc/self/uid_map where no user namespace maps anything

# What --rootless of the command line says of its whole process, where it says anything. Not for libraries.
override: bool | None = None


def is_rootless() -> bool:
    """Is this process without the host's root privileges: another user, or root of a user namespace only?"""
    if override is not None:
        return override
    return posix.geteuid() != 0 or _ALL_IDS not in files.read("/proc/self/uid_map")


def may_enter(mount: str, own: str, directory: str) -> bool:
    """May this process move another from its ``own`` v2 cgroup (a path below ``mount``) into ``directory``?

    v2 lets a user move a process only within a common ancestor that is the user's.
    """
    common = mount
    for one, other in zip(own.strip("/").split("/"), directory[len(mount) :].strip("/").split("/"), strict=False):
        if one != other or not one:
            break
        common = f"{common}/{one}"
    return posix.access(f"{common}/cgroup.procs", posix.W_OK)
