"""Which cgroup hierarchies this process can see, where they are mounted, and its own place in them.

Reads two files of /proc/self and looks at each mount point once; writes nothing, remembers nothing.
Hot path: imports only ``posix``.
"""

from __future__ import annotations

import posix

from sampan._linux import statfs_type
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

UNIFIED = ""  # the "controller" that stands for the v2 hierarchy
CGROUP_TYPES = (0x27E0EB, 0x63677270)  # CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC of linux/magic.h
PURE_V2 = "/sys/fs/cgroup"  # a cgroup2 file system mounted just here is what makes a host "v2"


class Layout:
    """The cgroup hierarchies of a machine, as this process sees them."""

    __slots__ = ("mode", "mounts", "own", "unified")

    def __init__(self, mode: str, unified: str, mounts: dict[str, str], own: dict[str, str]) -> None:
        self.mode = mode  # "v1", "v2", "hybrid" or "none"
        self.unified = unified  # the mount point of the v2 hierarchy, or ""
        self.mounts = mounts  # v1 controller, or "name=systemd" -> mount point; co-mounted controllers share one
        self.own = own  # controller ("" is v2) -> this process's own cgroup, as a path below the mount point


def detect() -> Layout:
    """The layout of the machine that this process runs on."""
    return parse(files.read("/proc/self/mountinfo"), files.read("/proc/self/cgroup"), device_of)


def parse(mountinfo: bytes, membership: bytes, device: Callable[[str], str]) -> Layout:
    """The layout that /proc/PID/mountinfo and /proc/PID/cgroup tell of.

    ``device`` gives the "MAJOR:MINOR" that is really found at a path: a mount that another one hides is still listed
    in mountinfo, and must not be taken for what a path leads to.
    """
    belongs = _membership(membership)
    mounts: dict[str, str] = {}
    own: dict[str, str] = {}
    unified = ""
    for line in files.lines(mountinfo):
        if b" - cgroup" not in line:
            continue
        head, _, tail = line.partition(b" - ")
        fields = head.split(b" ")
        kind, _, options = tail.split(b" ", 2)
        point = unescape(fields[4])
        if kind not in (b"cgroup", b"cgroup2") or device(point) != fields[2].decode():
            continue
        names = [UNIFIED] if kind == b"cgroup2" else [name for name in options.decode().split(",") if name in belongs]
        for name in names:
            # The same hierarchy may be mounted twice (binds): the first under /sys/fs/cgroup is the one to use.
            known = unified if name == UNIFIED else mounts.get(name, "")
            if known and (known.startswith(PURE_V2) or not point.startswith(PURE_V2)):
                continue
            own[name] = _below(unescape(fields[3]), belongs.get(name, "/"))
            if name == UNIFIED:
                unified = point
            else:
                mounts[name] = point
    if unified == PURE_V2:
        return Layout("v2", unified, {}, {UNIFIED: own[UNIFIED]})
    mode = ("hybrid" if mounts else "v2") if unified else ("v1" if mounts else "none")
    return Layout(mode, unified, mounts, own)


def _membership(text: bytes) -> dict[str, str]:
    """controller -> path, of /proc/PID/cgroup: lines like ``4:cpu,cpuacct:/a/b``, ``1:name=systemd:/``, ``0::/a``."""
    paths: dict[str, str] = {}
    for line in files.lines(text):
        _, names, path = line.decode(errors="surrogateescape").split(":", 2)
        for name in names.split(","):
            paths[name] = path
    return paths


def _below(root: str, path: str) -> str:
    """``path`` of a hierarchy as seen below a mount that shows only ``root`` of it.

    In a container without a cgroup namespace /proc/self/cgroup tells the host's path while the mount begins at the
    container's own cgroup. What lies outside the mount cannot be reached: the mount's top is the nearest place.
    """
    if root == "/":
        return path if not path.startswith("/..") else "/"
    if path == root or path.startswith(root + "/"):
        return path[len(root) :] or "/"
    return "/"


def unescape(field: bytes) -> str:
    """A path of mountinfo, in which blank, tab, newline and backslash are written in octal."""
    if b"\\" in field:
        for escape, character in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
            field = field.replace(escape, character)
    return field.decode(errors="surrogateescape")


def is_plain_path(path: object) -> bool:
    """Is it an absolute path that means one place only, whoever reads it?"""
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
        return False
    return not {"", ".", ".."}.intersection(path[1:].split("/"))


def is_below(path: str, file_systems: Sequence[int]) -> bool:
    """Is what holds ``path`` on one of these file systems (magic numbers), or is there nothing at ``path``?

    Nothing is there after a restart into other hierarchies, or where none is mounted: a record can still be deleted.
    """
    try:
        return statfs_type(path.rpartition("/")[0] or "/") in file_systems or not _is_there(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _is_there(path: str) -> bool:
    try:
        posix.lstat(path)
    except FileNotFoundError:
        return False
    return True


def device_of(path: str) -> str:
    """The "MAJOR:MINOR" of the file system that is found at ``path``, or ""."""
    try:
        number = posix.stat(path).st_dev
    except OSError:
        return ""
    return f"{posix.major(number)}:{posix.minor(number)}"
