"""`run` in the foreground: the container's process is the command's: its exit code, its signals, its streams."""

from __future__ import annotations

import signal
import time

import pytest

from .bundle import Bundle
from .container import Container, eventually


@pytest.mark.parametrize("code", [0, 1, 2, 77, 125, 126, 127, 128, 255])
def test_the_exit_code_is_the_process_s(container: Container, bundle: Bundle, code: int) -> None:
    bundle.sh(f"exit {code}")
    assert container.run().status == code


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "ABRT"])
def test_death_by_a_signal_gives_128_and_its_number(container: Container, bundle: Bundle, name: str) -> None:
    """The shell's convention, and runc's. (A pid namespace's first process cannot kill itself: here is none.)"""
    bundle.without_namespace("pid").sh(f"kill -{name} $$")
    assert container.run().status == 128 + signal.Signals[f"SIG{name}"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_signals_are_forwarded(container: Container, bundle: Bundle, number: signal.Signals) -> None:
    bundle.sh(f"trap 'exit 42' {int(number)}; touch /ready; while true; do usleep 5000; done")
    command = container.run_in_background()
    eventually((bundle.rootfs / "ready").exists, "the process")
    command.send_signal(number)
    assert command.wait(10) == 42


def test_the_end_of_the_process_is_the_end_of_the_container(container: Container, bundle: Bundle) -> None:
    bundle.args("true")
    container.run().checked()
    assert not container.exists


def test_stdin_reaches_the_process(container: Container, bundle: Bundle) -> None:
    bundle.args("cat")
    assert container.run(stdin="some input").stdout == "some input"


def test_the_end_of_stdin_reaches_the_process(container: Container, bundle: Bundle) -> None:
    bundle.args("wc", "-c")
    assert container.run(stdin="").output == "0"


def test_stdout_and_stderr_are_separate(container: Container, bundle: Bundle) -> None:
    bundle.sh("echo out; echo err >&2")
    result = container.run()
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_much_output_passes_whole(container: Container, bundle: Bundle) -> None:
    bundle.sh("seq 200000")
    assert container.run().stdout.splitlines()[-1] == "200000"


def test_a_missing_program_is_127_or_another_error_but_never_0(container: Container, bundle: Bundle) -> None:
    bundle.args("no-such-program")
    assert container.run().status != 0


def test_detached_run_returns_while_the_process_runs(container: Container) -> None:
    started = time.monotonic()
    container.call("run", "--detach").checked()
    assert time.monotonic() - started < 10
    assert container.status == "running"


def test_a_detached_container_stays_known_after_its_end(container: Container, bundle: Bundle) -> None:
    bundle.args("true")
    container.call("run", "--detach").checked()
    container.wait_until("stopped").delete()


def test_a_detached_container_has_the_command_s_streams(container: Container, bundle: Bundle) -> None:
    bundle.sh("echo out")
    container.call("run", "--detach").checked()
    assert container.wait() in (0, None)
    assert container.stdout == "out\n"


def test_keep_leaves_the_stopped_container(container: Container, bundle: Bundle) -> None:
    """runc: '--keep: do not delete the container after it exits'"""
    bundle.sh("exit 3")
    assert container.run("--keep").status == 3
    assert container.status == "stopped"
    container.delete()


def test_a_used_id_is_an_error(container: Container) -> None:
    """'If the ID provided is not unique ... the implementation MUST generate an error'"""
    container.launch()
    pid = container.pid
    assert container.run().status != 0
    assert (container.status, container.pid) == ("running", pid)


def test_children_of_the_process_end_with_it(container: Container, bundle: Bundle) -> None:
    """A container without a pid namespace is deleted with all that is in its cgroup."""
    bundle.without_namespace("pid").sh("sleep 1000 >/dev/null 2>&1 & exit 5")
    assert container.run(timeout=5).status == 5
    # the container fixture looks for processes left behind


@pytest.mark.parametrize("times", [3])
def test_an_id_can_be_run_again_and_again(container: Container, bundle: Bundle, times: int) -> None:
    bundle.args("true")
    for _ in range(times):
        container.run().checked()
