"""config-linux.md#devices and runtime-linux.md#dev-symbolic-links: what is in the container's /dev."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.plan.mounts import Surroundings

# "the runtime MUST also supply": path, major, minor
DEFAULT_DEVICES = (
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
)
# name in /dev, target, what must be there ("" where the link is made in any case), in place of what is there
LINKS = (
    ("fd", "/proc/self/fd", "/proc/self/fd", 0),
    ("stdin", "/proc/self/fd/0", "/proc/self/fd", 0),
    ("stdout", "/proc/self/fd/1", "/proc/self/fd", 0),
    ("stderr", "/proc/self/fd/2", "/proc/self/fd", 0),
    ("core", "/proc/kcore", "/proc/kcore", 0),
    ("ptmx", "pts/ptmx", "", 1),
)
FILE_TYPES = {"c": 0o020000, "u": 0o020000, "b": 0o060000, "p": 0o010000}
EVERYBODY = 0o666


def add_devices(surroundings: Surroundings) -> None:
    """All devices and links; none where /dev is a bind mount: then it is somebody else's, and complete."""
    config = surroundings.config
    listed = config.get("linux", {}).get("devices", [])
    for mount in config.get("mounts", ()):
        options = mount.get("options", ())
        bind = "bind" in options or "rbind" in options or mount.get("type") == "bind"
        if bind and "remount" not in options and "/" + mount["destination"].strip("/") == "/dev":
            return
    surroundings.plan.group = "devices"
    paths = [device["path"] for device in listed]
    for path, major, minor in DEFAULT_DEVICES:
        if path not in paths:
            mode = FILE_TYPES["c"] | EVERYBODY
            _add_device(surroundings, "config-linux.md#default-devices", path, mode, major, minor, 0, 0)
    for index, device in enumerate(listed):
        mode = FILE_TYPES[device["type"]] | device.get("fileMode", EVERYBODY) & 0o7777
        numbers = (device.get("major", 0), device.get("minor", 0))
        owner = (device.get("uid", 0), device.get("gid", 0))
        _add_device(surroundings, f"linux.devices[{index}]", device["path"], mode, *numbers, *owner)
    for name, target, needed, replace in LINKS:
        cause = "runtime-linux.md#dev-symbolic-links"
        surroundings.plan.add("symlink", cause, "/dev", name, target, needed, replace)


def _add_device(
    surroundings: Surroundings, field: str, path: str, mode: int, major: int, minor: int, uid: int, gid: int
) -> None:
    directory, _, name = path.rstrip("/").rpartition("/")
    # the kernel never lets a user namespace make devices: there, the host's are bound at once
    is_fifo = mode & 0o170000 == FILE_TYPES["p"]
    bind = surroundings.in_user_namespace and not is_fifo
    on_host = "" if is_fifo else path
    surroundings.plan.add("device", field, directory or "/", name, mode, major, minor, uid, gid, on_host, int(bind))
