"""The life of tasks by `ctr`: started, watched, stopped, entered."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator

import pytest

from ..engine import eventually
from ..leftovers import arguments, descendants
from ..terminal import Terminal
from .ctr import LINGER, Ctr

SLEEP = ("--", "sleep", "600")
TRAP = "trap 'exit 5' TERM; trap 'echo usr1 >>/log' USR1; echo ready >/log; while :; do sleep 0.05; done"

SIZE = f"until stty size 2>/dev/null | grep .; do sleep 0.05; done; {LINGER}"  # ctr sets it after the start


def test_a_task_runs_and_its_status_comes_back(ctr: Ctr) -> None:
    result = ctr.run("--", "sh", "-c", f"read line; echo $line; echo err >&2; {LINGER}; exit 7", stdin="input\n")
    assert (result.status, result.stdout) == (7, "input\n")
    assert "err\n" in result.stderr


def test_the_life_of_a_task(ctr: Ctr) -> None:
    container = ctr.detached("--", "sh", "-c", TRAP)
    task = ctr.task(container)
    assert task is not None and task.status == "RUNNING"
    state = json.loads(ctr.state(container).checked().stdout)
    assert (state["status"], state["pid"]) == ("running", task.pid)
    pids = [line.split()[0] for line in ctr("tasks", "ps", container).checked().lines[1:]]
    assert str(task.pid) in pids
    _wait_until_it_is_ready(ctr, container)
    ctr("tasks", "kill", container).checked()  # SIGTERM
    eventually(lambda: _status(ctr, container) == "STOPPED", "the task is stopped")
    assert ctr.deleted(container) == 5
    assert ctr.task(container) is None
    assert ctr.state(container).status != 0
    ctr("tasks", "start", "--detach", "--null-io", container).checked()  # the container is still there
    assert _status(ctr, container) == "RUNNING"


def test_signals_reach_the_task(ctr: Ctr) -> None:
    container = ctr.detached("--", "sh", "-c", TRAP)
    _wait_until_it_is_ready(ctr, container)
    ctr("tasks", "kill", "--signal", "SIGUSR1", container).checked()
    eventually(lambda: "usr1" in ctr.exec(container, "cat", "/log").stdout, "the signal is handled")
    ctr("tasks", "kill", "--all", "--signal", "SIGKILL", container).checked()
    eventually(lambda: _status(ctr, container) == "STOPPED", "the task is stopped")
    again = ctr("tasks", "kill", container)
    assert again.status != 0
    assert "process already finished: not found" in again.stderr
    assert ctr.deleted(container) == 128 + signal.SIGKILL


def test_a_task_is_paused_and_resumed(ctr: Ctr) -> None:
    container = ctr.detached(*SLEEP)
    ctr("tasks", "pause", container).checked()
    assert _status(ctr, container) == "PAUSED"
    refused = ctr.exec(container, "true")
    assert refused.status == 1
    assert "paused" in refused.stderr
    ctr("tasks", "resume", container).checked()
    assert _status(ctr, container) == "RUNNING"
    ctr.exec(container, "true").checked()


def test_a_running_task_is_removed_by_force(ctr: Ctr) -> None:
    container = ctr.detached(*SLEEP)
    refused = ctr("tasks", "delete", container)
    assert refused.status == 1
    assert "must be stopped before deletion" in refused.stderr
    ctr("tasks", "delete", "--force", container).checked()
    assert ctr.task(container) is None


def test_metrics_of_a_task(ctr: Ctr) -> None:
    container = ctr.detached("--memory-limit", "64000000", *SLEEP)
    metrics = json.loads(ctr("tasks", "metrics", "--format", "json", container).checked().stdout)
    memory = metrics["memory"]
    limit = (
        memory["usage"]["limit"] if "usage" in memory and isinstance(memory["usage"], dict) else memory["usage_limit"]
    )
    assert limit == 64_000_000 // 4096 * 4096
    assert metrics["pids"]["current"] == 1


def test_exec_runs_in_the_container(ctr: Ctr) -> None:
    container = ctr.detached("--env", "A=b", "--", "sh", "-c", "echo inside >/file; exec sleep 600")
    result = ctr.exec(container, "sh", "-c", f"cat /file; echo $A; echo err >&2; {LINGER}; exit 9")
    assert (result.status, result.stdout) == (9, "inside\nb\n")
    assert "err" in result.stderr
    shown = ctr.exec(
        container, "sh", "-c", f"id -u; id -g; pwd; {LINGER}", options=("--user", "1000:1000", "--cwd", "/tmp")
    )
    assert shown.checked().lines == ["1000", "1000", "/tmp"]


def test_exec_of_what_is_not_there(ctr: Ctr) -> None:
    container = ctr.detached(*SLEEP)
    for program, why in (
        ("absent", 'exec: "absent": executable file not found in $PATH'),
        ("/etc", "permission denied"),
        ("/bin/not-executable", "permission denied"),
    ):
        result = ctr.exec(container, program)
        assert result.status == 1
        assert why in result.stderr
    assert _status(ctr, container) == "RUNNING"


def test_a_program_that_is_not_there(ctr: Ctr) -> None:
    result = ctr.run("--", "absent")
    assert result.status == 1
    assert 'exec: "absent": executable file not found in $PATH' in result.stderr
    assert ctr.task(ctr.last) is None


def test_an_exec_in_the_background_is_killed(ctr: Ctr) -> None:
    container = ctr.detached(*SLEEP)
    command = ctr.in_background("tasks", "exec", "--exec-id", "job", container, "sleep", "500")
    eventually(lambda: "job" in ctr("tasks", "ps", container).checked().stdout, "the exec is listed")
    ctr("tasks", "kill", "--exec-id", "job", "--signal", "SIGKILL", container).checked()
    assert command.wait().status == 128 + signal.SIGKILL
    assert _status(ctr, container) == "RUNNING"


def test_the_task_has_a_terminal(ctr: Ctr) -> None:
    words = ctr.words_to_run("--rm", "--tty", "--", "sh", "-c", f"tty; echo ready; cat; {SIZE}; exit 4")
    with Terminal(ctr, *words, rows=33, columns=99) as terminal:
        terminal.read(until="ready")
        terminal.enter("typed\n\x04")
        terminal.read()
        assert terminal.wait().status == 4
    assert terminal.shown.startswith("/dev/pts/0")
    assert terminal.shown.count("typed") == 2, "the echo of the terminal, and cat's answer"
    assert terminal.shown.rstrip().endswith("33 99")


def test_exec_has_a_terminal(ctr: Ctr) -> None:
    container = ctr.detached(*SLEEP)
    words = ["tasks", "exec", "--exec-id", "shell", "--tty", container]
    script = f"test -t 0 && test -t 1 && test -t 2 && tty; echo ready; read line; {SIZE}; exit 6"
    with Terminal(ctr, *words, "sh", "-c", script, rows=22, columns=77) as terminal:
        terminal.read(until="ready")
        terminal.enter("go\n")
        terminal.read()
        assert terminal.wait().status == 6
    assert terminal.shown.startswith("/dev/pts/0")
    assert terminal.shown.rstrip().endswith("22 77")


def test_a_checkpoint_is_refused_with_the_reason(ctr: Ctr) -> None:
    """runc needs criu for it, and says so."""
    if ctr.runtime != "sampan" and shutil.which("criu"):
        pytest.skip(f"{ctr.runtime} makes checkpoints here, for criu is installed")
    container = ctr.detached(*SLEEP)
    refused = ctr("tasks", "checkpoint", container)
    assert refused.status == 1
    assert ("sampan cannot checkpoint containers" if ctr.runtime == "sampan" else "criu") in refused.stderr, refused
    assert _status(ctr, container) == "RUNNING"
    ctr.exec(container, "true").checked()


def test_many_tasks_at_once(ctr: Ctr) -> None:
    words = [
        ctr.words_to_run("--rm", "--", "sh", "-c", f"echo {number}; {LINGER}; exit {number}") for number in range(10)
    ]
    commands = [ctr.in_background(*command) for command in words]
    results = [command.wait() for command in commands]
    assert [result.status for result in results] == list(range(10))
    assert [result.output for result in results] == [str(number) for number in range(10)]


def test_many_execs_at_once(ctr: Ctr) -> None:
    container = ctr.detached(*SLEEP)
    start = ["tasks", "exec", "--exec-id"]
    commands = [ctr.in_background(*start, f"at-once-{n}", container, "sh", "-c", f"exit {n}") for n in range(10)]
    assert [command.wait().status for command in commands] == list(range(10))


def test_events_tell_the_life_of_a_task(ctr: Ctr) -> None:
    watch = ctr.in_background("events")
    eventually(lambda: "/snapshot" in _poke(ctr) + watch.output_so_far(), "events are watched")
    container = ctr.detached(*SLEEP)
    ctr.exec(container, "false")
    ctr("tasks", "pause", container).checked()
    ctr("tasks", "resume", container).checked()
    ctr("tasks", "kill", "--signal", "SIGKILL", container).checked()
    eventually(lambda: _status(ctr, container) == "STOPPED", "the task is stopped")
    ctr("tasks", "delete", container)
    eventually(lambda: "/tasks/delete" in watch.output_so_far(), "the last event has come")
    watch.send_signal(signal.SIGKILL)
    told = watch.wait().stdout
    events = list(_events(told, container))
    names = [name for name, _ in events]
    once = ["create", "start", "exec-added", "exec-started", "exit", "paused", "resumed", "exit", "delete"]
    assert names == [f"/tasks/{name}" for name in once], told
    exits = [content for name, content in events if name == "/tasks/exit"]
    assert [content["exit_status"] for content in exits] == [1, 128 + signal.SIGKILL]
    created = dict(events)["/tasks/create"]
    assert created["pid"] == exits[1]["pid"]


@pytest.mark.parametrize("way", ["alone", "in a child"])
def test_the_end_of_memory_is_an_event(ctr: Ctr, way: str) -> None:
    script = "tail /dev/zero" if way == "in a child" else "exec tail /dev/zero"
    watch = ctr.in_background("events")
    result = ctr.run("--memory-limit", "16777216", "--", "sh", "-c", f"sleep 0.2; {script}")
    assert result.status == 128 + signal.SIGKILL
    eventually(lambda: "/tasks/oom" in watch.output_so_far(), "the event has come")
    watch.send_signal(signal.SIGKILL)
    watch.wait()


def test_tasks_outlive_the_daemon(ctr: Ctr) -> None:
    container = ctr.detached("--", "sh", "-c", TRAP)
    _wait_until_it_is_ready(ctr, container)
    before = ctr.task(container)
    ctr.site.restart()
    assert ctr.task(container) == before
    assert ctr.exec(container, "sh", "-c", "exit 3").status == 3
    ctr("tasks", "kill", container).checked()
    eventually(lambda: _status(ctr, container) == "STOPPED", "the task is stopped")
    assert ctr.deleted(container) == 5


def test_a_shim_that_is_killed_is_cleaned_up_after(ctr: Ctr) -> None:
    """Its container may not stay: containerd has the runtime delete it by force, from a new shim."""
    container = ctr.detached(*SLEEP)
    shims = [pid for pid in descendants(ctr.site.view.first_pid) if f"-id {container} " in arguments(pid)]
    assert len(shims) == 1
    os.kill(shims[0], signal.SIGKILL)
    eventually(lambda: ctr.task(container) is None, "the task is gone")
    eventually(lambda: ctr.state(container).status != 0, "the runtime has deleted it")


def _status(ctr: Ctr, container: str) -> str:
    task = ctr.task(container)
    return task.status if task else "GONE"


def _wait_until_it_is_ready(ctr: Ctr, container: str) -> None:
    eventually(lambda: "ready" in ctr.exec(container, "cat", "/log").stdout, "the traps are set")


def _poke(ctr: Ctr) -> str:
    """An event that means nothing."""
    ctr("snapshots", "prepare", "poke").checked()
    ctr("snapshots", "remove", "poke").checked()
    return ""


def _events(text: str, container: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Of this container: the topic, and the content."""
    for line in text.splitlines():
        before, brace, content = line.partition("{")
        event = json.loads(brace + content)
        if event.get("container_id") == container:
            yield before.split()[-1], event
