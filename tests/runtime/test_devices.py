"""config-linux.md, Devices; runtime-linux.md, Dev symbolic links."""

from __future__ import annotations

import os
import stat
from typing import Any

import pytest

from .bundle import Bundle
from .container import Container

DEFAULTS = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
FUSE = {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}


def node(container: Container, path: str) -> os.stat_result:
    return os.stat(f"{container.launch().process.root}{path}")


class TestDefaultDevices:
    @pytest.mark.parametrize("name", DEFAULTS)
    def test_it_is_the_character_device(self, container: Container, name: str) -> None:
        """'the runtime MUST also supply: /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty'"""
        found = node(container, f"/dev/{name}")
        assert stat.S_ISCHR(found.st_mode)
        assert (os.major(found.st_rdev), os.minor(found.st_rdev)) == DEFAULTS[name]

    @pytest.mark.parametrize("name", DEFAULTS)
    def test_everybody_may_use_it(self, container: Container, name: str) -> None:
        """'the runtime MUST also supply': for whoever the process is"""
        assert stat.S_IMODE(node(container, f"/dev/{name}").st_mode) == 0o666

    @pytest.mark.parametrize("uid", [0, 1000])
    def test_they_work(self, container: Container, bundle: Bundle, uid: int) -> None:
        """'the runtime MUST also supply'"""
        bundle.user(uid, uid)
        script = "echo gone > /dev/null; head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; echo > /dev/full"
        bundle.sh(f"{script} || echo no space")
        assert container.run().stdout.split("\n")[:3] == ["4", "4", "no space"]

    def test_ptmx_is_that_of_the_container_s_devpts(self, container: Container) -> None:
        """'/dev/ptmx. A bind-mount or symlink of the container's /dev/pts/ptmx.'"""
        root = container.launch().process.root
        ptmx = root / "dev/ptmx"
        if ptmx.is_symlink():
            assert os.readlink(ptmx) in ("pts/ptmx", "/dev/pts/ptmx")
        else:
            assert ptmx.stat().st_rdev == os.makedev(5, 2)

    def test_there_is_no_console_without_a_terminal(self, container: Container) -> None:
        """'/dev/console is set up if terminal is enabled in the config'"""
        assert not (container.launch().process.root / "dev/console").exists()

    def test_no_other_device_is_there(self, container: Container) -> None:
        """'Containers MAY NOT access any device node that is not either explicitly referenced in the devices array or
        listed as being part of the default devices.'"""
        directory = container.launch().process.root / "dev"
        found = {path.name for path in directory.iterdir() if not path.is_symlink() and not path.is_dir()}
        assert found - {"ptmx"} == set(DEFAULTS)

    @pytest.mark.parametrize(
        ("name", "target"),
        [
            ("fd", "/proc/self/fd"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ],
    )
    def test_the_symbolic_links(self, container: Container, name: str, target: str) -> None:
        """'runtimes MUST create the following symlinks if the source file exists after processing mounts'"""
        assert os.readlink(container.launch().process.root / "dev" / name) == target

    def test_a_container_without_proc(self, container: Container, bundle: Bundle) -> None:
        """'MUST create the following symlinks if the source file exists': and no error if not"""
        bundle.without_mount("/proc").drop("linux.maskedPaths").drop("linux.readonlyPaths").set(
            "process.args", ["true"]
        )
        bundle.drop("process.noNewPrivileges")
        container.run().checked()

    def test_devices_of_the_image_are_kept_when_right(self, container: Container, bundle: Bundle) -> None:
        """A root filesystem that has /dev/null already, without a tmpfs on /dev"""
        for target in ("/dev/pts", "/dev/shm", "/dev/mqueue", "/dev"):
            bundle.without_mount(target)
        os.mknod(bundle.rootfs / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        found = node(container, "/dev/null")
        assert os.major(found.st_rdev) == 1


class TestConfiguredDevices:
    @pytest.mark.parametrize(
        ("device", "kind"),
        [
            (FUSE, stat.S_IFCHR),
            ({"path": "/dev/my-disk", "type": "b", "major": 7, "minor": 99}, stat.S_IFBLK),
            ({"path": "/dev/my-pipe", "type": "p"}, stat.S_IFIFO),
            ({"path": "/dev/my-unbuffered", "type": "u", "major": 10, "minor": 229}, stat.S_IFCHR),
        ],
        ids=["c", "b", "p", "u"],
    )
    def test_each_type(self, container: Container, bundle: Bundle, device: dict[str, Any], kind: int) -> None:
        """'type (string, REQUIRED) - type of device: c, b, u or p.'"""
        bundle.add("linux.devices", device)
        found = node(container, device["path"])
        assert stat.S_IFMT(found.st_mode) == kind
        if "major" in device:
            assert (os.major(found.st_rdev), os.minor(found.st_rdev)) == (device["major"], device["minor"])

    @pytest.mark.parametrize("mode", [0o600, 0o666, 0o640, 0o000])
    def test_the_mode(self, container: Container, bundle: Bundle, mode: int) -> None:
        """'fileMode (uint32, OPTIONAL) - file mode for the device.'"""
        bundle.add("linux.devices", FUSE | {"fileMode": mode})
        assert stat.S_IMODE(node(container, "/dev/fuse").st_mode) == mode

    def test_the_mode_does_not_depend_on_the_umask(self, container: Container, bundle: Bundle) -> None:
        """'fileMode (uint32, OPTIONAL) - file mode for the device.'"""
        bundle.add("linux.devices", FUSE | {"fileMode": 0o666})
        before = os.umask(0o077)
        try:
            assert stat.S_IMODE(node(container, "/dev/fuse").st_mode) == 0o666
        finally:
            os.umask(before)

    def test_the_owner(self, container: Container, bundle: Bundle) -> None:
        """'uid - id of device owner in the container namespace. gid - id of device group in the container
        namespace.'"""
        bundle.add("linux.devices", FUSE | {"uid": 7, "gid": 8})
        found = node(container, "/dev/fuse")
        assert (found.st_uid, found.st_gid) == (7, 8)

    @pytest.mark.parametrize("path", ["/devices/fuse", "/fuse", "/dev/deep/down/fuse"])
    def test_it_may_be_anywhere(self, container: Container, bundle: Bundle, path: str) -> None:
        """'The path MAY be anywhere in the container filesystem, notably outside of /dev.'"""
        bundle.add("linux.devices", FUSE | {"path": path})
        assert stat.S_ISCHR(node(container, path).st_mode)

    def test_a_device_that_is_there_already(self, container: Container, bundle: Bundle) -> None:
        """'If a file already exists at path that does not match the requested device, the runtime MUST generate an
        error': one that matches is fine"""
        os.mknod(bundle.rootfs / "fuse", 0o666 | stat.S_IFCHR, os.makedev(10, 229))
        bundle.add("linux.devices", FUSE | {"path": "/fuse"})
        assert stat.S_ISCHR(node(container, "/fuse").st_mode)

    @pytest.mark.parametrize("existing", ["a regular file", "another device", "a directory"])
    def test_another_file_in_its_place_is_an_error(self, container: Container, bundle: Bundle, existing: str) -> None:
        """'If a file already exists at path that does not match the requested device, the runtime MUST generate an
        error.'"""
        if existing == "a regular file":
            bundle.file("fuse", "text")
        elif existing == "another device":
            os.mknod(bundle.rootfs / "fuse", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        else:
            bundle.directory("fuse")
        bundle.add("linux.devices", FUSE | {"path": "/fuse"})
        container.fails("create")

    def test_a_path_through_a_symbolic_link_stays_inside(self, container: Container, bundle: Bundle) -> None:
        """'path - full path to device inside container.'"""
        victim = bundle.aside("victim")
        bundle.symlink("link", str(victim)).add("linux.devices", FUSE | {"path": "/link/fuse"})
        container.call("create")
        assert list(victim.iterdir()) == []

    def test_a_configured_default_device(self, container: Container, bundle: Bundle) -> None:
        """docker and podman list /dev/null and others: as configured, once"""
        bundle.add("linux.devices", {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666})
        bundle.add("linux.resources.devices", {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"})
        assert os.minor(node(container, "/dev/null").st_rdev) == 3
