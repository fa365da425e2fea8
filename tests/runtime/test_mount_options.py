"""config.md, Linux mount options: every option of the table whose effect /proc/self/mountinfo can show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from . import kernel
from .bundle import Bundle
from .container import Container
from .procfs import Process

NEGATED = {"rw": "ro", "suid": "nosuid", "dev": "nodev", "exec": "noexec", "atime": "noatime"}
NEGATED |= {"diratime": "nodiratime", "symfollow": "nosymfollow"}


class TestOfOneMount:
    """[^1]: 'Corresponds to mount(8) (filesystem-independent).'"""

    @pytest.mark.parametrize(
        "option", ["ro", "rw", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime", "nosymfollow"]
    )
    @pytest.mark.parametrize("kind", ["tmpfs", "bind"])
    def test_the_mount_has_it(self, container: Container, bundle: Bundle, option: str, kind: str) -> None:
        if kind == "tmpfs":
            bundle.mount("/data", "tmpfs", "tmpfs", option)
        else:
            bundle.bind(bundle.aside("data"), "/data", option)
        assert option in container.launch().process.mount("/data").options

    @pytest.mark.parametrize("option", NEGATED)
    def test_it_undoes_the_one_before_it(self, container: Container, bundle: Bundle, option: str) -> None:
        bundle.mount("/data", "tmpfs", "tmpfs", NEGATED[option], option)
        assert NEGATED[option] not in container.launch().process.mount("/data").options

    @pytest.mark.parametrize("option", NEGATED)
    def test_it_is_undone_by_the_one_after_it(self, container: Container, bundle: Bundle, option: str) -> None:
        bundle.mount("/data", "tmpfs", "tmpfs", option, NEGATED[option])
        assert NEGATED[option] in container.launch().process.mount("/data").options

    def test_strictatime(self, container: Container, bundle: Bundle) -> None:
        bundle.mount("/data", "tmpfs", "tmpfs", "strictatime")
        assert not {"relatime", "noatime"} & container.launch().process.mount("/data").options

    @pytest.mark.parametrize("option", ["sync", "dirsync", "lazytime"])
    def test_the_filesystem_has_it(self, container: Container, bundle: Bundle, option: str) -> None:
        bundle.mount("/data", "tmpfs", "tmpfs", option)
        assert option in container.launch().process.mount("/data").data

    @pytest.mark.parametrize("option, undone", [("async", "sync"), ("nolazytime", "lazytime")])
    def test_the_filesystem_has_it_no_more(
        self, container: Container, bundle: Bundle, option: str, undone: str
    ) -> None:
        bundle.mount("/data", "tmpfs", "tmpfs", undone, option)
        assert undone not in container.launch().process.mount("/data").data

    @pytest.mark.parametrize(
        "option", ["async", "defaults", "loud", "silent", "iversion", "noiversion", "norelatime", "nostrictatime"]
    )
    def test_it_is_known(self, container: Container, bundle: Bundle, option: str) -> None:
        """These show nowhere; but a runtime that took them for the filesystem's would fail."""
        bundle.mount("/data", "tmpfs", "tmpfs", option)
        assert container.launch().process.mount("/data").kind == "tmpfs"

    def test_remount_changes_an_earlier_mount(self, container: Container, bundle: Bundle) -> None:
        bundle.mount("/data", "tmpfs", "tmpfs", "size=64k").mount(
            "/data", "tmpfs", "tmpfs", "remount", "ro", "size=64k"
        )
        process = container.launch().process
        assert "ro" in process.mount("/data").options | process.mount("/data").data
        assert [mount.target for mount in process.mounts()].count("/data") == 1


class TestOfAWholeTree:
    """[^3]: 'These AT_RECURSIVE options need kernel 5.12 or later. See mount_setattr(2)'"""

    @pytest.fixture
    def tree(self, bundle: Bundle) -> Iterator[Path]:
        """A tmpfs with another in it; the inner one restricted when its name says so."""
        outer = bundle.aside("tree")
        kernel.mount("outer", str(outer), "tmpfs")
        for name, flags in {"free": 0, "strict": kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC}.items():
            (outer / name).mkdir()
            kernel.mount(name, str(outer / name), "tmpfs", flags)
        yield outer
        kernel.umount(str(outer), kernel.MNT_DETACH)

    @pytest.mark.parametrize(
        "option", ["rro", "rnosuid", "rnodev", "rnoexec", "rnoatime", "rnodiratime", "rrelatime", "rnosymfollow"]
    )
    def test_all_mounts_have_it(self, container: Container, bundle: Bundle, tree: Path, option: str) -> None:
        bundle.bind(tree, "/data", "rbind", option)
        process = container.launch().process
        assert option[1:] in process.mount("/data").options
        assert option[1:] in process.mount("/data/free").options

    @pytest.mark.parametrize("option", ["rsuid", "rdev", "rexec"])
    def test_no_mount_has_its_opposite(self, container: Container, bundle: Bundle, tree: Path, option: str) -> None:
        bundle.bind(tree, "/data", "rbind", option)
        assert NEGATED[option[1:]] not in container.launch().process.mount("/data/strict").options

    def test_rstrictatime(self, container: Container, bundle: Bundle, tree: Path) -> None:
        bundle.bind(tree, "/data", "rbind", "rstrictatime")
        assert not {"relatime", "noatime"} & container.launch().process.mount("/data/free").options

    @pytest.mark.parametrize("option", ["rrw", "rsymfollow", "rdiratime", "rnorelatime", "rnostrictatime", "ratime"])
    def test_it_is_known(self, container: Container, bundle: Bundle, tree: Path, option: str) -> None:
        bundle.bind(tree, "/data", "rbind", option)
        assert container.launch().process.mount("/data/free").kind == "tmpfs"

    def test_ro_is_not_recursive(self, container: Container, bundle: Bundle, tree: Path) -> None:
        """mount(8): 'the bind-mount options ... for the topmost mount only'"""
        bundle.bind(tree, "/data", "rbind", "ro")
        process = container.launch().process
        assert "ro" in process.mount("/data").options
        assert "rw" in process.mount("/data/free").options

    def test_the_host_s_mounts_stay_as_they_are(self, container: Container, bundle: Bundle, tree: Path) -> None:
        bundle.bind(tree, "/data", "rbind", "rro", "rnoexec")
        container.launch()
        assert {"rw"} <= Process().mount(str(tree)).options
        assert "noexec" not in Process().mount(str(tree / "free")).options


class TestPropagation:
    """[^2]: 'Corresponds to bind mounts and shared subtrees.' The root filesystem propagates too, as engines set it
    then."""

    @pytest.fixture
    def tree(self, bundle: Bundle) -> Iterator[Path]:
        """A shared tmpfs with a shared tmpfs in it."""
        outer = bundle.aside("tree")
        kernel.mount("outer", str(outer), "tmpfs")
        for name in ("inner", "later"):
            (outer / name).mkdir()
        kernel.mount("inner", str(outer / "inner"), "tmpfs")
        kernel.mount("none", str(outer), flags=kernel.MS_SHARED | kernel.MS_REC)
        bundle.set("linux.rootfsPropagation", "shared")
        yield outer
        kernel.umount(str(outer), kernel.MNT_DETACH)

    @pytest.mark.parametrize(
        "option, expected",
        [("private", "private"), ("slave", "master"), ("shared", "shared"), ("unbindable", "unbindable")],
    )
    @pytest.mark.parametrize("recursive", ["", "r"])
    def test_the_mount_has_it(
        self, container: Container, bundle: Bundle, tree: Path, option: str, expected: str, recursive: str
    ) -> None:
        bundle.bind(tree, "/data", "rbind", f"{recursive}{option}")
        process = container.launch().process
        assert expected in process.mount("/data").propagation
        if recursive:
            assert expected in process.mount("/data/inner").propagation

    @pytest.mark.parametrize("option, seen", [("rprivate", False), ("rslave", True), ("rshared", True)])
    def test_mounts_of_the_host_arrive_or_not(
        self, container: Container, bundle: Bundle, tree: Path, option: str, seen: bool
    ) -> None:
        bundle.bind(tree, "/data", "rbind", option)
        container.launch()
        kernel.mount("later", str(tree / "later"), "tmpfs")
        assert ("/data/later" in {mount.target for mount in container.process.mounts()}) is seen

    @pytest.mark.parametrize("option, seen", [("rprivate", False), ("rslave", False), ("rshared", True)])
    def test_mounts_of_the_container_reach_the_host_or_not(
        self, container: Container, bundle: Bundle, tree: Path, option: str, seen: bool
    ) -> None:
        bundle.bind(tree, "/data", "rbind", option).capabilities("CAP_SYS_ADMIN")
        bundle.sh("mount -t tmpfs later /data/later && echo ready && sleep 1000")
        container.launch().wait_for_output("ready")
        targets = {mount.target for mount in Process().mounts()}
        assert (str(tree / "later") in targets) is seen

    def test_private_is_the_default(self, container: Container, bundle: Bundle, tree: Path) -> None:
        """Nothing that the container mounts may reach the host unasked."""
        bundle.drop("linux.rootfsPropagation").bind(tree, "/data", "rbind").capabilities("CAP_SYS_ADMIN")
        bundle.sh("mount -t tmpfs later /data/later && echo ready && sleep 1000")
        container.launch().wait_for_output("ready")
        assert str(tree / "later") not in {mount.target for mount in Process().mounts()}


class TestOfAnOverlay:
    """Engines mount the files of images as overlays, whose layers have long names: fsconfig(2) takes 255 bytes of an
    option, mount(2) the page that the specification's options had before there was another."""

    @pytest.fixture
    def layers(self, bundle: Bundle) -> str:
        """The option for two layers, of over 255 bytes; each layer has one file."""
        directories = [bundle.aside(f"{name * 100}/{name * 100}") for name in ("a", "b")]
        for directory in directories:
            (directory / directory.name[0]).touch()
        return f"lowerdir={':'.join(map(str, directories))}"

    def test_it_has_the_files_of_its_layers(self, container: Container, bundle: Bundle, layers: str) -> None:
        bundle.mount("/data", "overlay", "overlay", layers)
        assert container.output("ls /data").split() == ["a", "b"]

    @pytest.mark.parametrize("option, expected", [("private", "private"), ("rslave", "private"), ("shared", "shared")])
    def test_it_has_its_propagation(
        self, container: Container, bundle: Bundle, layers: str, option: str, expected: str
    ) -> None:
        """podman: 'private' for the image of `--mount type=image`. Without a master, a slave is private."""
        bundle.set("linux.rootfsPropagation", "shared").mount("/data", "overlay", "overlay", layers, option)
        assert container.launch().process.mount("/data").propagation == {expected}

    def test_it_has_its_attributes(self, container: Container, bundle: Bundle, layers: str) -> None:
        bundle.mount("/data", "overlay", "overlay", layers, "nosuid", "rnoexec", "rslave")
        assert {"nosuid", "noexec"} <= container.launch().process.mount("/data").options
