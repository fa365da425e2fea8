"""engine/seccomp_agent.py: whose socket it is. What is sent there, tests/runtime/test_seccomp_notify.py sees."""

from __future__ import annotations

import posix
import socket
from pathlib import Path
from typing import Any, cast

import pytest

from sampan.engine.seccomp_agent import Agent, address
from sampan.errors import ConfigError, KernelError


def config(listener: str = "", annotation: str = "") -> Any:
    seccomp = {"defaultAction": "SCMP_ACT_NOTIFY", **({"listenerPath": listener} if listener else {})}
    annotations = {"run.oci.seccomp.receiver": annotation} if annotation else {}
    return {"linux": {"seccomp": seccomp}, "annotations": annotations}


@pytest.mark.parametrize(
    ("listener", "annotation", "variable", "path", "field"),
    [
        ("/a", "", "", "/a", "linux.seccomp.listenerPath"),
        ("/a", "/b", "/c", "/a", "linux.seccomp.listenerPath"),
        ("", "/b", "/c", "/b", "annotations[run.oci.seccomp.receiver]"),
        ("", "", "/c", "/c", "RUN_OCI_SECCOMP_RECEIVER"),
    ],
)
def test_where_the_agent_listens(
    monkeypatch: pytest.MonkeyPatch, listener: str, annotation: str, variable: str, path: str, field: str
) -> None:
    monkeypatch.setitem(cast("Any", posix.environ), b"RUN_OCI_SECCOMP_RECEIVER", variable.encode())
    assert address(config(listener, annotation)) == (path, field)


@pytest.mark.parametrize("path", ["agent.sock", "./agent.sock", "/run/agent\0.sock"])
def test_a_path_that_means_no_one_file_is_an_error(path: str) -> None:
    """crun(1): 'It must be an absolute path.' A relative one would mean another socket at `start` than at `create`."""
    for field, document in (("linux.seccomp.listenerPath", config(path)), ("annotations[", config("", path))):
        with pytest.raises(ConfigError) as caught:
            address(document)
        assert caught.value.problems[0].field.startswith(field)


def test_nobody_to_ask_is_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        Agent(config())
    assert caught.value.problems[0].field == "linux.seccomp.listenerPath"


def test_what_is_no_socket_is_found_out_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, message in (("file", "socket operation on non-socket"), ("nothing", "no such file")):
        with pytest.raises(KernelError, match=message) as caught:
            Agent(config(str(tmp_path / name))).check()
        assert "linux.seccomp.listenerPath" in str(caught.value)


def test_an_agent_that_takes_no_connection_is_not_waited_for_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sampan.engine.seccomp_agent.PATIENCE", 1)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "agent.sock"))
        listener.listen(0)
        first, second = Agent(config(listener.getsockname())), Agent(config(listener.getsockname()))
        first.check()
        first.connect()
        with pytest.raises(KernelError, match="timed out"):
            second.connect()
        first.close()
