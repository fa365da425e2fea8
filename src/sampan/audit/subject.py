"""What is judged: a configuration, seen through the questions that the rules ask of it."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from sampan.audit.system_calls import Filter
from sampan.plan.namespaces import root_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampan.audit.fields import Path
    from sampan.spec.types import Capabilities, Config, Linux, Resources

PEOPLE = 65536  # ids of the host's services and people are below

# Namespaces of processes that are the host's own: those of its init, of its kernel threads, and of the runtime.
_HOST_PROCESSES = frozenset(("1", "2", "self", "thread-self"))


@dataclass(frozen=True)
class Machine:
    """What is known of the host. The defaults are those of a host about which nothing is known."""

    uid: int = 0  # of the user who will run the container
    apparmor: bool = False
    selinux: bool = False
    root_is_link: bool = False  # is root.path a symbolic link?
    groups: Mapping[str, int] = field(default_factory=dict)  # name -> id, of the groups that have privileges


@dataclass(frozen=True)
class Mount:
    """One entry of `mounts`."""

    index: int
    destination: str
    source: str  # normalized; of a bind mount absolute
    type: str
    options: tuple[str, ...]
    bind: bool
    id_mapped: bool

    @property
    def path(self) -> Path:
        return ("mounts", self.index)

    @property
    def options_path(self) -> Path:
        return ("mounts", self.index, "options")

    @property
    def writable(self) -> bool:
        """As mount(8): the last of the contradicting options counts."""
        decisive = [option for option in self.options if option in ("ro", "rw", "rro", "rrw")]
        return not decisive or decisive[-1] in ("rw", "rrw")

    @property
    def writable_below(self) -> bool:
        """Can what is mounted below the source be written, though this mount cannot?"""
        return self.bind and "rbind" in self.options and not self.writable and "rro" not in self.options

    def has(self, option: str) -> bool:
        """Whether a restriction like "nosuid" is on, by itself or for all that is mounted below, too."""
        return option in self.options or f"r{option}" in self.options


class Subject:
    """A valid configuration, the bundle that it stands in, and the machine."""

    def __init__(self, config: Config, bundle: str, machine: Machine) -> None:
        self.config = config
        self.bundle = bundle
        self.machine = machine
        self.process = config.get("process", {})
        self.linux: Linux = config.get("linux", {})
        self.resources: Resources = self.linux.get("resources", {})
        self.root = posixpath.normpath(root_path(config, bundle))

    # Users.

    @property
    def runs_as_root(self) -> bool:
        """Whether the process is user 0 of its user namespace."""
        return self.process.get("user", {}).get("uid", 0) == 0

    @cached_property
    def confined(self) -> bool:
        """Whether the container's root is nobody on the host: its user namespace does not map the host's root."""
        return not self.shares("user") and not any(m["hostID"] == 0 for m in self.linux.get("uidMappings", ()))

    @property
    def maps_people(self) -> bool:
        """Whether the user namespace has ids of the host's services and people, as every rootless one has."""
        return any(0 < mapping["hostID"] < PEOPLE for mapping in self.linux.get("uidMappings", ()))

    def host_id(self, kind: str, number: int) -> int | None:
        """What a "uid" or "gid" of the container is on the host; None: not known."""
        if self.shares("user"):
            return number
        mappings = self.linux.get("uidMappings", ()) if kind == "uid" else self.linux.get("gidMappings", ())
        for mapping in mappings:
            if 0 <= number - mapping["containerID"] < mapping["size"]:
                return mapping["hostID"] + number - mapping["containerID"]
        return None

    # Namespaces.

    @cached_property
    def namespaces(self) -> dict[str, tuple[int, str]]:
        """Type -> its place in linux.namespaces, and the path of the one to join, or "" for a new one."""
        entries = enumerate(self.linux.get("namespaces", ()))
        return {entry["type"]: (index, entry.get("path", "")) for index, entry in entries}

    def shares(self, kind: str) -> bool:
        """Whether the namespace is the host's."""
        if kind not in self.namespaces:
            return True
        parts = posixpath.normpath(self.namespaces[kind][1]).split("/")
        return parts[:2] == ["", "proc"] and not _HOST_PROCESSES.isdisjoint(parts[2:3]) and "ns" in parts

    def joins(self, kind: str) -> bool:
        """Whether the namespace is that of another container."""
        return kind in self.namespaces and self.namespaces[kind][1] != "" and not self.shares(kind)

    # Capabilities.

    @property
    def capabilities(self) -> Capabilities:
        return self.process.get("capabilities", {})

    def holds(self, capability: str) -> bool:
        """Whether the process has it after it has started: root keeps what is permitted, others what is ambient."""
        sets = self.capabilities
        if capability in sets.get("ambient", ()):
            return True
        return self.runs_as_root and capability in (*sets.get("permitted", ()), *sets.get("effective", ()))

    def can_obtain(self, capability: str) -> bool:
        """Whether it can get it by a program with the set-user-ID bit or with capabilities of its own."""
        names = {name for listed in self.capabilities.values() for name in listed}  # type: ignore[attr-defined]
        return capability in names and not self.process.get("noNewPrivileges")

    # Files.

    @cached_property
    def mounts(self) -> list[Mount]:
        return [self._mount(index) for index in range(len(self.config.get("mounts", ())))]

    def _mount(self, index: int) -> Mount:
        entry = self.config["mounts"][index]
        options = tuple(entry.get("options", ()))
        kind = entry.get("type", "")
        bind = kind == "bind" or not {"bind", "rbind"}.isdisjoint(options)
        source = entry.get("source", "")
        if bind:
            source = "/" + posixpath.normpath(posixpath.join(self.bundle, source)).lstrip("/")
        mapped = "uidMappings" in entry or any(option.partition("=")[0] in ("idmap", "ridmap") for option in options)
        destination = posixpath.normpath("/" + entry["destination"].lstrip("/"))
        return Mount(index, destination, source, "bind" if bind else kind, options, bind, mapped)

    def mounted(self, *kinds: str) -> list[Mount]:
        """The mounts of these types of file systems."""
        return [mount for mount in self.mounts if mount.type in kinds]

    def sees(self, directory: str) -> bool:
        """Whether a file system of the kernel is at ``directory``: mounted as such, or bound from the host."""
        return any(mount.destination == directory for mount in self.mounts)

    # System calls.

    @cached_property
    def filter(self) -> Filter | None:
        profile = self.linux.get("seccomp")
        return Filter(profile) if profile else None
