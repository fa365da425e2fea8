"""The cgroup hierarchies of this machine, and one cgroup of our own in each of them, for everything that a view runs.

Never changes a cgroup that it has not made.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CGROUPS = Path("/sys/fs/cgroup")
V2 = (CGROUPS / "cgroup.controllers").exists()  # and nothing else
PATIENCE = 5.0  # seconds: processes killed just now are still ending


def has_controller(name: str) -> bool:
    if V2:  # which has two without a controller
        return name in ("freezer", "devices", *(CGROUPS / "cgroup.controllers").read_text().split())
    return (CGROUPS / name).is_dir()


def needs(controller: str) -> pytest.MarkDecorator:
    """Skips a test where the machine lacks it."""
    return pytest.mark.skipif(
        not has_controller(controller), reason=f"this machine has no cgroup controller {controller}"
    )


@dataclass(frozen=True)
class Hierarchy:
    mounted: Path
    kind: str  # cgroup or cgroup2
    options: str  # what mount(8) needs to mount it again

    @property
    def name(self) -> str:
        """Its directory below /sys/fs/cgroup; "." where it is all of it."""
        return str(self.mounted.relative_to(CGROUPS))


def hierarchies() -> list[Hierarchy]:
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        target = Path(fields.split()[4])
        kind, _, options = rest.split()[:3]
        if kind in ("cgroup", "cgroup2") and target.is_relative_to(CGROUPS):
            chosen = ",".join(option for option in options.split(",") if option not in ("rw", "ro", "nsdelegate"))
            found.append(Hierarchy(target, kind, chosen))
    return found


def names_of(hierarchy: Hierarchy) -> list[str]:
    """Further names of a v1 hierarchy: hosts that mount `cpu,cpuacct` have the links `cpu` and `cpuacct`."""
    together = hierarchy.options.split(",") if "," in hierarchy.options else []
    return [name for name in together if (CGROUPS / name).is_symlink()]


def own_cgroup(hierarchy: Hierarchy) -> Path:
    """The cgroup of this process."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if (hierarchy.kind == "cgroup2") if not controllers else set(controllers.split(",")) & _tags(hierarchy):
            return hierarchy.mounted / path.lstrip("/")
    raise LookupError(f"/proc/self/cgroup does not tell of {hierarchy.mounted}")


def _tags(hierarchy: Hierarchy) -> set[str]:
    return set() if hierarchy.kind == "cgroup2" else set(hierarchy.options.split(","))


class OwnCgroups:
    """A cgroup `name` in every hierarchy, ready for processes."""

    def __init__(self, name: str) -> None:
        self.hierarchies = hierarchies()
        self.directories: list[Path] = []
        try:
            for hierarchy in self.hierarchies:
                self._make(hierarchy, name)
        except OSError:
            self.remove()
            raise

    def _make(self, hierarchy: Hierarchy, name: str) -> None:
        above = own_cgroup(hierarchy)
        if hierarchy.kind == "cgroup2":
            above = hierarchy.mounted  # the only one that may have both processes and cgroups with controllers
            _pass_on_controllers(above)
        directory = above / name
        directory.mkdir()
        self.directories.append(directory)
        for cpuset in ("cpuset.cpus", "cpuset.mems"):  # v1: a cgroup without them takes no process
            if hierarchy.kind == "cgroup" and (directory / cpuset).exists():
                (directory / cpuset).write_text((above / cpuset).read_text())

    def clear_tops_of_v2(self) -> None:
        """Moves our processes one cgroup down: a v2 cgroup that has some cannot have children with controllers."""
        for hierarchy, directory in zip(self.hierarchies, self.directories, strict=True):
            if hierarchy.mounted != CGROUPS:
                continue
            (directory / "view").mkdir()
            for pid in (directory / "cgroup.procs").read_text().split():
                (directory / "view/cgroup.procs").write_text(pid)
            for controller in (directory / "cgroup.controllers").read_text().split():
                (directory / "cgroup.subtree_control").write_text(f"+{controller}")

    def below(self) -> Iterator[Path]:
        """All cgroups that were made in ours, the innermost first."""
        for top in self.directories:
            for path, _, _ in os.walk(top, topdown=False):
                if Path(path) != top:
                    yield Path(path)

    def remove(self) -> None:
        """Ours and all in them; their processes have been killed."""
        for directory in (*self.below(), *self.directories):
            _remove(directory)


def _pass_on_controllers(directory: Path) -> None:
    """v2: what the top has, its children may have too; only where nobody else has seen to it, which systemd does."""
    available = (directory / "cgroup.controllers").read_text().split()
    passed_on = (directory / "cgroup.subtree_control").read_text().split()
    for controller in set(available) & {"cpu", "memory", "pids"} - set(passed_on):
        (directory / "cgroup.subtree_control").write_text(f"+{controller}")


def _remove(directory: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return directory.rmdir()
        except FileNotFoundError:
            return None
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
