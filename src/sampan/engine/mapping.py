"""Id mappings of user namespaces: written by the runtime itself where it may, else by newuidmap(1) and newgidmap(1)."""

from __future__ import annotations

import posix

from sampan.engine.launch import Launch, read_init
from sampan.errors import KernelError, SampanError
from sampan.linux import files
from sampan.plan.operations import CREATED, MAPPED, NEWUSER, Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.spec.types import IDMapping

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def write_mappings(pid: int, uids: Sequence[IDMapping], gids: Sequence[IDMapping]) -> None:
    """Map the ids of the new user namespace that ``pid`` is in. Raises KernelError, SampanError."""
    if posix.geteuid() == 0:
        _write(f"/proc/{pid}/uid_map", uids, "linux.uidMappings")
        _write(f"/proc/{pid}/gid_map", gids, "linux.gidMappings")
        return
    if _is_own_id(uids, posix.geteuid()):
        _write(f"/proc/{pid}/uid_map", uids, "linux.uidMappings")
    else:
        _map_with_program("newuidmap", pid, uids, "linux.uidMappings")
    if _is_own_id(gids, posix.getegid()):
        # user_namespaces(7): without privileges, only a process that can no longer drop groups may map one
        files.write(f"/proc/{pid}/setgroups", "deny")
        _write(f"/proc/{pid}/gid_map", gids, "linux.gidMappings")
    else:
        _map_with_program("newgidmap", pid, gids, "linux.gidMappings")


def namespace_with_mapping(uids: Sequence[IDMapping], gids: Sequence[IDMapping], *, field: str) -> int:
    """A descriptor of a user namespace with this mapping and nobody in it, for mount_setattr(2)."""
    plan = Plan()
    plan.add("await", field, MAPPED)
    plan.add("await", field, CREATED)
    init = read_init()
    launch = Launch(plan)
    try:
        launch.spawn(init, (-1, -1, -1), (), 3, NEWUSER, -1)
        launch.until(MAPPED)
        write_mappings(launch.pid, uids, gids)
        return posix.open(f"/proc/{launch.pid}/ns/user", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError as error:
        raise KernelError("open", "user namespace", error.errno or 0, field) from None
    finally:
        posix.close(init)
        launch.abort()
        launch.close()


def _is_own_id(mappings: Sequence[IDMapping], own: int) -> bool:
    return len(mappings) == 1 and mappings[0]["size"] == 1 and mappings[0]["hostID"] == own


def _write(path: str, mappings: Sequence[IDMapping], field: str) -> None:
    lines = [f"{entry['containerID']} {entry['hostID']} {entry['size']}\n" for entry in mappings]
    try:
        files.write(path, "".join(lines))
    except KernelError as error:
        raise KernelError("write", path, error.errno, field, "these ids cannot be mapped by this user") from None


def _map_with_program(program: str, pid: int, mappings: Sequence[IDMapping], field: str) -> None:
    arguments = [program, str(pid)]
    for entry in mappings:
        arguments += [str(entry["containerID"]), str(entry["hostID"]), str(entry["size"])]
    for directory in SEARCH_PATH.split(":"):
        path = f"{directory}/{program}"
        if posix.access(path, posix.X_OK):
            break
    else:
        raise SampanError(f"{field}: mapping a range of ids needs {program}, which is not installed (package uidmap)")
    child = posix.posix_spawn(path, arguments, {})
    status = posix.waitstatus_to_exitcode(posix.waitpid(child, 0)[1])
    if status != 0:
        ids = "/etc/subuid" if program == "newuidmap" else "/etc/subgid"
        raise SampanError(
            f"{field}: {' '.join(arguments)} ended with {status}; does {ids} give these ids to this user?"
        )
