"""A container's cgroup: one object for its directories in every hierarchy, made, limited, entered, emptied and removed.

Where a v1 hierarchy has a controller, its limits are v1's; what only the v2 hierarchy has is v2's. On a hybrid host the
container is in both, at the same path: v2 gives birth into the cgroup (CLONE_INTO_CGROUP) and ``cgroup.kill``.
Never decides who is moved, or when: that is the engine's.
"""

from __future__ import annotations

import errno
import posix

from sampan.cgroups import delegation, freezing, tree
from sampan.cgroups.layout import CGROUP_TYPES, UNIFIED, is_below, is_plain_path
from sampan.errors import ConfigError, KernelError, Problem
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampan.cgroups.layout import Layout
    from sampan.spec.types import Resources

_PATH_SECTION = "config-linux.md#cgroups-path"
_RESOURCES_SECTION = "config-linux.md#control-groups"
CGROUPFS, SYSTEMD, DISABLED = "cgroupfs", "systemd", "disabled"  # who makes cgroups
_REMOVE_PATIENCE = 5.0  # seconds: how long a killed process may take to be gone


class MountSource:
    """What a mount of type ``cgroup`` shows of one hierarchy."""

    __slots__ = ("aliases", "controllers", "directory", "name", "unified")

    def __init__(self, name: str, directory: str, controllers: tuple[str, ...], unified: bool) -> None:
        self.name = name  # of its mount point: "memory", "cpu,cpuacct", "systemd", "unified"
        self.directory = directory  # the container's own cgroup in it
        self.controllers = controllers  # ("cpu", "cpuacct"), ("name=systemd",); of v2: ()
        self.aliases = tuple(name.split(",")) if "," in name else ()  # symbolic links to ``name``
        self.unified = unified  # is it the v2 hierarchy?


class Cgroup:
    """A container's cgroup: a directory in each hierarchy."""

    __slots__ = ("_explicit", "_layout", "_stays_in", "directories")

    def __init__(self, directories: dict[str, str], layout: Layout | None = None, explicit: bool = False) -> None:
        self.directories = directories  # v1 controller -> absolute directory; "" -> the v2 one
        self._layout = layout  # where it was located; None when it comes from a state file
        self._stays_in: dict[
            str, str
        ] = {}  # the same for the hierarchies in which it has none of its own: the caller's
        self._explicit = explicit  # did config.json name it?

    def check_free(self) -> None:
        """Raises KernelError if the cgroup exists and has processes: they are somebody else's.

        To be asked before a record of the container says that this cgroup is its own, to be killed and removed with it.
        """
        for directory in self._distinct():
            _must_be_empty(directory)

    def create(self, resources: Resources) -> None:
        """Make the directories, then set the limits and device rules. Raises ConfigError, KernelError.

        What fails leaves nothing behind, and what was there before untouched: there is nothing to kill or to remove.
        """
        made: list[str] = []
        try:
            self._make(resources, made)
            self._limit(resources, made)
        except BaseException:
            tree.unmake(made)
            raise

    @property
    def places(self) -> bool:
        """Does `place` put the container's first process into the cgroup, instead of that process itself?"""
        return False

    def place(self, pid: int, resources: Resources) -> None:
        """Put the container's first process into the cgroup and set the limits, where `create` could not."""

    def open_unified(self) -> int:
        """A descriptor of the v2 directory, for CLONE_INTO_CGROUP; -1 where there is none."""
        directory = self.directories.get(UNIFIED)
        if directory is None:
            return -1
        try:
            return posix.open(directory, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
        except OSError as error:
            raise KernelError("open cgroup", directory, error.errno or 0) from None

    def tasks_files(self) -> list[str]:
        """The ``tasks`` file of each v1 hierarchy, for a process that puts itself into the cgroup.

        A process of one thread that writes "0" to each is there in 0.3 ms in all. ``enter`` moves another process, and
        for that the kernel waits until it may lock out every fork (an RCU grace period: 10 ms and more).
        """
        unified = self.directories.get(UNIFIED)
        return [f"{directory}/tasks" for directory in self._distinct() if directory != unified]

    def enter(self, pid: int, *, unified: bool = True) -> None:
        """Move a process into the cgroup; not in the v2 hierarchy where ``unified`` is false (it was born there)."""
        for directory in self._distinct():
            if unified or directory != self.directories.get(UNIFIED):
                files.write(f"{directory}/cgroup.procs", str(pid))

    def is_full(self) -> bool:
        """Would its limit of pids refuse the births that an `exec` takes: one in it, and its fork into a pid namespace?

        A process that enters is counted, but never refused: so a full one can still be looked into.
        """
        directory = self.directories.get("pids", self.directories.get(UNIFIED, ""))
        try:
            limit = files.read(f"{directory}/pids.max").strip()
            return limit != b"max" and int(limit) < int(files.read(f"{directory}/pids.current")) + 2
        except KernelError:
            return False  # it has not the controller, or is gone

    def processes(self) -> list[int]:
        """The processes in the cgroup and below it."""
        directory = self.directories.get(UNIFIED) or next(iter(self.directories.values()), "")
        return tree.processes(directory) if directory else []

    def kill(self, signal: int = 9) -> None:
        """Send a signal to all of its processes; after SIGKILL none of them will run again."""
        from sampan.cgroups import killing

        killing.kill(self.directories, signal)

    def update(self, resources: Resources) -> None:
        """Change the limits of a container that exists; what ``resources`` does not name stays. Never the devices.

        Raises KernelError, ConfigError.
        """
        from sampan.cgroups import limits

        limits.update(resources, self.directories)

    def freeze(self) -> None:
        """Stop all of its processes. Raises KernelError where that cannot be done."""
        freezing.freeze(self.directories)

    def thaw(self) -> None:
        """Let its processes go on."""
        freezing.thaw(self.directories)

    def release(self) -> None:
        """Let those go on and end that SIGKILL was sent to, in it and below it: a v1 freezer would keep them alive."""
        freezing.release(self.directories)

    def is_frozen(self) -> bool:
        """Are its processes stopped, by `freeze` or by somebody else?"""
        return freezing.is_frozen(self.directories)

    def remove(self) -> None:
        """Remove the container's own directories, and what the container made in them; not those that lead to them.

        (They may have been given limits by somebody meanwhile; runc leaves them, too.) Raises KernelError.
        """
        tree.remove(self._distinct(), _REMOVE_PATIENCE)

    def mounts(self) -> list[MountSource]:
        """The hierarchies as a container's ``cgroup`` mount shows them: its own cgroups, or, where it has none, those
        that it is in. Only of a cgroup that was located.
        """
        layout = self._layout
        if layout is None:
            return []
        sources = []
        for directory, names in _by_directory(self.directories | self._stays_in).items():
            point = layout.unified if UNIFIED in names else layout.mounts[names[0]]
            name = point.rpartition("/")[2]
            controllers = tuple(name for name in names if name != UNIFIED)
            sources.append(MountSource(name, directory, controllers, UNIFIED in names))
        return sources

    def to_state(self, *, placing: bool = False) -> dict[str, object]:
        """What ``from_state`` needs, as a JSON object. ``placing``: is `place` called next?"""
        del placing  # makes no difference to what the runtime makes by itself
        return {"directories": dict(self.directories)}

    def _distinct(self) -> dict[str, list[str]]:
        return _by_directory(self.directories)

    def _make(self, resources: Resources, made: list[str]) -> None:
        for directory, names in self._distinct().items():
            try:
                new = tree.make(directory, made)
                if UNIFIED in names:
                    self._check_unified(directory)
            except KernelError as error:
                self._do_without(names, resources, error)
                continue
            if not new:
                _must_be_empty(directory)
        self._refuse_frozen()

    def _refuse_frozen(self) -> None:
        if self.is_frozen():  # the container would not even begin
            place = self.directories.get("freezer", self.directories.get(UNIFIED, ""))
            detail = "it is frozen, or one above it is: thaw it first"
            raise KernelError("use cgroup", place, errno.EBUSY, tree.FIELD, detail)

    def _do_without(self, names: list[str], resources: Resources, error: KernelError) -> None:
        """A hierarchy that this user may not change is no error if nobody asked for anything in it."""
        if error.errno not in delegation.DENIED:
            raise error
        if not delegation.is_rootless():
            hint = "a container that is not limited can do without: --cgroup-manager=disabled makes none"
            raise KernelError(error.operation, error.subject, error.errno, error.field, error.detail or hint)
        from sampan.cgroups import limits

        for controller, _, _, field, _ in limits.settings(resources, self.directories):
            if controller in names or (UNIFIED in names and controller not in self.directories):
                raise KernelError(error.operation, error.subject, error.errno, field, delegation.HINT)
        if self._explicit:
            raise error
        for name in names:
            del self.directories[name]
            if self._layout is not None:
                point = self._layout.unified if name == UNIFIED else self._layout.mounts[name]
                self._stays_in[name] = f"{point}{self._layout.own.get(name, '/').rstrip('/')}"

    def _check_unified(self, directory: str) -> None:
        """May a process be moved into this v2 cgroup?"""
        layout = self._layout
        if layout is None:
            return
        if delegation.is_rootless() and not delegation.may_enter(
            layout.unified, layout.own.get(UNIFIED, "/"), directory
        ):
            raise KernelError("enter cgroup", directory, errno.EACCES, tree.FIELD)
        if directory.rpartition("/")[0] != layout.unified:  # right below the top nothing can be wrong
            _must_be_domain(directory)

    def _limit(self, resources: Resources, made: list[str]) -> None:
        from sampan.cgroups import access, limits

        settings = limits.settings(resources, self.directories)
        self._enable({setting[0]: setting[3] for setting in settings if setting[0] not in self.directories})
        if "cpuset" in self.directories and self._layout is not None:
            from sampan.cgroups import v1

            v1.inherit_cpuset(self.directories["cpuset"], self._layout.mounts["cpuset"])
        limits.apply(limits.places(settings, self.directories), settings)
        access.limit(self.directories, resources, made)

    def _enable(self, fields: Mapping[str, str]) -> None:
        """See to it that the v2 directory has the controllers of the limits that v1 cannot take."""
        directory, layout = self.directories.get(UNIFIED), self._layout
        if directory is not None and layout is not None and (fields or layout.mode == "v2"):
            from sampan.cgroups import v2

            v2.enable(layout.unified, directory, fields)
        elif fields:
            rule = "cannot be set: no hierarchy of /proc/self/mountinfo has the {} controller"
            problems = [Problem(field, None, rule.format(name), _RESOURCES_SECTION) for name, field in fields.items()]
            raise ConfigError("config.json", problems)


def locate(
    layout: Layout,
    cgroups_path: str | None,
    container_id: str,
    manager: str = CGROUPFS,
    annotations: Mapping[str, str] | None = None,
) -> Cgroup:
    """The cgroup of ``linux.cgroupsPath``, or without one that of a container's id. Touches nothing.

    ``manager`` says who makes it: the runtime itself (CGROUPFS), systemd (SYSTEMD), or nobody (DISABLED), and then the
    container stays in the caller's. ``annotations`` may say more about systemd's.

    An absolute path begins at the mount points, a relative one at the runtime's own cgroup, or on a pure v2 host at the
    cgroup that holds it: one that has processes cannot give controllers to those below it. As runc does.
    """
    if manager == SYSTEMD:
        from sampan.cgroups import systemd

        return systemd.locate(layout, cgroups_path, container_id, annotations or {})
    if manager == DISABLED:
        return Cgroup({})
    path = cgroups_path or container_id
    if "\0" in path or ".." in path.split("/") or not path.strip("/."):
        rule = "must name a cgroup below the mount point, without '..'"
        raise ConfigError("config.json", [Problem("linux.cgroupsPath", path, rule, _PATH_SECTION)])
    below = "/".join(element for element in path.split("/") if element not in ("", "."))
    points = {UNIFIED: layout.unified, **layout.mounts} if layout.unified else layout.mounts
    directories = {}
    for name, point in points.items():
        own = "" if path.startswith("/") else layout.own.get(name, "/").rstrip("/")
        if layout.mode == "v2":
            own = own.rpartition("/")[0]
        directories[name] = f"{point.rstrip('/')}{own}/{below}"
    return Cgroup(directories, layout, bool(cgroups_path))


def _by_directory(directories: Mapping[str, str]) -> dict[str, list[str]]:
    """directory -> its controllers: several for those that are mounted together."""
    found: dict[str, list[str]] = {}
    for name, directory in directories.items():
        found.setdefault(directory, []).append(name)
    return found


def from_state(document: Mapping[str, object]) -> Cgroup:
    """The cgroup that ``Cgroup.to_state`` described. Raises ValueError for what it cannot have written."""
    if document.get("manager") == SYSTEMD:
        from sampan.cgroups import systemd

        return systemd.from_state(document)
    return Cgroup(checked_directories(document))


def checked_directories(document: Mapping[str, object]) -> dict[str, str]:
    """The directories in a state file. Raises ValueError for any but a cgroup below the top of its hierarchy: all
    that is in them will be killed, and removed.
    """
    found = document.get("directories", {})
    if not isinstance(found, dict):
        raise ValueError(f"cgroup.directories is {found!r}")
    for name, directory in found.items():
        if not is_plain_path(directory):
            raise ValueError(f"cgroup.directories[{name!r}] is {directory!r}")
        if not is_below(directory, CGROUP_TYPES):
            raise ValueError(f"cgroup.directories[{name!r}] is {directory!r}, which is not below a cgroup")
    return found


def _must_be_empty(directory: str) -> None:
    """Others' processes would get this container's limits, and its end: config-linux.md lets a runtime refuse that."""
    pids = tree.processes(directory)
    if pids:
        detail = f"it exists and has {len(pids)} process{'es' * (len(pids) > 1)}; choose another path, or end them"
        raise KernelError("use cgroup", directory, errno.EBUSY, tree.FIELD, detail)


def _must_be_domain(directory: str) -> None:
    """No process may enter a v2 cgroup when one above it divides its threads (cgroup-v2.rst, Threads)."""
    kind = files.read(f"{directory}/cgroup.type").decode().strip()
    if kind in ("threaded", "domain invalid"):
        parent = directory.rpartition("/")[0]
        above = files.read(f"{parent}/cgroup.type").decode().strip()
        detail = f"its type is {kind!r}, and that of {parent} is {above!r}; choose a path without threaded cgroups"
        raise KernelError("use cgroup", directory, errno.EOPNOTSUPP, tree.FIELD, detail)
