"""config-linux.md, Masked Paths and Readonly Paths."""

from __future__ import annotations

import pytest

from .bundle import Bundle
from .container import Container


class TestMasked:
    def test_a_file_is_empty(self, container: Container, bundle: Bundle) -> None:
        """'maskedPaths will mask over the provided paths inside the container so that they cannot be read.'"""
        bundle.file("secret/file", "secret").set("linux.maskedPaths", ["/secret/file"])
        assert container.output("cat /secret/file") == ""

    def test_a_directory_is_empty(self, container: Container, bundle: Bundle) -> None:
        """'will mask over the provided paths inside the container so that they cannot be read'"""
        bundle.file("secret/file", "secret").set("linux.maskedPaths", ["/secret"])
        assert container.output("ls -A /secret") == ""

    def test_a_directory_cannot_be_written(self, container: Container, bundle: Bundle) -> None:
        """'will mask over the provided paths': as every engine expects, with something read-only"""
        bundle.directory("secret").set("linux.maskedPaths", ["/secret"]).args("touch", "/secret/file")
        assert container.run().status != 0

    def test_a_file_of_the_image_is_left_alone(self, container: Container, bundle: Bundle) -> None:
        """'will mask over the provided paths'"""
        bundle.file("secret", "secret").set("linux.maskedPaths", ["/secret"]).sh("echo overwritten > /secret")
        container.run()
        assert (bundle.rootfs / "secret").read_text() == "secret"

    def test_files_of_proc(self, container: Container, bundle: Bundle) -> None:
        """'"maskedPaths": ["/proc/kcore"]'"""
        bundle.set("linux.maskedPaths", ["/proc/version", "/proc/cmdline"])
        assert container.output("cat /proc/version /proc/cmdline") == ""

    def test_directories_of_proc_and_sys(self, container: Container, bundle: Bundle) -> None:
        """'will mask over the provided paths inside the container so that they cannot be read'"""
        bundle.set("linux.maskedPaths", ["/proc/irq", "/sys/kernel"])
        assert container.output("ls -A /proc/irq /sys/kernel").split() == ["/proc/irq:", "/sys/kernel:"]

    def test_files_in_mounts(self, container: Container, bundle: Bundle) -> None:
        """'The values MUST be absolute paths in the container namespace.'"""
        (bundle.aside("volume") / "file").write_text("secret")
        bundle.bind(bundle.aside("volume"), "/data").set("linux.maskedPaths", ["/data/file"])
        assert container.output("cat /data/file") == ""
        assert (bundle.path / "volume/file").read_text() == "secret"

    def test_a_missing_path_is_no_error(self, container: Container, bundle: Bundle) -> None:
        """Every engine masks paths that only some kernels have"""
        bundle.set("linux.maskedPaths", ["/nowhere", "/proc/no-such-file"])
        container.output("true")
        assert not (bundle.rootfs / "nowhere").exists()

    @pytest.mark.parametrize("path", ["/link/file", "/link"])
    def test_symbolic_links_are_resolved_inside(self, container: Container, bundle: Bundle, path: str) -> None:
        """'absolute paths in the container namespace'"""
        victim = bundle.aside("victim")
        (victim / "file").write_text("the host's")
        bundle.symlink("link", str(victim)).set("linux.maskedPaths", [path])
        container.call("create")
        assert (victim / "file").read_text() == "the host's"

    def test_all_of_many(self, container: Container, bundle: Bundle) -> None:
        """'maskedPaths (array of strings, OPTIONAL)'"""
        for number in range(50):
            bundle.file(f"secret/{number}", "secret").directory(f"hidden/{number}/below")
        names = [f"/secret/{n}" for n in range(50)] + [f"/hidden/{n}" for n in range(50)]
        bundle.set("linux.maskedPaths", names)
        assert container.output("cat /secret/*; ls -d /hidden/*/* 2>/dev/null || true") == ""


class TestReadonly:
    def test_a_directory_cannot_be_written(self, container: Container, bundle: Bundle) -> None:
        """'readonlyPaths will set the provided paths as readonly inside the container.'"""
        bundle.directory("data").set("linux.readonlyPaths", ["/data"]).args("touch", "/data/file")
        assert "Read-only file system" in container.run().stderr

    def test_a_directory_can_be_read(self, container: Container, bundle: Bundle) -> None:
        """'will set the provided paths as readonly inside the container'"""
        bundle.file("data/file", "text").set("linux.readonlyPaths", ["/data"])
        assert container.output("cat /data/file") == "text"

    def test_a_file_cannot_be_written(self, container: Container, bundle: Bundle) -> None:
        """'will set the provided paths as readonly inside the container'"""
        bundle.file("data/file", "text").set("linux.readonlyPaths", ["/data/file"]).sh("echo new > /data/file")
        assert "Read-only file system" in container.run().stderr
        assert (bundle.rootfs / "data/file").read_text() == "text"

    def test_proc_sys_cannot_be_written(self, container: Container, bundle: Bundle) -> None:
        """'"readonlyPaths": ["/proc/sys"]'"""
        bundle.set("linux.readonlyPaths", ["/proc/sys"]).sh("echo x > /proc/sys/kernel/domainname")
        assert "Read-only file system" in container.run().stderr

    def test_what_is_mounted_below_is_seen(self, container: Container, bundle: Bundle) -> None:
        """'will set the provided paths as readonly': they stay what they are otherwise"""
        (bundle.aside("volume") / "file").write_text("text")
        bundle.directory("data/volume").bind(bundle.aside("volume"), "/data/volume")
        bundle.set("linux.readonlyPaths", ["/data"])
        assert container.output("cat /data/volume/file") == "text"

    def test_options_of_the_mount_are_kept(self, container: Container, bundle: Bundle) -> None:
        """'will set the provided paths as readonly': on top of nosuid, nodev, noexec"""
        bundle.mount("/data", "tmpfs", "tmpfs", "nosuid", "nodev", "noexec").mount(
            "/data/below", "tmpfs", "tmpfs", "nosuid"
        )
        bundle.set("linux.readonlyPaths", ["/data"])
        assert {"ro", "nosuid", "nodev", "noexec"} <= container.launch().process.mount("/data").options

    def test_a_missing_path_is_no_error(self, container: Container, bundle: Bundle) -> None:
        """Every engine lists paths that only some kernels have"""
        bundle.set("linux.readonlyPaths", ["/nowhere", "/proc/no-such-file"])
        container.output("true")

    def test_the_host_s_files_stay_writable(self, container: Container, bundle: Bundle) -> None:
        """'readonly inside the container'"""
        bundle.directory("data").set("linux.readonlyPaths", ["/data"])
        container.launch()
        (bundle.rootfs / "data/file").write_text("by the host")
