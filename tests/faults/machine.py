"""What there is on this machine of one container: processes, mounts, cgroups, files. For tests: finds and removes."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 3.0  # seconds: processes that were killed just now are still ending
PR_SET_CHILD_SUBREAPER = 36
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Every orphan below this process becomes its child, so that no process of a container can hide."""
    if _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def mounts() -> dict[int, str]:
    """The id of each mount of this process's namespace, and where it is."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        number, _, _, _, target, *_ = line.split(" ")
        found[int(number)] = target
    return found


def hierarchies() -> set[Path]:
    """The mount points of all hierarchies of cgroups."""
    found = set()
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.split(" ")[0] in ("cgroup", "cgroup2"):
            found.add(Path(before.split(" ")[4]))
    return found


def cgroups(token: str) -> list[Path]:
    """All cgroups whose path has ``token`` in it, inner ones first."""
    found = []
    for point in hierarchies():
        found += [Path(path) for path, _, _ in os.walk(point, topdown=False) if token in path]
    return found


def living_children() -> dict[int, str]:
    """This process's children and what they run; those that have ended are reaped, which ends them for good."""
    found = {}
    for pid in map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()):
        try:
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found[pid] = command or Path(f"/proc/{pid}/comm").read_text()
        except (ChildProcessError, FileNotFoundError, ProcessLookupError):
            continue
    return found


@dataclass
class Traces:
    """What there is and should not be."""

    processes: dict[int, str] = field(default_factory=dict)
    mounts: list[str] = field(default_factory=list)
    cgroups: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.processes or self.mounts or self.cgroups or self.files)

    def __str__(self) -> str:
        lines = [f"process {pid}: {what}" for pid, what in self.processes.items()]
        lines += [f"mount {target}" for target in self.mounts]
        lines += [f"cgroup {path}" for path in self.cgroups]
        lines += [f"file {path}" for path in self.files]
        return "; ".join(lines)

    def remove(self) -> None:
        """So that one test's traces are not the next one's."""
        for pid in self.processes:
            os.kill(pid, signal.SIGKILL)
        for target in reversed(self.mounts):
            _libc.umount2(target.encode(), MNT_DETACH)
        for path in self.cgroups:
            remove_cgroup(path)
        for path in self.files:
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def remove_cgroup(path: Path) -> None:
    """Kill who is in it, and remove it."""
    deadline = time.monotonic() + PATIENCE
    while path.exists() and time.monotonic() < deadline:
        for pid in (path / "cgroup.procs").read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        living_children()
        try:
            path.rmdir()
        except OSError:
            time.sleep(0.01)


@dataclass(frozen=True)
class Before:
    """What there was already."""

    processes: frozenset[int]
    mounts: frozenset[int]

    @classmethod
    def now(cls) -> Before:
        return cls(frozenset(living_children()), frozenset(mounts()))

    def traces(self, token: str, directories: list[Path]) -> Traces:
        """What has come since and stays: processes, mounts, cgroups with ``token`` in their name, files below."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = Traces(
                {pid: what for pid, what in living_children().items() if pid not in self.processes},
                [target for number, target in mounts().items() if number not in self.mounts],
                cgroups(token),
                [path for directory in directories for path in sorted(directory.rglob("*"), reverse=True)],
            )
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.01)
