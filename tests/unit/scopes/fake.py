"""A service on a bus of our own that says it is systemd, for answers that the real one gives only on a bad day."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

from sampan.linux.dbus import Bus, _Error, load_library

NAME, PATH = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
MANAGER = f"{NAME}.Manager"

Answer = tuple[str, Any]  # the signature and the value of the one thing that a method answers
Method = Callable[..., Answer]


class RefusedError(Exception):
    """What a method raises: the name of D-Bus's error, and a message."""


class FakeSystemd:
    """Answers calls by its methods (member -> function of the call's values) in a thread, and remembers the calls."""

    def __init__(self, address: str, methods: dict[str, Method]) -> None:
        self.calls: list[tuple[Any, ...]] = []  # (member, *values)
        self.methods = methods
        self._bus = Bus(address, shared=True, patience=10)
        bus = "org.freedesktop.DBus"
        self._bus.call(bus, "/org/freedesktop/DBus", bus, "RequestName", "su", NAME, 0)
        self._library = load_library()
        self._library.sd_bus_message_get_member.restype = ctypes.c_char_p
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def members(self) -> list[str]:
        return [call[0] for call in self.calls]

    def end_job(self, number: int, unit: str, result: str) -> None:
        """Tell everybody; a method may do so, before or instead of its answer."""
        message, library = ctypes.c_void_p(), self._library
        names = (PATH.encode(), MANAGER.encode(), b"JobRemoved")
        assert library.sd_bus_message_new_signal(self._bus._connection, ctypes.byref(message), *names) >= 0
        self._send(message, "uoss", (number, f"{PATH}/job/{number}", unit, result))

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._bus.close()

    def _serve(self) -> None:
        library, connection = self._library, self._bus._connection
        while not self._ended.is_set():
            message = ctypes.c_void_p()
            if library.sd_bus_process(connection, ctypes.byref(message)) == 0:
                library.sd_bus_wait(connection, 10_000)
            if message.value and library.sd_bus_message_is_method_call(message, None, None) > 0:
                self._answer(message, library.sd_bus_message_get_member(message).decode())
            library.sd_bus_message_unref(message)

    def _answer(self, call: ctypes.c_void_p, member: str) -> None:
        values = tuple(self._bus._read(call))
        self.calls.append((member, *values))
        try:
            signature, answer = self.methods[member](*values)
        except RefusedError as refused:
            name, text = refused.args
            error = _Error(name.encode(), text.encode(), 0)
            assert self._library.sd_bus_reply_method_error(call, ctypes.byref(error)) >= 0
            return
        message = ctypes.c_void_p()
        assert self._library.sd_bus_message_new_method_return(call, ctypes.byref(message)) >= 0
        self._send(message, signature, (answer,) if signature else ())

    def _send(self, message: ctypes.c_void_p, signature: str, values: tuple[Any, ...]) -> None:
        kinds = list(signature) if len(signature) == len(values) else [signature]
        for kind, value in zip(kinds, values, strict=True):
            self._bus._append(message, kind, value)
        assert self._library.sd_bus_send(self._bus._connection, message, None) >= 0
        self._library.sd_bus_message_unref(message)
