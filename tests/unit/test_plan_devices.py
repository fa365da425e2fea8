"""What is in the container's /dev: config-linux.md#default-devices, linux.devices, the links of runtime-linux.md."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sampan.plan.compile import compile_plan
from sampan.plan.host import Host
from sampan.plan.operations import Plan
from sampan.spec.config import load

CHARACTER, BLOCK, FIFO = 0o020000, 0o060000, 0o010000
DEFAULT = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
IDS = [{"containerID": 0, "hostID": 1000, "size": 10}]


def compiled(*devices: dict[str, Any], mounts: list[dict[str, Any]] | None = None, user: bool = False) -> Plan:
    namespaces = [{"type": "mount"}, *([{"type": "user"}] if user else [])]
    mappings = {"uidMappings": IDS, "gidMappings": IDS} if user else {}
    document = {
        "ociVersion": "1.0.0",
        "root": {"path": "rootfs"},
        "process": {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}},
        "mounts": mounts or [],
        "linux": {"namespaces": namespaces, "devices": devices, **mappings},
    }
    return compile_plan(load(json.dumps(document).encode()), Host("web", "/bundle"))


def devices_of(plan: Plan) -> dict[str, list[Any]]:
    """Path -> mode, major, minor, uid, gid, path on the host, bind."""
    found = [operation.args for operation in plan.operations if operation.name == "device"]
    return {f"{str(directory).rstrip('/')}/{name!s}": rest for directory, name, *rest in found}


def test_the_default_devices_are_supplied() -> None:
    """ "In addition to any devices configured with this setting, the runtime MUST also supply" """
    expected = {
        f"/dev/{name}": [CHARACTER | 0o666, major, minor, 0, 0, f"/dev/{name}", 0]
        for name, (major, minor) in DEFAULT.items()
    }
    assert devices_of(compiled()) == expected


def test_a_listed_device_replaces_the_default_one() -> None:
    device = {"path": "/dev/null", "type": "c", "major": 1, "minor": 5, "fileMode": 0o600, "uid": 7, "gid": 8}
    found = devices_of(compiled(device))
    assert found["/dev/null"] == [CHARACTER | 0o600, 1, 5, 7, 8, "/dev/null", 0]
    assert len(found) == len(DEFAULT)


@pytest.mark.parametrize(
    "kind, mode, numbers",
    [("c", CHARACTER, (10, 229)), ("u", CHARACTER, (10, 229)), ("b", BLOCK, (8, 0)), ("p", FIFO, ())],
)
def test_each_type_of_device(kind: str, mode: int, numbers: tuple[int, ...]) -> None:
    device: dict[str, Any] = {"path": "/dev/some/thing", "type": kind}
    if numbers:
        device |= {"major": numbers[0], "minor": numbers[1]}
    made = devices_of(compiled(device))["/dev/some/thing"]
    assert made[:3] == [mode | 0o666, *(numbers or (0, 0))]
    assert made[5] == ("" if kind == "p" else "/dev/some/thing")


def test_only_permissions_are_taken_from_the_file_mode() -> None:
    device = {"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 0o100644}
    assert devices_of(compiled(device))["/dev/x"][0] == CHARACTER | 0o644


def test_in_a_user_namespace_the_hosts_devices_are_bound() -> None:
    """The kernel never lets a user namespace make them; a fifo it does."""
    fifo = {"path": "/dev/pipe", "type": "p"}
    found = devices_of(compiled(fifo, user=True))
    assert {path for path, made in found.items() if made[6]} == {f"/dev/{name}" for name in DEFAULT}
    assert found["/dev/pipe"][6] == 0


@pytest.mark.parametrize("destination", ["/dev", "/dev/", "dev"])
@pytest.mark.parametrize("how", [{"options": ["bind"]}, {"options": ["rbind", "ro"], "type": "none"}, {"type": "bind"}])
def test_nothing_is_made_in_a_dev_that_is_a_bind_mount(destination: str, how: dict[str, Any]) -> None:
    """It is somebody else's, the host's perhaps, where a new ptmx would be everybody's."""
    plan = compiled(mounts=[{"destination": destination, "source": "/dev", **how}])
    assert not {"device", "symlink"} & {operation.name for operation in plan.operations}


def test_a_remount_of_dev_is_no_bind_mount_of_it() -> None:
    mounts: list[dict[str, Any]] = [
        {"destination": "/dev", "type": "tmpfs"},
        {"destination": "/dev", "options": ["remount", "bind", "nosuid"]},
    ]
    assert len(devices_of(compiled(mounts=mounts))) == len(DEFAULT)


def test_the_links_of_dev() -> None:
    """runtime-linux.md#dev-symbolic-links: fd, stdin, stdout and stderr "if the source file exists"; and ptmx."""
    links = [operation.args for operation in compiled().operations if operation.name == "symlink"]
    assert links == [
        ("/dev", "fd", "/proc/self/fd", "/proc/self/fd", 0),
        ("/dev", "stdin", "/proc/self/fd/0", "/proc/self/fd", 0),
        ("/dev", "stdout", "/proc/self/fd/1", "/proc/self/fd", 0),
        ("/dev", "stderr", "/proc/self/fd/2", "/proc/self/fd", 0),
        ("/dev", "core", "/proc/kcore", "/proc/kcore", 0),
        ("/dev", "ptmx", "pts/ptmx", "", 1),
    ]


def test_devices_come_after_all_mounts() -> None:
    names = [operation.name for operation in compiled(mounts=[{"destination": "/dev", "type": "tmpfs"}]).operations]
    assert max(at for at, name in enumerate(names) if name == "mount") < names.index("device")
