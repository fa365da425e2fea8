"""config-linux.md, IntelRdt: the container's share of caches and memory bandwidth; and machines that cannot divide."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .bundle import Bundle
from .conftest import NewContainer
from .container import Container
from .procfs import Process


def mounted() -> Path | None:
    """Where this machine has resctrl."""
    return next((Path(mount.target) for mount in Process().mounts() if mount.kind == "resctrl"), None)


class TestWithoutResctrl:
    @pytest.fixture(autouse=True)
    def _without(self) -> None:
        if mounted():
            pytest.skip("this machine has resctrl")

    @pytest.mark.parametrize(
        "rdt",
        [{}, {"closID": "gold"}, {"l3CacheSchema": "L3:0=f"}, {"memBwSchema": "MB:0=20"}, {"enableMonitoring": True}],
        ids=["nothing", "closID", "l3CacheSchema", "memBwSchema", "enableMonitoring"],
    )
    def test_it_is_an_error(self, container: Container, bundle: Bundle, rdt: dict[str, Any]) -> None:
        """'If no mounted resctrl pseudo-filesystem is available in the runtime mount namespace, the runtime MUST
        generate an error.'"""
        bundle.set("linux.intelRdt", rdt)
        container.fails("create")
        assert not container.exists

    def test_sampan_s_message_says_what_to_do(self, container: Container, bundle: Bundle) -> None:
        """sampan's own promise: an error names the field, and the fix"""
        if not container.runtime.is_sampan:
            pytest.skip("other runtimes promise nothing about their words")
        bundle.set("linux.intelRdt", {})
        result = container.fails("run")
        assert result.status == 1
        assert "linux.intelRdt: needs the resctrl file system" in result.stderr
        assert "mount -t resctrl" in result.stderr


class TestWithResctrl:
    """On a machine that has resctrl, mounted, with a third-level cache that can be divided."""

    @pytest.fixture(autouse=True)
    def _as_before(self, container: Container) -> Iterator[None]:
        """No class and no monitoring group is left but those that the test has made."""
        point = mounted()
        if point is None:
            pytest.skip("no resctrl is mounted")
        before = groups(point)
        yield
        container.clean_up()
        left = groups(point) - before
        for path in sorted(left, reverse=True):
            path.rmdir()
        assert {path.name for path in left} <= {"gold"}

    @pytest.fixture
    def point(self) -> Path:
        point = mounted()
        assert point is not None
        return point

    @pytest.fixture
    def gold(self, point: Path) -> Path:
        """A class that an administrator has made."""
        (point / "gold").mkdir()
        (point / "gold/schemata").write_text(f"L3:{domain(point)}=f\n")
        return point / "gold"

    def test_the_process_is_in_a_class_of_its_own(self, container: Container, bundle: Bundle, point: Path) -> None:
        """'the runtime MUST write the container process ID to the tasks file'; 'If closID is not set, runtimes MUST
        use the container ID from start and create the <container-id> directory.'"""
        bundle.set("linux.intelRdt", {"l3CacheSchema": f"L3:{domain(point)}=f"})
        pid = container.launch().pid
        assert tasks(point / container.id) == [pid]
        assert cache(point / container.id) == 0xF

    def test_it_is_there_before_the_program_runs(self, container: Container, bundle: Bundle, point: Path) -> None:
        """Whatever the program does, it does with its share."""
        bundle.set("linux.intelRdt", {})
        container.create()
        assert tasks(point / container.id) == [container.pid]

    def test_the_class_is_removed_with_the_container(self, container: Container, bundle: Bundle, point: Path) -> None:
        """'If closID is not set and the runtime has created the sub-directory, the runtime MUST remove the
        sub-directory when the container is deleted.'"""
        bundle.set("linux.intelRdt", {"l3CacheSchema": f"L3:{domain(point)}=f", "enableMonitoring": True})
        container.create().kill().delete("--force")
        assert not (point / container.id).exists()

    def test_a_class_with_a_name_is_made_and_stays(self, container: Container, bundle: Bundle, point: Path) -> None:
        """'if closID directory ... doesn't exist, the runtimes MUST create it.'; 'If closID is set ..., the runtime
        MUST NOT remove the sub-directory when the container is deleted.'"""
        bundle.set("linux.intelRdt", {"closID": "gold", "l3CacheSchema": f"L3:{domain(point)}=f"})
        container.create()
        assert tasks(point / "gold") == [container.pid]
        container.kill().delete("--force")
        assert (point / "gold").is_dir()

    def test_a_class_that_exists_is_used(self, container: Container, bundle: Bundle, gold: Path) -> None:
        """'If such pre-configured directory closID exists, runtime MUST assign container to this closID'"""
        bundle.set("linux.intelRdt", {"closID": "gold"})
        container.create()
        assert tasks(gold) == [container.pid]
        assert cache(gold) == 0xF

    def test_a_class_that_should_exist_and_does_not_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'... and generate an error if directory does not exist.'"""
        bundle.set("linux.intelRdt", {"closID": "gold"})
        container.fails("create")
        assert not container.exists

    def test_a_class_with_other_schemata_is_an_error(self, container: Container, bundle: Bundle, gold: Path) -> None:
        """'runtimes MUST compare l3CacheSchema and/or memBwSchema value with schemata file, and generate an error if
        doesn't match.'"""
        bundle.set("linux.intelRdt", {"closID": "gold", "l3CacheSchema": f"L3:{domain(gold)}=3"})
        container.fails("create")
        assert cache(gold) == 0xF

    def test_a_class_with_the_same_schemata_is_used(self, container: Container, bundle: Bundle, gold: Path) -> None:
        """'MUST compare': what it means, since the kernel pads what it is given"""
        bundle.set("linux.intelRdt", {"closID": "gold", "l3CacheSchema": f"L3:{domain(gold)}=000f"})
        container.create()
        assert tasks(gold) == [container.pid]

    def test_the_default_class(self, container: Container, bundle: Bundle, point: Path) -> None:
        """'value / means that the container MUST be assigned to the default CLOS (the root of the resctrl
        filesystem).'"""
        bundle.set("linux.intelRdt", {"closID": "/"})
        container.create()
        assert container.pid in tasks(point)
        assert not (point / container.id).exists()

    def test_the_field_schemata_is_written_last(self, container: Container, bundle: Bundle, point: Path) -> None:
        """'the value of schemata field must be written last, after the values from l3CacheSchema and memBwSchema'"""
        first, last = f"L3:{domain(point)}=f", f"L3:{domain(point)}=30"
        bundle.set("linux.intelRdt", {"l3CacheSchema": first, "schemata": [last]})
        container.create()
        assert cache(point / container.id) == 0x30

    def test_a_monitoring_group(self, container: Container, bundle: Bundle, gold: Path) -> None:
        """'create mon_groups/<container-id>/ subdirectory under the top-level CTRL_MON group'; 'The runtime MUST delete
        the MON group after the container is deleted.'"""
        if not (gold / "mon_groups").exists():
            pytest.skip("this machine cannot monitor")
        bundle.set("linux.intelRdt", {"closID": "gold", "enableMonitoring": True})
        container.create()
        assert tasks(gold / "mon_groups" / container.id) == [container.pid]
        container.kill().delete("--force")
        assert not (gold / "mon_groups" / container.id).exists()

    def test_what_the_kernel_refuses_leaves_nothing(self, container: Container, bundle: Bundle, point: Path) -> None:
        """'generating an error MUST leave the state of the environment as if the operation were never attempted'"""
        bundle.set("linux.intelRdt", {"l3CacheSchema": "L9:0=1"})
        container.fails("create")
        assert not (point / container.id).exists()

    def test_a_container_that_cannot_run_leaves_no_class(
        self, container: Container, bundle: Bundle, point: Path
    ) -> None:
        """'generating an error MUST leave the state of the environment as if the operation were never attempted'"""
        rdt = {"closID": "gold", "l3CacheSchema": f"L3:{domain(point)}=f"}
        bundle.set("linux.intelRdt", rdt).args("no-such-program")
        container.fails("run")
        assert not (point / "gold").exists()

    def test_two_containers_share_a_class(self, new_container: NewContainer, point: Path) -> None:
        """'closID - specifies the identity for RDT Class of Service (CLOS).'"""
        rdt = {"closID": "gold", "l3CacheSchema": f"L3:{domain(point)}=f"}
        one, other = new_container(), new_container()
        for each in (one, other):
            each.bundle.set("linux.intelRdt", rdt)
            each.create()
        assert sorted(tasks(point / "gold")) == sorted((one.pid, other.pid))

    def test_further_processes_are_in_the_class(self, container: Container, bundle: Bundle, point: Path) -> None:
        """runc: exec puts its process into the container's class, too"""
        bundle.set("linux.intelRdt", {})
        pid = container.launch().exec_in_background("sleep", "60")
        assert pid in tasks(point / container.id)

    def test_an_update(self, container: Container, bundle: Bundle, point: Path) -> None:
        """runc: `update --l3-cache-schema`"""
        bundle.set("linux.intelRdt", {"l3CacheSchema": f"L3:{domain(point)}=f"})
        container.launch().call("update", "--l3-cache-schema", f"L3:{domain(point)}=30").checked()
        assert cache(point / container.id) == 0x30

    def test_an_update_of_a_container_without_class(self, container: Container, point: Path) -> None:
        """runc: `update --l3-cache-schema` of a container without intelRdt gives it a class"""
        container.launch().call("update", "--l3-cache-schema", f"L3:{domain(point)}=30").checked()
        assert cache(point / container.id) == 0x30
        assert container.pid in tasks(point / container.id)

    def test_without_the_field_nothing_is_made(self, container: Container, point: Path) -> None:
        """'If intelRdt is not set, the runtime MUST NOT manipulate any resctrl pseudo-filesystems.'"""
        before = groups(point)
        container.create()
        assert groups(point) == before
        assert container.pid in tasks(point)


def groups(point: Path) -> set[Path]:
    """All classes and monitoring groups."""
    return {Path(path) for path, _, files in os.walk(point) if "tasks" in files}


def tasks(directory: Path) -> list[int]:
    return [int(line) for line in (directory / "tasks").read_text().split()]


def _l3(directory: Path) -> str:
    lines = [line.strip() for line in (directory / "schemata").read_text().splitlines()]
    return next(line.removeprefix("L3:").partition(";")[0] for line in lines if line.startswith("L3:"))


def domain(directory: Path) -> str:
    """The first cache."""
    return _l3(directory).partition("=")[0]


def cache(directory: Path) -> int:
    """What the class has of the first cache, one bit a part."""
    return int(_l3(directory).partition("=")[2], 16)
