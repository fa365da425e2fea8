"""The configurations that "spec" writes, fitted to this host and user. Not on the hot path."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from sampan.cgroups.cgroup import locate
from sampan.cgroups.layout import UNIFIED, detect
from sampan.profiles.default import default_config, rootless_config
from sampan.profiles.hardened import RANGES, hardened_config, range_of_ids, single_id

if TYPE_CHECKING:
    from sampan.spec.types import Config


def default(*, rootless: bool) -> Config:
    """What runc's spec would write here."""
    v2_alone = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    if rootless:
        return rootless_config(os.geteuid(), os.getegid(), cgroup_namespace=v2_alone)
    return default_config(cgroup_namespace=v2_alone)


def hardened(*, rootless: bool) -> Config:
    """The hardened profile. Root's containers get ids by chance, so that two of them are strangers to each other."""
    if rootless:
        ids = single_id(os.geteuid()), single_id(os.getegid())
    else:
        chosen = range_of_ids(secrets.randbelow(RANGES))
        ids = chosen, chosen
    return hardened_config(*ids, controllers(rootless=rootless), time_namespace=Path("/proc/self/ns/time").exists())


def controllers(*, rootless: bool) -> set[str]:
    """The controllers of cgroups that can limit a container of this user."""
    layout = detect()
    if rootless:
        holders = {name: Path(path).parent for name, path in locate(layout, None, "ID").directories.items()}
        unified = holders.pop(UNIFIED, None)
        found = {name for name, holder in holders.items() if os.access(holder, os.W_OK)}
        if unified is not None and os.access(unified / "cgroup.subtree_control", os.W_OK):
            found.update((unified / "cgroup.controllers").read_text().split())
        return found
    found = {name for name, point in layout.mounts.items() if os.access(f"{point}{layout.own.get(name, '/')}", os.W_OK)}
    if layout.unified and os.access(layout.unified, os.W_OK):
        # Enabled for the children of the root: true on every host with systemd, and often not inside of containers.
        control = Path(layout.unified, "cgroup.subtree_control")
        found.update(control.read_text().split() if control.exists() else ())
    return found
