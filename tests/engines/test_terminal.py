"""`--tty`: the runtime makes a pseudo terminal in the container and sends it over --console-socket."""

from __future__ import annotations

from .podman import IMAGE, Podman
from .terminal import Terminal


def test_a_container_has_a_terminal(podman: Podman) -> None:
    result = podman.run("--tty", "--", "sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all three")
    assert result.checked().stdout == "/dev/pts/0\r\nall three\r\n"


def test_a_terminal_passes_input(podman: Podman) -> None:
    with Terminal(podman, "run", "--rm", "-it", IMAGE, "sh", "-c", "echo ready; cat") as terminal:
        terminal.read(until="ready\r\n")
        terminal.enter("typed\n\x04")
        terminal.read()
        assert terminal.wait().status == 0, terminal.shown
    assert terminal.shown.count("typed\r\n") == 2, "the echo of the terminal, and cat's answer"


def test_a_detached_terminal_is_logged(podman: Podman) -> None:
    container = podman.detached("--tty", "--", "sh", "-c", "tty")
    podman("wait", container).checked()
    assert podman.logs(container).strip() == "/dev/pts/0"


def test_exec_has_a_terminal_of_its_own_in_the_size_of_ours(podman: Podman) -> None:
    container = podman.detached("sleep", "1000")
    script = (
        'until [ "$(stty size)" = "33 99" ]; do sleep 0.05; done; tty; stty size; read word; echo "<$word>"; exit 3'
    )
    with Terminal(podman, "exec", "-it", container, "sh", "-c", script, rows=33, columns=99) as terminal:
        assert "/dev/pts/" in terminal.read(until="33 99\r\n")
        terminal.enter("typed\n")
        terminal.read(until="<typed>")
        terminal.read()
        assert terminal.wait().status == 3, terminal.shown


def test_attach_to_a_terminal_ends_with_the_detach_keys_and_leaves_the_container(podman: Podman) -> None:
    container = podman.detached("-it", "--", "sh", "-c", 'while read word; do echo "<$word>"; done')
    with Terminal(podman, "attach", "--detach-keys", "ctrl-x", container) as terminal:
        terminal.enter("first\n")
        terminal.read(until="<first>")
        terminal.enter("\x18")
        terminal.read()
        assert terminal.wait().status == 0, terminal.shown
    with Terminal(podman, "attach", container) as terminal:
        terminal.enter("second\n")
        terminal.read(until="<second>")
        terminal.enter("\x04")  # the end of the input ends the shell
        terminal.read()
        assert terminal.wait().status == 0, terminal.shown
    assert podman("wait", container).checked().output == "0"
