"""Rules about namespaces that are not the container's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.audit.fields import END, removal, setting
from sampan.audit.rule import CRITICAL, HIGH, INFO, LOW, MEDIUM, Match, Rule
from sampan.audit.rules_users import RANGE, UNPRIVILEGED
from sampan.spec.names import sysctl_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.audit.fields import Edit, Path
    from sampan.audit.rule import Find, Severity
    from sampan.audit.subject import Subject

_NAMESPACES: Path = ("linux", "namespaces")

# Type, severity where it is the host's, and what it is good for.
_HOST: tuple[tuple[str, Severity, str], ...] = (
    (
        "mount",
        CRITICAL,
        "All files and mounts of the host are there; a root directory by chroot(2) alone is no wall for root.",
    ),
    (
        "pid",
        HIGH,
        (
            "It sees all processes of the host, with their command lines, and signals or traces those of its users;"
            " /proc/PID/root of one of them is the host's root directory."
        ),
    ),
    (
        "network",
        HIGH,
        (
            "It listens on the host's addresses, reaches services that trust 127.0.0.1 or abstract sockets, and sees"
            " the host's traffic where it may."
        ),
    ),
    ("ipc", MEDIUM, "It reads and writes shared memory, semaphores and message queues of the host's processes."),
    ("cgroup", LOW, "It sees the host's tree of cgroups: names of containers and services, and what they use."),
    ("uts", LOW, "It sees the host's name; with CAP_SYS_ADMIN it changes it for all."),
)
_JOINED = {
    "mount": MEDIUM,
    "user": MEDIUM,
    "pid": LOW,
    "network": LOW,
    "ipc": LOW,
    "cgroup": LOW,
    "uts": INFO,
    "time": INFO,
}


def _of_host(kind: str) -> Find:
    def find(subject: Subject) -> Iterator[Match]:
        if subject.shares(kind):
            yield Match(_place(subject, kind), _own(subject, kind))

    return find


def _of_another(kind: str) -> Find:
    def find(subject: Subject) -> Iterator[Match]:
        if subject.joins(kind):
            words = {"path": subject.namespaces[kind][1]}
            yield Match(_place(subject, kind), _own(subject, kind), words)

    return find


def _place(subject: Subject, kind: str) -> Path:
    return (*_NAMESPACES, subject.namespaces[kind][0], "path") if kind in subject.namespaces else _NAMESPACES


def _own(subject: Subject, kind: str) -> tuple[Edit, ...]:
    """Make the namespace a new one."""
    if kind in subject.namespaces:
        edits = [removal(_place(subject, kind))]
    else:
        edits = [setting(subject.config, (*_NAMESPACES, END), {"type": kind})]
    if kind == "user" and "uidMappings" not in subject.linux:
        mapping = [{"containerID": 0, "hostID": UNPRIVILEGED, "size": RANGE}]
        edits += [setting(subject.config, ("linux", name), mapping) for name in ("uidMappings", "gidMappings")]
    return tuple(edits)


def _parameters(subject: Subject) -> Iterator[Match]:
    for name in subject.linux.get("sysctl", {}):
        kind = {"net": "network", "fs": "ipc"}.get(sysctl_path(name).partition("/")[0], "")
        kind = kind or ("uts" if sysctl_path(name) in ("kernel/hostname", "kernel/domainname") else "ipc")
        if subject.shares(kind):
            path: Path = ("linux", "sysctl", name)
            yield Match(path, (removal(path),), {"name": name, "kind": kind})


def _devices(subject: Subject) -> Iterator[Match]:
    for name in subject.linux.get("netDevices", {}):
        path: Path = ("linux", "netDevices", name)
        yield Match(path, (removal(path),), {"name": name})


def _clocks(subject: Subject) -> Iterator[Match]:
    offsets = subject.linux.get("timeOffsets", {})
    shifted = [clock for clock, offset in offsets.items() if offset.get("secs") or offset.get("nanosecs")]
    if shifted:
        path: Path = ("linux", "timeOffsets")
        yield Match(path, (removal(path),), {"clocks": ", ".join(shifted)})


RULES = (
    *(
        Rule(
            f"host-{kind}",
            severity,
            f"the {kind} namespace is the host's",
            "linux.namespaces",
            gain,
            f'Add {{{{"type": "{kind}"}}}} to linux.namespaces, without a path.',
            _of_host(kind),
        )
        for kind, severity, gain in _HOST
    ),
    *(
        Rule(
            f"joined-{kind}",
            severity,
            f"the {kind} namespace is that of {{path}}",
            "linux.namespaces",
            "What one of the containers of this namespace can do to it, happens to all of them: they are as strong as"
            " the weakest of them.",
            "Remove the path, unless the containers belong together, as those of a pod do.",
            _of_another(kind),
        )
        for kind, severity in _JOINED.items()
    ),
    Rule(
        "sysctl-host",
        HIGH,
        "the kernel parameter {name} is set for the host",
        "linux.sysctl",
        "The {kind} namespace is the host's, so the parameter changes the host, and stays changed.",
        "Remove the parameter, or give the container a {kind} namespace of its own.",
        _parameters,
    ),
    Rule(
        "network-device",
        LOW,
        "the network device {name} of the host is moved into the container",
        "linux.netDevices",
        "The host is without the device meanwhile, and the container is on that network as the host was.",
        "Remove the device, and connect the container by a veth or macvlan device.",
        _devices,
    ),
    Rule(
        "time-offsets",
        INFO,
        "clocks are shifted: {clocks}",
        "linux.timeOffsets",
        "Nothing of the host; times in logs of the container do not fit those of the host.",
        "Remove linux.timeOffsets, unless a restored process needs them.",
        _clocks,
    ),
)
