"""Method calls and signals over D-Bus, as far as systemd needs them: a binding of sd-bus, systemd's own D-Bus library.

The one module that knows the library. It is libsystemd, which is wherever systemd is, and loads with ctypes in 4 ms; a
D-Bus library written in Python costs 14 ms and more (docs/dependencies.md). The module serves no objects, passes no
descriptors, and waits for nothing longer than it is told to.
"""

from __future__ import annotations

import ctypes
import errno
import posix
import time

from sampan.errors import SampanError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

LIBRARY = "libsystemd.so.0"
_BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
_PAUSE = 0.01  # seconds until the next attempt to connect to a socket whose queue is full
_PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.*"  # in the value of an address
_NUMBERS: dict[str, Callable[..., ctypes._SimpleCData[Any]]] = {
    "y": ctypes.c_uint8,
    "b": ctypes.c_int,
    "n": ctypes.c_int16,
    "q": ctypes.c_uint16,
    "i": ctypes.c_int32,
    "u": ctypes.c_uint32,
    "x": ctypes.c_int64,
    "t": ctypes.c_uint64,
    "d": ctypes.c_double,
}
_STRINGS = "sog"

_POINTER, _TEXT, _INT, _CHAR = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_char
_OUT = ctypes.POINTER(ctypes.c_void_p)


class _Error(ctypes.Structure):
    """sd_bus_error."""

    _fields_ = (("name", _TEXT), ("message", _TEXT), ("needs_free", _INT))


# sd-bus(3), without the functions that take a variable number of arguments; each gives -errno where it fails
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "sd_bus_new": (_OUT,),
    "sd_bus_set_address": (_POINTER, _TEXT),
    "sd_bus_set_bus_client": (_POINTER, _INT),
    "sd_bus_start": (_POINTER,),
    "sd_bus_is_ready": (_POINTER,),
    "sd_bus_call": (_POINTER, _POINTER, ctypes.c_uint64, ctypes.POINTER(_Error), _OUT),
    "sd_bus_process": (_POINTER, _OUT),
    "sd_bus_wait": (_POINTER, ctypes.c_uint64),
    "sd_bus_send": (_POINTER, _POINTER, _POINTER),
    "sd_bus_message_set_expect_reply": (_POINTER, _INT),
    "sd_bus_message_new_method_call": (_POINTER, _OUT, _TEXT, _TEXT, _TEXT, _TEXT),
    "sd_bus_message_append_basic": (_POINTER, _CHAR, _POINTER),
    "sd_bus_message_open_container": (_POINTER, _CHAR, _TEXT),
    "sd_bus_message_close_container": (_POINTER,),
    "sd_bus_message_is_signal": (_POINTER, _TEXT, _TEXT),
    "sd_bus_message_peek_type": (_POINTER, ctypes.POINTER(_CHAR), ctypes.POINTER(_TEXT)),
    "sd_bus_message_read_basic": (_POINTER, _CHAR, _POINTER),
    "sd_bus_message_enter_container": (_POINTER, _CHAR, _TEXT),
    "sd_bus_message_exit_container": (_POINTER,),
}


class BusError(SampanError):
    """A call was answered with an error, or not at all; ``name`` is D-Bus's name of the error, or ""."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name  # "org.freedesktop.systemd1.UnitExists"
        super().__init__(message)


class Bus:
    """A connection to a message bus, or straight to the one service that listens at the other end."""

    def __init__(self, address: str, *, shared: bool, patience: float) -> None:
        """Connect to ``address``, as D-Bus writes them ("unix:path=/run/x"). Raises BusError, UsageError.

        ``shared``: is it a bus, that stands between the services and us? ``patience``: seconds that an answer may take.
        """
        self._connection = _POINTER()  # before anything can fail, since `close` looks at it
        self._library = load_library()
        self._shared = shared
        self._patience = patience
        deadline = time.monotonic() + patience
        while (result := self._start(address)) == -errno.EAGAIN and time.monotonic() < deadline:
            time.sleep(_PAUSE)  # the queue of those that wait to be let in is full
        _check(result, "connect")
        while _check(self._library.sd_bus_is_ready(self._connection), "log in") == 0:
            self._proceed(deadline, "log in")

    def call(
        self, destination: str, path: str, interface: str, member: str, signature: str = "", *body: object
    ) -> tuple[Any, ...]:
        """The answer to a method call. Raises BusError."""
        library, error, reply = self._library, _Error(), _POINTER()
        message = self._message(destination, path, interface, member, signature, body)
        try:
            timeout = int(self._patience * 1e6)
            result = library.sd_bus_call(self._connection, message, timeout, ctypes.byref(error), ctypes.byref(reply))
            if result < 0:
                said = (error.message or posix.strerror(-result).encode()).decode(errors="replace")
                raise BusError((error.name or b"").decode(), said)
            return tuple(self._read(reply))
        finally:
            library.sd_bus_error_free(ctypes.byref(error))
            library.sd_bus_message_unref(message)
            library.sd_bus_message_unref(reply)

    def subscribe(self, rule: str) -> None:
        """Ask the bus for the signals that ``rule`` matches; where there is no bus, all come. Raises BusError.

        No answer is waited for: the bus takes one message after the other.
        """
        if not self._shared:
            return
        message = self._message(*_BUS, "AddMatch", "s", (rule,))
        try:
            _check(self._library.sd_bus_message_set_expect_reply(message, False), "subscribe")
            _check(self._library.sd_bus_send(self._connection, message, None), "subscribe")
        finally:
            self._library.sd_bus_message_unref(message)

    def signal(self, interface: str, member: str, is_wanted: Callable[[tuple[Any, ...]], bool]) -> tuple[Any, ...]:
        """The body of the first signal of this name that is wanted. Raises BusError where none comes in time."""
        library = self._library
        deadline = time.monotonic() + self._patience
        while True:
            message = self._proceed(deadline, f"wait for {member}")
            try:
                if message.value and library.sd_bus_message_is_signal(message, interface.encode(), member.encode()) > 0:
                    body = tuple(self._read(message))
                    if is_wanted(body):
                        return body
            finally:
                library.sd_bus_message_unref(message)

    def close(self) -> None:
        """End the connection; no error if that was done before."""
        if self._connection.value:
            self._library.sd_bus_close_unref(self._connection)
            self._connection = _POINTER()

    def __del__(self) -> None:
        self.close()

    def _start(self, address: str) -> int:
        """Begin to connect; 0, or -errno."""
        self.close()
        library = self._library
        _check(library.sd_bus_new(ctypes.byref(self._connection)), "connect")
        _check(library.sd_bus_set_address(self._connection, address.encode(errors="surrogateescape")), "connect")
        _check(library.sd_bus_set_bus_client(self._connection, self._shared), "connect")
        return int(library.sd_bus_start(self._connection))

    def _proceed(self, deadline: float, what: str) -> ctypes.c_void_p:
        """Let the library take its next step, or wait until it can. A message that has come is to be given back."""
        message = _POINTER()
        if _check(self._library.sd_bus_process(self._connection, ctypes.byref(message)), what) == 0:
            left = deadline - time.monotonic()
            if left <= 0:
                raise BusError("", f"{what}: nothing has come for {self._patience:.0f} s")
            _check(self._library.sd_bus_wait(self._connection, int(left * 1e6)), what)
        return message

    def _message(
        self, destination: str, path: str, interface: str, member: str, signature: str, body: Sequence[object]
    ) -> ctypes.c_void_p:
        """A method call, to be given back by sd_bus_message_unref."""
        library, message = self._library, _POINTER()
        names = (name.encode() for name in (destination, path, interface, member))
        _check(library.sd_bus_message_new_method_call(self._connection, ctypes.byref(message), *names), member)
        try:
            for kind, value in zip(single_types(signature), body, strict=True):
                self._append(message, kind, value)
        except BaseException:
            library.sd_bus_message_unref(message)
            raise
        return message

    def _append(self, message: ctypes.c_void_p, kind: str, value: Any) -> None:
        """Add a value of one single type to the message."""
        library = self._library
        letter = kind[0].encode()
        if kind in _NUMBERS:
            number = _NUMBERS[kind](value)
            _check(library.sd_bus_message_append_basic(message, letter, ctypes.byref(number)), kind)
        elif kind in _STRINGS:
            text = ctypes.create_string_buffer(value.encode())
            _check(library.sd_bus_message_append_basic(message, letter, text), kind)
        else:
            container, contents, parts = _container(kind, value)
            _check(library.sd_bus_message_open_container(message, container, contents.encode()), kind)
            for part_kind, part in parts:
                self._append(message, part_kind, part)
            _check(library.sd_bus_message_close_container(message), kind)

    def _read(self, message: ctypes.c_void_p) -> Iterator[Any]:
        """The values that are left in the message, or in the container that was entered; of a variant, its value."""
        library = self._library
        letter, contents = _CHAR(), _TEXT()
        while library.sd_bus_message_peek_type(message, ctypes.byref(letter), ctypes.byref(contents)) > 0:
            kind = letter.value.decode()
            if kind in _NUMBERS:
                number = _NUMBERS[kind]()
                _check(library.sd_bus_message_read_basic(message, letter, ctypes.byref(number)), kind)
                yield number.value
            elif kind in _STRINGS:
                text = _TEXT()
                _check(library.sd_bus_message_read_basic(message, letter, ctypes.byref(text)), kind)
                yield (text.value or b"").decode(errors="replace")
            else:
                _check(library.sd_bus_message_enter_container(message, letter, contents), kind)
                values = tuple(self._read(message))
                _check(library.sd_bus_message_exit_container(message), kind)
                yield values[0] if kind == "v" else values


def socket_address(path: str) -> str:
    """The address of a socket in the file system."""
    letters = (chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in path.encode(errors="surrogateescape"))
    return f"unix:path={''.join(letters)}"


def single_types(signature: str) -> list[str]:
    """The single types that a signature is made of: "sa(sv)" is "s" and "a(sv)"."""
    found, begun, depth = [], "", 0
    for letter in signature:
        begun += letter
        depth += (letter in "({") - (letter in ")}")
        if depth == 0 and letter != "a":
            found.append(begun)
            begun = ""
    return found


def load_library() -> ctypes.CDLL:
    """The library. Raises UsageError where it is not installed."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise UsageError(
            f"--systemd-cgroup: {LIBRARY}, by which systemd is asked for a cgroup, cannot be loaded: {error} (it "
            "belongs to systemd; Debian: libsystemd0). Without it, let the engine's cgroup manager be cgroupfs"
        ) from None
    for name, types in _FUNCTIONS.items():
        getattr(library, name).argtypes = types
    for name in ("sd_bus_close_unref", "sd_bus_message_unref", "sd_bus_error_free"):
        function = getattr(library, name)
        function.argtypes = (_POINTER,)
        function.restype = None  # nothing, or NULL
    return library


def _container(kind: str, value: Any) -> tuple[bytes, str, list[tuple[str, Any]]]:
    """What sd-bus calls the container, the signature of its contents, and these, each with its type."""
    if kind == "v":
        return b"v", value[0], [value]
    if kind[0] == "a":
        items = value.items() if isinstance(value, dict) else value
        return b"a", kind[1:], [(kind[1:], item) for item in items]
    types = single_types(kind[1:-1])
    return (b"r" if kind[0] == "(" else b"e"), kind[1:-1], list(zip(types, value, strict=True))


def _check(result: int, what: str) -> int:
    if result < 0:
        raise BusError("", f"{what}: {posix.strerror(-result).lower()}")
    return result
