"""`pause` and `resume`, runc's verbs: the specification permits such a state ("Additional values MAY be defined by the
runtime")."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from . import cgroupfs
from .bundle import Bundle
from .container import Container, eventually

TRAP = "trap 'echo caught; exit 42' {0}; echo ready; while true; do usleep 5000; done"
COUNT = "i=0; while true; do i=$((i+1)); echo $i >> /{0}; usleep 1000; done"
# Each process ends as soon as it has started the next one: a list of them is old before it is read.
HYDRA = "#!/bin/sh\necho $$ >> /counter\n/hydra &\n"


def counted(bundle: Bundle, name: str = "counter") -> list[str]:
    path = bundle.rootfs / name
    return path.read_text().splitlines() if path.exists() else []


def makes_progress(bundle: Bundle, name: str = "counter", seconds: float = 0.15) -> bool:
    before = counted(bundle, name)
    time.sleep(seconds)
    return counted(bundle, name) != before


def counting(container: Container, bundle: Bundle, script: str = COUNT.format("counter")) -> Container:
    bundle.sh(script)
    container.launch()
    eventually(lambda: counted(bundle), "a counter")
    return container


def freezer(container: Container) -> tuple[Path, str, str]:
    """The file that freezes the container's cgroup, and what is written to it to freeze and to thaw."""
    directory = container.cgroup("freezer")
    if "freezer" in cgroupfs.hierarchies():
        return directory / "freezer.state", "FROZEN", "THAWED"
    return directory / "cgroup.freeze", "1", "0"


class TestPause:
    def test_a_paused_process_makes_no_progress(self, container: Container, bundle: Bundle) -> None:
        """runc: 'The pause command suspends all processes in the instance of the container.'"""
        counting(container, bundle).call("pause").checked()
        assert not makes_progress(bundle)

    def test_it_goes_on_where_it_was(self, container: Container, bundle: Bundle) -> None:
        """runc: 'The resume command resumes all processes in the instance of the container.'"""
        counting(container, bundle).call("pause").checked()
        reached = len(counted(bundle))
        container.call("resume").checked()
        eventually(lambda: len(counted(bundle)) > reached + 1, "progress")
        lines = counted(bundle)[:-1]  # the last one is perhaps being written
        assert lines == [str(number + 1) for number in range(len(lines))]

    @pytest.mark.parametrize("pid_namespace", ["own pid namespace", "host's pid namespace"])
    def test_all_processes_are_paused(self, container: Container, bundle: Bundle, pid_namespace: str) -> None:
        """runc: 'all processes in the instance of the container'"""
        if pid_namespace != "own pid namespace":
            bundle.without_namespace("pid")
        names = ("counter", "second", "third")
        counting(container, bundle, " & ".join(f"({COUNT.format(name)})" for name in names))
        eventually(lambda: all(counted(bundle, name) for name in names), "all counters")
        container.call("pause").checked()
        assert not any(makes_progress(bundle, name) for name in names)

    def test_processes_that_fork_all_the_time_are_paused(self, container: Container, bundle: Bundle) -> None:
        """runc: 'all processes in the instance of the container'"""
        bundle.file("hydra", HYDRA, 0o755)
        counting(container, bundle, "for i in 1 2 3 4 5; do /hydra & done; while true; do wait; usleep 1000; done")
        for _ in range(5):
            container.call("pause").checked()
            assert not makes_progress(bundle)
            container.call("resume").checked()
            eventually(lambda: makes_progress(bundle, seconds=0.01), "progress")

    def test_often_in_a_row(self, container: Container, bundle: Bundle) -> None:
        """containerd pauses a container for each checkpoint and commit"""
        counting(container, bundle)
        for _ in range(20):
            container.call("pause").checked()
            container.call("resume").checked()
        assert container.status == "running"


class TestState:
    def test_the_status_is_paused(self, container: Container) -> None:
        """runc: the states are 'created', 'running', 'pausing', 'paused' and 'stopped'"""
        container.launch().call("pause").checked()
        assert container.status == "paused"
        (entry,) = json.loads(container.runtime.call(container.runtime.command(container.root, *LIST)).stdout)
        assert (entry["id"], entry["status"]) == (container.id, "paused")

    def test_the_pid_stays_the_same(self, container: Container) -> None:
        """'pid ... is the ID of the container process'"""
        before = container.launch().pid
        container.call("pause").checked()
        assert container.pid == before

    def test_after_resume_it_is_running(self, container: Container) -> None:
        """'running: the container process has executed the user-specified program but has not exited'"""
        container.launch().call("pause").checked()
        container.call("resume").checked()
        assert container.status == "running"

    def test_a_created_one_can_be_paused_and_is_created_again(self, container: Container) -> None:
        """runc: 'Pause pauses the container, if its state is RUNNING or CREATED'"""
        container.create().call("pause").checked()
        assert container.status == "paused"
        container.call("resume").checked()
        assert container.status == "created"
        assert container.start().status == "running"

    def test_its_state_can_be_asked_for_often(self, container: Container) -> None:
        """'This operation MUST return the state of a container': no answer of the frozen process is waited for"""
        container.create().call("pause").checked()
        assert [container.status for _ in range(20)] == ["paused"] * 20

    def test_a_cgroup_that_somebody_else_freezes_is_paused_too(self, container: Container) -> None:
        """crictl, kubelet and users write the freezer's files by themselves"""
        path, frozen, thawed = freezer(container.launch())
        path.write_text(frozen)
        container.wait_until("paused")
        path.write_text(thawed)
        container.wait_until("running")


LIST = ("list", "--format", "json")


class TestErrors:
    def test_pausing_twice(self, container: Container) -> None:
        """runc: 'container not running'"""
        container.launch().call("pause").checked()
        assert "not running" in container.fails("pause").stderr
        assert container.status == "paused"

    def test_resuming_what_is_not_paused(self, container: Container) -> None:
        """runc: 'container not paused'"""
        container.launch()
        assert "not paused" in container.fails("resume").stderr
        container.call("pause").checked()
        container.call("resume").checked()
        assert "not paused" in container.fails("resume").stderr
        assert container.status == "running"

    @pytest.mark.parametrize("verb", ["pause", "resume"])
    def test_a_stopped_container(self, container: Container, bundle: Bundle, verb: str) -> None:
        """runc: 'container not running', 'container not paused'"""
        bundle.args("true")
        container.launch().wait_until("stopped")
        container.fails(verb)

    @pytest.mark.parametrize("verb", ["pause", "resume"])
    def test_an_unknown_container(self, container: Container, verb: str) -> None:
        """runc: 'container does not exist'"""
        container.fails(verb)

    def test_a_paused_container_cannot_be_started(self, container: Container) -> None:
        """'Attempting to start a container that is not created MUST have no effect on the container and MUST generate
        an error.'"""
        container.create().call("pause").checked()
        container.fails("start")
        container.call("resume").checked()
        assert container.status == "created"

    def test_a_paused_container_cannot_be_deleted(self, container: Container) -> None:
        """'Attempting to delete a container that is not stopped MUST have no effect on the container and MUST generate
        an error.'"""
        container.launch().call("pause").checked()
        container.fails("delete")
        assert container.status == "paused"


class TestSignals:
    def test_a_signal_arrives_after_resume(self, container: Container, bundle: Bundle) -> None:
        """runc: 'Only thaw the cgroup for SIGKILL'"""
        bundle.sh(TRAP.format("TERM"))
        container.launch().wait_for_output("ready").call("pause").checked()
        container.kill("TERM")
        time.sleep(0.1)
        assert container.status == "paused"
        assert "caught" not in container.stdout
        container.call("resume").checked()
        assert container.wait() == 42

    def test_a_signal_to_all_arrives_after_resume(self, container: Container, bundle: Bundle) -> None:
        """runc: 'Only thaw the cgroup for SIGKILL'"""
        bundle.sh(TRAP.format("TERM"))
        container.launch().wait_for_output("ready").call("pause").checked()
        container.kill("TERM", "--all")
        time.sleep(0.1)
        assert container.status == "paused"
        container.call("resume").checked()
        assert container.wait() == 42

    @pytest.mark.parametrize("pid_namespace", ["own pid namespace", "host's pid namespace"])
    @pytest.mark.parametrize("option", ["", "--all"])
    def test_sigkill_ends_a_paused_container(
        self, container: Container, bundle: Bundle, option: str, pid_namespace: str
    ) -> None:
        """runc: 'For cgroup v1, killing a process in a frozen cgroup does nothing until it's thawed.'"""
        if pid_namespace != "own pid namespace":
            bundle.without_namespace("pid")
        bundle.sh("sleep 1000 & sleep 1000 & echo ready; wait")
        container.launch().wait_for_output("ready").call("pause").checked()
        container.kill("KILL", *([option] if option else []))
        assert container.wait() == -signal.SIGKILL
        container.wait_until("stopped").delete()
