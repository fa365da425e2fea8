"""`podman run --tty`: the runtime makes a pseudo terminal in the container and sends it over --console-socket."""

from __future__ import annotations

import os
import pty

from .podman import Podman


def test_a_container_has_a_terminal(podman: Podman) -> None:
    result = podman.run("--tty", "--", "sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all three")
    assert result.checked().stdout == "/dev/pts/0\r\nall three\r\n"


def test_a_terminal_passes_input_and_size(podman: Podman) -> None:
    """podman itself on a terminal, as a person has it."""
    ours, theirs = pty.openpty()
    try:
        os.set_inheritable(theirs, True)
        command = podman.in_background(
            "run", "--rm", "-it", "localhost/busybox:1", "cat", stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        os.write(ours, b"typed\n\x04")
        shown = _read_all(ours)
        assert command.wait().status == 0, shown
    finally:
        os.close(ours)
    assert shown.count("typed\r\n") == 2, "the echo of the terminal, and cat's answer"


def test_a_detached_terminal_is_logged(podman: Podman) -> None:
    container = podman.detached("--tty", "--", "sh", "-c", "tty")
    podman("wait", container).checked()
    assert podman.logs(container).strip() == "/dev/pts/0"


def _read_all(terminal: int) -> str:
    text = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # EIO: nobody has the other end any more
            break
        if not part:
            break
        text += part
    return text.decode()
