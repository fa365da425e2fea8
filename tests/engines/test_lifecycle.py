"""A container in the background: run -d, logs, stop, kill, wait, inspect, ps, rm, and create with start."""

from __future__ import annotations

import json
import time

import pytest

from .podman import Podman

FOREVER = "trap 'echo stopping; exit 3' TERM; echo ready; while :; do sleep 0.05; done"


def test_run_detached_prints_the_id_and_returns(podman: Podman) -> None:
    container = podman.detached("sleep", "1000")
    assert len(container) == 64
    assert podman.status(container) == "running"


def test_logs_show_both_streams(podman: Podman) -> None:
    container = podman.detached("sh", "-c", "echo out; echo err >&2")
    podman("wait", container).checked()
    logs = podman("logs", container).checked()
    assert (logs.stdout, logs.stderr) == ("out\n", "err\n")


def test_logs_follow_until_the_end(podman: Podman) -> None:
    container = podman.detached("sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done")
    assert podman("logs", "--follow", container).checked().lines == ["1", "2", "3"]


def test_stop_sends_the_stop_signal_and_keeps_the_exit_status(podman: Podman) -> None:
    container = podman.detached("sh", "-c", FOREVER)
    podman.wait_for_log(container, "ready")
    assert podman("stop", container).checked().output == container
    assert podman.logs(container) == "ready\nstopping\n"
    state = podman.inspect(container)["State"]
    assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 3, 0)


def test_stop_kills_what_does_not_listen(podman: Podman) -> None:
    """A first process without a handler does not get SIGTERM; after --time it is killed."""
    container = podman.detached("sleep", "1000")
    started = time.monotonic()
    podman("stop", "--time", "1", container).checked()
    assert 0.9 < time.monotonic() - started < 8
    assert podman.inspect(container)["State"]["ExitCode"] == 137


def test_stop_of_a_stopped_container_succeeds(podman: Podman) -> None:
    container = podman.detached("true")
    podman("wait", container).checked()
    podman("stop", container).checked()


def test_stop_signal_of_the_container_is_used(podman: Podman) -> None:
    script = "trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done"
    container = podman.detached("--stop-signal", "USR1", "--", "sh", "-c", script)
    podman.wait_for_log(container, "ready")
    podman("stop", container).checked()
    assert podman.inspect(container)["State"]["ExitCode"] == 9


def test_wait_prints_the_exit_status(podman: Podman) -> None:
    container = podman.detached("sh", "-c", "sleep 0.2; exit 23")
    assert podman("wait", container).checked().output == "23"


def test_kill_sends_the_signal_of_choice(podman: Podman) -> None:
    script = "trap 'echo usr2' USR2; echo ready; while :; do sleep 0.05; done"
    container = podman.detached("sh", "-c", script)
    podman.wait_for_log(container, "ready")
    podman("kill", "--signal", "USR2", container).checked()
    podman.wait_for_log(container, "usr2")
    assert podman.status(container) == "running"


def test_kill_is_sigkill_by_default(podman: Podman) -> None:
    container = podman.detached("sleep", "1000")
    podman("kill", container).checked()
    assert podman("wait", container).checked().output == "137"


def test_kill_of_a_container_that_has_ended_is_an_error(podman: Podman) -> None:
    container = podman.detached("true")
    podman("wait", container).checked()
    assert podman("kill", container).status != 0


def test_kill_of_a_container_that_podman_believes_to_run_is_understood(podman: Podman) -> None:
    """The race that every engine loses sometimes: the process ends just before the kill.

    podman understands the runtime's words for it. Here it may see the end in time or not; it must not report success
    with a running container.
    """
    container = podman.detached("sh", "-c", "echo ready; sleep 0.3")
    podman.wait_for_log(container, "ready")
    time.sleep(0.25)
    podman("kill", container)
    assert podman("wait", container).checked().output in ("0", "137")


def test_remove_of_a_running_container_needs_force(podman: Podman) -> None:
    container = podman.detached("sleep", "1000")
    assert podman("rm", container).status != 0
    assert podman.status(container) == "running"
    podman("rm", "--force", "--time=0", container).checked()
    assert podman("container", "exists", container).status == 1


def test_remove_of_a_stopped_container_succeeds(podman: Podman) -> None:
    container = podman.detached("true")
    podman("wait", container).checked()
    podman("rm", container).checked()
    assert podman("container", "exists", container).status == 1


def test_a_detached_container_with_rm_removes_itself(podman: Podman) -> None:
    container = podman.detached("--rm", "--", "sh", "-c", "sleep 0.2")
    podman("wait", "--condition", "removing", container)
    for _ in range(100):
        if podman("container", "exists", container).status == 1:
            return
        time.sleep(0.05)
    pytest.fail("the container did not remove itself")


def test_create_makes_a_container_and_start_runs_it(podman: Podman) -> None:
    container = podman.created("echo", "started")
    assert podman.status(container) == "created"
    assert podman("start", "--attach", container).checked().output == "started"


def test_a_container_can_be_initialized_and_then_started(podman: Podman) -> None:
    """`podman container init` ends between the runtime's create and start."""
    container = podman.created("sh", "-c", "echo started")
    podman("init", container).checked()
    assert podman.status(container) == "initialized"
    assert podman.logs(container) == ""
    podman("start", container).checked()
    assert podman("wait", container).checked().output == "0"
    assert podman.logs(container) == "started\n"


def test_an_initialized_container_can_be_removed(podman: Podman) -> None:
    container = podman.created("sleep", "1000")
    podman("init", container).checked()
    podman("rm", "--force", "--time=0", container).checked()


def test_a_container_can_be_started_again_and_again(podman: Podman) -> None:
    container = podman.created("sh", "-c", "echo x >>/srv/count; wc -l </srv/count")
    counts = [podman("start", "--attach", container).checked().output for _ in range(3)]
    assert counts == ["1", "2", "3"]


def test_restart_ends_the_process_and_starts_it_anew(podman: Podman) -> None:
    container = podman.detached("sh", "-c", FOREVER)
    podman.wait_for_log(container, "ready")
    before = podman.inspect(container)["State"]["Pid"]
    podman("restart", container).checked()
    podman.wait_for_log(container, "stopping\nready")
    assert podman.inspect(container)["State"]["Pid"] != before


def test_restart_policy_starts_what_fails(podman: Podman) -> None:
    container = podman.detached("--restart", "on-failure:2", "--", "sh", "-c", "echo run; exit 1")
    podman.wait_for_log(container, "run\nrun\nrun\n")


def test_restart_policy_starts_what_was_killed_and_not_what_was_stopped(podman: Podman) -> None:
    container = podman.detached("--restart", "always", "--", "sh", "-c", "echo run; exec sleep 1000")
    podman.wait_for_log(container, "run\n")
    podman.site.view.run("kill", "-KILL", str(podman.inspect(container)["State"]["Pid"])).checked()
    podman.wait_for_log(container, "run\nrun\n")
    podman("stop", "--time", "0", container).checked()
    assert podman.inspect(container)["RestartCount"] == 1
    assert podman.logs(container) == "run\nrun\n"


def test_ps_lists_what_runs(podman: Podman) -> None:
    running = podman.detached("--name", "runs", "--", "sleep", "1000")
    ended = podman.detached("--name", "ended", "--", "sh", "-c", "exit 4")
    podman("wait", ended).checked()
    assert podman("ps", "--quiet", "--no-trunc").checked().lines == [running]
    listed = {one["Names"][0]: one for one in json.loads(podman("ps", "--all", "--format", "json").checked().stdout)}
    assert (listed["runs"]["State"], listed["runs"]["Exited"]) == ("running", False)
    assert (listed["ended"]["State"], listed["ended"]["ExitCode"]) == ("exited", 4)


def test_inspect_tells_the_process_and_the_runtime(podman: Podman) -> None:
    container = podman.detached("sleep", "1000")
    found = podman.inspect(container)
    pid = found["State"]["Pid"]
    assert found["OCIRuntime"] == podman.runtime
    assert podman.site.view.run("cat", f"/proc/{pid}/cmdline").checked().stdout == "sleep\0001000\0"


def test_top_lists_the_container_s_processes(podman: Podman) -> None:
    container = podman.detached("sleep", "1000")
    assert [line.split() for line in podman("top", container, "args").checked().lines[1:]] == [["sleep", "1000"]]


def test_attach_shows_what_the_container_prints_from_then_on(podman: Podman) -> None:
    container = podman.detached("sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.05; done; echo attached")
    command = podman.in_background("attach", "--no-stdin", container)
    time.sleep(0.3)
    podman("cp", "-", f"{container}:/tmp", stdin=_tar_with("go")).checked()
    assert command.wait().checked().stdout.split() == ["attached"]


def _tar_with(name: str) -> str:
    """An archive of one empty file."""
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    return buffer.getvalue().decode()
