"""Nothing may be left behind: what a test's containers had on this machine, looked for afterwards and then removed.

Processes are found because this process is the reaper of all orphans below it, mounts because it has a mount namespace
of its own, cgroups by a token that is part of every id, and files because each container has its own directories for
them.
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from . import cgroupfs, kernel, procfs
from .procfs import Process

TOKEN = f"ocitest-{uuid.uuid4().hex[:8]}"  # part of every container's id
PATIENCE = 3.0  # seconds: processes killed just now are still ending


@dataclass
class Snapshot:
    """What there is at one moment."""

    processes: set[int]
    mounts: set[int]

    @classmethod
    def take(cls) -> Snapshot:
        return cls(set(procfs.descendants(os.getpid())), {mount.id for mount in Process().mounts()})


@dataclass
class Leftovers:
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
        return "left behind:\n" + "\n".join(lines)

    def remove(self) -> None:
        for pid in self.processes:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for target in reversed(self.mounts):
            kernel.umount(target, kernel.MNT_DETACH)
        for cgroup in self.cgroups:
            _remove_cgroup(cgroup)


def find(before: Snapshot, directories: list[Path]) -> Leftovers:
    """What there is now and was not before. Ended children are reaped, which ends them for good."""
    deadline = time.monotonic() + PATIENCE
    while True:
        _reap()
        now = Snapshot.take()
        found = Leftovers(
            processes={pid: _describe(pid) for pid in now.processes - before.processes if not procfs.is_zombie(pid)},
            mounts=[mount.target for mount in Process().mounts() if mount.id not in before.mounts],
            cgroups=list(cgroupfs.walk(TOKEN)),
            files=[path for directory in directories for path in _files(directory)],
        )
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def _files(directory: Path) -> list[Path]:
    """The runtime's own directory may stay (and an empty one is no trace), but nothing named after a container."""
    if not directory.exists():
        return []
    return [path for path in directory.rglob("*") if TOKEN in path.name or not path.is_dir()]


def _describe(pid: int) -> str:
    try:
        return " ".join(Process(pid).arguments())
    except (FileNotFoundError, ProcessLookupError):
        return "ended meanwhile"


def _reap() -> None:
    """Ended orphans that came to us. (What the test itself started has been waited for by now.)"""
    for pid in procfs.children(os.getpid()):
        if procfs.is_zombie(pid):
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


def _remove_cgroup(path: Path) -> None:
    for pid in (path / "cgroup.procs").read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    for _ in range(100):
        try:
            path.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)
