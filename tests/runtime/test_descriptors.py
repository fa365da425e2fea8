"""Descriptors that go in and out: `--pidfd-socket`, socket activation, and closed standard streams."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .bundle import Bundle
    from .container import Container

CLOSED = ["0<&-", "1>&-", "2>&-", "0<&- 1>&-", "0<&- 1>&- 2>&-"]


@pytest.fixture
def listener(container: Container) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as found:
        found.bind(str(container.directory / "pidfd"))
        found.listen()
        found.settimeout(10)
        yield found


def address(listener: socket.socket) -> str:
    return f"--pidfd-socket={listener.getsockname()}"


def process_of(listener: socket.socket) -> int:
    """The pid that the received descriptor stands for."""
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(10)
        _, descriptors, _, _ = socket.recv_fds(connection, 100, 2)
    assert len(descriptors) == 1
    try:
        fields = dict(
            line.split(":\t") for line in Path(f"/proc/self/fdinfo/{descriptors[0]}").read_text().splitlines()
        )
    finally:
        os.close(descriptors[0])
    return int(fields["Pid"])


class TestPidfdSocket:
    @pytest.fixture(autouse=True)
    def _sleeps(self, bundle: Bundle) -> None:
        bundle.args("sleep", "1000")

    def test_of_create(self, container: Container, listener: socket.socket) -> None:
        container.create(address(listener))
        assert process_of(listener) == container.pid

    def test_of_run(self, container: Container, listener: socket.socket) -> None:
        container.call("run", "--detach", address(listener)).checked()
        assert process_of(listener) == container.pid

    def test_of_a_process_in_a_joined_pid_namespace(
        self, container: Container, bundle: Bundle, listener: socket.socket
    ) -> None:
        bundle.namespace("pid", f"/proc/{os.getpid()}/ns/pid")
        container.create(address(listener))
        assert process_of(listener) == container.pid

    def test_of_exec(self, container: Container, listener: socket.socket) -> None:
        container.launch()
        pid = container.exec_in_background("sleep", "1000", options=(address(listener),))
        assert process_of(listener) == pid

    def test_nobody_listens(self, container: Container) -> None:
        option = f"--pidfd-socket={container.directory}/nobody"
        message = container.fails("create", option).stderr
        assert f"{container.directory}/nobody" in message
        assert not container.exists

    def test_a_path_that_is_too_long(self, container: Container) -> None:
        container.fails("create", f"--pidfd-socket=/{'x' * 200}")
        assert not container.exists

    def test_nobody_listens_to_exec(self, container: Container) -> None:
        container.launch()
        option = f"--pidfd-socket={container.directory}/nobody"
        assert container.exec(option, "--", "sleep", "1000").status == 255
        assert container.exec("ps", "-o", "comm").checked().output.split().count("sleep") == 1


class TestClosedStreams:
    """What the runtime opens for itself must not become a standard stream of the container's process."""

    @pytest.mark.parametrize("closed", CLOSED)
    @pytest.mark.parametrize("verb", ["run", "exec"])
    def test_they_are_the_null_device(self, container: Container, bundle: Bundle, verb: str, closed: str) -> None:
        script = "for fd in 0 1 2; do readlink /proc/self/fd/$fd; done >/tmp/found; ls /proc/self/fd >/tmp/all"
        (bundle.rootfs / "tmp").mkdir(exist_ok=True)
        bundle.set("root.readonly", False)
        if verb == "exec":
            bundle.args("sleep", "1000")
            container.launch()
            words = ["exec", container.id, "sh", "-c", script]
        else:
            bundle.sh(script)
            bundle.write()
            words = ["run", "--bundle", str(bundle.path), container.id]
        command = container.runtime.command(container.root, *words)
        result = container.runtime.call(["sh", "-c", f'exec "$@" {closed}', "sh", *command])
        assert result.status == 0
        numbers = [int(part[0]) for part in closed.split()]
        found = (bundle.rootfs / "tmp/found").read_text().splitlines()
        others = {found[number] for number in numbers if number != 1}
        if not container.runtime.is_sampan:  # runc copies what it reads and writes in the foreground, through pipes
            others = {other for other in others if not other.startswith("pipe:")}
        assert others <= {"/dev/null"}
        assert set((bundle.rootfs / "tmp/all").read_text().split()) <= {"0", "1", "2", "3"}


class TestSocketActivation:
    """sd_listen_fds(3), as runc hands it on."""

    SCRIPT = """cat <&3; echo; env | grep ^LISTEN_ | sort; cat <&4 2>&1; echo; ls /proc/self/fd"""

    def activated(self, container: Container, before: str, *options: str) -> str:
        first, second = container.bundle.aside("first", "one"), container.bundle.aside("second", "two")
        container.bundle.sh(self.SCRIPT).write()
        words = ("run", "--bundle", str(container.bundle.path), *options, container.id)
        command = container.runtime.command(container.root, *words)
        script = f'{before}; exec "$@" 3<{first} 4<{second}'
        return container.runtime.call(["sh", "-c", script, "sh", *command]).checked().output

    def test_they_are_handed_on(self, container: Container) -> None:
        output = self.activated(container, "export LISTEN_PID=$$ LISTEN_FDS=2")
        assert output.splitlines()[:4] == ["one", "LISTEN_FDS=2", "LISTEN_PID=1", "two"]

    def test_before_the_preserved_ones(self, container: Container) -> None:
        output = self.activated(container, "export LISTEN_PID=$$ LISTEN_FDS=1", "--preserve-fds=1")
        assert output.splitlines()[:4] == ["one", "LISTEN_FDS=1", "LISTEN_PID=1", "two"]

    @pytest.mark.parametrize(
        "before", ["export LISTEN_PID=1 LISTEN_FDS=2", "export LISTEN_FDS=2", "export LISTEN_PID=$$"]
    )
    def test_not_if_they_are_for_somebody_else(self, container: Container, before: str) -> None:
        output = self.activated(container, before)
        assert "one" not in output
        assert "LISTEN" not in output

    def test_names(self, container: Container) -> None:
        output = self.activated(container, "export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web")
        assert "LISTEN_FDNAMES=web" in output.split()

    def test_a_further_process_has_none(self, container: Container, bundle: Bundle) -> None:
        bundle.args("sleep", "1000")
        bundle.write()
        words = ("run", "--detach", "--bundle", str(bundle.path), container.id)
        command = container.runtime.command(container.root, *words)
        script = 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@" 3</dev/null >/dev/null 2>&1 </dev/null'
        container.runtime.call(["sh", "-c", script, "sh", *command]).checked()
        assert "LISTEN" not in container.exec("env").checked().output
