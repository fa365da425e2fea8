"""Tests that run in containers; `README.md` looks at what comes of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def primes() -> list[int]:
    return [2, 3, 5, 7]


@pytest.mark.container(memory="64M", pids=32)
@pytest.mark.parametrize("number", [2, 7])
def test_fixtures_and_parameters(number: int, primes: list[int], tmp_path: Path) -> None:
    assert os.getpid() == 1
    assert number in primes
    (tmp_path / "note").write_text("only /tmp can be written, and it is gone with the container")


@pytest.mark.container
def test_the_project_is_safe() -> None:
    with pytest.raises(OSError, match="Read-only file system"):
        Path(__file__).unlink()


@pytest.mark.container
def test_there_is_no_network_but_its_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    with pytest.raises(OSError, match="unreachable"):
        socket.create_connection(("192.0.2.1", 80), timeout=5)


@pytest.mark.container(pids=16)
def test_fork_bombs_are_harmless() -> None:
    with pytest.raises(BlockingIOError):
        for _ in range(100):
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
