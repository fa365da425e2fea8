"""The plans of the verb `mounts`: what is mounted in a container that exists, and what is taken away there.

Not a hot path. Both join the container's namespaces as a further process does (plan/exec.py), and end there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.errors import ConfigError, Problem
from sampan.plan import mount_options as opt
from sampan.plan import mounts
from sampan.plan.namespaces import IF_MAPPED, namespace_flags
from sampan.plan.operations import NEWPID, NEWTIME, NEWUSER, Descriptor, Plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sampan.plan.host import Host
    from sampan.spec.types import Config


def mount_plan(config: Config, host: Host) -> Plan:
    """All of `mounts`, where the rest of ``config`` is the container's. Slot 0 is a pidfd of its process.

    Raises ConfigError for what cannot be mounted later on.
    """
    problems = list(_refused(config))
    if problems:
        raise ConfigError("config.json", problems)
    plan = Plan()
    _join(plan, config)
    surroundings = mounts.Surroundings(plan, config, host, joined=True)
    mounts.add_mounts(surroundings)
    for path, field in surroundings.sealed_later:
        plan.add("attributes", field, path, opt.RDONLY)
    return plan


def unmount_plan(config: Config, found: Iterable[tuple[str, int, str]]) -> Plan:
    """Take away each of ``found``: its path, the kernel's id of the mount there, the field that names it."""
    plan = Plan()
    _join(plan, config)
    plan.group = "mounts"
    for path, mount_id, field in found:
        directory, _, name = path.rpartition("/")
        plan.add("detach", field, directory or "/", name, mount_id)
    return plan


def _join(plan: Plan, config: Config) -> None:
    """All namespaces at once, closed to the eyes of the container's processes before (CVE-2016-9962)."""
    plan.group = "namespaces"
    container = plan.slot(Descriptor("process", "", "linux.namespaces"))
    flags = namespace_flags(config)
    plan.add("undumpable", "")
    plan.add("join", "linux.namespaces", container, flags, 0)
    if flags & (NEWPID | NEWUSER | NEWTIME):
        plan.add("fork", "linux.namespaces", 0)
    if flags & NEWUSER:
        plan.add("become_root", "linux.namespaces", IF_MAPPED)
    plan.add("open_root", "linux.namespaces")


def _refused(config: Config) -> Iterable[Problem]:
    for index, mount in enumerate(config.get("mounts", ())):
        field, options = f"mounts[{index}]", mount.get("options", ())
        if not mount["destination"].strip("/."):
            rule = "cannot be the root: no process of the container would see what is mounted over it"
            yield Problem(f"{field}.destination", mount["destination"], rule, mounts.SECTION)
        if "remount" in options:
            # the container may have put a link there, to something that its own configuration has made read-only
            rule = "cannot have remount here: remove the mount, and add it as it shall be"
            yield Problem(f"{field}.options", None, rule, mounts.SECTION)
