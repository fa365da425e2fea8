"""`podman exec`: a further process in a running container."""

from __future__ import annotations

from .engine import eventually
from .podman import Podman


def test_exec_is_a_process_as_asked(podman: Podman) -> None:
    container = podman.detached("-e", "OF=container", "--", "sleep", "1000")
    script = "id -u; id -G; pwd; echo $A $OF; cat /proc/1/comm"
    options = ["--user", "worker", "--workdir", "/srv", "--env", "A=b"]
    lines = podman("exec", *options, container, "sh", "-c", script).checked().lines
    assert lines == ["1000", "1000 2000", "/srv", "b container", "sleep"]
    result = podman("exec", "--interactive", container, "sh", "-c", "cat; echo err >&2; exit 7", stdin="input\n")
    assert (result.status, result.stdout, result.stderr) == (7, "input\n", "err\n"), str(result)


def test_exec_has_the_capabilities_of_the_container_or_all(podman: Podman) -> None:
    container = podman.detached("--cap-drop", "all", "--cap-add", "chown", "--", "sleep", "1000")
    show = ["grep", "CapEff", "/proc/self/status"]
    own = podman.site.view.run(*show).checked().output
    assert int(podman("exec", container, *show).checked().output.split()[1], 16) == 1
    assert podman("exec", "--privileged", container, *show).checked().output == own


def test_exec_of_what_is_no_program_has_the_status_of_shells(podman: Podman) -> None:
    """podman chooses by the words of the runtime's message."""
    container = podman.detached("sleep", "1000")
    for program, status, message in (
        ("no-such-program", 127, "executable file not found in $PATH"),
        ("/bin/not-executable", 126, "permission denied"),
    ):
        result = podman("exec", container, program)
        assert result.status == status, str(result)
        assert message in result.stderr, str(result)


def test_exec_detached_leaves_a_process_in_the_background(podman: Podman) -> None:
    container = podman.detached("sleep", "1000")
    session = podman("exec", "--detach", container, "sh", "-c", "echo done >/srv/done; exec sleep 1234")
    assert len(session.checked().output) == 64
    eventually(lambda: podman("exec", container, "cat", "/srv/done").stdout == "done\n", "the process's file")
    eventually(lambda: "sleep 1234" in podman("top", container, "args").stdout, "the process in podman top")
    podman("stop", "--time", "0", container).checked()


def test_exec_in_what_does_not_run_is_an_error(podman: Podman) -> None:
    container = podman.created("sleep", "1000")
    result = podman("exec", container, "true")
    assert result.status != 0 and "running" in result.stderr, str(result)


def test_descriptors_are_preserved_for_exec(podman: Podman) -> None:
    container = podman.detached("sleep", "1000")
    shell = f"exec podman --runtime {podman.runtime} exec --preserve-fds 1 {container} sh -c 'cat <&3'"
    result = podman.site.view.run("sh", "-c", f"{shell} 3<<END\nby descriptor 3\nEND\n")
    assert result.checked().output == "by descriptor 3"
