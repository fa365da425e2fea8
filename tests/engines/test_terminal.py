"""`podman run --tty`: the runtime makes a pseudo terminal in the container and sends it over --console-socket."""

from __future__ import annotations

import os
import pty
import select

from .podman import Podman

TIMEOUT = 10


def test_a_container_has_a_terminal(podman: Podman) -> None:
    result = podman.run("--tty", "--", "sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all three")
    assert result.checked().stdout == "/dev/pts/0\r\nall three\r\n"


def test_a_terminal_passes_input_and_size(podman: Podman) -> None:
    """podman itself on a terminal, as a person has it."""
    ours, theirs = pty.openpty()
    try:
        command = podman.in_background(
            "run",
            "--rm",
            "-it",
            "localhost/busybox:1",
            "sh",
            "-c",
            "echo ready; cat",
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = _read(ours, until="ready\r\n")
        os.write(ours, b"typed\n\x04")
        shown += _read(ours)
        assert command.wait().status == 0, shown
    finally:
        os.close(ours)
    assert shown.count("typed\r\n") == 2, "the echo of the terminal, and cat's answer"


def test_a_detached_terminal_is_logged(podman: Podman) -> None:
    container = podman.detached("--tty", "--", "sh", "-c", "tty")
    podman("wait", container).checked()
    assert podman.logs(container).strip() == "/dev/pts/0"


def _read(terminal: int, until: str = "") -> str:
    """What is shown, up to a text or the end, which for a terminal is the error that nobody has its other side."""
    text = ""
    while not (until and until in text):
        ready, _, _ = select.select([terminal], [], [], TIMEOUT)
        assert ready, f"nothing more within {TIMEOUT} s after {text!r}"
        try:
            text += os.read(terminal, 4096).decode()
        except OSError:
            break
    return text
