"""The config.json that "spec" writes: word for word runc's, but for the version of the specification and the hostname.

Pure: it reads nothing of the host. Not on the hot path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampan.spec.types import Config, Mount

VERSION = "1.3.0"

_CAPABILITIES = ("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE")
_MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
    "/proc/scsi",
)
_READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def default_config(*, cgroup_namespace: bool = False) -> Config:
    """The default for a container made by root. runc gives it a cgroup namespace where the host has cgroup v2 alone."""
    namespaces = ["pid", "network", "ipc", "uts", "mount", *(["cgroup"] if cgroup_namespace else [])]
    return {
        "ociVersion": VERSION,
        "process": {
            "terminal": True,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {
                "bounding": list(_CAPABILITIES),
                "effective": list(_CAPABILITIES),
                "permitted": list(_CAPABILITIES),
                "ambient": list(_CAPABILITIES),
            },
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "sampan",
        "mounts": _mounts(),
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": kind} for kind in namespaces],
            "maskedPaths": list(_MASKED_PATHS),
            "readonlyPaths": list(_READONLY_PATHS),
        },
    }


def rootless_config(uid: int, gid: int, *, cgroup_namespace: bool = False) -> Config:
    """The default for a container made by the user ``uid``: root inside is that user outside, on the host's network."""
    config = default_config(cgroup_namespace=cgroup_namespace)
    linux = config["linux"]
    config["linux"] = {
        "uidMappings": [{"containerID": 0, "hostID": uid, "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": gid, "size": 1}],
        "namespaces": [
            *(namespace for namespace in linux["namespaces"] if namespace["type"] != "network"),
            {"type": "user"},
        ],
        "maskedPaths": linux["maskedPaths"],
        "readonlyPaths": linux["readonlyPaths"],
    }
    for entry in config["mounts"]:
        if entry["destination"] == "/dev/pts":  # group 5 does not exist inside
            entry["options"].remove("gid=5")
        if entry["destination"] == "/sys":  # only the owner of a network namespace can mount its sysfs
            entry["type"], entry["source"] = "none", "/sys"
            entry["options"].insert(0, "rbind")
    return config


def _mounts() -> list[Mount]:
    return [
        mount("/proc", "proc", "proc"),
        mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
        mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
        mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
    ]


def mount(destination: str, kind: str, source: str, *options: str) -> Mount:
    entry: Mount = {"destination": destination, "type": kind, "source": source}
    if options:
        entry["options"] = list(options)
    return entry
