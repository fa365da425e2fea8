"""The library in a service under uvicorn, with asyncio's loop and with uvloop: a container for each request."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .conftest import Place, config

PATIENCE = 60.0
MANY = 12


class Server:
    """A service that runs (served.py), and listens at a socket in its directory."""

    def __init__(self, place: Place, loop: str) -> None:
        self.place = place
        self.socket = place.root.parent / f"{place.id()}.sock"
        self.log = self.socket.with_suffix(".log")
        environment = {
            **os.environ,
            "BUNDLE": str(place.bundle),
            "ROOT": str(place.root),
            "CONFIG": json.dumps(config("true")),
            "TOKEN": place.id(),
            "PYTHONWARNINGS": "error",
        }
        words = [
            sys.executable,
            "-m",
            "uvicorn",
            "served:service",
            f"--app-dir={Path(__file__).parent}",
            "--lifespan=on",
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*words, f"--loop={loop}", f"--uds={self.socket}", "--log-level=warning"],
                env=environment,
                stdout=log,
                stderr=log,
            )
        self.eventually(self.socket.exists, "it listens")

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(str(self.socket))
        return connection

    def ask(self, path: str, body: str = "") -> str:
        connection = http.client.HTTPConnection("service", timeout=PATIENCE)
        connection.sock = self.connect()
        try:
            connection.request("POST", path, body)
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status == 200, self.log.read_text()
            return text
        finally:
            connection.close()

    def containers(self) -> int:
        """Beside its own."""
        return len(list(self.place.root.glob("run-*")))

    def eventually(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"not after {PATIENCE} s: {what}"
            time.sleep(0.02)


@pytest.fixture(params=["asyncio", "uvloop"])
def server(place: Place, request: pytest.FixtureRequest) -> Iterator[Server]:
    for module in {"uvicorn", request.param}:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"needs {module}: `make .venv/.test-tools`")
    running = Server(place, request.param)
    try:
        yield running
        # The end: a request that is being answered is finished, and then its own container is gone, too.
        with ThreadPoolExecutor() as threads:
            last = threads.submit(running.ask, "/run", json.dumps(["sh", "-c", "sleep 0.5; echo finished"]))
            running.eventually(lambda: running.containers() == 1 or last.done(), "the last request runs")
            running.process.send_signal(signal.SIGTERM)
            assert last.result() == "finished\n"
        status = running.process.wait(PATIENCE)
        assert (status, running.log.read_text()) in [(0, ""), (-signal.SIGTERM, "")]
    finally:
        running.process.kill()
        running.process.wait()
        running.log.unlink()
        running.socket.unlink(missing_ok=True)


def test_a_container_for_each_request(server: Server) -> None:
    with ThreadPoolExecutor(MANY) as threads:
        # All at the same time: none is answered before the last one runs.
        assert [*threads.map(server.ask, ["/together"] * MANY, [str(MANY)] * MANY)] == ["running"] * MANY
        words = [json.dumps(["echo", str(number)]) for number in range(MANY)]
        assert [*threads.map(server.ask, ["/run"] * MANY, words)] == [f"{number}\n" for number in range(MANY)]
        execs = [*threads.map(server.ask, ["/exec"] * MANY)]
    assert execs == ["from the service's own\n"] * MANY
    # Somebody asks, and goes away: the container ends.
    with server.connect() as connection:
        body = json.dumps(["sleep", "1000"])
        connection.sendall(f"POST /run HTTP/1.1\r\nHost: s\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        server.eventually(lambda: server.containers() == 1, "it runs")
    server.eventually(lambda: server.containers() == 0, "it has ended")
