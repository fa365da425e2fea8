"""Gives a container its own cgroup: config-linux.md, Cgroup ownership. Hot path.

A container that sees its v2 cgroup writable, in a cgroup namespace of its own, may make cgroups in it and put its
processes there, if its user owns the directory and the few files that the kernel says are safe to give away. Limits
are not among them. Only for hosts without v1: "Cgroup delegation is not secure in cgroups v1."
"""

from __future__ import annotations

import errno
import posix

from sampan.cgroups import delegation, tree
from sampan.errors import KernelError
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.spec.types import Config, IDMapping, Mount

LIST = "/sys/kernel/cgroup/delegate"
# "If the `/sys/kernel/cgroup/delegate` file does not exist, the runtime MUST fall back to using the following list"
FALLBACK = ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads")
FIELD = "process.user.uid"


def owner(config: Config) -> int | None:
    """The host's uid that the container's cgroup should belong to; None where it should stay as it is. Pure.

    An id that the container's user namespace does not map is nobody's: what is wrong with it is said elsewhere.
    """
    linux = config.get("linux", {})
    namespaces = {entry["type"]: entry.get("path", "") for entry in linux.get("namespaces", ())}
    if namespaces.get("cgroup") != "" or not any(_is_writable_cgroup(mount) for mount in config.get("mounts", ())):
        return None
    uid = config.get("process", {}).get("user", {}).get("uid", 0)
    return _host_id(uid, linux.get("uidMappings", ())) if "user" in namespaces else uid


def delegate(directory: str, uid: int) -> None:
    """Make ``uid`` the owner of the v2 cgroup at ``directory``; of its group nothing changes. Raises KernelError.

    A user who may not give away what is his own keeps it: "Runtimes MAY ... change ... the owner".
    """
    try:
        posix.chown(directory, uid, -1)
        for name in listed(LIST):
            try:
                posix.chown(f"{directory}/{name}", uid, -1)
            except FileNotFoundError:
                continue  # "not all files listed ... necessarily exist in every cgroup. Runtimes MUST NOT fail"
    except OSError as error:
        if error.errno in delegation.DENIED and delegation.is_rootless():
            return
        raise KernelError(f"give to user {uid}", directory, error.errno or 0, FIELD) from None


def hand_down(config: Config, directory: str, name: str, pid: int) -> None:
    """Make the v2 cgroup ``name`` below the container's, its root's own, and move ``pid`` there. Raises KernelError.

    crun's run.oci.delegate-cgroup: the container divides it as it likes, below limits that it cannot reach.
    """
    inner = f"{directory}/{name}"
    tree.make(inner, [])
    files.write(f"{inner}/cgroup.procs", str(pid))
    linux = config.get("linux", {})
    in_user_namespace = any(entry["type"] == "user" for entry in linux.get("namespaces", ()))
    root = _host_id(0, linux.get("uidMappings", ())) if in_user_namespace else 0
    if root is not None and root != posix.geteuid():
        delegate(inner, root)


def listed(path: str) -> Sequence[str]:
    """The names of the files that may belong to a container, from the kernel's own list at ``path``."""
    try:
        return files.read(path).decode().split()
    except KernelError as error:
        if error.errno != errno.ENOENT:
            raise
        return FALLBACK


def _is_writable_cgroup(mount: Mount) -> bool:
    """The text asks for the source "cgroup", which is a label only: engines use others with the file system's type."""
    options = mount.get("options", ())
    is_bind = mount.get("type") == "bind" or "bind" in options or "rbind" in options
    is_cgroup = mount.get("type") in ("cgroup", "cgroup2") or mount.get("source") == "cgroup"
    parts = [part for part in mount["destination"].split("/") if part not in ("", ".")]
    return is_cgroup and not is_bind and parts == ["sys", "fs", "cgroup"] and not {"ro", "rro"}.intersection(options)


def _host_id(uid: int, mappings: Sequence[IDMapping]) -> int | None:
    for entry in mappings:
        if 0 <= uid - entry["containerID"] < entry["size"]:
            return entry["hostID"] + uid - entry["containerID"]
    return None
