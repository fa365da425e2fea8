"""config.md, Mounts: filesystems, their data, their order, and what is an error."""

from __future__ import annotations

import pytest

from .bundle import Bundle
from .container import Container


class TestFilesystems:
    @pytest.mark.parametrize("kind", ["tmpfs", "proc", "sysfs", "mqueue", "devpts"])
    def test_a_filesystem_of_the_type_is_mounted(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'type - The type of the filesystem to be mounted. Linux: filesystem types supported by the kernel'"""
        bundle.mount("/data", kind, kind)
        assert container.launch().process.mount("/data").kind == kind

    @pytest.mark.parametrize("target, kind", [("/proc", "proc"), ("/dev/pts", "devpts"), ("/dev/shm", "tmpfs")])
    def test_the_default_filesystems(self, container: Container, target: str, kind: str) -> None:
        """'The following filesystems SHOULD be made available in each container's filesystem'"""
        assert container.launch().process.mount(target).kind == kind

    def test_the_source_is_shown(self, container: Container, bundle: Bundle) -> None:
        """'source - A device name, but can also be a file or directory name for bind mounts or a dummy.'"""
        bundle.mount("/data", "tmpfs", "dummy")
        assert container.launch().process.mount("/data").source == "dummy"

    def test_a_mount_without_source(self, container: Container, bundle: Bundle) -> None:
        """'source (string, OPTIONAL)'"""
        bundle.add("mounts", {"destination": "/data", "type": "tmpfs"})
        assert container.launch().process.mount("/data").kind == "tmpfs"

    @pytest.mark.parametrize(
        "option, shown", [("size=64k", "size=64k"), ("mode=1700", "mode=1700"), ("nr_inodes=100", "nr_inodes=100")]
    )
    def test_unknown_options_are_the_filesystem_s(
        self, container: Container, bundle: Bundle, option: str, shown: str
    ) -> None:
        """'Runtimes SHOULD treat unknown options as filesystem-specific ones and pass those as a comma-separated string
        to the fifth (const void *data) argument of mount(2).'"""
        bundle.mount("/data", "tmpfs", "tmpfs", "nosuid", option, "nodev")
        mount = container.launch().process.mount("/data")
        assert shown in mount.data
        assert {"nosuid", "nodev"} <= mount.options

    def test_several_options_of_the_filesystem(self, container: Container, bundle: Bundle) -> None:
        """'pass those as a comma-separated string'"""
        bundle.mount("/data", "tmpfs", "tmpfs", "size=64k", "mode=700", "uid=5", "gid=6")
        assert {"size=64k", "mode=700", "uid=5", "gid=6"} <= container.launch().process.mount("/data").data

    def test_options_with_paths(self, container: Container, bundle: Bundle) -> None:
        """An overlay's layers are paths on the host."""
        bundle.aside("overlay")
        layers = {name: bundle.aside(f"overlay/{name}") for name in ("lower", "upper", "work")}
        (layers["lower"] / "file").write_text("from below")
        options = [f"{name}dir={path}" for name, path in layers.items()]
        bundle.mount("/data", "overlay", "overlay", *options)
        assert container.output("cat /data/file; echo new > /data/other") == "from below"
        assert (layers["upper"] / "other").read_text() == "new\n"

    @pytest.mark.parametrize("option", ["nonsense", "size=many", "mode=rwx"])
    def test_an_option_that_the_filesystem_refuses_is_an_error(
        self, container: Container, bundle: Bundle, option: str
    ) -> None:
        """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a
        new container MUST NOT be created.'"""
        bundle.mount("/data", "tmpfs", "tmpfs", option)
        container.fails("create")

    def test_an_unknown_type_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error'"""
        bundle.mount("/data", "nosuchfs", "none")
        container.fails("create")

    def test_tmpcopyup_copies_what_it_covers(self, container: Container, bundle: Bundle) -> None:
        """'tmpcopyup: copy up the contents to a tmpfs'"""
        bundle.file("data/deep/file", "copied", mode=0o640).mount("/data", "tmpfs", "tmpfs", "tmpcopyup")
        assert container.output("cat /data/deep/file; stat -c %a /data/deep/file") == "copied640"

    def test_tmpcopyup_leaves_the_root_filesystem_alone(self, container: Container, bundle: Bundle) -> None:
        """'tmpcopyup: copy up the contents to a tmpfs'"""
        bundle.file("data/file", "old").mount("/data", "tmpfs", "tmpfs", "tmpcopyup")
        container.output("echo new > /data/file")
        assert (bundle.rootfs / "data/file").read_text() == "old"

    def test_a_read_only_sysfs_is_read_only(self, container: Container) -> None:
        """'ro: MUST'"""
        assert "ro" in container.launch().process.mount("/sys").options


class TestDestinations:
    def test_a_missing_mount_point_is_made(self, container: Container, bundle: Bundle) -> None:
        """'Destination of mount point: path inside container.'"""
        bundle.mount("/deep/down/data", "tmpfs", "tmpfs")
        assert container.launch().process.mount("/deep/down/data").kind == "tmpfs"

    def test_a_mount_point_is_made_inside_an_earlier_mount(self, container: Container, bundle: Bundle) -> None:
        """'The runtime MUST mount entries in the listed order.'"""
        bundle.mount("/outer", "tmpfs", "tmpfs").mount("/outer/inner", "tmpfs", "tmpfs")
        assert container.launch().process.mount("/outer/inner").kind == "tmpfs"
        assert not (bundle.rootfs / "outer/inner").exists()

    @pytest.mark.parametrize("destination", ["data", "./data", "a/../data"])
    def test_a_relative_one_is_relative_to_the_root(
        self, container: Container, bundle: Bundle, destination: str
    ) -> None:
        """'it MAY be a relative path, in which case it MUST be interpreted as relative to "/"'"""
        bundle.directory("a").mount(destination, "tmpfs", "tmpfs").set("process.cwd", "/tmp")
        assert container.launch().process.mount("/data").kind == "tmpfs"

    @pytest.mark.parametrize("destination", ["/../../data", "/a/../../../data", "//data", "/data/."])
    def test_it_stays_inside_the_root(self, container: Container, bundle: Bundle, destination: str) -> None:
        """'Destination of mount point: path inside container.'"""
        bundle.directory("a").mount(destination, "tmpfs", "tmpfs")
        assert container.launch().process.mount("/data").kind == "tmpfs"

    def test_a_later_mount_covers_an_earlier_one(self, container: Container, bundle: Bundle) -> None:
        """'The runtime MUST mount entries in the listed order.'"""
        first, second = bundle.aside("first"), bundle.aside("second")
        (first / "name").write_text("first")
        (second / "name").write_text("second")
        bundle.bind(first, "/data").bind(second, "/data")
        assert container.output("cat /data/name") == "second"

    def test_a_mount_over_the_parent_covers_the_child(self, container: Container, bundle: Bundle) -> None:
        """'The runtime MUST mount entries in the listed order.'"""
        bundle.mount("/outer/inner", "tmpfs", "tmpfs").mount("/outer", "tmpfs", "tmpfs")
        assert container.output("ls /outer") == ""

    def test_over_the_proc_directory_s_files(self, container: Container, bundle: Bundle) -> None:
        """lxcfs and engines bind files over some of procfs's"""
        bundle.bind(bundle.aside("uptime", "1.0 1.0"), "/proc/uptime")
        assert container.output("cat /proc/uptime") == "1.0 1.0"


class TestSymbolicLinks:
    def test_one_to_an_absolute_path_is_resolved_inside(self, container: Container, bundle: Bundle) -> None:
        """'Destination of mount point: path inside container.'"""
        bundle.directory("real").symlink("link", "/real").mount("/link", "tmpfs", "tmpfs")
        assert container.launch().process.mount("/real").kind == "tmpfs"

    def test_one_in_the_middle_is_resolved_inside(self, container: Container, bundle: Bundle) -> None:
        """'Destination of mount point: path inside container.'"""
        bundle.symlink("link", "/etc").mount("/link/made-here", "tmpfs", "tmpfs")
        assert container.launch().process.mount("/etc/made-here").kind == "tmpfs"

    @pytest.mark.parametrize("target", ["../../../../../../../../../../{host}", "{host}", "/proc/self/cwd/{host}"])
    def test_one_to_the_host_does_not_reach_it(self, container: Container, bundle: Bundle, target: str) -> None:
        """'path inside container': CVE-2019-16884, CVE-2021-30465 and others were mounts that went elsewhere"""
        victim = bundle.aside("victim")
        bundle.symlink("link", target.format(host=victim)).bind(bundle.aside("source"), "/link/hit")
        container.call("create")  # may succeed, or refuse the link
        assert list(victim.iterdir()) == []

    def test_a_file_mounted_over_a_link_does_not_make_the_host_s(self, container: Container, bundle: Bundle) -> None:
        """'path inside container'"""
        victim = bundle.aside("victim")
        bundle.symlink("etc/link", f"{victim}/file").bind(bundle.aside("source", "text"), "/etc/link")
        container.call("create")
        assert list(victim.iterdir()) == []

    @pytest.mark.parametrize("target, kind", [("proc", "proc"), ("sys", "sysfs")])
    def test_proc_and_sys_must_not_be_links(self, container: Container, bundle: Bundle, target: str, kind: str) -> None:
        """CVE-2019-19921: a procfs that is mounted elsewhere leaves /proc to the image"""
        bundle.directory("elsewhere").symlink(target, "/elsewhere")
        container.fails("create")

    def test_a_loop_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'If the runtime cannot apply a property as specified ... it MUST generate an error'"""
        bundle.symlink("one", "/two").symlink("two", "/one").mount("/one/data", "tmpfs", "tmpfs")
        container.fails("create")
