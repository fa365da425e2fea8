"""The bundles that "spec" writes: a config.json alone, or one with a root that needs no image. Not on the hot path."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

from sampan.engine import host_root, profiles
from sampan.errors import ExistsError, KernelError
from sampan.profiles.default import default_config, mount, rootless_config
from sampan.profiles.hardened import USER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sampan.spec.types import Config, Mount, Resources

_MEMORY = 256 * 1024 * 1024
_PROCESSES = 64


def write_config(path: Path, config: Config) -> None:
    """Write a new config.json as runc does, indented by tabs. Raises ExistsError, KernelError."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps(config, indent="\t", ensure_ascii=False) + "\n")
    except FileExistsError:
        raise ExistsError(f"{path} exists, and is not overwritten: remove it first") from None
    except OSError as error:
        raise KernelError("write", str(path), error.errno or 0) from None


def write_host_bundle(bundle: Path, args: Sequence[str], *, rootless: bool = False, hardened: bool = False) -> None:
    """Write a bundle whose root is a read-only view of this host's programs; it shows itself where ``args`` is empty.

    Raises ExistsError, and changes nothing, where the bundle has a config.json or a root filesystem.
    """
    rootfs, document = bundle / "rootfs", bundle / "config.json"
    for path in (document, rootfs):
        if path.exists() or path.is_symlink():
            raise ExistsError(f"{path} exists, and is not overwritten: remove it first")
    try:
        rootfs.mkdir(parents=True)
    except OSError as error:
        raise KernelError("make the directory", str(rootfs), error.errno or 0) from None
    try:
        mounts = host_root.build(rootfs, user=USER if hardened else 0)
        make = _hardened_config if hardened else _config
        write_config(document, make(mounts, args or ["/bin/sh", "/view"], rootless=rootless))
    except BaseException:
        shutil.rmtree(rootfs)
        raise


def _hardened_config(mounts: list[Mount], args: Sequence[str], *, rootless: bool) -> Config:
    config = profiles.hardened(rootless=rootless)
    config["process"]["args"] = list(args)
    config["process"]["terminal"] = False
    config["process"]["env"].append("LANG=C.UTF-8")
    config["mounts"] += mounts
    return config


def _config(mounts: list[Mount], args: Sequence[str], *, rootless: bool) -> Config:
    config = rootless_config(os.geteuid(), os.getegid()) if rootless else default_config()
    config["process"]["args"] = list(args)
    config["process"]["terminal"] = False
    config["process"]["env"] += ["HOME=/root", "LANG=C.UTF-8"]
    config["linux"]["namespaces"].append({"type": "cgroup"})
    if not rootless:
        config["linux"]["resources"].update(_limits())
    config["mounts"] += [_temporary("/tmp", "mode=1777"), _temporary("/run", "mode=755"), *mounts]
    return config


def _temporary(destination: str, mode: str) -> Mount:
    return mount(destination, "tmpfs", "tmpfs", "nosuid", "nodev", mode, "size=65536k")


def _limits() -> Resources:
    """Limits of memory and processes, where this host has the controllers for them, and this user may use them."""
    controllers = profiles.controllers(rootless=False)
    limits: Resources = {}
    if "memory" in controllers:
        limits["memory"] = {"limit": _MEMORY}
    if "pids" in controllers:
        limits["pids"] = {"limit": _PROCESSES}
    return limits
