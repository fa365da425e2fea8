"""`mounts add` and `mounts remove` (crun's): mounts of a container that exists.

Not operations of runtime.md, and not a hot path. Sources are opened here, on the host; what happens in the container is
a plan that init carries out there (plan/mounting.py).
"""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING

from sampan.cgroups.layout import unescape
from sampan.engine import facts, opening
from sampan.engine.launch import Launch, read_init
from sampan.engine.removal import silent
from sampan.engine.store import CONFIG, CREATED, PAUSED, RUNNING
from sampan.errors import ConfigError, Problem, SampanError, StateError
from sampan.linux import files
from sampan.plan.host import Host
from sampan.plan.mounting import mount_plan, unmount_plan
from sampan.spec.config import load_mounts, reload

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.engine.store import Held, Record, Store
    from sampan.plan.operations import Plan
    from sampan.spec.types import Config


class _Mount:
    """One line of mountinfo(5), as far as it is needed here."""

    __slots__ = ("id", "parent", "path")

    def __init__(self, line: bytes) -> None:
        mount_id, parent, _, _, path, *_ = line.split(b" ")
        self.id = int(mount_id)
        self.parent = int(parent)
        self.path = unescape(path)


def add(store: Store, container_id: str, data: bytes, document: str, *, warn: Callable[[str], None] = silent) -> None:
    """Mount all that the array in ``data`` names, or nothing of it. ``document`` is what messages call it.

    Raises ConfigError, StateError, KernelError, NotFoundError.
    """
    with store.hold(container_id) as held:
        target = _Target(held)
        try:
            config: Config = {**target.config, "mounts": load_mounts(data, target.config, document)}
            host = Host(container_id, target.record.bundle)
            facts.find_out(config, host, target.record.group())
            plan = _named(document, lambda: mount_plan(config, host))
            before = {mount.id for mount in _mounts_of(target.record)}
            try:
                target.carry_out(plan)
            except BaseException:
                target.take_away_new(before, warn)
                raise
        finally:
            target.close()


def remove(store: Store, container_id: str, data: bytes, document: str) -> None:
    """Unmount what is mounted at the destinations of the array in ``data``, the last one first, with all below it.

    Raises ConfigError, also where nothing is mounted at one of them, and then nothing is unmounted; StateError,
    KernelError, NotFoundError.
    """
    with store.hold(container_id) as held:
        target = _Target(held)
        try:
            wanted = [mount["destination"] for mount in load_mounts(data, target.config, document)]
            found = _find(_mounts_of(target.record), wanted, document)
            target.carry_out(unmount_plan(target.config, found))
        finally:
            target.close()


class _Target:
    """A container whose mounts change, held by a pidfd of its process."""

    def __init__(self, held: Held) -> None:
        """Raises StateError where there is no mount namespace to change."""
        self.record: Record = held.load()
        status = held.status(self.record)
        if status not in (CREATED, RUNNING, PAUSED):
            raise StateError(f"cannot change mounts of container {self.record.id}: it is {status}")
        self.config: Config = reload(held.read(CONFIG))
        namespaces = self.config.get("linux", {}).get("namespaces", ())
        if not any(entry["type"] == "mount" and not entry.get("path") for entry in namespaces):
            reason = "it has no mount namespace of its own, and others would get them too"
            raise StateError(f"cannot change mounts of container {self.record.id}: {reason}")
        self.pidfd = self.record.open_process()
        if self.pidfd < 0:
            raise StateError(f"cannot change mounts of container {self.record.id}: process already finished")

    def close(self) -> None:
        os.close(self.pidfd)

    def carry_out(self, plan: Plan) -> None:
        """Let init do what the plan says, in the container but not in its cgroup, which may be frozen."""
        opened: list[int] = []
        launch = Launch(plan)
        init = read_init()
        try:
            opening.open_all(plan.descriptors, {"process": self.pidfd}, opened)
            launch.spawn(init, (-1, -1, -1), opened, 3, 0, -1)
            launch.ended()
            ended = os.waitid(os.P_PIDFD, launch.pidfd, os.WEXITED)
            if ended is None or (ended.si_code, ended.si_status) != (os.CLD_EXITED, 0):
                raise SampanError("init was killed while it changed mounts (has the container ended?)")
        except BaseException:
            launch.abort()
            raise
        finally:
            launch.close()
            for fd in (init, *opened):
                os.close(fd)

    def take_away_new(self, before: set[int], warn: Callable[[str], None]) -> None:
        """Undo what a plan has done before it failed: what is mounted and was not, the last one first."""
        try:
            new = [mount for mount in _mounts_of(self.record) if mount.id not in before]
            ids = {mount.id for mount in new}
            # what is below a new mount goes with it
            found = [(mount.path, mount.id, "mounts") for mount in new if mount.parent not in ids]
            if found:
                self.carry_out(unmount_plan(self.config, found[::-1]))
        except SampanError as error:
            warn(f"container {self.record.id}: not all that was mounted before the failure is unmounted: {error}")


def _named(document: str, compile_plan: Callable[[], Plan]) -> Plan:
    """The plan; what is wrong is said of the document that the caller has given."""
    try:
        return compile_plan()
    except ConfigError as error:
        raise ConfigError(document, error.problems) from None


def _mounts_of(record: Record) -> list[_Mount]:
    """The mounts that the container's process sees. Raises KernelError where it has ended."""
    return [_Mount(line) for line in files.lines(files.read(f"/proc/{record.pid}/mountinfo"))]


def _find(mounts: list[_Mount], wanted: list[str], document: str) -> list[tuple[str, int, str]]:
    """What is to be unmounted, in this order: path, id, field. Of several mounts at one place the uppermost."""
    found, problems = [], []
    for index in reversed(range(len(wanted))):
        field = f"mounts[{index}].destination"
        path = posixpath.normpath(f"/{wanted[index].lstrip('/')}")
        there = [mount for mount in mounts if mount.path == path]
        covered = {mount.parent for mount in there}
        top = next((mount for mount in there if mount.id not in covered), None)
        if path == "/":
            problems.append(Problem(field, wanted[index], "is the root, which cannot be unmounted", "config.md#mounts"))
        elif top is None:
            rule = "has nothing mounted there (a path through symbolic links is not followed)"
            problems.append(Problem(field, wanted[index], rule, "config.md#mounts"))
        else:
            found.append((path, top.id, field))
            mounts = [mount for mount in mounts if mount is not top]
    if problems:
        raise ConfigError(document, problems[::-1])
    return found
