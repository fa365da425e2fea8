"""The root filesystem that needs no image: it shows the host's own programs, read-only, and little else of the host.

Writes directories, symbolic links and small files below a directory, and mounts nothing. Not on the hot path.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampan.spec.types import Mount

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


def build(rootfs: Path, *, user: int = 0) -> list[Mount]:
    """Make the few files that are the container's own, and a mount point for each part of the host that it sees.

    ``rootfs`` is an empty directory. ``user`` gets a name beside root's. Returns the mounts that the container needs.
    """
    for name in _DIRECTORIES:
        (rootfs / name).mkdir()
    (rootfs / "tmp").chmod(0o1777)
    (rootfs / "var" / "tmp").symlink_to("../tmp")
    for name, content in _FILES.items():
        (rootfs / name).write_text(content)
    (rootfs / "view").write_text(_VIEW)
    (rootfs / "view").chmod(0o755)
    if user:
        _add_user(rootfs, user)
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


def _add_user(rootfs: Path, user: int) -> None:
    """A name for a user that is not root: programs ask for it, and for a home."""
    for name, line in (("passwd", f"sampan:x:{user}:{user}::/tmp:/bin/sh\n"), ("group", f"sampan:x:{user}:\n")):
        with (rootfs / "etc" / name).open("a") as file:
            file.write(line)
