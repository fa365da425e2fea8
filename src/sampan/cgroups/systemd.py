"""A cgroup that systemd makes: a transient unit, for as long as the container is there.

systemd moves the container's first process into a new scope that has the limits as its properties. The runtime adds
what systemd does not do: exact values in the files, device rules, the v1 hierarchies that systemd leaves to others.
Only containers that ask for systemd come here; the D-Bus library is loaded only when there is something to ask.
"""

from __future__ import annotations

import errno
import posix
import time

from sampan.cgroups import delegation, limits, systemd_annotations, systemd_unit, tree
from sampan.cgroups.cgroup import SYSTEMD, Cgroup, checked_directories
from sampan.cgroups.layout import UNIFIED, is_plain_path
from sampan.errors import KernelError, UsageError
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampan.cgroups.layout import Layout
    from sampan.cgroups.limits import Setting
    from sampan.cgroups.systemd_manager import Manager
    from sampan.cgroups.systemd_properties import Variant
    from sampan.cgroups.systemd_unit import Unit
    from sampan.spec.types import Resources

OWN_V1 = "name=systemd"  # the v1 hierarchy in which systemd keeps its units
COLLECTED = ("s", "inactive-or-failed")  # CollectMode: nothing is left of the unit when its last process has ended
_STATE = {"unit": str, "user": bool, "started": bool, "subgroup": str, "description": str, "collected": bool}
_END_PATIENCE = 5.0  # seconds that killed processes may take to be gone
_COLLECTION_PATIENCE = 0.05  # seconds in which systemd notices that they are, as a rule


class SystemdCgroup(Cgroup):
    """A container's cgroup that is a unit of systemd, or in one."""

    __slots__ = ("_made", "_manager", "of_user", "properties", "started", "subgroup", "unit")

    def __init__(self, unit: Unit, directories: dict[str, str], layout: Layout | None = None) -> None:
        super().__init__(directories, layout)
        self.unit = unit
        self.of_user = False  # is it asked of the user's systemd, and not of the system's?
        self.subgroup = ""  # where the container is, below the unit's own cgroup
        self.properties: dict[str, Variant] = {}  # the unit's, but for limits and what every container's has
        self.started = False  # is the unit known to be this container's?
        self._made: list[str] = []  # directories that are there before the unit is
        self._manager: Manager | None = None

    @property
    def places(self) -> bool:
        """Yes: systemd moves the process."""
        return True

    def create(self, resources: Resources) -> None:
        """Make the directories of v1, of which systemd has some only, for init to enter. The rest is left to `place`.

        Raises KernelError.
        """
        systemds = {name: path for name, path in self.directories.items() if name in (UNIFIED, OWN_V1)}
        self.directories = self._others()
        try:
            self._make(resources, self._made)
        except BaseException:
            tree.unmake(self._made)
            raise
        finally:
            self.directories = {**systemds, **self.directories}  # without those that `_make` has done without

    def place(self, pid: int, resources: Resources) -> None:
        """Start the unit with the process in it, then write the limits. Raises ConfigError, KernelError, SampanError.

        What fails leaves nothing behind: the process is killed where the unit had been started.
        """
        settings = limits.settings(resources, self.directories)
        try:
            told = self._start(pid, resources, settings)
            self._settle(pid)
            self._limit(resources, [])
            if not told:
                self._tell(settings)
        except BaseException:
            if self.started:
                self.kill()
                self.remove()
            else:
                tree.unmake(self._made)
            raise
        finally:
            self._disconnect()

    def tasks_files(self) -> list[str]:
        """Those of the v1 hierarchies in which systemd does not look for its units."""
        return Cgroup(self._others()).tasks_files()

    def open_unified(self) -> int:
        """A descriptor of the v2 directory; -1 where there is none, and until systemd has made it."""
        return super().open_unified() if self.started else -1

    def kill(self, signal: int = 9) -> None:
        """Send a signal to all of its processes. Where the creation was killed, only if the unit is its own."""
        if self._is_ours():
            super().kill(signal)

    def update(self, resources: Resources) -> None:
        """Change the limits in the files, then in the unit. Raises ConfigError, SampanError."""
        self.manager()  # which is needed for the second half, or there shall be no first one
        try:
            super().update(resources)
            self._tell(limits.settings(resources, self.directories))
        finally:
            self._disconnect()

    def remove(self) -> None:
        """Remove the unit and all directories. Raises KernelError, SampanError."""
        if not self._is_ours():
            tree.unmake(list(self._distinct()))  # as far as they are empty: those of the unit are somebody else's
            return
        if not self._is_collected():
            self._stop()
        tree.remove({self._of_unit(directory) for directory in self.directories.values()}, _END_PATIENCE)

    def to_state(self, *, placing: bool = False) -> dict[str, object]:
        """What ``from_state`` needs, as a JSON object. Until systemd is asked for a unit there is none in it."""
        if not (placing or self.started):
            return Cgroup(self._others()).to_state()
        return {
            "manager": SYSTEMD,
            "unit": self.unit.name,
            "user": self.of_user,
            "started": self.started,
            "subgroup": self.subgroup,
            "description": self.properties["Description"][1],
            "collected": self.properties["CollectMode"] == COLLECTED,
            "directories": dict(self.directories),
        }

    def manager(self) -> Manager:
        """The connection to systemd. Raises UsageError where it cannot be reached."""
        if self._manager is None:
            from sampan.cgroups.systemd_manager import connect

            self._manager = connect(of_user=self.of_user)
        return self._manager

    def _start(self, pid: int, resources: Resources, settings: Sequence[Setting]) -> bool:
        """Start the unit. Does it have the properties of all ``settings``?"""
        from sampan.cgroups import systemd_limits, systemd_manager
        from sampan.linux.dbus import BusError

        manager = self.manager()
        on_v1 = systemd_limits.is_v1(self.directories)
        try:
            of_resources, complete = systemd_limits.of_resources(settings, manager.version, on_v1=on_v1)
            properties = dict(systemd_limits.of_unit(self.unit, pid, on_v1=on_v1))
            if not self.of_user:  # whose systemd has no say in devices
                properties.update(systemd_limits.of_devices(resources, on_v1=on_v1))
            properties.update(of_resources)
            properties.update(self.properties)
            manager.start(self.unit.name, list(properties.items()))
        except BusError as error:
            raise systemd_manager.explain(error, "start", self.unit.name) from None
        self.started = True
        return complete

    def _tell(self, settings: Sequence[Setting]) -> None:
        """Let the unit's properties be what ``settings`` have made of the files."""
        from sampan.cgroups import systemd_limits, systemd_manager
        from sampan.linux.dbus import BusError

        try:
            systemd_limits.tell(self.manager(), self.unit, settings, self.directories)
        except BusError as error:
            raise systemd_manager.explain(error, "change the properties of", self.unit.name) from None

    def _of_unit(self, directory: str) -> str:
        """The directory of the unit that a directory of the container is in."""
        return directory.removesuffix(f"/{self.subgroup}") if self.subgroup else directory

    def _others(self) -> dict[str, str]:
        """The directories that systemd does not make, or has no need of."""
        return {name: path for name, path in self.directories.items() if name not in (UNIFIED, OWN_V1)}

    def _own(self) -> str:
        """The unit's directory in the hierarchy in which systemd looks whether it is empty."""
        return self._of_unit(self.directories.get(UNIFIED) or self.directories.get(OWN_V1, ""))

    def _settle(self, pid: int) -> None:
        """See to it that the process is where it belongs in systemd's hierarchies. The others it enters by itself."""
        if self.unit.is_slice or self.subgroup:
            for name in self.directories.keys() & {UNIFIED, OWN_V1}:
                tree.make(self.directories[name], [])
                files.write(f"{self.directories[name]}/cgroup.procs", str(pid))
        elif pid not in tree.processes(self._own()):
            found = files.read(f"/proc/{pid}/cgroup").decode(errors="replace").split()
            detail = f"systemd has put the container's process elsewhere: {' '.join(found)}"
            raise KernelError("find the process in", self._own(), errno.ESRCH, systemd_unit.FIELD, detail)
        self._refuse_frozen()

    def _is_ours(self) -> bool:
        """Is the unit this container's? A creation that was killed may have been so before or after it was started."""
        if not self.started:
            self.started = ("s", self.manager().description(self.unit.name)) == self.properties["Description"]
        return self.started

    def _is_collected(self) -> bool:
        """Wait until all processes have ended and systemd, by itself, has removed the unit. False: not in time.

        This is nearly always so, and spares the library and the bus.
        """
        if self.unit.is_slice or self.properties["CollectMode"] != COLLECTED:
            return False
        directory = self._own()
        now = time.monotonic()
        deadline, noticed = now + _END_PATIENCE, now + _COLLECTION_PATIENCE
        pause = 0.0002
        while posix.access(directory, posix.F_OK):
            now = time.monotonic()
            if now > deadline:
                return False
            if tree.processes(directory):
                noticed = now + _COLLECTION_PATIENCE
            elif now > noticed:
                return False
            time.sleep(pause)
            pause = min(2 * pause, 0.005)
        return True

    def _stop(self) -> None:
        from sampan.cgroups import systemd_manager
        from sampan.linux.dbus import BusError

        try:
            self.manager().stop(self.unit.name)
        except BusError as error:
            raise systemd_manager.explain(error, "stop", self.unit.name) from None
        finally:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._manager is not None:
            self._manager.close()
            self._manager = None


def locate(layout: Layout, cgroups_path: str | None, container_id: str, annotations: Mapping[str, str]) -> Cgroup:
    """The cgroup of the unit that ``linux.cgroupsPath`` names, not made.

    Asks systemd where its own cgroup is. Raises ConfigError, and UsageError where systemd cannot be reached.
    """
    of_user = _asks_user()
    default = systemd_unit.USER_SLICE if of_user else systemd_unit.SYSTEM_SLICE
    found = SystemdCgroup(systemd_unit.parse(cgroups_path, container_id, default), {}, layout)
    found.of_user = of_user
    found.subgroup = systemd_annotations.subgroup(annotations)
    found.properties = {"Description": ("s", f"sampan container {container_id}"), "CollectMode": COLLECTED}
    found.properties.update(systemd_annotations.properties(annotations))
    points = {UNIFIED: layout.unified, **layout.mounts} if layout.unified else layout.mounts
    if not points:
        raise UsageError("--systemd-cgroup: no cgroup hierarchy is mounted where this process could see it")
    if of_user:
        top = found.manager().control_group()
    else:
        from sampan.cgroups.systemd_manager import control_group_of_system

        top = control_group_of_system()
    below = f"{top.rstrip('/')}{found.unit.path}"
    if found.subgroup:
        below = f"{below}/{found.subgroup}"
    found.directories = {name: f"{point.rstrip('/')}{below}" for name, point in points.items()}
    return found


def from_state(document: Mapping[str, object]) -> Cgroup:
    """The cgroup that ``SystemdCgroup.to_state`` described. Raises ValueError for what it cannot have written."""
    for name, kind in _STATE.items():
        if type(document.get(name)) is not kind:
            raise ValueError(f"cgroup.{name} is {document.get(name)!r}")
    unit, subgroup = str(document["unit"]), str(document["subgroup"])
    if not systemd_unit.is_name(unit):
        raise ValueError(f"cgroup.unit is {unit!r}")
    if subgroup and not is_plain_path(f"/{subgroup}"):
        raise ValueError(f"cgroup.subgroup is {subgroup!r}")
    found = SystemdCgroup(systemd_unit.Unit(unit, ""), checked_directories(document))
    found.of_user = document["user"] is True
    found.started = document["started"] is True
    found.subgroup = subgroup
    found.properties["Description"] = ("s", document["description"])
    found.properties["CollectMode"] = COLLECTED if document["collected"] else ("s", "inactive")
    return found


def _asks_user() -> bool:
    """Is the systemd to ask the caller's own? Not for root, not even of the user namespace that process 1 is in."""
    if delegation.override is not None or not delegation.is_rootless():
        return delegation.is_rootless()
    try:
        return posix.geteuid() != 0 or posix.readlink("/proc/self/ns/user") != posix.readlink("/proc/1/ns/user")
    except OSError:
        return True  # who is root of process 1 may look at it
