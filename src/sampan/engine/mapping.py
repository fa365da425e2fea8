"""Id mappings of user namespaces: written by the runtime itself where it may, else by newuidmap(1) and newgidmap(1)."""

from __future__ import annotations

import posix

from sampan.engine.launch import Launch, read_init
from sampan.errors import KernelError
from sampan.linux import files, proc
from sampan.plan.operations import CREATED, MAPPED, NEWUSER, Plan
from sampan.spec.names import CAPABILITIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.errors import SampanError
    from sampan.spec.types import IDMapping

UIDS, GIDS = "linux.uidMappings", "linux.gidMappings"
OUTPUT_SHOWN = 500  # bytes of what a program says that fails
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def write_mappings(pid: int, uids: Sequence[IDMapping], gids: Sequence[IDMapping]) -> None:
    """Map the ids of the new user namespace that ``pid`` is in. Raises KernelError, SampanError.

    user_namespaces(7): who is root of the namespace around it may map all ids that are mapped there; anybody else the
    own uid, and the own gid, once no process in there can drop groups any more. The programs may map what /etc/subuid
    and /etc/subgid give the user.
    """
    privileged = posix.geteuid() == 0
    if privileged or _is_own_id(uids, posix.geteuid()):
        _write(f"/proc/{pid}/uid_map", uids, UIDS)
    else:
        _map_with_program("newuidmap", pid, uids)
    if _is_own_id(gids, posix.getegid()):
        if not (privileged and _may_map_groups()):
            files.write(f"/proc/{pid}/setgroups", "deny")
        _write(f"/proc/{pid}/gid_map", gids, GIDS)
    elif privileged:
        _write(f"/proc/{pid}/gid_map", gids, GIDS)
    else:
        _map_with_program("newgidmap", pid, gids)


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


def _may_map_groups() -> bool:
    """Root of a container may have been left without the right to."""
    return bool(int(proc.status_fields()[b"CapEff"], 16) >> CAPABILITIES["CAP_SETGID"] & 1)


def _write(path: str, mappings: Sequence[IDMapping], field: str) -> None:
    lines = [f"{entry['containerID']} {entry['hostID']} {entry['size']}\n" for entry in mappings]
    try:
        files.write(path, "".join(lines))
    except KernelError as error:
        name = path.rpartition("/")[2]
        hint = f"they must be among those of /proc/self/{name}, and who maps 0 must have CAP_SETFCAP"
        raise KernelError("write", path, error.errno, field, hint) from None


def _map_with_program(program: str, pid: int, mappings: Sequence[IDMapping]) -> None:
    arguments = [program, str(pid)]
    for entry in mappings:
        arguments += [str(entry["containerID"]), str(entry["hostID"]), str(entry["size"])]
    path = _find(program)
    if not path:
        raise _refusal(program, None)
    output = posix.memfd_create(program, posix.MFD_CLOEXEC)
    try:
        actions = [(posix.POSIX_SPAWN_DUP2, output, 1), (posix.POSIX_SPAWN_DUP2, output, 2)]
        child = posix.posix_spawn(path, arguments, {}, file_actions=actions)
        if posix.waitstatus_to_exitcode(posix.waitpid(child, 0)[1]) == 0:
            return
        said = posix.pread(output, OUTPUT_SHOWN, 0).decode(errors="replace").strip()
    finally:
        posix.close(output)
    raise _refusal(program, said)


def _find(program: str) -> str:
    """Where the caller's PATH has it, or else where systems have it; "" for nowhere."""
    own = posix.environ.get(b"PATH", b"").decode(errors="surrogateescape")
    for directory in f"{own}:{SEARCH_PATH}".split(":"):
        path = f"{directory}/{program}"
        if directory.startswith("/") and posix.access(path, posix.X_OK):
            return path
    return ""


def _refusal(program: str, said: str | None) -> SampanError:
    """Why it did not map the ids; None: there is no such program."""
    from sampan.engine.subordinate_ids import refusal

    return refusal(program, said)
