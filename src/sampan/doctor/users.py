"""What containers of users without root need: user namespaces, ranges of ids, and the programs that map them."""

from __future__ import annotations

import errno
import os
import stat
import struct
from typing import TYPE_CHECKING

from sampan.doctor.row import LIMITED, NO, OK, UNKNOWN, Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sampan.doctor.host import Host
    from sampan.spec.types import IDMapping

USUAL_RANGE = 65536  # what useradd(8) gives: all ids that an image has as a rule
_PROGRAMS = {"newuidmap": ("/etc/subuid", 7), "newgidmap": ("/etc/subgid", 6)}  # its file, CAP_SETUID and CAP_SETGID
_INSTALL = "install it: apt-get install uidmap, or dnf install shadow-utils"
_APPARMOR = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"


def rows(host: Host) -> Iterator[Row]:
    """First whether there are user namespaces, then what ids a user has for them."""
    yield _namespaces(host)
    for program, (file, capability) in _PROGRAMS.items():
        yield _range(host, file)
        yield _program(host, program, capability)
    yield _mapping(host)


def _namespaces(host: Host) -> Row:
    """The settings are looked at for what to do; whether it works is tried."""
    identity = ("users.namespaces", "user namespaces")
    own: list[IDMapping] = [{"containerID": 0, "hostID": 100000 if host.is_privileged else host.uid, "size": 1}]
    group: list[IDMapping] = [{"containerID": 0, "hostID": 100000 if host.is_privileged else host.gid, "size": 1}]
    reason = host.tries.user_namespace(own, group)
    limit = host.read("/proc/sys/user/max_user_namespaces")
    found = f"at most {limit}" if limit else ""
    needed = not host.is_privileged
    if not reason:
        return Row(*identity, OK, found, needs="3.8", required=needed)
    fix = "see the reason; a seccomp filter or LSM around this process may forbid them"
    if limit == "0":
        fix = "sysctl -w user.max_user_namespaces=15000"
    elif needed and host.read("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        fix = "sysctl -w kernel.unprivileged_userns_clone=1"
    elif needed and host.read(_APPARMOR) == "1":
        fix = _apparmor_fix(host)
    elif not host.has("/proc/self/ns/user"):
        fix = "use a kernel that is built with CONFIG_USER_NS=y"
    return Row(*identity, NO, found, reason, fix, "3.8", needed)


def _apparmor_fix(host: Host) -> str:
    program = os.path.realpath(host.path(host.command))  # AppArmor looks at no links
    return (
        f"as root, a profile: printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile sampan {program} "
        "flags=(unconfined) {\\n  userns,\\n}\\n' >/etc/apparmor.d/sampan && apparmor_parser -r "
        "/etc/apparmor.d/sampan; or, for all programs: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    )


def ranges(host: Host, file: str) -> list[tuple[int, int]]:
    """(first id, how many) that subuid(5) or subgid(5) gives to the user."""
    found = []
    for line in (host.read(file) or "").splitlines():
        owner, _, numbers = line.strip().partition(":")
        first, _, count = numbers.partition(":")
        if owner in (host.user, str(host.uid)) and first.isdigit() and count.isdigit():
            found.append((int(first), int(count)))
    return found


def _range(host: Host, file: str) -> Row:
    name = file.rpartition("/")[2]
    identity = (f"users.{name}", f"range in {file}")
    found = ranges(host, file)
    text = ", ".join(f"{first} to {first + count - 1}" for first, count in found)
    if sum(count for _, count in found) >= USUAL_RANGE:
        return Row(*identity, OK, text)
    if host.is_privileged:
        return Row(*identity, OK, text or "none; root maps any ids")
    option = "--add-subuids" if name == "subuid" else "--add-subgids"
    fix = f"as root: usermod {option} 100000-165535 {host.user} (a range that no other line of {file} has)"
    if found:
        why = f"fewer than {USUAL_RANGE} ids: images with larger ones cannot be unpacked or run"
        return Row(*identity, LIMITED, text, why, fix)
    if any(line.startswith("subid:") for line in (host.read("/etc/nsswitch.conf") or "").splitlines()):
        asked = "getsubids " + ("" if name == "subuid" else "-g ") + host.user
        return Row(*identity, UNKNOWN, why=f"/etc/nsswitch.conf says that ranges are kept elsewhere: `{asked}` tells")
    why = f"{file} gives no ids to {host.user}: containers of this user have one id only"
    return Row(*identity, NO, "", why, fix)


def _program(host: Host, name: str, capability: int) -> Row:
    identity = (f"users.{name}", name)
    path = host.program(name)
    if not path:
        if host.is_privileged:
            return Row(*identity, OK, "not installed; root needs none")
        return Row(*identity, NO, "", "without it a user can map one id only", _INSTALL)
    found = _privilege(host.path(path), capability)
    if found:
        return Row(*identity, OK, f"{path}, {found}")
    why = "it has neither the setuid bit nor the file capability that it needs, so it cannot map ids for users"
    return Row(*identity, NO if not host.is_privileged else LIMITED, path, why, f"as root: chmod u+s {path}")


def _privilege(path: Path, capability: int) -> str:
    """By what a program acts as root: its setuid bit, or a file capability of capabilities(7)."""
    status = path.stat()
    if status.st_mode & stat.S_ISUID and status.st_uid == 0:
        return "setuid root"
    try:
        value = os.getxattr(path, "security.capability")
    except OSError as error:
        if error.errno not in (errno.ENODATA, errno.ENOTSUP):
            raise
        return ""
    # struct vfs_cap_data: a revision with flags, then the low words of what is permitted and inheritable
    permitted = struct.unpack_from("<II", value)[1]
    return f"file capability cap_set{'uid' if capability == 7 else 'gid'}" if permitted & 1 << capability else ""


def _mapping(host: Host) -> Row:
    """The whole way of a user's container: its root is the user, the other ids are from the ranges."""
    identity = ("users.mapping", "mapping of a range")
    if host.is_privileged:
        mapping: list[IDMapping] = [{"containerID": 0, "hostID": 100000, "size": USUAL_RANGE}]
        reason = host.tries.user_namespace(mapping, mapping)
        return _tried(reason)
    uids, gids = ranges(host, "/etc/subuid"), ranges(host, "/etc/subgid")
    if not uids or not gids:
        why = "there are no ranges, so only the user's own id is mapped"
        return Row(*identity, LIMITED, "", why, "see the rows on /etc/subuid and /etc/subgid")
    return _tried(host.tries.user_namespace(_mapped(host.uid, uids), _mapped(host.gid, gids)))


def _mapped(own: int, found: list[tuple[int, int]]) -> list[IDMapping]:
    mapping: list[IDMapping] = [{"containerID": 0, "hostID": own, "size": 1}]
    inside = 1
    for first, count in found:
        mapping.append({"containerID": inside, "hostID": first, "size": count})
        inside += count
    return mapping


def _tried(reason: str) -> Row:
    identity = ("users.mapping", "mapping of a range")
    if not reason:
        return Row(*identity, OK, "tried")
    return Row(*identity, NO, "", reason, "see the rows above that are not ok, then the reason")
