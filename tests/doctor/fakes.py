"""A host made of a few files below a directory, and a kernel that answers as it is told."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sampan.doctor.host import Host
from sampan.doctor.row import Row
from sampan.doctor.tries import SYSTEM_CALLS, Tries
from sampan.errors import UsageError
from sampan.spec.types import IDMapping

ROOT_MAP = "         0          0 4294967295\n"


class FakeTries(Tries):
    """A kernel that can do everything, but for what is named."""

    def __init__(
        self,
        *,
        lacks: Sequence[str] = (),
        reasons: Mapping[str, str] | None = None,
        systemd: int = 0,
        outputs: Mapping[str, str] | None = None,
        flags: Sequence[str] = (),
    ) -> None:
        self.lacks = lacks  # system calls, and CLONE_INTO_CGROUP
        self.reasons = dict(reasons or {})  # what fails -> why
        self.release = systemd
        self.outputs = dict(outputs or {})  # path of a program -> what it prints
        self.flags = list(flags)
        self.mapped: list[tuple[Sequence[IDMapping], Sequence[IDMapping]]] = []

    def system_call(self, name: str) -> int:
        assert name in SYSTEM_CALLS
        return errno.ENOSYS if name in self.lacks else errno.EINVAL

    def clones_into_cgroup(self) -> bool:
        return "CLONE_INTO_CGROUP" not in self.lacks

    def executable_memfd(self) -> str:
        return self.reasons.get("memfd", "")

    def init(self) -> str:
        return self.reasons.get("init", "")

    def user_namespace(self, uids: Sequence[IDMapping], gids: Sequence[IDMapping]) -> str:
        self.mapped.append((uids, gids))
        return self.reasons.get("user_namespace", "")

    def id_mapped_mount(self, path: str) -> str:
        return self.reasons.get(path, "")

    def seccomp_flags(self) -> list[str]:
        return self.flags

    def libseccomp(self) -> str:
        if "libseccomp" in self.reasons:
            raise ImportError(self.reasons["libseccomp"])
        return "2.5.4"

    def notifies(self) -> str:
        return self.reasons.get("notify", "")

    def systemd(self, *, of_user: bool) -> int:
        if not self.release:
            raise UsageError("--systemd-cgroup: nobody answers (a hint)")
        return self.release

    def output(self, *command: str) -> str:
        return self.outputs.get(command[0], "")


def a_host(root: Path, files: Mapping[str, str] | None = None, **options: Any) -> Host:
    """A host whose files are ``files`` (path -> content), below ``root``; of root unless ``uid`` is given."""
    for path, content in {"/proc/self/uid_map": ROOT_MAP, **(files or {})}.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        if path.rpartition("/")[0].endswith("bin"):
            file.chmod(0o755)
    settings: dict[str, Any] = {
        "command": "/usr/local/bin/sampan",
        "state_directory": "/run/sampan",
        "root": root,
        "uid": 0,
        "gid": 0,
        "user": "root" if options.get("uid", 0) == 0 else "worker",
        "environment": {"PATH": "/usr/bin", "HOME": "/home/worker"},
        "release": "6.1.0-test",
        "machine": "x86_64",
        "tries": FakeTries(),
    }
    return Host(**{**settings, **options})


def row(rows: Iterable[Row], own_id: str) -> Row:
    """The one row with this id."""
    (found,) = [row for row in rows if row.id == own_id]
    return found
