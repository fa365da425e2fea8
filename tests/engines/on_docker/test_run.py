"""`docker run` in the foreground: the container's streams, signals, terminal and exit status are the command's."""

from __future__ import annotations

import re
import signal

import pytest

from ..engine import eventually
from ..terminal import Terminal
from .daemon import Docker


def test_run_shows_what_the_container_prints(docker: Docker) -> None:
    result = docker.run("sh", "-c", "echo out; echo err >&2; exit 42")
    assert (result.status, result.stdout, result.stderr) == (42, "out\n", "err\n")


def test_much_input_and_output_pass_whole(docker: Docker) -> None:
    text = "".join(f"{number}\n" for number in range(50000))
    assert docker.run("--interactive", "--", "cat", stdin=text).checked().stdout == text


def test_without_interactive_standard_input_is_empty(docker: Docker) -> None:
    assert docker.run("cat", stdin="not for the container").checked().stdout == ""


def test_death_by_a_signal_is_128_and_its_number(docker: Docker) -> None:
    result = docker.run("--pid", "host", "--", "sh", "-c", "kill -KILL $$")
    assert result.status == 128 + signal.SIGKILL, str(result)


@pytest.mark.parametrize(
    "program, status, message",
    [
        ("no-such-program", 127, r"executable file not found in \$PATH"),
        ("/bin/no-such-program", 127, "no such file or directory"),
        ("/bin/not-executable", 126, "permission denied"),
        ("/tmp", 126, "permission denied"),
    ],
)
def test_a_program_that_cannot_run_has_the_status_of_shells(
    docker: Docker, program: str, status: int, message: str
) -> None:
    """docker chooses between 127, 126 and 125 by the words of the runtime's message."""
    result = docker.run("--name", "fails", "--", program)
    assert result.status == status, str(result)
    assert re.search(message, result.stderr, re.IGNORECASE), str(result)
    assert not docker.exists("fails")


@pytest.mark.parametrize("program", ["/bin/no-interpreter", "/bin/no-program"])
def test_a_file_that_the_kernel_does_not_run_is_an_error_that_says_so(docker: Docker, program: str) -> None:
    """runc tells it too late for docker to choose a status (1), sampan when it starts the container."""
    result = docker.run(program)
    assert result.status in (1, 125, 126, 127), str(result)
    assert re.search("no such file or directory|exec format error", result.stderr), str(result)


def test_what_the_runtime_refuses_is_125_with_its_reason(docker: Docker) -> None:
    result = docker.run("--sysctl", "net.no.such=1", "--network", "bridge", "--", "true")
    assert result.status in (125, 127), str(result)
    assert "no such file or directory" in result.stderr.lower(), str(result)


def test_a_file_over_a_directory_is_an_error_with_docker_s_advice(docker: Docker) -> None:
    """docker adds it when it reads "not a directory"."""
    result = docker.run("--volume", "/etc/passwd:/srv", "--", "true")
    assert result.status in (125, 127), str(result)
    assert "Are you trying to mount a directory onto a file (or vice-versa)?" in result.stderr, str(result)


def test_arguments_arrive_as_they_are(docker: Docker) -> None:
    words = ["", " ", "a b", "*", "$HOME", "'", '"', "\\", "ü", "two\nlines", "-x", "x" * 100_000]
    assert docker.run("printf", "[%s]", *words).checked().stdout == "".join(f"[{word}]" for word in words)


def test_a_container_that_did_not_start_can_be_removed_and_tells_why(docker: Docker) -> None:
    created = docker.created("no-such-program")
    assert docker("start", created).status == 1
    state = docker.state(created)
    assert (state["Status"], state["ExitCode"]) == ("created", 127)
    assert "executable file not found" in state["Error"]


def test_a_terminating_signal_is_passed_on_to_the_container(docker: Docker) -> None:
    script = "trap 'echo got it; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    command = docker.in_background("run", "--rm", *docker.with_image(["sh", "-c", script]))
    eventually(lambda: "ready" in command.output_so_far(), "the container's trap")
    command.send_signal(signal.SIGTERM)
    result = command.wait()
    assert (result.status, result.stdout) == (7, "ready\ngot it\n"), str(result)


def test_init_reaps_orphans(docker: Docker) -> None:
    """--init: tini, mounted into the container, is its first process."""
    script = "cat /proc/1/comm; (sleep 0.01 &); sleep 0.2; cat /proc/[0-9]*/stat | grep -c ' Z '"
    assert docker.run("--init", "--", "sh", "-c", script).lines == ["docker-init", "0"]


def test_a_container_has_a_terminal(docker: Docker) -> None:
    """By the log of one that nobody looks at."""
    script = "tty; test -t 0 && test -t 1 && test -t 2 && echo all three"
    container = docker.detached("--tty", "--", "sh", "-c", script)
    docker("wait", container).checked()
    assert docker.logs(container) == "/dev/pts/0\r\nall three\r\n"


def test_a_terminal_passes_input_size_and_signals(docker: Docker) -> None:
    """docker itself on a terminal, as a person has it. It tells the size when the container runs already."""
    script = """
        trap 'echo interrupted; exit 5' INT
        until stty size 2>/dev/null | grep -q '^31 80$'; do sleep 0.05; done
        echo ready; read line; echo got $line; while :; do sleep 0.05; done
    """
    words = ["run", "--rm", "--interactive", "--tty", *docker.with_image(["sh", "-c", script])]
    with Terminal(docker, *words, rows=31) as terminal:
        terminal.read(until="ready\r\n")
        terminal.enter("typed\n")
        shown = terminal.read(until="got typed\r\n")
        assert shown.count("typed\r\n") == 2, "the echo of the terminal, and the shell's answer"
        terminal.enter("\x03")
        terminal.read(until="interrupted\r\n")
        assert terminal.wait().status == 5, terminal.shown


def test_user_directory_and_environment_are_as_asked(docker: Docker) -> None:
    options = ["--user", "worker", "--workdir", "/srv/new", "--env", "A=b c", "--group-add", "3000"]
    script = "id -u; id -G; pwd; echo $A; echo $HOME; echo $HOSTNAME"
    result = docker.run(*options, "--hostname", "ship", "--entrypoint", "sh", "--", "-c", script).checked()
    assert result.lines == ["1000", "1000 2000 3000", "/srv/new", "b c", "/home/worker", "ship"]


def test_a_detached_container_with_rm_removes_itself(docker: Docker) -> None:
    container = docker.detached("--rm", "--", "sleep", "0.2")
    eventually(lambda: not docker.exists(container), "it is gone")


def test_hosts_names_and_resolver_are_docker_s(docker: Docker) -> None:
    options = ["--network", "bridge", "--hostname", "ship", "--dns", "10.9.8.7", "--dns-search", "harbour"]
    script = "hostname; cat /etc/hostname; cat /etc/hosts /etc/resolv.conf"
    lines = docker.run(*options, "--add-host", "friend:10.1.2.3", "--", "sh", "-c", script).checked().lines
    assert lines[:2] == ["ship", "ship"]
    assert {"10.1.2.3\tfriend", "nameserver 10.9.8.7", "search harbour"} <= set(lines)
