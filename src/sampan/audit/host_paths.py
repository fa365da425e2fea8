"""What of a host's files is worth what to an attacker. Data, in the Filesystem Hierarchy Standard's names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sampan.audit.rule import CRITICAL, HIGH, LOW, MEDIUM, NONE

if TYPE_CHECKING:
    from sampan.audit.rule import Severity


@dataclass(frozen=True)
class Place:
    """A directory: how severe it is to have it for writing and for reading, and to write something below it."""

    path: str
    write: Severity
    read: Severity
    write_below: Severity
    gain: str


_ACCOUNTS = "its accounts, services and what they start: root of the host with the next reboot or login"
_PROGRAMS = "its programs: whoever runs one on the host, root among them, runs the attacker's"
_STATES = "the states of its services and containers: their files, databases and secrets"

PLACES = (
    Place("/", CRITICAL, HIGH, NONE, "all that it has: passwords, keys, programs, other containers"),
    Place("/etc", CRITICAL, MEDIUM, HIGH, _ACCOUNTS),
    Place("/bin", CRITICAL, NONE, HIGH, _PROGRAMS),
    Place("/lib", CRITICAL, NONE, HIGH, _PROGRAMS),
    Place("/lib64", CRITICAL, NONE, HIGH, _PROGRAMS),
    Place("/sbin", CRITICAL, NONE, HIGH, _PROGRAMS),
    Place("/usr", CRITICAL, NONE, HIGH, _PROGRAMS),
    Place("/opt", HIGH, NONE, MEDIUM, _PROGRAMS),
    Place("/boot", CRITICAL, LOW, HIGH, "its kernel: the next one that it boots is the attacker's"),
    Place("/root", CRITICAL, HIGH, HIGH, "root's own files: keys, history, and what root's shell runs"),
    Place("/home", HIGH, MEDIUM, LOW, "its users' files: keys, tokens, and what their shells run"),
    Place("/dev", CRITICAL, HIGH, MEDIUM, "its devices: disks and memory, as far as device rules let it"),
    Place(
        "/proc", CRITICAL, MEDIUM, CRITICAL, "its processes and kernel parameters, such as the handler of core dumps"
    ),
    Place(
        "/sys/fs/cgroup", HIGH, LOW, HIGH, "its cgroups: limits of all services, and what v1 runs as root on release"
    ),
    Place("/sys", CRITICAL, LOW, HIGH, "its devices and kernel: uevent_helper is run by the kernel as root"),
    Place("/run", HIGH, HIGH, LOW, "sockets of its services, which take orders from root"),
    Place("/var/run", HIGH, HIGH, LOW, "sockets of its services, which take orders from root"),
    Place("/var/lib", CRITICAL, MEDIUM, LOW, _STATES),
    Place("/var/lib/docker", CRITICAL, MEDIUM, NONE, _STATES),
    Place("/var/lib/containers", CRITICAL, MEDIUM, NONE, _STATES),
    Place("/var/lib/containerd", CRITICAL, MEDIUM, NONE, _STATES),
    Place("/var/lib/kubelet", CRITICAL, HIGH, NONE, _STATES),
    Place("/var/log", MEDIUM, LOW, LOW, "its logs: what they tell, and what is to be hidden"),
    Place("/var/spool/cron", CRITICAL, LOW, HIGH, "what it runs regularly, as root, too"),
    Place("/var", CRITICAL, MEDIUM, LOW, _STATES),
)

# What engines put into every container from directories of theirs, each container its own.
ENGINES_FILES = (
    "/dev/mqueue",
    "/dev/pts",
    "/dev/shm",
    "/dev/termination-log",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/run/.containerenv",
    "/run/secrets",
    "/run/systemd/journal",
)
# Nodes that every container has by itself: a rootless engine binds the host's.
HARMLESS_NODES = ("console", "full", "null", "ptmx", "random", "tty", "urandom", "zero")

# Parts of the names of sockets whose services start containers as root for whoever asks.
ENGINES_SOCKETS = (
    "buildkitd.sock",
    "containerd.sock",
    "cri-dockerd.sock",
    "crio.sock",
    "docker.sock",
    "dockershim.sock",
    "kubelet.sock",
    "libvirt-sock",
    "lxd/unix.socket",
    "nri.sock",
    "podman.sock",
)
SYSTEM_SOCKETS = ("dbus/system_bus_socket", "run/dbus", "run/systemd", "run/udev")
_OTHER_SOCKETS = ("-sock", ".sock", ".socket", "/bus", "/dev/log", "/.X11-unix")


def place_of(path: str) -> tuple[Place, bool]:
    """The innermost place that the absolute path is, or is below of, and whether it is below."""
    found = [place for place in PLACES if path == place.path or path.startswith(place.path.rstrip("/") + "/")]
    place = max(found, key=lambda candidate: len(candidate.path))
    return place, path != place.path


def is_engines_socket(path: str) -> bool:
    return path.endswith(ENGINES_SOCKETS)


def is_system_socket(path: str) -> bool:
    return any(path.endswith(name) or f"{name}/" in path for name in SYSTEM_SOCKETS)


def is_other_socket(path: str) -> bool:
    return path.endswith(_OTHER_SOCKETS) or "/.X11-unix/" in path
