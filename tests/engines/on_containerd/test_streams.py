"""`kubectl exec` and `kubectl attach`: the streams that CRI gives to a process of a container."""

from __future__ import annotations

from typing import Any

from ..engine import eventually
from .cri import Container, Cri
from .streams import STDERR, Stream


def test_exec_has_its_streams_and_its_status(cri: Cri) -> None:
    container = cri.container("sleep", "600")
    script = "echo err >&2; read line; echo got $line; exit 3"
    with _exec(container, "sh", "-c", script, stdin=True, stdout=True, stderr=True) as stream:
        stream.read_until("err\n", STDERR)
        stream.write("input\n")
        status = stream.status()
    assert stream.output() == "got input\n"
    assert status["reason"] == "NonZeroExitCode"
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


def test_exec_has_a_terminal(cri: Cri) -> None:
    container = cri.container("sleep", "600")
    script = "tty; while read line; do echo got $line; done"
    with _exec(container, "sh", "-c", script, tty=True, stdin=True, stdout=True) as stream:
        stream.read_until("/dev/pts/0\r\n")
        stream.resize(44, 111)
        stream.write("input\n")
        stream.read_until("got input\r\n")
        eventually(lambda: "44 111" in _size(container), "the terminal has its size")
        stream.write("\x04")
        assert stream.status()["status"] == "Success"


def test_exec_ends_with_the_container(cri: Cri) -> None:
    container = cri.container("sleep", "600")
    with _exec(container, "sh", "-c", "echo ready; sleep 500", stdout=True) as stream:
        stream.read_until("ready")
        container.stop()
        assert stream.status()["details"]["causes"][0]["message"] == "137"


def test_attach(cri: Cri) -> None:
    script = "while read line; do echo got $line; [ $line = end ] && exit 5; done"
    container = cri.container("sh", "-c", script, stdin=True)
    url = cri.call("Attach", container_id=container.id, stdin=True, stdout=True, stderr=True).url
    with Stream(cri.site.view, url) as stream:
        stream.write("first\n")
        stream.read_until("got first\n")
        stream.write("end\n")
        stream.read_until("got end\n")
    eventually(lambda: container.has_exited, "it has ended")
    assert container.status.exit_code == 5
    assert [line.split(" ", 3)[3] for line in container.log_lines] == ["got first", "got end"]


def _exec(container: Container, *words: str, **streams: Any) -> Stream:
    url = container.cri.call("Exec", container_id=container.id, cmd=list(words), **streams).url
    return Stream(container.cri.site.view, url)


def _size(container: Container) -> str:
    """Of the only terminal in it."""
    return container.shell("stty size </dev/pts/0")
