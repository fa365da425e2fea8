"""Network devices by rtnetlink(7): found, moved to another network namespace, renamed, set up; and their addresses and
routes, read as the kernel gives them, and set again. Functions raise what netlink.Socket raises.
"""

from __future__ import annotations

import errno

from sampan.linux import netlink
from sampan.linux.netlink import attribute, attributes, u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.linux.netlink import Socket

NEWLINK, GETLINK, NEWADDR, GETADDR, NEWROUTE, GETROUTE = 16, 18, 20, 22, 24, 26  # RTM_*
INET, INET6 = 2, 10  # AF_*
UNIVERSE, LINK = 0, 253  # RT_SCOPE_*
IFF_UP, IFF_LOOPBACK = 0x1, 0x8
IFINFOMSG, IFADDRMSG, RTMSG, RTNEXTHOP = 16, 8, 12, 8  # sizes

# IFLA_*
IFNAME, MASTER, NET_NS_FD, NEW_IFINDEX, NETNS_IMMUTABLE = 3, 10, 28, 49, 67

# IFA_*: those by which an address is made anew as it was; and IFA_F_*
IFA_LABEL, IFA_FLAGS = 3, 8
ADDRESS_ATTRIBUTES = frozenset((1, 2, IFA_LABEL, 4, 6, 9, 11))  # address, local, broadcast, cacheinfo, priority, proto
TEMPORARY, NODAD, TENTATIVE, DADFAILED, PERMANENT = 0x01, 0x02, 0x40, 0x08, 0x80

# RTA_*: those of a route's own; a next hop object (RTA_NH_ID) is given with what it stands for
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_MULTIPATH, RTA_VIA = 1, 4, 5, 9, 18
ROUTE_ATTRIBUTES = frozenset((1, 2, 5, 6, 7, 8, 11, 15, 18, 20, 21, 22, 26))
ONLINK = 0x4  # RTNH_F_ONLINK, the one flag of a route that is not the kernel's to set
# RTPROT_*: redirect, kernel, ra. They come back by themselves: with the addresses, with the next advertisement.
OF_THE_KERNEL = frozenset((1, 2, 9))


class Link:
    """A network device: its number and name in its namespace, its flags (IFF_*), the device that it is a port of (or
    0), and whether the kernel says that it cannot leave its namespace (newer ones say it before it is tried).
    """

    __slots__ = ("flags", "immutable", "index", "master", "name")

    def __init__(self, index: int, name: str, flags: int = 0, master: int = 0, immutable: bool = False) -> None:
        self.index = index
        self.name = name
        self.flags = flags
        self.master = master
        self.immutable = immutable


class Address:
    """An address of a device, in the kernel's own attributes (IFA_*)."""

    __slots__ = ("attributes", "family", "flags", "prefix", "scope")

    def __init__(self, family: int, prefix: int, flags: int, scope: int, values: dict[int, bytes]) -> None:
        self.family = family
        self.prefix = prefix  # length
        self.flags = flags  # IFA_F_*
        self.scope = scope
        self.attributes = values

    def is_permanent_and_global(self) -> bool:
        """config-linux.md: "all permanent IP addresses (IFA_F_PERMANENT flag) of any family with global scope" """
        return bool(self.flags & PERMANENT) and self.scope == UNIVERSE

    def is_temporary(self) -> bool:
        """One that the kernel has made up for a while (RFC 4941), and that nobody else can make."""
        return self.family == INET6 and bool(self.flags & TEMPORARY)

    def is_link_local(self) -> bool:
        """One that the kernel makes by itself for every device (RFC 4862)."""
        return self.family == INET6 and self.scope == LINK

    def label(self) -> str:
        return netlink.text(self.attributes.get(IFA_LABEL, b""))

    def __str__(self) -> str:
        own = self.attributes.get(2) or self.attributes.get(1, b"")
        return f"{address_text(own)}/{self.prefix}"


class Route:
    """A route through one device, in the kernel's own terms: struct rtmsg, and its attributes (RTA_*)."""

    __slots__ = ("attributes", "header")

    def __init__(self, header: bytes, values: dict[int, bytes]) -> None:
        self.header = header
        self.attributes = values

    def needs_others(self) -> bool:
        """Whether another route must lead to its next hop."""
        return not self.attributes.keys().isdisjoint((RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH))

    def __str__(self) -> str:
        to = self.attributes.get(RTA_DST)
        gateway = self.attributes.get(RTA_GATEWAY)
        where = f"{address_text(to)}/{self.header[1]}" if to else "default"
        return where + (f" via {address_text(gateway)}" if gateway else "")


def find(socket: Socket, name: str = "", index: int = 0) -> Link | None:
    """The device of this name or number, or None."""
    wanted = attribute(IFNAME, netlink.name(name)) if name else b""
    try:
        return parse_link(socket.get(GETLINK, _link_header(index) + wanted))
    except OSError as error:
        if error.errno == errno.ENODEV:
            return None
        raise


def links(socket: Socket) -> list[Link]:
    """All devices of the namespace."""
    return [parse_link(body) for body in socket.dump(GETLINK, _link_header(0))]


def may_move(socket: Socket, index: int, namespace: int) -> None:
    """Raises OSError where the caller or the device may not leave ``namespace``, in which it is, as far as the kernel
    finds out by a move to where it is already, which changes nothing.
    """
    socket.change(NEWLINK, _link_header(index) + attribute(NET_NS_FD, u32(namespace)))


def move(socket: Socket, index: int, namespace: int, new_index: int, name: str = "") -> None:
    """Move the device to the namespace, where it gets this number, and a new name if that is given.

    The kernel sets it down, and takes its addresses and routes. Where only the new name is refused, the device has been
    moved all the same.
    """
    wanted = attribute(NET_NS_FD, u32(namespace)) + attribute(NEW_IFINDEX, u32(new_index))
    if name:
        wanted += attribute(IFNAME, netlink.name(name))
    socket.change(NEWLINK, _link_header(index) + wanted)


def rename(socket: Socket, index: int, name: str) -> None:
    """Give the device, which must be down, another name; the kernel puts a number in the place of %d."""
    socket.change(NEWLINK, _link_header(index) + attribute(IFNAME, netlink.name(name)))


def set_up(socket: Socket, index: int) -> None:
    socket.change(NEWLINK, _link_header(index, IFF_UP))


def set_master(socket: Socket, index: int, master: int) -> None:
    """Make the device a port of another one."""
    socket.change(NEWLINK, _link_header(index) + attribute(MASTER, u32(master)))


def addresses(socket: Socket, index: int) -> list[Address]:
    """The addresses of the device, of both families. Set one after the other they have the same order again: the kernel
    adds an IPv6 address before the others, an IPv4 address after them.
    """
    found = []
    for family in (INET6, INET):
        bodies = _dump(socket, GETADDR, bytes((family, 0, 0, 0)) + u32(index))
        found += [parse_address(body) for body in bodies if body[4:8] == u32(index)][:: -1 if family == INET6 else 1]
    return found


def routes(socket: Socket, index: int) -> list[Route]:
    """The routes through this device alone that somebody has set, of both families and all tables, in an order in which
    they can be set again.
    """
    found = []
    for family in (INET, INET6):
        header = bytes((family,)) + bytes(RTMSG - 1)
        bodies = _dump(socket, GETROUTE, header + attribute(RTA_OIF, u32(index)))
        found += [route for body in bodies if (route := parse_route(body, index)) is not None]
    return sorted(found, key=Route.needs_others)


def add_address(socket: Socket, index: int, address: Address, label: str = "") -> None:
    """Give the device an address, with this label instead of its own.

    One that has been found unique on its link (RFC 4862, duplicate address detection) is there at once, since the link
    is the same. The second message takes the mark of that away again.
    """
    checked = address.family == INET6 and not address.flags & (TENTATIVE | DADFAILED | NODAD)
    flags = address.flags | (NODAD if checked else 0)
    socket.change(NEWADDR, address_body(index, address, flags, label), netlink.CREATE | netlink.EXCL)
    if checked:
        socket.change(NEWADDR, address_body(index, address, address.flags, label), netlink.REPLACE)


def add_route(socket: Socket, index: int, route: Route) -> None:
    """Set the route through the device, which must be up."""
    socket.change(NEWROUTE, route_body(index, route), netlink.CREATE | netlink.EXCL)


def relabel(label: str, old: str, new: str) -> str:
    """The label of an IPv4 address after its device's name: "eth0:1" is "net0:1" then. "" where that is too long."""
    changed = new + label.removeprefix(old) if label == old or label.startswith(f"{old}:") else label
    return changed if len(changed.encode()) < 16 else ""  # IFNAMSIZ


def parse_link(body: bytes) -> Link:
    """What an RTM_NEWLINK tells. Raises ValueError."""
    values = dict(attributes(_after(body, IFINFOMSG)))
    master = int.from_bytes(values.get(MASTER, b""), "little")
    index, flags = int.from_bytes(body[4:8], "little"), int.from_bytes(body[8:12], "little")
    return Link(index, netlink.text(values.get(IFNAME, b"")), flags, master, any(values.get(NETNS_IMMUTABLE, b"")))


def parse_address(body: bytes) -> Address:
    """What an RTM_NEWADDR tells. Raises ValueError."""
    values = dict(attributes(_after(body, IFADDRMSG)))
    flags = int.from_bytes(values[IFA_FLAGS], "little") if IFA_FLAGS in values else body[2]
    kept = {kind: value for kind, value in values.items() if kind in ADDRESS_ATTRIBUTES}
    return Address(body[0], body[1], flags, body[3], kept)


def parse_route(body: bytes, index: int) -> Route | None:
    """The route of an RTM_NEWROUTE, if somebody has set it, and it is through the device ``index`` alone.
    Raises ValueError.
    """
    values = dict(attributes(_after(body, RTMSG)))
    if body[5] in OF_THE_KERNEL:
        return None
    kept = {kind: value for kind, value in values.items() if kind in ROUTE_ATTRIBUTES}
    if RTA_MULTIPATH in values:
        hops = values[RTA_MULTIPATH]
        if any(int.from_bytes(hop[4:8], "little") != index for hop in _hops(hops)):
            return None
        kept[RTA_MULTIPATH] = hops
    elif int.from_bytes(values.get(RTA_OIF, b""), "little") != index:
        return None
    return Route(body[:8] + u32(int.from_bytes(body[8:12], "little") & ONLINK), kept)


def address_body(index: int, address: Address, flags: int, label: str) -> bytes:
    """The body of an RTM_NEWADDR."""
    values = dict(address.attributes)
    if IFA_LABEL in values:
        values[IFA_LABEL] = netlink.name(label)
        if not label:
            del values[IFA_LABEL]  # the kernel takes the device's name
    values[IFA_FLAGS] = u32(flags)
    header = bytes((address.family, address.prefix, flags & 0xFF, address.scope)) + u32(index)
    return header + b"".join([attribute(kind, value) for kind, value in values.items()])


def route_body(index: int, route: Route) -> bytes:
    """The body of an RTM_NEWROUTE."""
    values = dict(route.attributes)
    if RTA_MULTIPATH in values:
        hops = _hops(values[RTA_MULTIPATH])
        values[RTA_MULTIPATH] = b"".join([_hop_through(index, hop) for hop in hops])
    else:
        values[RTA_OIF] = u32(index)
    return route.header + b"".join([attribute(kind, value) for kind, value in values.items()])


def address_text(value: bytes) -> str:
    """An IPv4 or IPv6 address for a person."""
    if len(value) == 4:
        return ".".join(str(byte) for byte in value)
    return ":".join(f"{value[at] << 8 | value[at + 1]:x}" for at in range(0, len(value) - 1, 2))


def _dump(socket: Socket, kind: int, body: bytes) -> list[bytes]:
    """A dump of the address family that ``body`` begins with; nothing from a kernel without it, which gives others."""
    try:
        return [found for found in socket.dump(kind, body) if found[:1] == body[:1]]
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EAFNOSUPPORT):
            return []
        raise


def _link_header(index: int, set_flags: int = 0) -> bytes:
    """struct ifinfomsg: family u8, padding u8, type u16, index s32, flags u32, mask of the flags to change u32."""
    return bytes(4) + u32(index) + u32(set_flags) + u32(set_flags)


def _after(body: bytes, size: int) -> bytes:
    if len(body) < size:
        raise ValueError(f"a netlink message with {len(body)} bytes where {size} are the least")
    return body[size:]


def _hops(data: bytes) -> list[bytes]:
    """The parts of an RTA_MULTIPATH, struct rtnexthop: length u16, flags u8, weight u8, index u32, attributes."""
    found = []
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 2], "little")
        if size < RTNEXTHOP or size > len(data) - at:
            raise ValueError(f"a next hop of {size} bytes, where there are {len(data) - at}")
        found.append(data[at : at + size])
        at += (size + 3) & ~3
    return found


def _hop_through(index: int, hop: bytes) -> bytes:
    padding = bytes(-len(hop) & 3)
    return hop[:2] + bytes((hop[2] & ONLINK, hop[3])) + u32(index) + hop[8:] + padding
