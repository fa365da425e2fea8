"""Fork bombs, 100,000 cgroups, a `cgroup.procs` that never empties: delete hangs or leaves a cgroup."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import cgroupfs, views
from runtime.container import Container, eventually
from runtime.driver import Runtime
from runtime.procfs import Process, descendants

from .adversary import Programs
from .conftest import Without
from .defences import (
    BOUNDED_WAIT,
    KILLED_BEFORE_REMOVAL,
    KILLED_BEFORE_THE_LOCK,
    KILLED_TOGETHER,
    NESTED_CGROUPS,
)

HIERARCHY = "/sys/fs/cgroup"
PATIENCE = 20.0  # seconds, in which a command must have ended


def is_init_that_is_stopped(pid: int) -> bool:
    try:
        return Process(pid).status("State").startswith("T") and "init" in os.readlink(f"/proc/{pid}/exe")
    except (OSError, KeyError):
        return False


def is_removed(cgroup: Path) -> bool:
    try:
        cgroup.rmdir()
    except OSError:
        return False  # its processes are still ending
    return True


def delete_in_time(container: Container) -> float:
    begun = time.monotonic()
    container.delete("--force")
    seconds = time.monotonic() - begun
    assert not list(cgroupfs.walk(container.id)), "a cgroup is left"
    return seconds


class TestForkBombs:
    def begin(self, container: Container, programs: Programs) -> Container:
        shutil.copy(programs("forker"), container.bundle.rootfs / "forker")
        container.bundle.args("/forker").set("linux.resources.pids.limit", 200)
        container.launch().wait_for_output("ready")
        eventually(lambda: len((container.cgroup("pids") / "cgroup.procs").read_text().split()) > 100, "100 processes")
        return container

    @pytest.mark.parametrize("pid_namespace", ["own pid namespace", "host's pid namespace"])
    def test_are_deleted(self, container: Container, programs: Programs, pid_namespace: str) -> None:
        if pid_namespace != "own pid namespace":
            container.bundle.without_namespace("pid")
        assert delete_in_time(self.begin(container, programs)) < PATIENCE

    def test_would_outlive_their_first_process(self, without: Without, programs: Programs, sampan: Runtime) -> None:
        container = without(KILLED_TOGETHER, KILLED_BEFORE_REMOVAL)
        container.bundle.without_namespace("pid")
        self.begin(container, programs)
        assert container.call("delete", "--force").status == 1
        assert list(cgroupfs.walk(container.id))
        sampan.call(sampan.command(container.root, "delete", "--force", container.id)).checked()


class TestCgroupsOfTheContainer:
    """'100,000 cgroups'"""

    def nest(self, container: Container, programs: Programs, depth: int, width: int) -> None:
        shutil.copy(programs("nester"), container.bundle.rootfs / "nester")
        bundle = container.bundle.without_mount(HIERARCHY)
        bundle.mount(HIERARCHY, "cgroup", "cgroup", "nosuid", "noexec", "nodev").namespace("cgroup")
        top = HIERARCHY if views.is_pure_v2() else f"{HIERARCHY}/freezer"
        bundle.args("/nester", top, str(depth), str(width))
        container.launch()
        eventually(lambda: container.stdout, "the cgroups", 60)
        assert container.stdout == "made\n"

    def test_are_removed(self, container: Container, programs: Programs, race_tries: int) -> None:
        self.nest(container, programs, 1, min(100 * race_tries, 100_000))
        assert delete_in_time(container) < PATIENCE

    @pytest.mark.parametrize("depth", [1500, 2100], ids=["deeper than Python's recursion", "deeper than paths"])
    def test_are_removed_however_deep(self, container: Container, programs: Programs, depth: int) -> None:
        self.nest(container, programs, depth, 1)
        assert delete_in_time(container) < PATIENCE

    def test_would_be_left_if_only_the_first_were_removed(self, without: Without, programs: Programs) -> None:
        container = without(NESTED_CGROUPS)
        self.nest(container, programs, 4, 1)
        assert "remove cgroup" in container.call("delete", "--force").stderr
        eventually(
            lambda: all(is_removed(path) for path in list(cgroupfs.walk(container.id))), "the end of its cgroups"
        )

    def test_their_processes_are_found(self, container: Container, programs: Programs) -> None:
        container.bundle.without_namespace("pid")
        self.nest(container, programs, 2100, 1)
        pid = container.pid
        assert str(pid) in container.call("ps", "--format=json").checked().stdout
        assert delete_in_time(container) < PATIENCE
        assert container.wait() == -signal.SIGKILL


class TestWhatDoesNotEnd:
    """'a cgroup.procs that never empties'"""

    @contextlib.contextmanager
    def frozen_above(self, container: Container) -> Iterator[None]:
        """Somebody has frozen a cgroup above the container's: on v1 nobody in it dies."""
        mounted = cgroupfs.hierarchies()
        if "freezer" not in mounted:
            pytest.skip("no v1 freezer: what is frozen on v2 dies of SIGKILL")
        above = mounted["freezer"] / f"{container.id}-above"
        container.bundle.set("linux.cgroupsPath", f"/{container.id}-above/inner")
        container.launch()
        (above / "freezer.state").write_text("FROZEN")
        eventually(lambda: (above / "freezer.state").read_text() == "FROZEN\n", "the freezer")
        try:
            yield
        finally:
            (above / "freezer.state").write_text("THAWED")
        container.delete("--force")
        for directory in {path / f"{container.id}-above" for path in mounted.values()}:
            if directory.exists():
                directory.rmdir()

    def test_is_told_in_time(self, container: Container) -> None:
        """'with a bound, and says what remains'"""
        with self.frozen_above(container):
            begun = time.monotonic()
            pid = container.process.pid
            result = container.call("delete", "--force")
            assert time.monotonic() - begun < PATIENCE
            assert result.status == 1
            assert str(pid) in result.stderr
            assert container.exists

    def test_would_be_waited_for(self, without: Without) -> None:
        container = without(BOUNDED_WAIT)
        with self.frozen_above(container):
            deletion = container.runtime.command(container.root, "delete", "--force", container.id)
            assert container.runtime.call(["timeout", "--signal=KILL", "15", *deletion]).status == -signal.SIGKILL


class TestJoinedProcesses:
    """A process of the container may stop whoever joins it: the command that waits for that one holds the lock."""

    def attack(self, container: Container) -> bool:
        """Whether the container cannot be deleted while an exec of it hangs."""
        container.bundle.sh("echo ready; while :; do kill -STOP -1; done")
        container.launch().wait_for_output("ready")
        words = container.runtime.command(container.root, "exec", container.id, "true")
        hanging: list[subprocess.Popen[bytes]] = []
        try:
            while not any(is_init_that_is_stopped(pid) for pid in descendants(os.getpid())):
                assert len(hanging) < 100, "the attacker was too slow"
                hanging.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
                time.sleep(0.03)
            deletion = container.runtime.command(container.root, "delete", "--force", container.id)
            return container.runtime.call(["timeout", "--signal=KILL", "3", *deletion]).status != 0
        finally:
            if container.process.directory.exists():
                os.kill(int(container.process.pid), signal.SIGKILL)
            for process in hanging:
                process.wait()

    def test_do_not_keep_it_from_being_deleted(self, container: Container) -> None:
        assert not self.attack(container)

    def test_would_keep_it(self, without: Without) -> None:
        assert self.attack(without(KILLED_BEFORE_THE_LOCK))
