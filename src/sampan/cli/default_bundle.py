"""The bundle that needs no image: its root shows the host's own programs, read-only, and little else of the host.

Writes directories, symbolic links and small files below the bundle, and mounts nothing. Not on the hot path.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from sampan.cli import profiles
from sampan.cli.default_config import default_config, mount, rootless_config
from sampan.cli.hardened_config import USER
from sampan.errors import ExistsError, KernelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.spec.types import Config, Mount, Resources

# Where programs are. On most distributions all but /usr are symbolic links into it, and are the same links here.
_PROGRAMS = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")

# Of /etc only what programs need to run and what tells no secret: no accounts, keys, networks or services.
_SETTINGS = (
    "alternatives",
    "debian_version",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "os-release",
    "pki/tls/certs",
    "profile",
    "protocols",
    "services",
    "shells",
    "ssl/certs",
    "terminfo",
    "timezone",
)

_DIRECTORIES = ("dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "var")

_FILES = {  # instead of the host's
    "etc/group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
    "etc/hostname": "sampan\n",
    "etc/hosts": "127.0.0.1 localhost sampan\n::1 localhost\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
}

_VIEW = r"""#!/bin/sh
# What a container sees of itself; written by `sampan spec --rootfs host`.
first() { for file; do [ -r "$file" ] && read -r line <"$file" && echo "$line" && return; done; echo "not limited"; }
field() { while read -r name value; do [ "$name" = "$1:" ] && echo "$value"; done </proc/self/status; }

echo "hostname      $(uname -n)"
echo "pid 1         $(tr '\0' ' ' </proc/1/cmdline)"
echo "processes     $(cd /proc && echo [0-9]*)"
echo "user          $(id)"
echo "capabilities  $(field CapEff), no new privileges: $(field NoNewPrivs)"
echo "limits"
echo "  open files  $(ulimit -n)"
echo "  memory      $(first /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes)"
echo "  processes   $(first /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max)"
echo "mounts"
while read -r source target type options rest; do
    printf '  %-24s %-8s %s\n' "$target" "$type" "$options"
done </proc/self/mounts
"""

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
        mounts = _build_root(rootfs)
        if hardened:
            _add_user(rootfs)
        make = _hardened_config if hardened else _config
        write_config(document, make(mounts, args or ["/bin/sh", "/view"], rootless=rootless))
    except BaseException:
        shutil.rmtree(rootfs)
        raise


def _build_root(rootfs: Path) -> list[Mount]:
    """Make the few files that are the container's own, and a mount point for each part of the host that it sees."""
    for name in _DIRECTORIES:
        (rootfs / name).mkdir()
    (rootfs / "tmp").chmod(0o1777)
    (rootfs / "var" / "tmp").symlink_to("../tmp")
    for name, content in _FILES.items():
        (rootfs / name).write_text(content)
    (rootfs / "view").write_text(_VIEW)
    (rootfs / "view").chmod(0o755)
    shown = [*_PROGRAMS, *(f"etc/{name}" for name in _SETTINGS)]
    return [entry for name in shown if (entry := _show(Path("/", name), rootfs / name))]


def _show(host: Path, place: Path) -> Mount | None:
    """Let the container have ``host`` at the same path: as the same symbolic link, or by a mount on ``place``."""
    try:
        mode = host.lstat().st_mode
    except OSError:
        return None
    if not mode & stat.S_IROTH:
        return None  # what the host hides from its users is not harmless
    place.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(mode):
        place.symlink_to(host.readlink())
        return None
    if stat.S_ISDIR(mode):
        place.mkdir()
        options = ["rbind", "rro", "rnosuid", "rnodev"]  # what is mounted below is read-only, too
    else:
        place.touch()
        options = ["bind", "ro", "nosuid", "nodev"]
    return {"destination": str(host), "type": "bind", "source": str(host), "options": options}


def _add_user(rootfs: Path) -> None:
    """A name for the user of the hardened profile: programs ask for it, and for a home."""
    for name, line in (("passwd", f"sampan:x:{USER}:{USER}::/tmp:/bin/sh\n"), ("group", f"sampan:x:{USER}:\n")):
        with (rootfs / "etc" / name).open("a") as file:
            file.write(line)


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
