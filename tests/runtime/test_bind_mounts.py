"""config.md: 'A mount is a bind mount if it has either bind or rbind in the options.'"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import kernel
from .bundle import Bundle
from .container import Container


def test_a_directory_on_a_directory(container: Container, bundle: Bundle) -> None:
    """'source - ... can also be a file or directory name for bind mounts'"""
    (bundle.aside("source") / "file").write_text("hello")
    bundle.directory("data").bind(bundle.aside("source"), "/data")
    assert container.output("cat /data/file") == "hello"


def test_a_file_on_a_file(container: Container, bundle: Bundle) -> None:
    """'source - ... can also be a file or directory name for bind mounts'"""
    bundle.file("etc/hosts", "old").bind(bundle.aside("hosts", "new"), "/etc/hosts")
    assert container.output("cat /etc/hosts") == "new"


@pytest.mark.parametrize("source, target", [("directory", "/etc/file"), ("file", "/data")])
def test_a_directory_and_a_file_on_each_other(container: Container, bundle: Bundle, source: str, target: str) -> None:
    """mount(2): ENOTDIR. docker adds what to look for when it reads its words"""
    bundle.directory("data").file("etc/file", "old")
    bundle.bind(bundle.aside("directory") if source == "directory" else bundle.aside("file", "new"), target)
    assert "not a directory" in container.fails("create").stderr.lower()


def test_a_directory_where_nothing_was(container: Container, bundle: Bundle) -> None:
    """A missing mount point is made: a directory for a directory."""
    (bundle.aside("source") / "file").write_text("hello")
    bundle.bind(bundle.aside("source"), "/a/b/data")
    assert container.output("cat /a/b/data/file") == "hello"


def test_a_file_where_nothing_was(container: Container, bundle: Bundle) -> None:
    """A missing mount point is made: a file for a file."""
    bundle.bind(bundle.aside("source", "hello"), "/a/b/file")
    assert container.output("cat /a/b/file") == "hello"


def test_a_file_on_a_directory_is_an_error(container: Container, bundle: Bundle) -> None:
    """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error'"""
    bundle.directory("data").bind(bundle.aside("source", "text"), "/data")
    container.fails("create")


def test_a_directory_on_a_file_is_an_error(container: Container, bundle: Bundle) -> None:
    """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error'"""
    bundle.file("data").bind(bundle.aside("source"), "/data")
    container.fails("create")


def test_a_missing_source_is_an_error(container: Container, bundle: Bundle) -> None:
    """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error'"""
    bundle.bind(bundle.path / "nowhere", "/data")
    container.fails("create")
    assert not (bundle.path / "nowhere").exists()


def test_a_relative_source_is_relative_to_the_bundle(container: Container, bundle: Bundle) -> None:
    """'Path values for bind mounts are either absolute or relative to the bundle.'"""
    (bundle.aside("source") / "file").write_text("hello")
    bundle.bind("source", "/data")
    assert container.output("cat /data/file") == "hello"


def test_a_source_that_is_a_symbolic_link_is_followed(container: Container, bundle: Bundle) -> None:
    """The host's own links are the host's to resolve, as mount(2) does."""
    (bundle.aside("real") / "file").write_text("hello")
    (bundle.path / "link").symlink_to("real")
    bundle.bind(bundle.path / "link", "/data")
    assert container.output("cat /data/file") == "hello"


@pytest.mark.parametrize("kind", ["none", "bind", "ext4", "", None])
def test_the_type_does_not_matter(container: Container, bundle: Bundle, kind: str | None) -> None:
    """'For bind mounts (when options include either bind or rbind), the type is a dummy'"""
    entry = {"destination": "/data", "source": str(bundle.aside("source")), "options": ["bind"]}
    bundle.add("mounts", entry if kind is None else entry | {"type": kind})
    assert container.launch().process.mount("/data").root.endswith("/source")


def test_writes_reach_the_source(container: Container, bundle: Bundle) -> None:
    """'bind: Bind mount'"""
    bundle.bind(bundle.aside("source"), "/data")
    container.output("echo hello > /data/file")
    assert (bundle.path / "source/file").read_text() == "hello\n"


def test_a_read_only_one_is_read_only(container: Container, bundle: Bundle) -> None:
    """'ro: MUST'"""
    bundle.bind(bundle.aside("source"), "/data", "ro").args("touch", "/data/file")
    assert "Read-only file system" in container.run().stderr


def test_a_read_only_one_is_writable_for_the_host(container: Container, bundle: Bundle) -> None:
    """'ro: MUST': of this mount, not of the filesystem"""
    source = bundle.aside("source")
    bundle.bind(source, "/data", "ro")
    container.launch()
    (source / "file").write_text("still writable")


def test_a_read_only_file(container: Container, bundle: Bundle) -> None:
    """'ro: MUST'"""
    bundle.bind(bundle.aside("hosts", "text"), "/etc/hosts", "ro").sh("echo new > /etc/hosts")
    assert container.run().status != 0
    assert (bundle.path / "hosts").read_text() == "text"


def test_a_source_is_not_seen_beyond_itself(container: Container, bundle: Bundle) -> None:
    """'source - ... a file or directory name': its parent is not part of it"""
    bundle.bind(bundle.aside("source"), "/data")
    assert container.output("cd /data/..; pwd; ls -d data") == "/\ndata"


def test_a_device_file(container: Container, bundle: Bundle) -> None:
    """engines bind devices where mknod is not allowed"""
    bundle.bind("/dev/null", "/dev/my-null")
    assert container.output("echo gone > /dev/my-null; stat -c %t:%T /dev/my-null") == "1:3"


def test_a_fifo(container: Container, bundle: Bundle) -> None:
    """'source - ... a file'"""
    fifo = bundle.path / "fifo"
    os.mkfifo(fifo)
    bundle.bind(fifo, "/run/fifo")
    container.output("test -p /run/fifo")


class TestSubmounts:
    @pytest.fixture
    def tree(self, bundle: Bundle) -> Iterator[Path]:
        """A directory with a tmpfs mounted in it."""
        outer = bundle.aside("tree")
        (outer / "inner").mkdir()
        kernel.mount("inner", str(outer / "inner"), "tmpfs")
        (outer / "inner/file").write_text("inner")
        yield outer
        kernel.umount(str(outer / "inner"), kernel.MNT_DETACH)

    def test_bind_leaves_them_out(self, container: Container, bundle: Bundle, tree: Path) -> None:
        """'bind: Bind mount'"""
        bundle.bind(tree, "/data", "bind")
        assert container.output("ls /data/inner") == ""

    def test_rbind_brings_them(self, container: Container, bundle: Bundle, tree: Path) -> None:
        """'rbind: Recursive bind mount'"""
        bundle.bind(tree, "/data", "rbind")
        assert container.output("cat /data/inner/file") == "inner"
