"""Calls and signals over a real bus (a dbus-daemon of our own), and what happens when nobody answers."""

from __future__ import annotations

import ctypes
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.errors import UsageError
from sampan.linux import dbus
from sampan.linux.dbus import Bus, BusError

pytestmark = pytest.mark.usefixtures("library")

BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")


@pytest.fixture
def bus(address: str) -> Iterator[Bus]:
    connection = Bus(address, shared=True, patience=10)
    yield connection
    connection.close()


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket whose owner lets in, and says nothing."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "silent"))
        listener.listen(0)
        yield listener


def test_a_call_is_answered(bus: Bus) -> None:
    (names,) = bus.call(*BUS, "ListNames")
    assert "org.freedesktop.DBus" in names
    assert bus.call(*BUS, "RequestName", "su", "org.example.One", 0) == (1,)
    assert bus.call(*BUS, "NameHasOwner", "s", "org.example.One") == (True,)


def test_properties_of_all_types_are_read(bus: Bus) -> None:
    (properties,) = bus.call(BUS[0], BUS[1], "org.freedesktop.DBus.Properties", "GetAll", "s", BUS[2])
    assert "AppArmor" in dict(properties)["Features"] or dict(properties)["Interfaces"]


def test_an_error_has_the_name_and_the_words_of_the_other_side(bus: Bus) -> None:
    with pytest.raises(BusError, match="Could not get owner of name") as caught:
        bus.call(*BUS, "GetNameOwner", "s", "org.example.Nobody")
    assert caught.value.name == "org.freedesktop.DBus.Error.NameHasNoOwner"
    assert bus.call(*BUS, "GetId")  # and the connection is good for more


def test_signals_come_to_those_who_subscribe(bus: Bus, address: str) -> None:
    bus.subscribe("type='signal',member='NameOwnerChanged',arg0='org.example.Two'")
    other = Bus(address, shared=True, patience=10)
    other.call(*BUS, "RequestName", "su", "org.example.One", 0)
    other.call(*BUS, "RequestName", "su", "org.example.Two", 0)
    assert bus.call(*BUS, "GetId")  # the signal may come before the answer, and must not be lost
    name, before, after = bus.signal(BUS[2], "NameOwnerChanged", lambda body: True)
    assert (name, before) == ("org.example.Two", "")
    assert after.startswith(":")
    other.close()


def test_a_signal_that_is_not_wanted_is_not_taken(bus: Bus) -> None:
    bus.subscribe("type='signal',member='NameOwnerChanged'")
    for name in ("org.example.One", "org.example.Two"):
        bus.call(*BUS, "RequestName", "su", name, 0)
    assert bus.signal(BUS[2], "NameOwnerChanged", lambda body: body[0] == "org.example.Two")[0] == "org.example.Two"


@pytest.mark.parametrize(
    ("signature", "value", "read"),
    [
        ("y", 255, 255),
        ("b", True, 1),
        ("n", -(2**15), -(2**15)),
        ("x", -(2**63), -(2**63)),
        ("t", 2**64 - 1, 2**64 - 1),
        ("d", 2.5, 2.5),
        ("s", "é", "é"),
        ("o", "/a/b", "/a/b"),
        ("as", ["a", ""], ("a", "")),
        ("ay", b"\x00\xff", (0, 255)),
        ("a(st)", [("a", 1), ("b", 2)], (("a", 1), ("b", 2))),
        ("a(sv)", [("a", ("t", 1)), ("b", ("as", []))], (("a", 1), ("b", ()))),
        ("a(sa(sv))", [], ()),
        ("a{sv}", {"a": ("b", False)}, (("a", 0),)),
        ("v", ("v", ("(is)", (1, "a"))), (1, "a")),
    ],
)
def test_values_of_every_type_arrive_as_they_were_sent(bus: Bus, signature: str, value: Any, read: Any) -> None:
    library = dbus.load_library()
    message = bus._message("org.example.One", "/", "org.example.One", "Take", signature, (value,))
    library.sd_bus_message_seal.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
    library.sd_bus_message_rewind.argtypes = (ctypes.c_void_p, ctypes.c_int)
    assert library.sd_bus_message_seal(message, 1, 0) >= 0
    assert library.sd_bus_message_rewind(message, True) >= 0
    assert tuple(bus._read(message)) == (read,)
    library.sd_bus_message_unref(message)


def test_single_types() -> None:
    assert dbus.single_types("ssa(sv)a(sa(sv))a{sas}ayv") == ["s", "s", "a(sv)", "a(sa(sv))", "a{sas}", "ay", "v"]


@pytest.mark.parametrize("shared", [True, False])
def test_nobody_there(tmp_path: Path, shared: bool) -> None:
    with pytest.raises(BusError, match="no such file or directory"):
        Bus(dbus.socket_address(str(tmp_path / "nothing")), shared=shared, patience=10)


def test_who_never_answers_is_not_waited_for_longer_than_said(silent: socket.socket) -> None:
    begun = time.monotonic()
    with pytest.raises(BusError, match="nothing has come"):
        Bus(dbus.socket_address(silent.getsockname()), shared=False, patience=0.3)
    assert 0.2 < time.monotonic() - begun < 5


def test_a_full_queue_is_waited_for(silent: socket.socket) -> None:
    path = silent.getsockname()
    waiting = []
    while True:  # until the next would block
        one = socket.socket(socket.AF_UNIX)
        one.setblocking(False)
        waiting.append(one)
        try:
            one.connect(path)
        except BlockingIOError:
            break

    def let_in() -> None:
        for _ in waiting:
            silent.accept()[0].close()

    timer = threading.Timer(0.2, let_in)
    timer.start()
    with pytest.raises(BusError) as caught:  # at the end: it was let in, and out
        Bus(dbus.socket_address(path), shared=False, patience=5)
    assert "unavailable" not in str(caught.value)
    timer.join()
    for one in waiting:
        one.close()


def test_an_end_in_the_middle_is_told_at_once(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "short"))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            connection.recv(1000)
            connection.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
            connection.close()

        server = threading.Thread(target=serve)
        server.start()
        begun = time.monotonic()
        with pytest.raises(BusError):
            Bus(dbus.socket_address(str(tmp_path / "short")), shared=False, patience=30).call(*BUS, "GetId")
        assert time.monotonic() - begun < 10
        server.join()


def test_the_library_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbus, "LIBRARY", "libsystemd-of-nobody.so.0")
    with pytest.raises(UsageError, match=r"^--systemd-cgroup: libsystemd-of-nobody.so.0, .*cgroupfs"):
        dbus.load_library()
