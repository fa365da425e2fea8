"""`podman run --tty`: the runtime makes a pseudo terminal in the container and sends it over --console-socket."""

from __future__ import annotations

from .podman import Podman
from .terminals import on_a_terminal


def test_a_container_has_a_terminal(podman: Podman) -> None:
    result = podman.run("--tty", "--", "sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all three")
    assert result.checked().stdout == "/dev/pts/0\r\nall three\r\n"


def test_a_terminal_passes_input(podman: Podman) -> None:
    """podman itself on a terminal, as a person has it."""
    with on_a_terminal(podman, "run", "--rm", "-it", *podman.with_image(["sh", "-c", "echo ready; cat"])) as terminal:
        terminal.read_until("ready\r\n")
        terminal.write("typed\n\x04")
        shown = terminal.read_rest()
        assert terminal.command.wait().status == 0, shown
    assert shown.count("typed\r\n") == 2, "the echo of the terminal, and cat's answer"


def test_a_detached_terminal_is_logged(podman: Podman) -> None:
    container = podman.detached("--tty", "--", "sh", "-c", "tty")
    podman("wait", container).checked()
    assert podman.logs(container).strip() == "/dev/pts/0"
