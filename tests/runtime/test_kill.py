"""runtime.md: the kill operation, and the command line's `--all`."""

from __future__ import annotations

import os
import signal

import pytest

from . import views
from .bundle import Bundle
from .container import Container, eventually
from .procfs import is_zombie

TRAP = "trap 'echo caught; exit 42' {0}; echo ready; while true; do usleep 5000; done"


@pytest.mark.parametrize("name", ["TERM", "SIGTERM", "15", "HUP", "SIGHUP", "1", "USR1", "INT", "WINCH", "28"])
def test_the_signal_arrives(container: Container, bundle: Bundle, name: str) -> None:
    """'This operation MUST send the specified signal to the container process.'"""
    number = int(name) if name.isdigit() else signal.Signals[f"SIG{name.removeprefix('SIG')}"]
    bundle.sh(TRAP.format(int(number)))
    container.launch().wait_for_output("ready")
    assert container.kill(name).wait() == 42


def test_sigkill_ends_a_process_that_ignores_everything_else(container: Container, bundle: Bundle) -> None:
    """'This operation MUST send the specified signal to the container process.'"""
    bundle.sh("trap '' TERM INT HUP; echo ready; while true; do sleep 1; done")
    container.launch().wait_for_output("ready")
    assert container.kill("KILL").wait() == -signal.SIGKILL


def test_the_default_signal_is_sigterm(container: Container, bundle: Bundle) -> None:
    """runc: `kill ID [SIGNAL]`, default TERM"""
    bundle.sh(TRAP.format("TERM"))
    container.launch().wait_for_output("ready")
    container.call("kill").checked()
    assert container.wait() == 42


def test_a_created_container_can_be_killed(container: Container) -> None:
    """'Attempting to send a signal to a container that is neither created nor running MUST ... generate an error': so a
    created one can be"""
    container.create().kill("KILL").wait_until("stopped")


def test_killing_a_stopped_container_is_an_error(container: Container, bundle: Bundle) -> None:
    """'Attempting to send a signal to a container that is neither created nor running MUST have no effect on the
    container and MUST generate an error.'"""
    bundle.args("true")
    container.launch().wait_until("stopped")
    container.fails("kill", signal="KILL")


def test_killing_a_container_whose_process_was_reaped_is_an_error(container: Container, bundle: Bundle) -> None:
    """'Attempting to send a signal to a container that is neither created nor running MUST ... generate an error.'"""
    bundle.args("true")
    container.launch().wait()
    container.fails("kill", signal="TERM")


def test_killing_an_unknown_container_is_an_error(container: Container) -> None:
    """'Attempting to send a signal to a container that is neither created nor running MUST ... generate an error.'"""
    container.fails("kill", signal="KILL")


@pytest.mark.parametrize("name", ["NOSUCH", "SIGNOSUCH", "1000", "-1"])
def test_an_unknown_signal_is_an_error(container: Container, name: str) -> None:
    """'This operation MUST send the specified signal to the container process.': what cannot be sent is an error"""
    container.launch()
    pid = container.pid
    command = container.runtime.command(container.root, "kill", container.id, name)
    assert container.runtime.call(command).status != 0
    assert not is_zombie(pid) and container.status == "running"


def test_only_the_container_process_gets_the_signal(container: Container, bundle: Bundle) -> None:
    """'This operation MUST send the specified signal to the container process.'"""
    bundle.sh(
        "sh -c 'trap \"echo child caught\" USR1; echo ready; while true; do usleep 5000; done' & " + TRAP.format("USR1")
    )
    container.launch()
    eventually(lambda: container.stdout.count("ready") == 2, "both processes")
    container.kill("USR1").wait()
    assert container.stdout.splitlines().count("child caught") == 0


def test_all_sends_the_signal_to_every_process(container: Container, bundle: Bundle) -> None:
    """runc: '--all: send the specified signal to all processes inside the container'"""
    bundle.sh(
        "sh -c 'trap \"echo child caught; exit\" USR1; echo ready; while true; do usleep 5000; done' & "
        + TRAP.format("USR1")
    )
    container.launch()
    eventually(lambda: container.stdout.count("ready") == 2, "both processes")
    container.kill("USR1", "--all").wait()
    eventually(lambda: "child caught" in container.stdout or "caught" in container.stdout)


@pytest.mark.parametrize("pid_namespace", ["own pid namespace", "host's pid namespace"])
def test_all_with_sigkill_ends_every_process(container: Container, bundle: Bundle, pid_namespace: str) -> None:
    """podman: `kill --all ID 9` ends a container that shares the host's pid namespace, too"""
    if pid_namespace != "own pid namespace":
        bundle.without_namespace("pid")
    bundle.sh("sleep 1000 & sleep 1000 & echo ready; wait")
    container.launch().wait_for_output("ready")
    cgroup = container.cgroup("pids")
    assert len((cgroup / "cgroup.procs").read_text().split()) == 3
    container.kill("KILL", "--all").wait_until("stopped")
    eventually(lambda: (cgroup / "cgroup.procs").read_text() == "", "an empty cgroup")


def test_all_reaches_processes_whose_init_has_ended(container: Container, bundle: Bundle) -> None:
    """podman: `kill --all ID 9` is how it ends the rest of a container without a pid namespace"""
    bundle.without_namespace("pid").sh("sleep 1000 & echo ready")
    container.launch().wait_for_output("ready").wait_until("stopped")
    container.call("kill", "--all", signal="KILL")
    container.delete("--force")
    # the container fixture looks for processes left behind


def test_a_killed_container_is_stopped_though_nobody_waited_for_it(container: Container) -> None:
    """'stopped: the container process has exited': a zombie has exited"""
    container.launch()
    pid = container.pid
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: is_zombie(pid), "the zombie")
    assert container.status == "stopped"


def test_all_after_the_end_of_everything_is_no_error(container: Container, bundle: Bundle) -> None:
    """runc: 'kill --all' succeeds where nothing is left; podman sends it to containers that may have ended"""
    bundle.args("true")
    container.launch().wait_until("stopped")
    container.kill("KILL", "--all")
    container.kill("TERM", "--all")


def test_all_of_an_unknown_container_is_an_error(container: Container) -> None:
    """runc: 'container does not exist'"""
    container.fails("kill", "--all", signal="KILL")


class TestForkBombs:
    """A list of processes is old before it is read: whoever forks meanwhile must not get away."""

    @pytest.fixture(params=["own pid namespace", "host's pid namespace"])
    def bomb(self, container: Container, bundle: Bundle, request: pytest.FixtureRequest) -> Container:
        """Processes that never end, at the limit of their number; or, where nothing limits it, each ends as it starts
        the next one."""
        if request.param != "own pid namespace":
            bundle.without_namespace("pid")
        limited = "pids" in views.controllers()
        if limited:
            bundle.file("bomb", "#!/bin/sh\ntrap 'exec /bomb' EXIT\n/bomb & /bomb &\n", 0o755)
            bundle.set("linux.resources.pids", {"limit": 60}).sh("/bomb & exec sleep 1000")
        else:
            bundle.file("bomb", "#!/bin/sh\n/bomb &\n", 0o755)
            bundle.sh("for i in 1 2 3 4 5; do /bomb & done; while true; do wait; usleep 1000; done")
        procs = container.launch().cgroup("pids") / "cgroup.procs"
        eventually(lambda: len(procs.read_text().split()) >= (50 if limited else 3), "a bomb")
        return container

    def test_sigkill_to_all_ends_it(self, bomb: Container) -> None:
        """podman: `kill --all ID 9` is how it ends a container without a pid namespace"""
        cgroup = bomb.cgroup("pids")
        bomb.kill("KILL", "--all").wait_until("stopped")
        eventually(lambda: (cgroup / "cgroup.procs").read_text() == "", "an empty cgroup")

    def test_sigkill_to_its_process_ends_it(self, bomb: Container) -> None:
        """runc: 'if PID namespace is shared, we should kill all pids to avoid leftover processes'"""
        cgroup = bomb.cgroup("pids")
        bomb.kill("KILL").wait_until("stopped")
        eventually(lambda: (cgroup / "cgroup.procs").read_text() == "", "an empty cgroup")

    def test_a_signal_to_all_is_no_endless_chase(self, bomb: Container) -> None:
        """runc: '--all: send the specified signal to all processes inside the container'"""
        bomb.kill("WINCH", "--all")  # of which the driver waits 20 s for the end
        assert bomb.status == "running"

    def test_it_is_deleted_by_force(self, bomb: Container) -> None:
        """runc: '--force: forcibly deletes the container if it is still running (uses SIGKILL)'"""
        bomb.delete("--force")
        assert not bomb.exists
        # the container fixture looks for processes and cgroups left behind
