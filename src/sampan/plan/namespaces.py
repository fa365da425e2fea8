"""The namespaces of config-linux.md and their flags, and where the root of a container is. Hot path."""

from __future__ import annotations

from sampan.plan.operations import NEWCGROUP, NEWIPC, NEWNET, NEWNS, NEWPID, NEWTIME, NEWUSER, NEWUTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.plan.host import Host
    from sampan.spec.types import Config

NAMESPACES = {
    "user": NEWUSER,
    "pid": NEWPID,
    "network": NEWNET,
    "ipc": NEWIPC,
    "uts": NEWUTS,
    "mount": NEWNS,
    "cgroup": NEWCGROUP,
    "time": NEWTIME,
}
# born into by clone3; a cgroup namespace comes after the cgroup, a time namespace needs its offsets before
AT_BIRTH = ("user", "pid", "network", "ipc", "uts", "mount")

# flags of the operation `become_root`, as native/namespaces.c numbers them
IF_MAPPED, KEEP_GROUPS = 1, 2


def namespace_flags(config: Config) -> int:
    """The namespaces of a container that are not its runtime's: what a further process must join."""
    flags = 0
    for entry in config.get("linux", {}).get("namespaces", ()):
        flags |= NAMESPACES[entry["type"]]
    return flags


def root_path(config: Config, bundle: str) -> str:
    """config.md#root: "either an absolute path or a relative path to the bundle"."""
    path = config["root"]["path"]
    return path if path.startswith("/") else f"{bundle}/{path}"


def is_open_to_caller(config: Config, host: Host) -> bool:
    """Must the container's process let those in who made it, while it waits for hooks and for `start`?

    Root may always enter. Another user may enter the user namespace that is the user's own, but only through a process
    that is not closed to others. In a namespace that is joined there may be others, to whom it stays closed.
    """
    if host.privileged:
        return False
    return any(
        entry["type"] == "user" and not entry.get("path") for entry in config.get("linux", {}).get("namespaces", ())
    )
