"""What is asked of systemd (org.freedesktop.systemd1.Manager): that of the system, or that of a user.

Every answer is waited for, but never longer than PATIENCE. Decides nothing about containers.
"""

from __future__ import annotations

import posix

from sampan.errors import SampanError, UsageError
from sampan.linux import files
from sampan.linux.dbus import Bus, BusError, socket_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.cgroups.systemd_properties import Property

PATIENCE = 30.0  # seconds, as runc waits
# Where systemd is asked, and whether by a bus: the second is systemd's own socket, for hosts that run no bus.
SYSTEM_ADDRESSES = (("unix:path=/run/dbus/system_bus_socket", True), ("unix:path=/run/systemd/private", False))
_SYSTEMD = "org.freedesktop.systemd1"
_MANAGER = (_SYSTEMD, "/org/freedesktop/systemd1", f"{_SYSTEMD}.Manager")
_PROPERTIES = "org.freedesktop.DBus.Properties"
_UNIT_EXISTS, _NO_SUCH_UNIT = f"{_SYSTEMD}.UnitExists", f"{_SYSTEMD}.NoSuchUnit"
_ABSENT = ("org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner")
_DENIED = (
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.DBus.Error.AuthFailed",
    "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
)
_NO_SYSTEM = (
    "systemd must run as process 1 for that; without it, leave --systemd-cgroup out and set the engine's cgroup "
    'manager to "cgroupfs" (podman: cgroup_manager in containers.conf; docker: native.cgroupdriver in exec-opts; '
    "containerd: SystemdCgroup = false)"
)
_NO_USER = (
    "a user without root asks the systemd of their own, which runs from login to logout, or always after `loginctl "
    "enable-linger USER`; XDG_RUNTIME_DIR (/run/user/UID) says where it is"
)


class Manager:
    """A connection to one systemd."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def control_group(self) -> str:
        """The path of its own cgroup, in which are those of its units. Raises BusError where no systemd answers."""
        return str(self._property(_MANAGER[1], _MANAGER[2], "ControlGroup"))

    def version(self) -> int:
        """The number of its release: 252."""
        text = str(self._property(_MANAGER[1], _MANAGER[2], "Version"))
        digits = text.lstrip("v")
        return int(digits[: len(digits) - len(digits.lstrip("0123456789"))] or 0)

    def start(self, name: str, properties: Sequence[Property]) -> None:
        """Make and start a transient unit. Raises BusError: then this call has left no unit behind."""
        self._await_jobs(name)
        auxiliary: list[object] = []
        arguments = (name, "replace", list(properties), auxiliary)
        try:
            (job,) = self._bus.call(*_MANAGER, "StartTransientUnit", "ssa(sv)a(sa(sv))", *arguments)
        except BusError as error:
            if error.name != _UNIT_EXISTS:
                raise
            self._reset_failed(name)  # one that has failed and was not collected holds the name
            (job,) = self._bus.call(*_MANAGER, "StartTransientUnit", "ssa(sv)a(sa(sv))", *arguments)
        try:
            result = self._result(job)
        except BusError:
            self.stop(name)
            raise
        if result != "done":
            self._reset_failed(name)
            raise BusError("", f"its job to start it has ended with {result!r} (journalctl -u {name} may tell why)")

    def stop(self, name: str) -> None:
        """Stop the unit, and make systemd forget it; no error where there is none. Raises BusError."""
        self._await_jobs(name)
        try:
            (job,) = self._bus.call(*_MANAGER, "StopUnit", "ss", name, "replace")
            self._result(job)
        except BusError as error:
            if error.name != _NO_SUCH_UNIT:
                raise
        self._reset_failed(name)

    def set_properties(self, name: str, properties: Sequence[Property]) -> None:
        """Change properties of a unit, until it is stopped. Raises BusError."""
        self._bus.call(*_MANAGER, "SetUnitProperties", "sba(sv)", name, True, list(properties))

    def description(self, name: str) -> str | None:
        """The Description of a unit; None where there is no such unit."""
        try:
            (path,) = self._bus.call(*_MANAGER, "GetUnit", "s", name)
            return str(self._property(path, f"{_SYSTEMD}.Unit", "Description"))
        except BusError as error:
            if error.name == _NO_SUCH_UNIT:
                return None
            raise

    def close(self) -> None:
        """End the connection."""
        self._bus.close()

    def _await_jobs(self, name: str) -> None:
        sender = f"sender='{_SYSTEMD}',interface='{_MANAGER[2]}',member='JobRemoved'"
        self._bus.subscribe(f"type='signal',{sender},arg2='{name}'")

    def _result(self, job: str) -> str:
        """How the job has ended: "done", or not."""
        _, _, _, result = self._bus.signal(_MANAGER[2], "JobRemoved", lambda body: bool(body[1] == job))
        return str(result)

    def _reset_failed(self, name: str) -> None:
        try:
            self._bus.call(*_MANAGER, "ResetFailedUnit", "s", name)
        except BusError as error:
            if error.name != _NO_SUCH_UNIT:
                raise

    def _property(self, path: str, interface: str, name: str) -> object:
        (value,) = self._bus.call(_SYSTEMD, path, _PROPERTIES, "Get", "ss", interface, name)
        found: object = value
        return found


def connect(*, of_user: bool) -> Manager:
    """The systemd of the system, or the caller's own. Raises UsageError with what to do where it cannot be reached."""
    reasons = []
    for address, shared in user_addresses() if of_user else SYSTEM_ADDRESSES:
        try:
            manager = Manager(Bus(address, shared=shared, patience=PATIENCE))
            if of_user:
                manager.control_group()  # or it is a bus without one, that was set up for something else
            return manager
        except BusError as error:
            reason = "no systemd answers on this bus" if error.name in _ABSENT else str(error).lower()
            reasons.append(f"{address}: {reason}")
    whose = "the user's systemd" if of_user else "systemd"
    tried = "; ".join(reasons) or "neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set"
    raise UsageError(f"--systemd-cgroup: {whose} cannot be reached: {tried} ({_NO_USER if of_user else _NO_SYSTEM})")


def control_group_of_system() -> str:
    """The path of the cgroup that the system's systemd, process 1, keeps its units in: "", but in a container.

    Raises UsageError where process 1 is not systemd.
    """
    own = "/init.scope"
    for line in files.lines(files.read("/proc/1/cgroup")):
        _, controllers, path = line.decode(errors="surrogateescape").split(":", 2)
        if controllers in ("", "name=systemd") and path.endswith(own):
            return path.removesuffix(own)
    raise UsageError(f"--systemd-cgroup: process 1 is not systemd, which has a cgroup of its own ({_NO_SYSTEM})")


def user_addresses() -> list[tuple[str, bool]]:
    """The same of the caller's own systemd, as the environment says."""

    def variable(name: bytes) -> str:
        return posix.environ.get(name, b"").decode(errors="surrogateescape")

    address, directory = variable(b"DBUS_SESSION_BUS_ADDRESS"), variable(b"XDG_RUNTIME_DIR")
    found = {address: True} if address else {}
    if directory:
        found.setdefault(socket_address(f"{directory}/bus"), True)
        found[socket_address(f"{directory}/systemd/private")] = False
    return list(found.items())


def explain(error: BusError, attempt: str, unit: str) -> SampanError:
    """What systemd has refused, for the reader of config.json; ``attempt`` completes "systemd did not"."""
    hint = ""
    if error.name in _ABSENT:
        hint = f" ({_NO_SYSTEM})"
    elif error.name == _UNIT_EXISTS:
        hint = " (another container, or a service, has that name: choose another path)"
    elif error.name in _DENIED:
        hint = " (its policy, polkit's as a rule, lets root do this; other users ask the systemd of their own)"
    return SampanError(f"linux.cgroupsPath: systemd did not {attempt} {unit}: {str(error).rstrip('.')}{hint}")
