"""NOTIFY_SOCKET, as a service of systemd has it: its manager hears when the container is ready, and which pid to watch.

Not in the specification: systemd's sd_notify(3), in the way that runc does it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from .container import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .bundle import Bundle
    from .container import Container

INSIDE = "/run/notify/notify.sock"


@pytest.fixture
def manager(container: Container, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The manager's end of NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        path = str(container.directory / "manager")
        found.bind(path)
        found.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield found


@pytest.fixture(autouse=True)
def _sleeps(container: Container, bundle: Bundle) -> None:
    if container.runtime.name == "crun":
        pytest.skip("crun gives the container a socket in another place")
    bundle.sh("trap 'exit 7' TERM; echo $NOTIFY_SOCKET; while :; do sleep 0.01; done")


def say(container: Container, message: str) -> None:
    """What the process in the container would say with sd_notify(3)."""
    path = f"/proc/{container._init}/root{INSIDE}"
    eventually(lambda: os.path.exists(path), "the socket in the container")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        eventually(lambda: connection.connect_ex(path) == 0, "a listener on the socket")
        connection.send(message.encode())


def hears(manager: socket.socket) -> str:
    """The next message; a barrier (sd_notify_barrier(3)) is over once its descriptor is closed."""
    data, descriptors, _, _ = socket.recv_fds(manager, 4096, 4)
    for fd in descriptors:
        os.close(fd)
    return data.decode()


def hears_barrier(container: Container, manager: socket.socket) -> None:
    """The command must still be there when the manager asks the kernel who has sent the messages."""
    if container.runtime.name != "runc" or container.runtime.version >= (1, 2):
        assert hears(manager) == "BARRIER=1"


def has_started(container: Container) -> None:
    eventually((container.directory / "pid").exists, "the pid file")


@contextlib.contextmanager
def in_background(container: Container, verb: str, *options: str) -> Iterator[threading.Thread]:
    """A verb that returns once the container is ready."""
    thread = threading.Thread(target=lambda: container.call(verb, *options).checked())
    thread.start()
    yield thread
    thread.join(timeout=20)
    assert not thread.is_alive(), f"{verb} did not return"


@pytest.fixture
def running(container: Container, manager: socket.socket) -> subprocess.Popen[str]:
    process = container.run_in_background("--pid-file", str(container.directory / "pid"))
    has_started(container)
    return process


@pytest.fixture
def may_never_be_ready(container: Container) -> None:
    if container.runtime.name == "runc":
        pytest.skip("runc sees and hears nothing else until the process has said that it is ready")


class TestForeground:
    def test_the_command_itself_is_the_process_to_watch(
        self, container: Container, running: subprocess.Popen[str], manager: socket.socket
    ) -> None:
        say(container, "READY=1\n")
        assert hears(manager) == "READY=1\n"
        assert hears(manager) == f"MAINPID={running.pid}\n"

    def test_its_status_is_still_that_of_the_process(
        self, container: Container, running: subprocess.Popen[str], manager: socket.socket
    ) -> None:
        say(container, "READY=1\nSTATUS=well\n")
        assert (hears(manager), hears(manager)[:8]) == ("READY=1\n", "MAINPID=")
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=20) == 7
        assert running.stdout is not None
        assert running.stdout.read() == f"{INSIDE}\n"
        assert not container.exists

    @pytest.mark.usefixtures("may_never_be_ready")
    def test_it_need_not_be_the_first_line(
        self, container: Container, running: subprocess.Popen[str], manager: socket.socket
    ) -> None:
        """sd_notify(3): 'a newline-separated list of variable assignments', in no order"""
        say(container, "STATUS=well\nREADY=1\nWATCHDOG=1\n")
        assert hears(manager) == "READY=1\n"

    @pytest.mark.usefixtures("may_never_be_ready")
    def test_a_signal_before_it_is_ready(
        self, container: Container, running: subprocess.Popen[str], manager: socket.socket
    ) -> None:
        assert running.stdout is not None
        assert running.stdout.readline() == f"{INSIDE}\n"
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=20) == 7

    @pytest.mark.usefixtures("may_never_be_ready")
    def test_one_that_ends_before_it_is_ready(
        self, container: Container, bundle: Bundle, manager: socket.socket
    ) -> None:
        bundle.sh("exit 5")
        assert container.run().status == 5
        assert not container.exists


class TestBackground:
    def test_start_returns_when_it_is_ready(self, container: Container, manager: socket.socket) -> None:
        container.create()
        with in_background(container, "start") as start:
            say(container, "STATUS=almost")
            start.join(timeout=0.3)
            assert start.is_alive(), "start did not wait"
            assert container.status == "running"
            say(container, "READY=1")
            assert hears(manager) == "READY=1\n"
            assert hears(manager) == f"MAINPID={container.pid}\n"
            hears_barrier(container, manager)

    def test_run_returns_when_it_is_ready(self, container: Container, manager: socket.socket) -> None:
        with in_background(container, "run", "--detach"):
            has_started(container)
            say(container, "READY=1")
            assert hears(manager) == "READY=1\n"
            assert hears(manager) == f"MAINPID={container.pid}\n"
            hears_barrier(container, manager)

    def test_start_returns_when_it_has_ended(
        self, container: Container, bundle: Bundle, manager: socket.socket
    ) -> None:
        bundle.sh("exit 5")
        container.create()
        with in_background(container, "start"):
            assert container.wait() == 5

    def test_nothing_is_left(self, container: Container, manager: socket.socket) -> None:
        container.create()
        with in_background(container, "start"):
            say(container, "READY=1")
            assert [hears(manager)[:4] for _ in range(2)] == ["READ", "MAIN"]
            hears_barrier(container, manager)
        container.delete("--force")
        assert not container.exists
        assert not (container.root / container.id).exists()


@pytest.mark.usefixtures("may_never_be_ready")
class TestSocket:
    def test_anybody_in_the_container_may_use_it(
        self, container: Container, bundle: Bundle, manager: socket.socket
    ) -> None:
        """runc gives it mode 0777: a process of any user may say that it is ready."""
        bundle.sh("stat -c %a,%F $NOTIFY_SOCKET; grep -o ' /run/notify [^ ]*' /proc/self/mountinfo")
        mode, mount = container.run().checked().output.splitlines()
        assert mode == "777,socket"
        assert {"ro", "nosuid", "nodev", "noexec"} <= set(mount.split()[1].split(","))

    def test_there_is_none_without_a_manager(self, container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
        assert container.output(f"echo -${{NOTIFY_SOCKET-}}-; test -e {INSIDE} || echo none") == "--\nnone"
