"""config.md, Root; config-linux.md, Rootfs Mount Propagation."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from . import kernel
from .bundle import Bundle
from .container import Container
from .procfs import Process


def test_the_root_is_the_bundle_s(container: Container, bundle: Bundle) -> None:
    """'path specifies the path to the root filesystem for the container.'"""
    bundle.file("etc/mark", "here")
    assert container.output("cat /etc/mark") == "here"


def test_nothing_of_the_host_is_seen(container: Container, bundle: Bundle) -> None:
    """After pivot_root the host's root is gone: no file, and no mount of it in the container's table."""
    process = container.launch().process
    assert set(os.listdir(process.root)) == set(os.listdir(bundle.rootfs))
    assert {mount.target for mount in process.mounts()} >= {"/", "/proc", "/dev"}
    assert not any(mount.target.startswith(str(bundle.path.parent)) for mount in process.mounts())


def test_the_parent_of_the_root_is_the_root(container: Container) -> None:
    """No way up: `..` of / is /."""
    assert container.output("cd /../../..; ls | sort") == container.output("cd /; ls | sort")


def test_the_root_is_a_mount_of_its_own(container: Container) -> None:
    """pivot_root needs it, and a read-only or propagated root, too"""
    assert container.launch().process.mount("/").target == "/"


def test_without_pivot_the_root_is_the_bundle_s_too(container: Container, bundle: Bundle) -> None:
    """runc: '--no-pivot: do not use pivot root to jail process inside rootfs. This should be used whenever the rootfs
    is on top of a ramdisk'"""
    bundle.file("etc/mark", "here").sh("cat /etc/mark; ls -d /usr 2>/dev/null || true")
    assert container.run("--no-pivot").checked().output == "here"


def test_the_root_is_writable_by_default(container: Container, bundle: Bundle) -> None:
    """'readonly (bool, OPTIONAL) ... defaults to false'"""
    container.output("echo hello > /made")
    assert (bundle.rootfs / "made").read_text() == "hello\n"


def test_a_readonly_root_is_read_only(container: Container, bundle: Bundle) -> None:
    """'If true then the root filesystem MUST be read-only inside the container'"""
    bundle.set("root.readonly", True).args("touch", "/made")
    assert "Read-only file system" in container.run().stderr
    assert not (bundle.rootfs / "made").exists()


def test_a_readonly_root_is_a_read_only_mount(container: Container, bundle: Bundle) -> None:
    """'If true then the root filesystem MUST be read-only inside the container'"""
    bundle.set("root.readonly", True)
    assert "ro" in container.launch().process.mount("/").options


def test_mounts_on_a_readonly_root_are_writable(container: Container, bundle: Bundle) -> None:
    """'the root filesystem MUST be read-only': not what is mounted on it"""
    bundle.set("root.readonly", True).mount("/tmp", "tmpfs", "tmpfs")
    container.output("touch /tmp/file /dev/shm/file")


def test_a_readonly_root_is_still_writable_for_the_host(container: Container, bundle: Bundle) -> None:
    """'the root filesystem MUST be read-only inside the container'"""
    bundle.set("root.readonly", True)
    container.launch()
    bundle.file("made-by-host", "hello")
    assert (container.process.root / "made-by-host").read_text() == "hello"


@pytest.mark.parametrize("path", ["nowhere", "../nowhere", "etc/passwd-is-a-file"])
def test_a_missing_root_is_an_error(container: Container, bundle: Bundle, path: str) -> None:
    """'A directory MUST exist at the path declared by the field.'"""
    bundle.set("root.path", path)
    container.fails("create")


def test_a_root_that_is_a_file_is_an_error(container: Container, bundle: Bundle) -> None:
    """'A directory MUST exist at the path declared by the field.'"""
    bundle.set("root.path", str(bundle.aside("file", "")))
    container.fails("create")


class TestPropagation:
    @pytest.fixture(autouse=True)
    def _shared(self, bundle: Bundle) -> Iterator[None]:
        """The bundle on a mount that propagates, as on hosts with systemd."""
        path = str(bundle.path)
        kernel.mount(path, path, flags=kernel.MS_BIND)
        kernel.mount("none", path, flags=kernel.MS_SHARED)
        yield
        kernel.umount(path, kernel.MNT_DETACH)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [("shared", "shared"), ("slave", "master"), ("private", "private"), ("unbindable", "unbindable")],
    )
    def test_the_root_has_the_configured_propagation(
        self, container: Container, bundle: Bundle, value: str, expected: str
    ) -> None:
        """'rootfsPropagation (string, OPTIONAL) sets the rootfs's mount propagation. Its value is either shared, slave,
        private or unbindable.'"""
        bundle.set("linux.rootfsPropagation", value)
        assert expected in container.launch().process.mount("/").propagation

    @pytest.mark.parametrize("value, seen", [("slave", True), ("private", False)])
    def test_mounts_of_the_host_arrive_or_not(
        self, container: Container, bundle: Bundle, value: str, seen: bool
    ) -> None:
        """slave: 'if something is mounted on the host it will also appear in the container'; private: 'the rootfs mount
        doesn't receive mount propagation events from the host'"""
        bundle.directory("later").set("linux.rootfsPropagation", value)
        container.launch()
        kernel.mount("later", str(bundle.rootfs / "later"), "tmpfs")
        assert ("/later" in {mount.target for mount in container.process.mounts()}) is seen

    @pytest.mark.parametrize("value", ["slave", "private", "unbindable"])
    def test_mounts_of_the_container_do_not_reach_the_host(
        self, container: Container, bundle: Bundle, value: str
    ) -> None:
        """slave: 'but not the other way around'"""
        bundle.set("linux.rootfsPropagation", value).directory("inner").capabilities("CAP_SYS_ADMIN")
        bundle.sh("mount -t tmpfs inner /inner && echo ready && sleep 1000")
        container.launch().wait_for_output("ready")
        assert not any(mount.target.endswith("/inner") for mount in Process().mounts())

    def test_mounts_of_the_config_do_not_reach_the_host(self, container: Container, bundle: Bundle) -> None:
        """'the container will have an isolated mount table'"""
        before = {mount.id for mount in Process().mounts()}
        bundle.mount("/mine", "tmpfs", "tmpfs")
        container.launch()
        assert {mount.id for mount in Process().mounts()} == before


def test_an_unknown_propagation_is_an_error(container: Container, bundle: Bundle) -> None:
    """'Its value is either shared, slave, private or unbindable.'"""
    bundle.set("linux.rootfsPropagation", "viral")
    container.fails("create")
