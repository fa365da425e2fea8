"""A directory that stands for the resctrl file system, on machines that have none: what the kernel does in it.

As fs/resctrl of Linux 6.18: a directory that is made gets its files, what is written to ``schemata`` is checked whole,
rounded, and given back padded; a removed directory's tasks go to the one above. Two caches, of 11 bits, and memory
bandwidth in steps of ten percent.
"""

from __future__ import annotations

import errno
import posix
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sampan.cgroups import layout, resctrl
from sampan.cgroups.resctrl import Group
from sampan.errors import ConfigError, KernelError
from sampan.linux import files

ID = "web"
DOMAINS = ("0", "1")
WHOLE = {"L3": 0x7FF, "MB": 100}
STEP = 10  # percent


class Resctrl:
    """`point` is where it is mounted; `writes` are all writes to files in it, as (path below it, text)."""

    def __init__(self, point: Path, *, monitors: bool = True, classes: int = 8) -> None:
        self.point = point
        self.monitors = monitors
        self.free = classes - 1  # classes that can still be made
        self.free_monitors = classes
        self.writes: list[tuple[str, str]] = []
        self.values: dict[Path, dict[str, dict[str, int]]] = {}
        self.tasks: dict[Path, list[int]] = {}
        point.mkdir()
        (point / "info/MB").mkdir(parents=True)
        (point / "info/L3").mkdir()
        (point / "info/MB/bandwidth_gran").write_text(f"{STEP}\n")
        self._say("ok")
        self._fill_class(point)

    def replace_the_kernel(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(layout, "statfs_type", lambda path: resctrl.FILE_SYSTEM)
        patch.setattr(resctrl, "posix", SimpleNamespace(**{**vars(posix), "mkdir": self.mkdir, "rmdir": self.rmdir}))
        patch.setattr(resctrl, "files", SimpleNamespace(**{**vars(files), "write": self.write}))

    def make_class(self, name: str) -> Path:
        """A class that an administrator has made."""
        self.mkdir(str(self.point / name), 0o755)
        return self.point / name

    def mkdir(self, name: str, mode: int) -> None:
        path = Path(name)
        monitoring = path.parent.name == "mon_groups"
        if (self.free_monitors if monitoring else self.free) == 0:
            self._say("Out of RMIDs" if monitoring else "Out of CLOSIDs")
            raise OSError(errno.ENOSPC, "")
        path.mkdir(mode)
        if monitoring:
            (path / "mon_data").mkdir()
            self.tasks[path] = []
            self._show(path)
        else:
            self.free -= 1
            self._fill_class(path)
        self._say("ok")

    def rmdir(self, name: str) -> None:
        path = Path(name)
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, "")
        for below in [one for one in self.tasks if one == path or path in one.parents]:
            del self.tasks[below]
        if self.values.pop(path, None) is not None:
            self.free += 1
        shutil.rmtree(path)

    def write(self, name: str, data: str) -> None:
        path = Path(name)
        self.writes.append((str(path.relative_to(self.point)), data))
        self._say("ok")
        if not path.exists():
            raise KernelError("open", name, errno.ENOENT)
        try:
            if path.name == "schemata":
                self._set(path.parent, data)
            else:
                self._move(path.parent, int(data))
        except ValueError as error:
            self._say(str(error))
            raise KernelError("write", name, errno.EINVAL) from None
        self._show(path.parent)

    def _set(self, directory: Path, data: str) -> None:
        if not data.endswith("\n"):
            raise ValueError("")
        staged: dict[tuple[str, str], int] = {}
        for line in data[:-1].split("\n"):
            resource, colon, domains = (part.strip() for part in line.partition(":"))
            if not colon:
                raise ValueError("Missing ':'")
            if resource not in WHOLE:
                raise ValueError(f"Unknown resource name '{resource}'")
            for part in domains.split(";"):
                domain, _, text = (word.strip() for word in part.partition("="))
                if domain not in DOMAINS:
                    raise ValueError("")
                if (resource, domain) in staged:
                    raise ValueError(f"Duplicate domain {domain}")
                staged[resource, domain] = self._value(resource, text)
        for (resource, domain), value in staged.items():
            self.values[directory][resource][domain] = value

    def _value(self, resource: str, text: str) -> int:
        if resource == "MB":
            value = -(-int(text) // STEP) * STEP
            if not STEP <= value <= WHOLE["MB"]:
                raise ValueError(f"MB value {text} out of range [10,100]")
            return value
        value = int(text, 16)
        if not 0 < value <= WHOLE["L3"]:
            raise ValueError("Mask out of range")
        return value

    def _move(self, directory: Path, task: int) -> None:
        if directory.parent.name == "mon_groups" and task not in self.tasks[directory.parent.parent]:
            raise ValueError("Can't move task to different control group")
        for group in [one for one in self.tasks if task in self.tasks[one] and one not in directory.parents]:
            self.tasks[group].remove(task)
            self._show(group)
        self.tasks[directory].append(task)

    def _fill_class(self, path: Path) -> None:
        self.tasks[path] = []
        self.values[path] = {resource: dict.fromkeys(DOMAINS, value) for resource, value in WHOLE.items()}
        if self.monitors:
            (path / "mon_groups").mkdir()
            (path / "mon_data").mkdir()
        self._show(path)

    def _show(self, path: Path) -> None:
        (path / "tasks").write_text("".join(f"{task}\n" for task in self.tasks[path]))
        if path in self.values:
            formats: dict[str, Any] = {"L3": "{}={:03x}", "MB": "{}={:4d}"}
            lines = (
                f"{resource:>6}:{';'.join(formats[resource].format(*item) for item in values.items())}\n"
                for resource, values in reversed(self.values[path].items())
            )
            (path / "schemata").write_text("".join(lines))

    def _say(self, status: str) -> None:
        (self.point / "info/last_cmd_status").write_text(f"{status}\n")


class Remembered:
    """What the record of a container would say."""

    def __init__(self) -> None:
        self.states: list[dict[str, Any]] = []

    def __call__(self, state: dict[str, Any]) -> None:
        self.states.append(state)


def prepared(fake: Resctrl, **rdt: Any) -> Group:
    group = Group(str(fake.point), ID, rdt)  # type: ignore[arg-type]
    group.prepare(Remembered())
    return group


def refusal(fake: Resctrl, **rdt: Any) -> str:
    """The error that this configuration is. Nothing has changed by it, but for what is in `writes`."""
    before = snapshot(fake)
    remembered = Remembered()
    group = Group(str(fake.point), ID, rdt)  # type: ignore[arg-type]
    with pytest.raises((ConfigError, KernelError)) as caught:
        group.prepare(remembered)
    assert snapshot(fake) == before
    assert remembered.states[-1:] in ([], [{}])
    return str(caught.value)


def snapshot(fake: Resctrl) -> dict[str, str]:
    """Every directory, with its schemata and tasks."""
    found = {}
    for path in sorted(path for path in fake.point.rglob("*") if path.name != "last_cmd_status"):
        found[str(path)] = path.read_text() if path.is_file() else ""
    return found


def schemata(directory: Path) -> list[str]:
    return [line.strip() for line in (directory / "schemata").read_text().splitlines()]
