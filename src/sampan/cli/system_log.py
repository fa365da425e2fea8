"""The log of the machine: one message to syslog or journald, over their own sockets. Imported where --log says so."""

from __future__ import annotations

import errno
import os
import socket
import time
from typing import TYPE_CHECKING

from sampan.errors import KernelError

if TYPE_CHECKING:
    from collections.abc import Callable

SYSLOG, JOURNALD = "/dev/log", "/run/systemd/journal/socket"
USER = 1 << 3  # the facility of programs that are no part of the system
PRIORITIES = {"error": 3, "warning": 4, "debug": 7}  # syslog(3)
SEALS = 0x000F  # F_SEAL_SEAL, _SHRINK, _GROW, _WRITE: what journald insists on


def send(target: str, level: str, message: str) -> None:
    """Send a message of that ``level`` to "syslog:ID" or "journald:ID". Raises KernelError."""
    service, _, identifier = target.partition(":")
    path, compose = SERVICES[service]
    data = compose(identifier, PRIORITIES[level], message)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.connect(path)
            channel.send(data)
        except OSError as error:
            if error.errno != errno.EMSGSIZE or service != "journald":
                raise KernelError(f"log to {service} at", path, error.errno or 0) from None
            _send_as_file(channel, data)


def for_syslog(identifier: str, priority: int, message: str) -> bytes:
    """As syslog(3) writes it (RFC 3164)."""
    now = time.strftime("%b %e %H:%M:%S")
    return f"<{USER | priority}>{now} {identifier}[{os.getpid()}]: {message}".encode(errors="backslashreplace")


def for_journald(identifier: str, priority: int, message: str) -> bytes:
    """As its native protocol has it (systemd.io/JOURNAL_NATIVE_PROTOCOL). ID is crun's name for the identifier."""
    fields = {"MESSAGE": message, "PRIORITY": str(priority), "SYSLOG_IDENTIFIER": identifier, "ID": identifier}
    return b"".join(_field(name.encode(), value.encode(errors="backslashreplace")) for name, value in fields.items())


def _field(name: bytes, value: bytes) -> bytes:
    if b"\n" not in value:
        return name + b"=" + value + b"\n"
    return name + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"


def _send_as_file(channel: socket.socket, data: bytes) -> None:
    """What is too long for a datagram goes as a sealed file in memory."""
    import fcntl

    fd = os.memfd_create("journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(data)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
        socket.send_fds(channel, [], [fd])
    finally:
        os.close(fd)


SERVICES: dict[str, tuple[str, Callable[[str, int, str], bytes]]] = {
    "syslog": (SYSLOG, for_syslog),
    "journald": (JOURNALD, for_journald),
}
