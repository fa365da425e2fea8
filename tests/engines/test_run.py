"""`podman run` in the foreground: the container's streams, signals and exit status are the command's."""

from __future__ import annotations

import re
import signal

import pytest

from .engine import eventually
from .podman import Podman


def test_run_shows_what_the_container_prints(podman: Podman) -> None:
    result = podman.run("sh", "-c", "echo out; echo err >&2").checked()
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_much_output_passes_whole(podman: Podman) -> None:
    assert podman.run("seq", "50000").checked().lines == [str(number) for number in range(1, 50001)]


def test_the_image_s_command_is_the_default(podman: Podman) -> None:
    assert podman.run("--interactive", "--", stdin="echo by the shell\n").checked().output == "by the shell"


def test_standard_input_reaches_the_container_with_interactive(podman: Podman) -> None:
    assert podman.run("--interactive", "--", "cat", stdin="some\ninput").checked().stdout == "some\ninput"


def test_without_interactive_standard_input_is_empty(podman: Podman) -> None:
    assert podman.run("cat", stdin="not for the container").checked().stdout == ""


@pytest.mark.parametrize("code", [0, 1, 42, 125, 126, 127, 255])
def test_the_exit_status_is_the_container_s(podman: Podman, code: int) -> None:
    assert podman.run("sh", "-c", f"exit {code}").status == code


def test_death_by_a_signal_is_128_and_its_number(podman: Podman) -> None:
    result = podman.run("--pid", "host", "--", "sh", "-c", "kill -KILL $$")
    assert result.status == 128 + signal.SIGKILL, str(result)


@pytest.mark.parametrize(
    "program, status, message",
    [
        ("no-such-program", 127, r"executable file .*not found in \$PATH"),
        ("/bin/no-such-program", 127, "no such file or directory"),
        ("/bin/not-executable", 126, "permission denied"),
        ("/tmp", 126, "permission denied"),
    ],
)
def test_a_program_that_cannot_run_has_the_status_of_shells(
    podman: Podman, program: str, status: int, message: str
) -> None:
    """podman chooses between 127, 126 and 125 by the words of the runtime's message."""
    result = podman.run(program)
    assert result.status == status, str(result)
    assert re.search(message, result.stderr, re.IGNORECASE), str(result)


def test_a_script_without_its_interpreter_is_an_error_that_says_so(podman: Podman) -> None:
    """runc tells it too late for podman to choose a status (1), sampan when it starts the container (126)."""
    result = podman.run("/bin/no-interpreter")
    assert result.status != 0, str(result)
    assert "no such file or directory" in result.stderr, str(result)


def test_a_file_that_is_no_program_is_an_error_that_says_so(podman: Podman) -> None:
    result = podman.run("/bin/no-program")
    assert result.status != 0, str(result)
    assert "exec format error" in result.stderr, str(result)


def test_what_the_runtime_refuses_is_125_or_126_with_its_reason(podman: Podman) -> None:
    result = podman.run("--sysctl", "net.no.such=1", "--", "true")
    assert result.status in (125, 126, 127), str(result)
    assert "no such file or directory" in result.stderr.lower(), str(result)


def test_a_failed_run_leaves_no_container(podman: Podman) -> None:
    podman.run("--name", "fails", "--", "no-such-program")
    assert podman("container", "exists", "fails").status == 1


def test_a_terminating_signal_is_passed_on_to_the_container(podman: Podman) -> None:
    script = "trap 'echo got it; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    command = podman.in_background("run", "--rm", "localhost/busybox:1", "sh", "-c", script)
    eventually(lambda: "ready" in command.output_so_far(), "the container's trap")
    command.send_signal(signal.SIGTERM)
    result = command.wait()
    assert (result.status, result.stdout) == (7, "ready\ngot it\n"), str(result)


def test_init_reaps_orphans(podman: Podman) -> None:
    """--init: catatonit, mounted into the container, is its first process."""
    script = "cat /proc/1/comm; (sleep 0.01 &); sleep 0.2; cat /proc/[0-9]*/stat | grep -c ' Z '"
    result = podman.run("--init", "--", "sh", "-c", script)
    if result.status == 125 and "init binary" in result.stderr:
        pytest.skip(f"catatonit is not installed: {result.stderr}")
    assert result.lines == ["podman-init", "0"], str(result)


def test_log_driver_none_keeps_the_streams(podman: Podman) -> None:
    assert podman.run("--log-driver", "none", "--", "echo", "seen").checked().output == "seen"


def test_cidfile_has_the_id_and_the_runtime_gets_it(podman: Podman) -> None:
    file = podman.site.directory / f"cid-{podman.runtime}"
    result = podman.run("--cidfile", str(file), "--cgroupns", "host", "--", "cat", "/proc/self/cgroup").checked()
    identity = file.read_text()
    file.unlink(missing_ok=True)
    assert len(identity) == 64
    assert f"libpod-{identity}" in result.stdout, str(result)


def test_descriptors_that_are_preserved_reach_the_container(podman: Podman) -> None:
    """--preserve-fds 1: descriptor 3 of podman is 3 of the container."""
    shell = f"exec podman --runtime {podman.runtime} run --rm --preserve-fds 1 localhost/busybox:1 sh -c 'cat <&3'"
    result = podman.site.view.run("sh", "-c", f"{shell} 3<<END\nby descriptor 3\nEND\n")
    assert result.checked().output == "by descriptor 3"
