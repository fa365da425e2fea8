"""The config.json of `spec --profile hardened`: ordinary programs run, and `sampan audit` finds nothing above low.

Pure: what the host can do comes in by parameters. Not on the hot path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.audit.allowed_calls import allow_list
from sampan.audit.rules_kernel_files import MASKED, MASKED_LATER, PARAMETERS, READ_ONLY, SYSRQ
from sampan.audit.rules_users import RANGE, UNPRIVILEGED
from sampan.profiles.default import VERSION, mount

if TYPE_CHECKING:
    from collections.abc import Collection

    from sampan.spec.types import Config, IDMapping, Mount, Resources

USER = 1000  # in the container: not root, since many programs refuse to be, and with a user of their own
RANGES = 4000  # of the size RANGE, behind UNPRIVILEGED
_MEMORY = 512 * 1024 * 1024  # bytes, without swap
_PROCESSES = 256
_PERIOD = 100000  # microseconds: one processor
_NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup", "user")


def hardened_config(
    uids: IDMapping, gids: IDMapping, controllers: Collection[str], *, time_namespace: bool = False
) -> Config:
    """The configuration. ``controllers`` are those of cgroups by which this host can limit the container."""
    namespaces = (*_NAMESPACES, *(("time",) if time_namespace else ()))
    return {
        "ociVersion": VERSION,
        "process": {
            "terminal": True,
            "user": {"uid": USER, "gid": USER},
            "args": ["sh"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", "HOME=/tmp"],
            "cwd": "/",
            "capabilities": {"bounding": [], "effective": [], "permitted": [], "inheritable": [], "ambient": []},
            "rlimits": [
                {"type": "RLIMIT_CORE", "hard": 0, "soft": 0},
                {"type": "RLIMIT_NOFILE", "hard": 4096, "soft": 1024},
            ],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "sampan",
        "mounts": _mounts(),
        "linux": {
            "uidMappings": [uids],
            "gidMappings": [gids],
            "resources": {"devices": [{"allow": False, "access": "rwm"}], **_limits(controllers)},
            "namespaces": [{"type": kind} for kind in namespaces],
            "sysctl": {"net.ipv4.ip_unprivileged_port_start": "0"},  # a capability less
            "seccomp": allow_list(),
            "maskedPaths": sorted((*MASKED, *MASKED_LATER)),
            "readonlyPaths": sorted((*READ_ONLY, PARAMETERS, SYSRQ)),
        },
    }


def range_of_ids(number: int) -> IDMapping:
    """The range ``number``, less than RANGES: containers with different ones are strangers to each other."""
    return {"containerID": 0, "hostID": UNPRIVILEGED + number * RANGE, "size": RANGE}


def single_id(number: int) -> IDMapping:
    """The only id that a user who is not root can map: the own one."""
    return {"containerID": USER, "hostID": number, "size": 1}


def _mounts() -> list[Mount]:
    restricted = ("nosuid", "noexec", "nodev")
    own = (f"uid={USER}", f"gid={USER}", "mode=755")
    return [
        mount("/proc", "proc", "proc", *restricted),
        mount("/dev", "tmpfs", "tmpfs", "nosuid", "noexec", "strictatime", "mode=755", "size=65536k"),
        mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
        mount("/dev/shm", "tmpfs", "shm", *restricted, "mode=1777", "size=65536k"),
        mount("/dev/mqueue", "mqueue", "mqueue", *restricted),
        mount("/sys", "sysfs", "sysfs", *restricted, "ro"),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", *restricted, "relatime", "ro"),
        mount("/tmp", "tmpfs", "tmpfs", *restricted, "mode=1777", "size=262144k"),
        mount("/run", "tmpfs", "tmpfs", *restricted, *own, "size=65536k"),
    ]


def _limits(controllers: Collection[str]) -> Resources:
    limits: Resources = {}
    if "memory" in controllers:
        limits["memory"] = {"limit": _MEMORY, "swap": _MEMORY}
    if "pids" in controllers:
        limits["pids"] = {"limit": _PROCESSES}
    if "cpu" in controllers:
        limits["cpu"] = {"quota": _PERIOD, "period": _PERIOD}
    return limits
