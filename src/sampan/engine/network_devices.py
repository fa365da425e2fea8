"""Moves the network devices of `linux.netDevices` into the container's network namespace, and back where its creation
fails. Once a container is complete nobody moves them: config-linux.md, "The runtime MUST NOT attempt to move the
interface out of the namespace before deletion".

At a move the kernel takes the addresses and routes of a device. They are read before, and set again after.
"""

from __future__ import annotations

import errno
import posix

from sampan.engine import opening
from sampan.errors import ConfigError, KernelError, Problem
from sampan.linux import network_devices as devices
from sampan.linux.netlink import Socket
from sampan.plan.network_devices import SECTION, device_moves, is_template
from sampan.plan.operations import NEWNET, Descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sampan.linux.network_devices import Address, Link, Route
    from sampan.plan.operations import DeviceMove
    from sampan.spec.types import Config

OWN_NAMESPACE = "/proc/thread-self/ns/net"
TAKEN = "must not be the name of a network device that is in the container's network namespace already"
NOT_REACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL)


def check(config: Config) -> None:
    """Find what would make a move fail, before anything is made. Raises ConfigError with all of it, KernelError."""
    opened: list[int] = []
    sockets: list[Socket] = []
    try:
        home = _open_namespace(OWN_NAMESPACE, opened)
        here = _socket(-1, sockets)
        there = None
        for index, entry in enumerate(config.get("linux", {}).get("namespaces", ())):
            if entry["type"] == "network" and entry.get("path"):
                field = f"linux.namespaces[{index}].path"
                opening.open_all([Descriptor("namespace", entry["path"], field, NEWNET)], {}, opened)
                _check_other(field, entry["path"], home, opened[-1])
                there = _socket(opened[-1], sockets)
        problems = []
        for move in device_moves(config):
            problems += _problems(move, here, home, there)
        if problems:
            raise ConfigError("config.json", problems)
    finally:
        for socket in sockets:
            socket.close()
        for fd in opened:
            posix.close(fd)


class Away:
    """A device on its way: what it was in the runtime's network namespace, and its number in the container's."""

    __slots__ = ("addresses", "index", "link", "move", "routes")

    def __init__(self, move: DeviceMove, link: Link, addresses: Sequence[Address], routes: Sequence[Route]) -> None:
        self.move = move
        self.link = link
        self.addresses = addresses
        self.routes = routes
        self.index = 0


class NetworkDevices:
    """The devices of one container while it is made. Holds both network namespaces, so that what has been moved can be
    moved back when the container's process is gone.
    """

    __slots__ = ("_away", "_descriptors", "_here", "_remark", "_sockets", "_there")

    def __init__(self, pid: int, remark: Callable[[str], None]) -> None:
        """``pid`` is of a process in the container's network namespace. Raises KernelError."""
        self._away: list[Away] = []
        self._remark = remark
        self._descriptors: list[int] = []
        self._sockets: list[Socket] = []
        try:
            _open_namespace(OWN_NAMESPACE, self._descriptors)
            inside = _open_namespace(f"/proc/{pid}/ns/net", self._descriptors)
            self._here, self._there = _socket(-1, self._sockets), _socket(inside, self._sockets)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """What has been moved stays."""
        for socket in self._sockets:
            socket.close()
        for fd in self._descriptors:
            posix.close(fd)
        self._sockets.clear()
        self._descriptors.clear()

    def move(self, moves: Sequence[DeviceMove]) -> None:
        """Move them, each with its addresses and routes, and set them up. Raises ConfigError, KernelError; what was
        moved by then is for `give_back`.
        """
        for move in moves:
            try:
                self._move(move)
            except (OSError, ValueError) as error:
                raise _kernel_error("move the network device", move, error) from None

    def give_back(self, warn: Callable[[str], None]) -> None:
        """Move back what has been moved, the last one first, and make it what it was. What fails is a warning."""
        while self._away:
            device = self._away.pop()
            try:
                self._give_back(device)
            except (OSError, ValueError) as error:
                warn(str(_kernel_error("give back the network device", device.move, error)))

    def _move(self, move: DeviceMove) -> None:
        link = devices.find(self._here, move.device)
        if link is None or link.name != move.device:
            raise ConfigError("config.json", [_missing(move)])
        addresses, routes = devices.addresses(self._here, link.index), devices.routes(self._here, link.index)
        device = Away(move, link, addresses, routes)
        if not is_template(move) and devices.find(self._there, move.name) is not None:
            raise ConfigError("config.json", [Problem(f"{move.cause}.name", move.name, TAKEN, SECTION)])
        self._send(device)
        name = self._rename(device)
        kept = [address for address in device.addresses if address.is_permanent_and_global()]
        lost = [address for address in device.addresses if address not in kept and not address.is_link_local()]
        _set_addresses(self._there, device, kept, name)
        devices.set_up(self._there, device.index)
        self._set_routes(device, whole=not lost)

    def _send(self, device: Away) -> None:
        """Into the container's namespace, under its own name if that is free there."""
        present = devices.links(self._there)
        device.index = _free_index(present, device.link.index)
        taken = any(link.name == device.link.name for link in present)
        passing = f"sampan{device.index}" if taken else ""
        self._away.append(device)  # before, for the case that this is interrupted
        try:
            devices.move(self._here, device.link.index, self._descriptors[1], device.index, passing)
        except OSError:
            self._away.pop()
            raise

    def _rename(self, device: Away) -> str:
        """The name that it has then."""
        link = devices.find(self._there, index=device.index)
        if link is not None and link.name != device.move.name:
            devices.rename(self._there, device.index, device.move.name)
            link = devices.find(self._there, index=device.index)
        if link is None:
            raise OSError(errno.ENODEV, "it is gone")
        return link.name

    def _set_routes(self, device: Away, *, whole: bool) -> None:
        """``whole``: with all of its addresses. A route that needs another one is left out with that."""
        for route in device.routes:
            try:
                devices.add_route(self._there, device.index, route)
            except OSError as error:
                if whole or error.errno not in NOT_REACHABLE:
                    raise OSError(error.errno, f"its route {route}{_words(error)}") from None
                self._remark(
                    f"{device.move.cause}: the route {route} is left out with an address that is not permanent"
                )

    def _give_back(self, device: Away) -> None:
        if devices.find(self._there, index=device.index) is None:
            return  # the namespace's owner, or the kernel, has removed it
        old = device.link
        index = _free_index(devices.links(self._here), old.index)
        devices.move(self._there, device.index, self._descriptors[0], index, old.name)
        device.index = index
        if old.master:
            devices.set_master(self._here, index, old.master)
        lasting = [address for address in device.addresses if not address.is_temporary()]
        _set_addresses(self._here, device, lasting, old.name)
        if old.flags & devices.IFF_UP:
            devices.set_up(self._here, index)
            _set_routes_again(self._here, device)


def _problems(move: DeviceMove, here: Socket, home: int, there: Socket | None) -> list[Problem]:
    """What stands against a move. Raises KernelError."""
    try:
        link = devices.find(here, move.device)
        if link is None or link.name != move.device:  # the kernel finds alternative names, too
            return [_missing(move)]
        if link.flags & devices.IFF_LOOPBACK or link.immutable:
            return [Problem(move.cause, None, "is a network device that cannot leave its network namespace", SECTION)]
        if there is not None and not is_template(move) and devices.find(there, move.name) is not None:
            return [Problem(f"{move.cause}.name", move.name, TAKEN, SECTION)]
        devices.may_move(here, link.index, home)
    except PermissionError:
        rule = (
            "cannot be moved by this user, who lacks CAP_NET_ADMIN in the runtime's network namespace: run as root,"
            " or remove the field"
        )
        return [Problem(move.cause, None, rule, SECTION)]
    except (OSError, ValueError) as error:
        raise _kernel_error("move the network device", move, error) from None
    return []


def _missing(move: DeviceMove) -> Problem:
    rule = f"must be a network device of the runtime's network namespace; there is no {move.device} (see `ip link`)"
    return Problem(move.cause, None, rule, SECTION)


def _check_other(field: str, path: str, home: int, other: int) -> None:
    """Raises ConfigError where the container's network namespace is the runtime's."""
    own, joined = posix.fstat(home), posix.fstat(other)
    if (own.st_dev, own.st_ino) == (joined.st_dev, joined.st_ino):
        rule = "must not be the runtime's own network namespace where there are linux.netDevices to move out of that"
        raise ConfigError("config.json", [Problem(field, path, rule, SECTION)])


def _set_addresses(socket: Socket, device: Away, wanted: Sequence[Address], name: str) -> None:
    for address in wanted:
        label = devices.relabel(address.label(), device.link.name, name)
        try:
            devices.add_address(socket, device.index, address, label)
        except FileExistsError:
            pass  # the kernel has made it itself
        except OSError as error:
            raise OSError(error.errno, f"its address {address}{_words(error)}") from None


def _set_routes_again(socket: Socket, device: Away) -> None:
    for route in device.routes:
        try:
            devices.add_route(socket, device.index, route)
        except FileExistsError:
            pass  # it has waited there for the device


def _free_index(present: Sequence[Link], wanted: int) -> int:
    """A number that no device of a namespace has."""
    taken = {link.index for link in present}
    return wanted if wanted not in taken else max(taken) + 1


def _open_namespace(path: str, opened: list[int]) -> int:
    try:
        opened.append(posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC))
    except OSError as error:
        raise KernelError("open", path, error.errno or 0, "linux.netDevices") from None
    return opened[-1]


def _socket(namespace: int, sockets: list[Socket]) -> Socket:
    try:
        sockets.append(Socket(namespace))
    except OSError as error:
        raise KernelError("open a netlink socket", "", error.errno or 0, "linux.netDevices") from None
    return sockets[-1]


def _kernel_error(operation: str, move: DeviceMove, error: OSError | ValueError) -> KernelError:
    number = error.errno if isinstance(error, OSError) else errno.EBADMSG
    detail = error.strerror if isinstance(error, OSError) else str(error)
    return KernelError(operation, move.device, number or 0, move.cause, detail or "")


def _words(error: OSError) -> str:
    """What the kernel has said beyond the number."""
    return f": {error.strerror}" if error.strerror else ""
