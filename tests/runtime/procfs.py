"""A process as /proc shows it from the host: for what a container cannot or should not be asked about itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

CAPABILITY_NAMES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
    "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
).split()


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo."""

    id: int
    root: str
    target: str
    options: frozenset[str]
    propagation: frozenset[str]
    kind: str
    source: str
    data: frozenset[str]


def parse_mounts(text: str) -> list[Mount]:
    mounts = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        number, _, _, root, target, options, *tags = before.split(" ")
        kind, source, data = after.split(" ", 2)
        mounts.append(
            Mount(
                id=int(number),
                root=root,
                target=target,
                options=frozenset(options.split(",")),
                propagation=frozenset(tag.partition(":")[0] for tag in tags) or frozenset({"private"}),
                kind=kind,
                source=source,
                data=frozenset(data.split(",")),
            )
        )
    return mounts


class Process:
    def __init__(self, pid: int | str = "self") -> None:
        self.pid = pid
        self.directory = Path(f"/proc/{pid}")

    def read(self, name: str) -> str:
        return (self.directory / name).read_text()

    def status(self, field: str) -> str:
        for line in self.read("status").splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return value.strip()
        raise KeyError(field)

    def capabilities(self, kind: str) -> set[str]:
        """`kind` is Inh, Prm, Eff, Bnd or Amb."""
        bits = int(self.status(f"Cap{kind}"), 16)
        return {f"CAP_{name}" for bit, name in enumerate(CAPABILITY_NAMES) if bits >> bit & 1}

    def namespace(self, kind: str) -> str:
        """`net:[4026531992]`; `kind` is the specification's word."""
        return os.readlink(self.directory / "ns" / {"network": "net", "mount": "mnt"}.get(kind, kind))

    def environment(self) -> list[str]:
        return self.read("environ").split("\0")[:-1]

    def arguments(self) -> list[str]:
        return self.read("cmdline").split("\0")[:-1]

    def descriptors(self) -> dict[int, str]:
        return {int(name): os.readlink(self.directory / "fd" / name) for name in os.listdir(self.directory / "fd")}

    def limit(self, name: str) -> tuple[str, str]:
        """The soft and the hard limit; `name` as in /proc/PID/limits."""
        for line in self.read("limits").splitlines():
            if line.startswith(name):
                soft, hard, *_ = line.removeprefix(name).split()
                return soft, hard
        raise KeyError(name)

    def mounts(self) -> list[Mount]:
        return parse_mounts(self.read("mountinfo"))

    def mount(self, target: str) -> Mount:
        """What is mounted at `target`; of several, the one that is seen."""
        for mount in reversed(self.mounts()):
            if mount.target == target:
                return mount
        raise AssertionError(f"nothing is mounted at {target}:\n{self.read('mountinfo')}")

    def cgroups(self) -> dict[str, str]:
        """Controller (v1) or "" (v2) -> path below the hierarchy's mount point."""
        paths = {}
        for line in self.read("cgroup").splitlines():
            _, names, path = line.split(":", 2)
            for name in names.split(","):
                paths[name.removeprefix("name=")] = path
        return paths

    @property
    def root(self) -> Path:
        return self.directory / "root"


def children(pid: int) -> list[int]:
    """Of all its threads: runc's are not its first one's."""
    tasks = os.listdir(f"/proc/{pid}/task")
    return [int(child) for task in tasks for child in _content(Path(f"/proc/{pid}/task/{task}/children")).split()]


def _content(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""  # a thread that ended meanwhile


def descendants(pid: int) -> list[int]:
    found = []
    for child in children(pid):
        found.append(child)
        try:
            found += descendants(child)
        except (FileNotFoundError, ProcessLookupError):
            pass  # it ended meanwhile; its children are ours now and the next look finds them
    return found


def is_zombie(pid: int) -> bool:
    try:
        return Process(pid).read("stat").rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
