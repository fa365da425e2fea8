"""What a container gets of the machine's resources: its cgroup with its limits, and its class of service where it has
one (linux.intelRdt). Hot path.
"""

from __future__ import annotations

import posix

from sampan.cgroups import cgroup as cgroups
from sampan.cgroups.layout import UNIFIED
from sampan.errors import ConfigError, Problem
from sampan.spec.names import DELEGATE_CGROUP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.cgroups.cgroup import Cgroup
    from sampan.cgroups.layout import Layout
    from sampan.cgroups.resctrl import Group
    from sampan.engine.store import Held, Record
    from sampan.spec.types import Config, Resources


class Share:
    """A container's cgroup and class of service, of which the record knows before they are made."""

    __slots__ = ("_config", "_resources", "cgroup", "handed_down", "rdt")

    def __init__(
        self, config: Config, container_id: str, found: Layout, manager: str, remark: Callable[[str], None]
    ) -> None:
        """Makes nothing yet. Raises ConfigError for what this machine cannot give."""
        self._config = config
        self._resources = resources_of(config)
        if manager == cgroups.DISABLED:
            self._resources = _without_cgroup(self._resources, remark)
        self.cgroup = locate_cgroup(config, container_id, found, manager)
        self.handed_down = config.get("annotations", {}).get(DELEGATE_CGROUP, "").strip("/")
        if self.handed_down and list(self.cgroup.directories) != [UNIFIED]:
            rule = "needs a cgroup of the container's own on a host with cgroup v2 alone"
            raise ConfigError("config.json", [Problem(f"annotations[{DELEGATE_CGROUP}]", self.handed_down, rule, "")])
        self.rdt: Group | None = None
        linux = config.get("linux", {})
        if "intelRdt" in linux:
            from sampan.cgroups import resctrl

            self.rdt = resctrl.Group(resctrl.find(), container_id, linux["intelRdt"])

    def make(self, held: Held, record: Record) -> None:
        """Make both and set their limits, but for a cgroup that `place` has to make. Raises ConfigError, KernelError.

        What fails has undone itself.
        """
        # recorded before it is made, for the case that this is killed; but only if nobody is in it, since `delete` will
        # kill who is
        self.cgroup.check_free()
        record.cgroup = self.cgroup.to_state()
        held.save(record)
        try:
            self.cgroup.create(self._resources)
        except BaseException:
            record.cgroup = cgroups.Cgroup({}).to_state()
            raise
        record.cgroup = self.cgroup.to_state()
        if not self.cgroup.places:
            self._give_away()
        if self.rdt is not None:

            def remember(state: dict[str, object]) -> None:
                record.rdt = state
                held.save(record)

            self.rdt.prepare(remember)

    def place(self, pid: int, held: Held, record: Record) -> None:
        """Let systemd make the cgroup around the container's first process. Raises KernelError, SampanError."""
        record.cgroup = self.cgroup.to_state(placing=True)  # for the case that this is killed in the middle of it
        held.save(record)
        try:
            self.cgroup.place(pid, self._resources)
        except BaseException:
            record.cgroup = cgroups.Cgroup({}).to_state()
            raise
        record.cgroup = self.cgroup.to_state()
        held.save(record)
        self._give_away()

    def hand_down(self, pid: int) -> None:
        """Move the container's process below its cgroup, where that is asked for. Raises KernelError.

        Last of all: the root of its cgroup namespace shall be the cgroup that has the limits.
        """
        if self.handed_down:
            from sampan.cgroups import ownership

            ownership.hand_down(self._config, self.cgroup.directories[UNIFIED], self.handed_down, pid)

    def tasks_files(self) -> list[str]:
        """Where the container's first process writes "0" to be in its v1 cgroups and in its class of service."""
        return self.cgroup.tasks_files() + (self.rdt.tasks_files() if self.rdt is not None else [])

    def _give_away(self) -> None:
        """config-linux.md, Cgroup ownership: "Cgroup delegation is not secure in cgroups v1." """
        if list(self.cgroup.directories) != [UNIFIED]:
            return
        from sampan.cgroups import ownership

        uid = ownership.owner(self._config)
        if uid is not None and uid != posix.geteuid():
            ownership.delegate(self.cgroup.directories[UNIFIED], uid)


def resources_of(config: Config) -> Resources:
    """What config.json limits."""
    return config.get("linux", {}).get("resources", {})


def locate_cgroup(config: Config, container_id: str, found: Layout, manager: str) -> Cgroup:
    """The container's cgroup, not made. Raises ConfigError for resources that cannot be applied."""
    resources = resources_of(config)
    if resources and manager != cgroups.DISABLED:
        from sampan.cgroups.support import unsupported

        if problems := unsupported(resources, found):
            raise ConfigError("config.json", problems)
    path = config.get("linux", {}).get("cgroupsPath")
    return cgroups.locate(found, path, container_id, manager, config.get("annotations"))


def _without_cgroup(resources: Resources, remark: Callable[[str], None]) -> Resources:
    """What can be kept of the limits with --cgroup-manager=disabled: nothing. Raises ConfigError for any but devices.

    Engines always send a list of devices, also where their user has chosen to have no cgroup.
    """
    from sampan.cgroups.support import asked

    rule = "cannot be set: the container gets no cgroup (--cgroup-manager=disabled)"
    section = "config-linux.md#control-groups"
    problems = [Problem(field, value, rule, section) for field, value in asked(resources)]
    if problems:
        raise ConfigError("config.json", problems)
    if resources.get("devices"):
        remark("linux.resources.devices is not applied: the container gets no cgroup (--cgroup-manager=disabled)")
    return {}
