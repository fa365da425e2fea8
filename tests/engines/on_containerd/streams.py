"""Streams of CRI (exec, attach, ports) over a websocket, as the API server hands them on to `kubectl`."""

from __future__ import annotations

import json
import socket
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, RejectConnection, Request

from ..view import Command, View

PROTOCOL = "v4.channel.k8s.io"  # a byte before each message says what it belongs to
STDIN, STDOUT, STDERR, STATUS, RESIZE = range(5)
TIMEOUT = 20.0


class Stream:
    """A connection to an address that CRI has given. It is in the view's network: a program there relays it."""

    def __init__(self, view: View, url: str) -> None:
        self._output: dict[int, bytearray] = {number: bytearray() for number in range(5)}
        self._ended = False
        parts = urlsplit(url)
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(TIMEOUT)
        with theirs:
            self._relay: Command = view.start(
                ["busybox", "nc", parts.hostname or "", str(parts.port)], stdin=theirs.fileno(), stdout=theirs.fileno()
            )
        self._websocket = WSConnection(ConnectionType.CLIENT)
        self._send(Request(host=parts.netloc, target=parts.path, subprotocols=[PROTOCOL]))
        self._receive()

    def write(self, text: str) -> None:
        self._send(BytesMessage(data=bytes([STDIN]) + text.encode()))

    def resize(self, rows: int, columns: int) -> None:
        size = json.dumps({"Width": columns, "Height": rows})
        self._send(BytesMessage(data=bytes([RESIZE]) + size.encode()))

    def output(self, channel: int = STDOUT) -> str:
        return self._output[channel].decode()

    def read_until(self, text: str, channel: int = STDOUT) -> str:
        while text not in self.output(channel):
            assert not self._ended, f"it has ended after {self.output(channel)!r}, without {text!r}"
            self._receive()
        return self.output(channel)

    def status(self) -> dict[str, Any]:
        """Reads to the end; what Kubernetes' metav1.Status says of the process."""
        while not self._ended:
            self._receive()
        status: dict[str, Any] = json.loads(self._output[STATUS])
        return status

    def _send(self, event: Event) -> None:
        self._socket.sendall(self._websocket.send(event))

    def _receive(self) -> None:
        data = self._socket.recv(1 << 16)
        self._websocket.receive_data(data or None)
        for event in self._websocket.events():
            self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, BytesMessage):
            self._output[event.data[0]] += event.data[1:]
        elif isinstance(event, Ping):
            self._send(event.response())
        elif isinstance(event, CloseConnection):
            self._ended = True
        else:
            assert isinstance(event, AcceptConnection) and not isinstance(event, RejectConnection), event

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._relay.wait()
