"""Judges a configuration by the rules of the audit, with what they ask of this machine. Not on the hot path."""

from __future__ import annotations

import grp
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sampan.audit.report import judge
from sampan.audit.subject import Machine, Subject
from sampan.engine.preview import plan_of
from sampan.errors import SampanError
from sampan.plan.namespaces import root_path

if TYPE_CHECKING:
    from sampan.audit.report import Report
    from sampan.plan.operations import Plan
    from sampan.spec.types import Config

_PRIVILEGED_GROUPS = "adm disk docker incus-admin kmem kvm libvirt lxd podman shadow staff sudo systemd-journal wheel"


def report_of(config: Config, source: str, bundle: str, cgroup_manager: str) -> Report:
    """The report on a configuration whose text is ``source``, of a bundle, an absolute path."""
    subject = Subject(config, bundle, _machine(config, bundle))
    plan, reason = _plan(config, bundle, cgroup_manager)
    return judge(subject, source, plan, reason)


def _plan(config: Config, bundle: str, cgroup_manager: str) -> tuple[Plan | None, str]:
    """The plan, or why this machine has none: what can be judged is judged."""
    try:
        return plan_of(config, bundle, cgroup_manager), ""
    except SampanError as error:
        return None, str(error)


def _machine(config: Config, bundle: str) -> Machine:
    try:
        apparmor = Path("/sys/module/apparmor/parameters/enabled").read_text().startswith("Y")
    except OSError:
        apparmor = False
    return Machine(
        uid=os.geteuid(),
        apparmor=apparmor,
        selinux=Path("/sys/fs/selinux/enforce").exists(),
        root_is_link=os.path.islink(root_path(config, bundle).rstrip("/")),
        groups={group.gr_name: group.gr_gid for group in grp.getgrall() if group.gr_name in _PRIVILEGED_GROUPS.split()},
    )
