"""A seccomp agent: takes descriptors of filters from a socket, and answers for the kernel (seccomp_unotify(2))."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import queue
import select
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# linux/seccomp.h: struct seccomp_notif (id, pid, flags, then seccomp_data: nr, arch, instruction, args), ..._resp
NOTIFICATION, RESPONSE = struct.Struct("QIIiIQ6Q"), struct.Struct("QqiI")
RECEIVE, SEND = 0xC0502100, 0xC0182101
CONTINUE = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE

TIMEOUT = 10.0


@dataclass(frozen=True)
class Call:
    """A system call that somebody waits for."""

    pid: int
    number: int
    arguments: tuple[int, ...]


@dataclass(frozen=True)
class Answer:
    value: int = 0
    error: int = 0
    flags: int = 0


def go_on(_: Call) -> Answer:
    return Answer(flags=CONTINUE)


def fail_with(error: int) -> Callable[[Call], Answer]:
    return lambda _: Answer(error=-error)


class Agent:
    """It answers each call by `decide`; one that is given None waits for ever."""

    def __init__(self, path: Path, decide: Callable[[Call], Answer | None] = go_on) -> None:
        self.path = path
        self.decide = decide
        self.keeps = True  # False: it closes what it is sent at once
        self.calls: list[Call] = []
        self._received: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._asked = threading.Event()
        self.was_closed = threading.Event()  # the connection, by the runtime
        self._end, self._told = os.pipe()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._threads: list[threading.Thread] = []
        self._begin(self._serve)

    def message(self) -> dict[str, Any]:
        """The next container process state."""
        return self._received.get(timeout=TIMEOUT)

    def nothing_more(self) -> bool:
        return self._received.empty()

    def wait_for_call(self) -> Call:
        assert self._asked.wait(TIMEOUT), "the agent was asked nothing"
        return self.calls[0]

    def close(self) -> None:
        """It dies, and its descriptors with it."""
        if self._told >= 0:
            os.close(self._told)
            self._told = -1
            for thread in self._threads:
                thread.join(TIMEOUT)
            self._listener.close()
            os.close(self._end)

    def _begin(self, target: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _is_readable(self, descriptor: int) -> bool:
        """False at the end of this agent, or of all processes that have the filter."""
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.register(self._end, select.POLLIN)
        ready = poll.poll()
        return self._end not in dict(ready) and bool(ready[0][1] & select.POLLIN)

    def _serve(self) -> None:
        """One after the other, as simple agents do: who connects, and says nothing, keeps others out."""
        while self._is_readable(self._listener.fileno()):
            connection, _ = self._listener.accept()
            connection.settimeout(TIMEOUT)
            text, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 8)
            while (document := _complete(text)) is None and (more := connection.recv(1 << 16)):
                text += more
            self._begin(self._watch_end, connection)
            if not self.keeps:
                _close(descriptors)
            for descriptor in descriptors if self.keeps else ():
                self._begin(self._answer, descriptor)
            self._received.put({**(document or {}), "descriptors received": len(descriptors)})

    def _watch_end(self, connection: socket.socket) -> None:
        with connection:
            if self._is_readable(connection.fileno()) and connection.recv(1) == b"":
                self.was_closed.set()

    def _answer(self, listener: int) -> None:
        while self._is_readable(listener):
            buffer = bytearray(NOTIFICATION.size)
            with contextlib.suppress(OSError):  # ENOENT: the process was killed meanwhile
                fcntl.ioctl(listener, RECEIVE, buffer)
                number, pid, _, call, _, _, *arguments = NOTIFICATION.unpack(buffer)
                self.calls.append(Call(pid, call, tuple(arguments)))
                self._asked.set()
                answer = self.decide(self.calls[-1])
                if answer is not None:
                    response = RESPONSE.pack(number, answer.value, answer.error, answer.flags)
                    fcntl.ioctl(listener, SEND, bytearray(response))
        os.close(listener)


def _complete(text: bytes) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return document


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
