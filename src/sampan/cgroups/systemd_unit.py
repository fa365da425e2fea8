"""Which unit of systemd a container gets, by ``linux.cgroupsPath``, and the place of its cgroup. Pure.

With systemd the field does not hold a path but ``SLICE:PREFIX:NAME``, a convention of runc's that all engines follow:
the unit is ``PREFIX-NAME.scope`` in that slice, or, where the name ends so, the slice ``NAME``.
"""

from __future__ import annotations

from sampan.errors import ConfigError, Problem

FIELD = "linux.cgroupsPath"
SECTION = "config-linux.md#cgroups-path"
SYSTEM_SLICE, USER_SLICE = "system.slice", "user.slice"  # where no slice is named
PREFIX = "sampan"  # where no cgroupsPath is given
SLICE, SCOPE = ".slice", ".scope"
LONGEST = 255  # bytes of a unit's name

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_IN_NAMES = _LETTERS + ":-_.\\@"
# Names that a file of a cgroup has, or could have: systemd puts "_" before the directory of a unit that is called so.
_FILES = ("notify_on_release", "release_agent", "tasks")
_CONTROLLERS = ("cgroup", "cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids")


class Unit:
    """A transient unit: a scope, or a slice."""

    __slots__ = ("name", "slice")

    def __init__(self, name: str, in_slice: str) -> None:
        self.name = name
        self.slice = in_slice  # for a slice: the one that it wants to be there, not where it is

    @property
    def is_slice(self) -> bool:
        """Is it a slice, whose place its own name says?"""
        return self.name.endswith(SLICE)

    @property
    def path(self) -> str:
        """Its cgroup, below that of the systemd which makes it: "/a.slice/a-b.slice/c.scope"."""
        if self.is_slice:
            return slice_path(self.name)
        return f"{slice_path(self.slice)}/{_directory(self.name)}"


def parse(cgroups_path: str | None, container_id: str, default_slice: str) -> Unit:
    """The unit that ``linux.cgroupsPath`` names, or without one that of the container's id. Raises ConfigError."""
    if not cgroups_path:
        return Unit(_checked(f"{PREFIX}-{_escape(container_id)}{SCOPE}", container_id), default_slice)
    parts = cgroups_path.split(":")
    if len(parts) != 3 or not parts[2]:
        rule = (
            'must be "SLICE:PREFIX:NAME" where systemd makes the cgroup, for example "machine.slice:sampan:web" '
            "(a path is for --cgroup-manager=cgroupfs)"
        )
        raise _error(cgroups_path, rule)
    in_slice, prefix, name = parts
    in_slice = in_slice or default_slice
    _check_slice(in_slice, cgroups_path)
    if name.endswith(SLICE):
        _check_slice(name, cgroups_path)
        return Unit(_checked(name, cgroups_path), in_slice)
    return Unit(_checked(f"{prefix}-{name}{SCOPE}", cgroups_path), in_slice)


def slice_path(name: str) -> str:
    """ "a-b.slice" is in "a.slice": "/a.slice/a-b.slice". The root slice "-.slice" is the top: ""."""
    words = name.removesuffix(SLICE).split("-")
    if name == "-.slice":
        return ""
    return "".join(f"/{_directory('-'.join(words[: count + 1]) + SLICE)}" for count in range(len(words)))


def _check_slice(name: str, cgroups_path: str) -> None:
    if name == "-.slice":
        return
    words = name.removesuffix(SLICE).split("-")
    if not name.endswith(SLICE) or not all(words):
        raise _error(cgroups_path, f"names the slice {name!r}: a slice is called WORD.slice, or WORD-WORD.slice in it")
    _checked(name, cgroups_path)


def is_name(name: str) -> bool:
    """Does systemd take it for the name of a scope or slice?"""
    return name.endswith((SLICE, SCOPE)) and not name.strip(_IN_NAMES) and len(name) <= LONGEST


def _checked(name: str, value: str) -> str:
    if name.strip(_IN_NAMES) or len(name) > LONGEST:
        wrong = "".join(sorted(set(name) - set(_IN_NAMES)))
        reason = f"{wrong!r} cannot be in it" if wrong else f"it is longer than {LONGEST} characters"
        raise _error(value, f"gives the unit the name {name!r}, which systemd does not take: {reason}")
    return name


def _escape(container_id: str) -> str:
    """The id as a part of a unit's name, as `systemd-escape` writes it: "+" is the one letter that only ids have."""
    return container_id.replace("+", "\\x2b")


def _directory(name: str) -> str:
    """The directory of a unit."""
    controller, dot, _ = name.partition(".")
    if name[0] in "_." or name in _FILES or (dot and controller in _CONTROLLERS):
        return f"_{name}"
    return name


def _error(value: str, rule: str) -> ConfigError:
    return ConfigError("config.json", [Problem(FIELD, value, rule, SECTION)])
