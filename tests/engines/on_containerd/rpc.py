"""Calls of a gRPC server on a unix socket, one connection each: a request, a response.

gRPC is HTTP/2 with a length before each message. Its own library keeps threads, which do not go together with the
forks of other tests.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from urllib.parse import unquote

from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, TrailersReceived

STREAM = 1  # the first, and only one, of a connection
PREFIX = struct.Struct(">?I")  # whether the message is compressed, and its length


class RefusedError(Exception):
    """The server's answer is an error: a number of gRPC, and a message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"code {code}: {message}")
        self.code = code
        self.message = message


def call(address: Path, path: str, request: bytes, timeout: float) -> bytes:
    """The response; raises RefusedError, or TimeoutError when there is nothing new for so many seconds."""
    with socket.socket(socket.AF_UNIX) as connected:
        connected.settimeout(timeout)
        connected.connect(str(address))
        answer = _Exchange(connected, path, request).answer()
    status = int(answer.headers.get("grpc-status", "2"))
    if status != 0:
        raise RefusedError(status, unquote(answer.headers.get("grpc-message", "")))
    _, length = PREFIX.unpack_from(answer.body)
    assert len(answer.body) == PREFIX.size + length
    return bytes(answer.body[PREFIX.size :])


class _Exchange:
    def __init__(self, connected: socket.socket, path: str, request: bytes) -> None:
        self._socket = connected
        self._http = H2Connection()
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self._http.initiate_connection()
        pseudo = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost"}
        headers = {**pseudo, "te": "trailers", "content-type": "application/grpc"}
        self._http.send_headers(STREAM, list(headers.items()))
        self._http.send_data(STREAM, PREFIX.pack(False, len(request)) + request, end_stream=True)
        self._flush()

    def answer(self) -> _Exchange:
        """Itself, when all of the answer is there."""
        ended = False
        while not ended:
            data = self._socket.recv(1 << 16)
            assert data, "the server has ended the connection"
            for event in self._http.receive_data(data):
                self._take(event)
                ended = ended or isinstance(event, StreamEnded)
            self._flush()
        return self

    def _take(self, event: Event) -> None:
        if isinstance(event, ResponseReceived | TrailersReceived):
            self.headers.update({_text(name): _text(value) for name, value in event.headers or ()})
        elif isinstance(event, DataReceived):
            self.body += event.data or b""
            self._http.acknowledge_received_data(event.flow_controlled_length or 0, STREAM)

    def _flush(self) -> None:
        self._socket.sendall(self._http.data_to_send())


def _text(word: str | bytes) -> str:
    return word if isinstance(word, str) else word.decode()
