"""`podman system service`, asked by podman's own Python client over a unix socket.

What the client returns depends on what it is asked, so that its types are of no use here: Any.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from .cgroups import has_controller
from .engine import eventually
from .podman import IMAGE, Podman
from .test_resources import MIB


@pytest.fixture
def client(podman: Podman) -> Iterator[Any]:
    library = pytest.importorskip("podman", reason="podman's Python client is not installed")
    socket = podman.site.directory / "podman.sock"
    service = podman.in_background("system", "service", "--time", "0", f"unix://{socket}")
    try:
        eventually(socket.exists, "the service's socket")
        with library.PodmanClient(base_url=f"unix://{socket}", timeout=40) as client:
            yield client
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait()
        socket.unlink(missing_ok=True)


def test_the_life_of_a_container(podman: Podman, client: Any) -> None:
    script = "echo ready; echo err >&2; exec sleep 1000"
    limits = {"mem_limit": "64m"} if has_controller("memory") else {}
    container = client.containers.run(IMAGE, ["sh", "-c", script], detach=True, environment={"A": "b"}, **limits)
    try:
        eventually(lambda: b"".join(container.logs()) == b"ready\nerr\n", "the log")
        container.reload()
        assert container.status == "running"
        assert container.attrs["OCIRuntime"] == podman.runtime
        status, output = container.exec_run(["sh", "-c", "echo $A; exit 3"])
        assert (status, output.endswith(b"b\n")) == (3, True)
        assert container.top()["Processes"][0][-1] == "sleep 1000"
        statistics = container.stats(stream=False, decode=True)["Stats"][0]
        assert not has_controller("pids") or statistics["PIDs"] == 1
        assert not has_controller("memory") or statistics["MemLimit"] == 64 * MIB
        container.pause()
        container.reload()
        assert container.status == "paused"
        container.unpause()
        container.stop(timeout=0)
        assert container.wait() == 137
    finally:
        container.remove(force=True)


def test_what_cannot_run_is_an_error_with_the_runtime_s_words(client: Any) -> None:
    from podman.errors import APIError

    container = client.containers.create(IMAGE, ["no-such-program"])
    try:
        with pytest.raises(APIError, match=r"executable file not found in \$PATH"):
            container.start()
    finally:
        container.remove(force=True)
