"""Where mounts can be id-mapped: tried on the file systems that root filesystems of containers are usually on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.doctor.row import LIMITED, NO, OK, UNKNOWN, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.doctor.host import Host

PLACES = ("/", "/run", "/var/lib/containers", "/var/lib/docker", "/var/lib/containerd", "/home", "/srv", "/tmp")
# The release of Linux since when mounts of a type can be id-mapped.
SINCE = {
    "btrfs": "5.15",
    "ceph": "6.7",
    "erofs": "5.19",
    "ext4": "5.12",
    "f2fs": "5.18",
    "fuse": "6.12",
    "ntfs3": "5.15",
    "squashfs": "6.2",
    "tmpfs": "6.3",
    "vfat": "5.12",
    "xfs": "5.12",
    "zfs": "5.12, with OpenZFS 2.2",
}


def rows(host: Host) -> Iterator[Row]:
    """One row, on all of them."""
    yield _id_mapped(host)


def _id_mapped(host: Host) -> Row:
    identity = ("mounts.id_mapped", "id-mapped mounts")
    if not host.is_privileged:
        return Row(
            *identity,
            LIMITED,
            why="the kernel lets nobody but root of the host map the ids of these mounts",
            fix="run containers that have uidMappings in their mounts as root",
            needs="5.12",
        )
    able, unable = [], []
    for kind, place in _places(host).items():
        reason = host.tries.id_mapped_mount(place)
        if reason:
            unable.append((kind, place, reason))
        else:
            able.append(f"{kind} ({place})")
    found = ", ".join(able)
    if not unable:
        return Row(*identity, OK, found, needs="5.12") if able else Row(*identity, UNKNOWN, why="nothing is mounted")
    why = "; ".join(f"not {kind} ({place}): {reason}" for kind, place, reason in unable)
    fix = "; ".join(_fix(host, kind) for kind, _, _ in unable)
    return Row(*identity, LIMITED if able else NO, found, why, fix, "5.12")


def _places(host: Host) -> dict[str, str]:
    """Type of file system -> the first of the places that is on it."""
    found: dict[str, str] = {}
    for place in PLACES:
        if host.has(place):
            found.setdefault(host.mount_type(place), place)
    found.pop("", None)
    return found


def _fix(host: Host, kind: str) -> str:
    since = SINCE.get(kind)
    if kind == "overlay":
        return "overlay: map the ids of its layers, which are on another file system"
    if since is None:
        return f"{kind}: put the files on ext4, xfs or btrfs"
    if host.version < tuple(int(part) for part in since.partition(",")[0].split(".")):
        return f"{kind}: needs Linux {since}"
    return f"{kind}: needs Linux {since}, which this is: see the reason"
