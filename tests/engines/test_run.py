"""`podman run` in the foreground: the container's streams and exit status are the command's."""

from __future__ import annotations

import pytest

from .podman import Podman


def test_run_shows_what_the_container_prints(podman: Podman) -> None:
    result = podman.run("echo", "hello").checked()
    assert (result.stdout, result.stderr) == ("hello\n", "")
