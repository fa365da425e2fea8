"""How systemd is asked for a unit, on its good and its bad days."""

from __future__ import annotations

import posix
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sampan.cgroups import systemd_manager
from sampan.cgroups.systemd_manager import Manager
from sampan.errors import UsageError
from sampan.linux.dbus import Bus, BusError, socket_address

from .fake import MANAGER, NAME, PATH, Answer, FakeSystemd, Method, RefusedError

pytestmark = pytest.mark.usefixtures("library")
UNIT = "web-1.scope"
EXISTS = RefusedError(f"{NAME}.UnitExists", f"Unit {UNIT} was already loaded or has a fragment file.")
NO_SUCH_UNIT = RefusedError(f"{NAME}.NoSuchUnit", f"Unit {UNIT} not loaded.")
PROPERTIES = [("Slice", ("s", "a.slice")), ("PIDs", ("au", [5])), ("DeviceAllow", ("a(ss)", [("/dev/null", "rw")]))]


class Systemd(FakeSystemd):
    """One that does what it is asked, unless a test says otherwise."""

    def __init__(self, address: str) -> None:
        self.result = "done"
        methods: dict[str, Method] = {
            "StartTransientUnit": lambda *_: self.job(1),
            "StopUnit": lambda *_: self.job(2),
            "ResetFailedUnit": lambda *_: ("", None),
            "SetUnitProperties": lambda *_: ("", None),
            "GetUnit": lambda *_: ("o", f"{PATH}/unit/web_2d1_2escope"),
            "Get": lambda interface, name: ("v", ("s", f"the {name} of {interface}")),
        }
        super().__init__(address, methods)

    def job(self, number: int) -> Answer:
        self.end_job(number + 100, "another.scope", "failed")
        self.end_job(number, UNIT, self.result)  # before anybody knows its number
        return "o", f"{PATH}/job/{number}"

    def refuse(self, member: str, *errors: Exception) -> None:
        """Let the next calls of the method fail."""
        left, usual = list(errors), self.methods[member]

        def method(*values: object) -> Answer:
            if left:
                raise left.pop(0)
            return usual(*values)

        self.methods[member] = method


@pytest.fixture
def systemd(address: str) -> Iterator[Systemd]:
    service = Systemd(address)
    yield service
    service.close()


@pytest.fixture
def connect(systemd: Systemd, address: str) -> Iterator[Callable[..., Manager]]:
    managers = []

    def new(patience: float = 10) -> Manager:
        managers.append(Manager(Bus(address, shared=True, patience=patience)))
        return managers[-1]

    yield new
    for manager in managers:
        manager.close()


@pytest.fixture
def manager(connect: Callable[..., Manager]) -> Manager:
    return connect()


def test_a_unit_is_started_with_its_properties(systemd: Systemd, manager: Manager) -> None:
    manager.start(UNIT, PROPERTIES)
    properties = (("Slice", "a.slice"), ("PIDs", (5,)), ("DeviceAllow", (("/dev/null", "rw"),)))
    assert systemd.calls == [("StartTransientUnit", UNIT, "replace", properties, ())]


def test_the_name_of_a_unit_that_has_failed_is_freed(systemd: Systemd, manager: Manager) -> None:
    systemd.refuse("StartTransientUnit", EXISTS)
    manager.start(UNIT, PROPERTIES)
    assert systemd.members() == ["StartTransientUnit", "ResetFailedUnit", "StartTransientUnit"]


def test_a_unit_that_is_there_stays(systemd: Systemd, manager: Manager) -> None:
    systemd.refuse("StartTransientUnit", EXISTS, EXISTS)
    with pytest.raises(BusError, match="already loaded") as caught:
        manager.start(UNIT, PROPERTIES)
    assert caught.value.name == f"{NAME}.UnitExists"
    assert "StopUnit" not in systemd.members()
    message = str(systemd_manager.explain(caught.value, "start", UNIT))
    assert message.startswith(f"linux.cgroupsPath: systemd did not start {UNIT}: Unit {UNIT} was already loaded")
    assert "choose another path" in message


@pytest.mark.parametrize("result", ["failed", "canceled", "timeout", "dependency"])
def test_a_job_that_does_not_end_well_is_an_error(systemd: Systemd, manager: Manager, result: str) -> None:
    systemd.result = result
    with pytest.raises(BusError, match=f"ended with '{result}'"):
        manager.start(UNIT, PROPERTIES)
    assert systemd.members()[-1] == "ResetFailedUnit"


def test_a_job_that_does_not_end_is_not_waited_for_longer_than_said(
    systemd: Systemd, connect: Callable[..., Manager]
) -> None:
    systemd.methods["StartTransientUnit"] = lambda *_: ("o", f"{PATH}/job/1")
    begun = time.monotonic()
    with pytest.raises(BusError, match="JobRemoved: nothing has come"):
        connect(0.5).start(UNIT, PROPERTIES)
    assert time.monotonic() - begun < 5
    assert systemd.members() == ["StartTransientUnit", "StopUnit", "ResetFailedUnit"]


def test_other_refusals_are_passed_on(systemd: Systemd, manager: Manager) -> None:
    denied = RefusedError("org.freedesktop.DBus.Error.AccessDenied", "Access denied")
    systemd.refuse("StartTransientUnit", denied)
    with pytest.raises(BusError, match="Access denied") as caught:
        manager.start(UNIT, PROPERTIES)
    assert systemd.members() == ["StartTransientUnit"]
    assert "polkit" in str(systemd_manager.explain(caught.value, "start", UNIT))


def test_a_unit_is_stopped_and_forgotten(systemd: Systemd, manager: Manager) -> None:
    manager.stop(UNIT)
    assert systemd.calls == [("StopUnit", UNIT, "replace"), ("ResetFailedUnit", UNIT)]


def test_a_unit_that_is_gone_need_not_be_stopped(systemd: Systemd, manager: Manager) -> None:
    systemd.refuse("StopUnit", NO_SUCH_UNIT)
    systemd.refuse("ResetFailedUnit", NO_SUCH_UNIT)
    manager.stop(UNIT)


def test_properties_change_until_the_unit_is_stopped(systemd: Systemd, manager: Manager) -> None:
    manager.set_properties(UNIT, [("TasksMax", ("t", 5))])
    assert systemd.calls == [("SetUnitProperties", UNIT, 1, (("TasksMax", 5),))]


def test_the_description_of_a_unit_tells_whose_it_is(systemd: Systemd, manager: Manager) -> None:
    assert manager.description(UNIT) == f"the Description of {NAME}.Unit"
    systemd.refuse("GetUnit", NO_SUCH_UNIT)
    assert manager.description(UNIT) is None


@pytest.mark.parametrize(
    ("text", "number"), [("252.39-1~deb12u2", 252), ("v253-rc1", 253), ("257~rc2", 257), ("devel", 0)]
)
def test_versions(systemd: Systemd, manager: Manager, text: str, number: int) -> None:
    systemd.methods["Get"] = lambda interface, name: (
        "v",
        ("s", text if (interface, name) == (MANAGER, "Version") else ""),
    )
    assert manager.version() == number


def test_the_systems_systemd_is_asked_by_the_first_way_that_works(
    systemd: Systemd, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = socket_address(str(tmp_path / "nothing"))
    monkeypatch.setattr(systemd_manager, "SYSTEM_ADDRESSES", ((nothing, True), (address, True)))
    systemd_manager.connect(of_user=False).stop(UNIT)
    assert systemd.members() == ["StopUnit", "ResetFailedUnit"]


def test_who_cannot_be_reached_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = socket_address(str(tmp_path / "nothing"))
    monkeypatch.setattr(systemd_manager, "SYSTEM_ADDRESSES", ((nothing, True),))
    with pytest.raises(UsageError, match=r"^--systemd-cgroup: .*/nothing: .*no such file.*cgroupfs"):
        systemd_manager.connect(of_user=False)


def test_a_user_without_a_systemd_is_told_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posix, "environ", {})
    with pytest.raises(
        UsageError, match=r"neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR.*loginctl enable-linger"
    ):
        systemd_manager.connect(of_user=True)
    monkeypatch.setattr(posix, "environ", {b"XDG_RUNTIME_DIR": str(tmp_path).encode()})
    with pytest.raises(UsageError, match=r"/bus: .*/systemd/private: .*loginctl enable-linger"):
        systemd_manager.connect(of_user=True)


def test_a_bus_without_systemd_is_not_taken_for_the_users(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a desktop whose bus was started by dbus-launch."""
    environment = {b"DBUS_SESSION_BUS_ADDRESS": address.encode(), b"XDG_RUNTIME_DIR": str(tmp_path / "run").encode()}
    monkeypatch.setattr(posix, "environ", environment)
    with pytest.raises(UsageError, match=r"no systemd answers on this bus; .*/run/bus: .*/run/systemd/private"):
        systemd_manager.connect(of_user=True)


def test_the_users_systemd_is_found_by_the_environment(
    systemd: Systemd, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {b"DBUS_SESSION_BUS_ADDRESS": address.encode(), b"XDG_RUNTIME_DIR": str(tmp_path).encode()}
    monkeypatch.setattr(posix, "environ", environment)
    manager = systemd_manager.connect(of_user=True)
    assert manager.control_group() == f"the ControlGroup of {MANAGER}"
