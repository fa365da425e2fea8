"""The host that is looked at: its files below a root, who asks, and what its kernel answers when something is tried.

The rows ask only this, so that a test can show them a tree of files and answers of its own.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sampan.doctor.tries import Tries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Beside PATH: engines and the programs of uidmap are found by root's commands and by services there.
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


@dataclass(frozen=True)
class Host:
    """A host, as one user sees it."""

    command: str  # the path of sampan itself, for commands that are told to people
    state_directory: str  # "" where there is no place for one
    verbs: Sequence[str] = ()  # what this release can do
    root: Path = Path("/")
    uid: int = field(default_factory=os.geteuid)
    gid: int = field(default_factory=os.getegid)
    user: str = field(default_factory=_user_name)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    release: str = field(default_factory=lambda: os.uname().release)
    machine: str = field(default_factory=lambda: os.uname().machine)
    tries: Tries = field(default_factory=Tries)

    @property
    def is_real(self) -> bool:
        """Is this the machine that we run on, and not a tree of files that stands for one?"""
        return self.root == Path("/")

    @cached_property
    def is_privileged(self) -> bool:
        """Is the caller root of the host, and not only of a user namespace?"""
        return self.uid == 0 and self.words("/proc/self/uid_map") in (["0", "0", "4294967295"], [])

    @cached_property
    def version(self) -> tuple[int, int]:
        """The kernel's: (6, 18)."""
        numbers = self.release.replace("-", ".").split(".")
        return int(numbers[0]), int("".join(filter(str.isdigit, numbers[1])) or 0)

    def path(self, path: str) -> Path:
        """Where a file of the host is."""
        return self.root / path.lstrip("/")

    def read(self, path: str) -> str | None:
        """The content of a file, without the space around it; None where it cannot be read."""
        try:
            return self.path(path).read_text(errors="replace").strip()
        except OSError:
            return None

    def words(self, path: str) -> list[str]:
        """The words in a file; none where it cannot be read."""
        return (self.read(path) or "").split()

    def has(self, path: str) -> bool:
        """Is there something at this path?"""
        return os.path.exists(self.path(path))  # not Path.exists(), which raises where the way is barred

    def names(self, directory: str) -> list[str]:
        """What is in a directory, sorted; nothing where it cannot be read."""
        try:
            return sorted(entry.name for entry in self.path(directory).iterdir())
        except OSError:
            return []

    def is_directory(self, path: str) -> bool:
        """Is there a directory at this path?"""
        return os.path.isdir(self.path(path))

    def is_program(self, path: str) -> bool:
        """Is there a program at this path that somebody may run?"""
        file = self.path(path)
        return os.path.isfile(file) and bool(file.stat().st_mode & 0o111)

    def is_writable(self, path: str) -> bool:
        """May the caller write there?"""
        return os.access(self.path(path), os.W_OK, effective_ids=True)

    def program(self, name: str) -> str:
        """The path of a program on this host, or ""."""
        for directory in f"{self.environment.get('PATH', '')}:{SEARCH_PATH}".split(":"):
            path = f"{directory}/{name}"
            if directory.startswith("/") and self.is_program(path):
                return path
        return ""

    def mount_type(self, path: str) -> str:
        """The type of the file system that a path of this host is on: that of the innermost mount above it."""
        best, kind = "", ""
        for line in (self.read("/proc/self/mountinfo") or "").splitlines():
            head, _, tail = line.partition(" - ")
            point = head.split()[4]
            inside = point in ("/", path) or path.startswith(f"{point}/")
            if inside and len(point) >= len(best):  # the last one of several on one place is on top
                best, kind = point, tail.split()[0]
        return kind
