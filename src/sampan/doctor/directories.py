"""Where sampan keeps what it knows of containers, and what it needs of the host's own file systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.doctor.row import LIMITED, NO, OK, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.doctor.host import Host


def rows(host: Host) -> Iterator[Row]:
    """The three rows."""
    yield _proc(host)
    yield _runtime(host)
    yield _state(host)


def _proc(host: Host) -> Row:
    identity = ("directories.proc", "/proc")
    if host.has("/proc/self/status"):
        return Row(*identity, OK, required=True)
    why = "no procfs is mounted there"
    return Row(*identity, NO, "", why, "as root: mount -t proc proc /proc", required=True)


def _runtime(host: Host) -> Row:
    identity = ("directories.xdg_runtime_dir", "XDG_RUNTIME_DIR")
    path = host.environment.get("XDG_RUNTIME_DIR", "")
    if host.is_privileged:
        return Row(*identity, OK, path or "not set; root needs none")
    fix = f"loginctl enable-linger {host.user}; export XDG_RUNTIME_DIR=/run/user/{host.uid} (a login by SSH sets it)"
    if not path:
        return Row(
            *identity, LIMITED, "", "not set: --root must be given with every command, and engines may fail", fix
        )
    if not host.is_directory(path) or not host.is_writable(path):
        return Row(*identity, NO, path, "it is no directory that this user may write to", fix)
    if host.path(path).stat().st_uid != host.uid:
        return Row(*identity, LIMITED, path, "it belongs to another user, who can change what is kept there", fix)
    return Row(*identity, OK, path)


def _state(host: Host) -> Row:
    """Not made: that is for the first container."""
    identity = ("directories.state", "state directory")
    if not host.state_directory:
        why = "neither --root is given nor XDG_RUNTIME_DIR set: there is no place for containers' states"
        return Row(*identity, NO, "", why, "set XDG_RUNTIME_DIR, or give --root DIR", required=True)
    nearest = host.state_directory
    while not host.has(nearest):
        nearest = nearest.rpartition("/")[0] or "/"
    if not host.is_writable(nearest) or not host.is_directory(nearest):
        why = f"{nearest} is not a directory that this user may write to"
        return Row(*identity, NO, host.state_directory, why, "give another with --root DIR", required=True)
    made = "" if nearest == host.state_directory else ", made by the first container"
    kind = host.mount_type(host.state_directory)
    found = f"{host.state_directory} ({kind}{made})"
    if kind != "tmpfs":
        why = "it outlives a reboot, and what is remembered there of containers does not hold any more after it"
        return Row(
            *identity,
            LIMITED,
            found,
            why,
            "mount a tmpfs on /run, as systemd does, or give --root DIR on one",
            required=True,
        )
    return Row(*identity, OK, found, required=True)
