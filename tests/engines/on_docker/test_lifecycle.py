"""A container's life by docker: detached, its log, signals, pause, end, restarts, health, removal, events."""

from __future__ import annotations

import time

import pytest
from docker.errors import APIError

from ..engine import eventually
from .daemon import Docker

FOREVER = "trap 'echo stopping; exit 3' TERM; echo ready; while :; do sleep 0.05; done"


def test_logs_show_both_streams_and_the_end(docker: Docker) -> None:
    container = docker.detached("sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done; echo err >&2; exit 23")
    logs = docker("logs", "--follow", container).checked()
    assert (logs.lines, logs.stderr) == (["1", "2", "3"], "err\n")
    assert docker("wait", container).checked().output == "23"
    assert docker("logs", "--tail", "2", container).checked().stdout == "3\n"


def test_attach_shows_what_the_container_prints_and_passes_what_is_typed(docker: Docker) -> None:
    container = docker.created("--interactive", "--", "sh", "-c", "read line; echo got $line; exit 4")
    result = docker("start", "--attach", "--interactive", container, stdin="words\n")
    assert (result.status, result.output) == (4, "got words")


def test_attach_to_a_container_that_runs(docker: Docker) -> None:
    container = docker.by_client("sh", "-c", "read line; echo got $line", stdin_open=True)
    command = docker.in_background("attach", "--no-stdin", container.id)
    stream = container.attach_socket(params={"stdin": 1, "stream": 1})
    stream._sock.sendall(b"words\n")
    stream._sock.close()
    stream.close()
    assert container.wait()["StatusCode"] == 0
    command.wait()
    assert container.logs() == b"got words\n"


def test_stop_sends_the_stop_signal_and_keeps_the_exit_status(docker: Docker) -> None:
    container = docker.detached("sh", "-c", FOREVER)
    docker.wait_for_log(container, "ready")
    docker("stop", container).checked()
    assert docker.logs(container) == "ready\nstopping\n"
    state = docker.state(container)
    assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 3, 0)
    docker("stop", container).checked()


def test_stop_kills_what_does_not_listen(docker: Docker) -> None:
    """A first process without a handler does not get SIGTERM; after --time it is killed."""
    container = docker.detached("sleep", "1000")
    started = time.monotonic()
    docker("stop", "--time", "1", container).checked()
    assert time.monotonic() - started > 0.9
    assert docker.state(container)["ExitCode"] == 137


def test_stop_signal_of_the_container_is_used(docker: Docker) -> None:
    script = "trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done"
    container = docker.detached("--stop-signal", "USR1", "--", "sh", "-c", script)
    docker.wait_for_log(container, "ready")
    docker("stop", container).checked()
    assert docker.state(container)["ExitCode"] == 9


def test_kill_sends_the_signal_of_choice_or_sigkill(docker: Docker) -> None:
    script = "trap 'echo usr2' USR2; echo ready; while :; do sleep 0.05; done"
    container = docker.detached("sh", "-c", script)
    docker.wait_for_log(container, "ready")
    docker("kill", "--signal", "USR2", container).checked()
    docker.wait_for_log(container, "usr2")
    assert docker.status(container) == "running"
    docker("kill", container).checked()
    assert docker("wait", container).checked().output == "137"
    result = docker("kill", container)
    assert result.status == 1
    assert "is not running" in result.stderr


def test_kill_of_a_container_that_is_just_ending_is_understood(docker: Docker) -> None:
    """The race that every engine loses sometimes: docker reads "no such process" and "not running" out of the words of
    the runtime."""
    container = docker.by_client("sh", "-c", "exec sleep 0.3")

    def without_end() -> None:
        while True:
            container.kill("CONT")

    with pytest.raises(APIError, match="is not running"):  # said by docker itself, which has seen the end
        without_end()
    assert container.wait()["StatusCode"] == 0


def test_pause_stops_all_and_unpause_lets_them_go_on(docker: Docker) -> None:
    container = docker.detached("sh", "-c", "i=0; while :; do i=$((i + 1)); echo $i; sleep 0.02; done")
    docker.wait_for_log(container, "1\n")
    docker("pause", container).checked()
    assert docker.status(container) == "paused"
    before = docker.logs(container)
    time.sleep(0.2)
    assert docker.logs(container) == before
    assert docker("exec", container, "true").status == 1
    docker("unpause", container).checked()
    eventually(lambda: docker.logs(container) != before, "it goes on")


def test_a_paused_container_can_be_killed_and_removed(docker: Docker) -> None:
    container = docker.detached("sleep", "1000")
    docker("pause", container).checked()
    docker("rm", "--force", container).checked()
    assert not docker.exists(container)


def test_remove_of_a_running_container_needs_force(docker: Docker) -> None:
    container = docker.detached("sleep", "1000")
    assert docker("rm", container).status == 1
    assert docker.status(container) == "running"
    docker("rm", "--force", container).checked()
    assert not docker.exists(container)


def test_a_container_can_be_started_again_and_again(docker: Docker) -> None:
    container = docker.created("sh", "-c", "echo x >>/srv/count; wc -l </srv/count")
    assert docker.status(container) == "created"
    counts = [docker("start", "--attach", container).checked().output for _ in range(2)]
    assert counts == ["1", "2"]


def test_restart_ends_the_process_and_starts_it_anew(docker: Docker) -> None:
    container = docker.detached("sh", "-c", FOREVER)
    docker.wait_for_log(container, "ready")
    before = docker.state(container)["Pid"]
    docker("restart", container).checked()
    docker.wait_for_log(container, "stopping\nready")
    assert docker.state(container)["Pid"] != before


def test_a_restart_policy_starts_what_fails_so_often_as_it_says(docker: Docker) -> None:
    container = docker.detached("--restart", "on-failure:2", "--", "sh", "-c", "echo run; exit 1")
    docker.wait_for_log(container, "run\nrun\nrun\n")
    docker.wait_for_status(container, "exited")
    assert docker.inspect(container)["RestartCount"] == 2


def test_a_restart_policy_lets_be_what_succeeds(docker: Docker) -> None:
    container = docker.by_client("true", restart_policy={"Name": "on-failure"})
    docker.wait_for_status(container.id, "exited")
    container.reload()
    assert container.attrs["RestartCount"] == 0


def test_a_restart_policy_starts_what_is_killed_from_outside(docker: Docker) -> None:
    """Not by docker, which would mean it."""
    container = docker.detached("--restart", "always", "--", "sleep", "1000")
    before = docker.state(container)["Pid"]
    docker.view.run("kill", "-KILL", str(before)).checked()
    eventually(lambda: docker.state(container)["Pid"] not in (0, before), "it runs again")
    docker("stop", "--time", "0", container).checked()
    assert docker.status(container) == "exited"


def test_a_health_check_tells_when_it_is_well_and_when_it_no_longer_is(docker: Docker) -> None:
    """It is an exec of docker's own."""
    options = ["--health-cmd", "echo checked; test -e /tmp/well", "--health-interval", "100ms", "--health-retries", "1"]
    container = docker.detached(*options, "--", "sh", "-c", "touch /tmp/well; exec sleep 1000")
    eventually(lambda: docker.state(container)["Health"]["Status"] == "healthy", "it is healthy")
    assert docker.state(container)["Health"]["Log"][-1]["Output"] == "checked\n"
    docker("exec", container, "rm", "/tmp/well").checked()
    eventually(lambda: docker.state(container)["Health"]["Status"] == "unhealthy", "it is unhealthy")
    assert docker.state(container)["Health"]["Log"][-1]["ExitCode"] == 1


def test_a_health_check_that_takes_too_long_is_unhealthy(docker: Docker) -> None:
    options = ["--health-interval", "100ms", "--health-timeout", "100ms", "--health-retries", "1"]
    container = docker.detached("--health-cmd", "sleep 1000", *options, "--", "sleep", "2000")
    eventually(lambda: docker.state(container)["Health"]["Status"] == "unhealthy", "it is unhealthy")
    assert "exceeded timeout" in docker.state(container)["Health"]["Log"][0]["Output"]


def test_events_tell_the_whole_life(docker: Docker) -> None:
    since = time.time()
    container = docker.by_client("sleep", "1000")
    container.exec_run("true")
    container.pause()
    container.unpause()
    container.kill()
    container.wait()
    container.remove()
    until = time.time() + 1e-3
    filters = {"container": container.id}
    stream = docker.client.events(since=f"{since:.9f}", until=f"{until:.9f}", filters=filters, decode=True)
    actions = [event["Action"].split(":")[0] for event in stream]
    expected = "create start exec_create exec_start exec_die pause unpause kill die destroy"
    assert [action for action in actions if action not in ("attach", "resize")] == expected.split()


def test_a_container_of_many_processes_ends_with_its_first(docker: Docker) -> None:
    script = "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; exit 6"
    assert docker.run("sh", "-c", script).status == 6


@pytest.mark.parametrize("pid", ["private", "host"])
def test_remove_ends_all_its_processes(docker: Docker, pid: str) -> None:
    """In the host's pid namespace nothing but its cgroup tells which they are."""
    options = ["--pid", pid] if pid == "host" else []
    container = docker.detached(*options, "--", "sh", "-c", "setsid sleep 3456 & echo ready; exec sleep 1000")
    docker.wait_for_log(container, "ready")
    docker("rm", "--force", container).checked()
    left = docker.view.run("pgrep", "-f", "sleep 3456")
    assert left.status == 1, str(left)
