"""crun's `--log syslog:ID` and `--log journald:ID`: what arrives at the sockets of the two.

The installed command, in a mount namespace where /dev/log and journald's socket are ours.
"""

from __future__ import annotations

import array
import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# $1 is our socket; what else is in /dev and /run no failing command needs
VIEW = """set -e
mount -t tmpfs none /dev; ln -s "$1" /dev/log
mount -t tmpfs none /run; mkdir -p /run/systemd/journal; ln -s "$1" /run/systemd/journal/socket
shift; exec "$@"
"""
Send = Callable[..., str]


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[socket.socket]:
    if os.geteuid() != 0:
        pytest.skip("mounts need root")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        found.bind(str(tmp_path / "socket"))
        found.settimeout(10)
        yield found


@pytest.fixture
def send(tmp_path: Path) -> Send:
    """Run a command that fails with a log; its message on standard error."""
    command = shutil.which("sampan")
    assert command, "sampan is not in PATH"

    def call(*words: str) -> str:
        view = ["unshare", "-m", "--propagation", "private", "sh", "-c", VIEW, "sh", str(tmp_path / "socket")]
        done = subprocess.run([*view, command, "--root", str(tmp_path), *words], capture_output=True, text=True)
        assert done.returncode == 1
        return done.stderr.removeprefix("sampan: ").rstrip("\n")

    return call


def test_a_message_to_syslog_is_a_datagram_as_rfc_3164_has_it(receiver: socket.socket, send: Send) -> None:
    message = send("--log", "syslog:engine", "state", "web")
    found = re.fullmatch(
        r"<(\d+)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d engine\[\d+\]: (.*)", receiver.recv(9999).decode()
    )
    assert found
    assert found[2] == message
    assert "does not exist" in message
    assert int(found[1]) == 1 << 3 | 3  # LOG_USER, LOG_ERR


def entry(data: bytes) -> dict[str, bytes]:
    """The fields of an entry of journald's native protocol."""
    fields = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + length], data[8 + length + 1 :]
        fields[name.decode()] = value
    return fields


def test_a_message_to_journald_is_an_entry_of_its_native_protocol(receiver: socket.socket, send: Send) -> None:
    message = send("--log=journald:engine", "state", "web")
    assert entry(receiver.recv(9999)) == {
        "MESSAGE": message.encode(),
        "PRIORITY": b"3",
        "SYSLOG_IDENTIFIER": b"engine",
        "ID": b"engine",
    }


def test_a_message_of_many_lines_cannot_make_fields_of_its_own(
    receiver: socket.socket, send: Send, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"ociVersion": 1, "root": 2, "PRIORITY": 7}')
    message = send("--log=journald:x\nPRIORITY=0", "run", "--bundle", str(tmp_path), "web")
    assert "\n" in message
    fields = entry(receiver.recv(9999))
    assert fields["MESSAGE"].decode() == message
    assert fields["PRIORITY"] == b"3"
    assert fields["ID"] == b"x\nPRIORITY=0"


def test_a_message_that_is_too_long_for_a_datagram_comes_as_a_sealed_file(
    receiver: socket.socket, send: Send, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"ociVersion": "1.0.0", "mounts": [1] * 10_000}))
    message = send("--log=journald:engine", "run", "--bundle", str(tmp_path), "web")
    assert len(message) > 300_000
    _, control, _, _ = receiver.recvmsg(9999, socket.CMSG_SPACE(4))
    (descriptor,) = array.array("i", control[0][2])
    with os.fdopen(descriptor, "rb") as file:
        assert fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) == 0xF  # else journald refuses it
        file.seek(0)
        assert entry(file.read())["MESSAGE"].decode() == message


@pytest.mark.parametrize("level, priorities", [("error", [3]), ("warning", [3]), ("debug", [7, 3])])
def test_levels_are_priorities(receiver: socket.socket, send: Send, level: str, priorities: list[int]) -> None:
    send("--log=syslog:engine", "--log-level", level, "state", "web")
    receiver.settimeout(0.2)
    found = []
    try:
        while True:
            found.append(int(receiver.recv(9999)[1:].partition(b">")[0]) & 7)
    except TimeoutError:
        pass
    assert found == priorities


@pytest.mark.parametrize("service", ["syslog", "journald"])
def test_without_the_service_the_command_says_so_and_what_was_wrong(service: str, send: Send) -> None:
    """The socket is not there: the fixture that makes it is not asked for."""
    lines = send(f"--log={service}:engine", "state", "web").splitlines()
    assert lines[0].startswith(f"--log: log to {service} at /")
    assert "no such file" in lines[0]
    assert "does not exist" in lines[1]
