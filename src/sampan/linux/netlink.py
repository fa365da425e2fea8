"""The messages of netlink(7), made and read, and a socket on which the kernel answers them. What is in them is for
others to know (linux/network_devices.py).

Every length that the kernel gives is checked. Numbers are in the machine's order, which is little on all that sampan
runs on.
"""

from __future__ import annotations

import errno
import posix

from sampan import _linux

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = 16  # struct nlmsghdr: length u32, kind u16, flags u16, sequence u32, port u32
ATTRIBUTE_HEADER = 4  # struct nlattr: length u16, kind u16
KIND_MASK = 0x3FFF  # of an attribute, without NLA_F_NESTED and NLA_F_NET_BYTEORDER
NLMSG_ERROR, NLMSG_DONE = 2, 3
REQUEST, ACK, DUMP, EXCL, CREATE, REPLACE = 0x1, 0x4, 0x300, 0x200, 0x400, 0x100
DUMP_INTR = 0x10
ACK_WITHOUT_REQUEST, ACK_WITH_ATTRIBUTES = 0x100, 0x200  # NLM_F_CAPPED, NLM_F_ACK_TLVS
NLMSGERR_ATTR_MSG = 1
BUFFER = 1 << 16  # the kernel's parts of a dump are never larger than half of this
ATTEMPTS = 20  # at a dump of what is being changed


class Message:
    """One message: its kind (RTM_*, NLMSG_*), its flags (NLM_F_*), the number of its request, and what it holds."""

    __slots__ = ("body", "flags", "kind", "sequence")

    def __init__(self, kind: int, flags: int, sequence: int, body: bytes) -> None:
        self.kind = kind
        self.flags = flags
        self.sequence = sequence
        self.body = body


def encode(message: Message) -> bytes:
    """The bytes of a message."""
    size = (HEADER + len(message.body)).to_bytes(4, "little")
    kinds = message.kind.to_bytes(2, "little") + message.flags.to_bytes(2, "little")
    return size + kinds + message.sequence.to_bytes(4, "little") + bytes(4) + message.body


def decode(data: bytes) -> Iterator[Message]:
    """The messages that came together. Raises ValueError where a length is wrong."""
    at = 0
    while at < len(data):
        size = _number(data, at, 4)
        if size < HEADER or size > len(data) - at:
            raise ValueError(f"a netlink message of {size} bytes, where there are {len(data) - at}")
        kind, flags, sequence = _number(data, at + 4, 2), _number(data, at + 6, 2), _number(data, at + 8, 4)
        yield Message(kind, flags, sequence, data[at + HEADER : at + size])
        at += _aligned(size)


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, with the padding that the next one needs."""
    size = ATTRIBUTE_HEADER + len(value)
    return size.to_bytes(2, "little") + kind.to_bytes(2, "little") + value + bytes(_aligned(size) - size)


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes in a part of a message: kind and value. Raises ValueError where a length is wrong."""
    at = 0
    while len(data) - at >= ATTRIBUTE_HEADER:
        size = _number(data, at, 2)
        if size < ATTRIBUTE_HEADER or size > len(data) - at:
            raise ValueError(f"a netlink attribute of {size} bytes, where there are {len(data) - at}")
        yield _number(data, at + 2, 2) & KIND_MASK, data[at + ATTRIBUTE_HEADER : at + size]
        at += _aligned(size)


def u32(number: int) -> bytes:
    """A number as most attributes hold it."""
    return number.to_bytes(4, "little")


def name(text: str) -> bytes:
    """A string as attributes hold it."""
    return text.encode(errors="surrogateescape") + b"\0"


def text(value: bytes) -> str:
    """The string that an attribute holds."""
    return value.partition(b"\0")[0].decode(errors="surrogateescape")


def outcome(message: Message) -> tuple[int, str]:
    """What an NLMSG_ERROR or NLMSG_DONE says: the errno (0: it is done), and the kernel's words, or "".

    Raises ValueError where it is too short.
    """
    if message.kind == NLMSG_DONE and len(message.body) < 4:
        return 0, ""
    if len(message.body) < 4:
        raise ValueError("a netlink error without its number")
    number = -int.from_bytes(message.body[:4], "little", signed=True)
    words = ""
    if message.flags & ACK_WITH_ATTRIBUTES:
        before = 4  # the number, and of an NLMSG_ERROR the header of the request, or all of it
        if message.kind == NLMSG_ERROR:
            before += HEADER if message.flags & ACK_WITHOUT_REQUEST else _aligned(_number(message.body, 4, 4))
        for kind, value in attributes(message.body[before:]):
            if kind == NLMSGERR_ATTR_MSG:
                words = text(value)
    return number, words


class Socket:
    """A connection with the kernel about one network namespace. Its methods raise OSError, with the kernel's words
    where it has any, and ValueError for an answer that is none.
    """

    __slots__ = ("_fd", "_sequence")

    def __init__(self, namespace: int = -1) -> None:
        """``namespace`` is a descriptor of it; -1 is the caller's own."""
        self._fd = _linux.netlink_socket(namespace)
        self._sequence = 0

    def close(self) -> None:
        if self._fd >= 0:
            posix.close(self._fd)
            self._fd = -1

    def get(self, kind: int, body: bytes) -> bytes:
        """The one thing that is asked for."""
        self._send(kind, 0, body)
        for message in self._receive():
            if message.kind != NLMSG_ERROR:
                return message.body
            _check(message)
        raise ValueError("the kernel has not answered")

    def dump(self, kind: int, body: bytes) -> list[bytes]:
        """All of a kind, as it was at one moment: what changes meanwhile is asked for again."""
        for _ in range(ATTEMPTS):
            self._send(kind, DUMP, body)
            found: list[bytes] = []
            if self._collect(found):
                return found
        raise OSError(errno.EAGAIN, "it changes all the time")

    def change(self, kind: int, body: bytes, flags: int = 0) -> None:
        """Let the kernel do it, and wait until it says that it has."""
        self._send(kind, ACK | flags, body)
        for message in self._receive():
            if message.kind == NLMSG_ERROR:
                _check(message)
                return
        raise ValueError("the kernel has not answered")

    def _collect(self, found: list[bytes]) -> bool:
        """Adds what a dump gives, to its end; False where it was interrupted by a change."""
        whole = True
        while True:
            for message in self._receive():
                whole = whole and not message.flags & DUMP_INTR
                if message.kind in (NLMSG_DONE, NLMSG_ERROR):
                    _check(message)
                    return whole
                found.append(message.body)

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        posix.write(self._fd, encode(Message(kind, REQUEST | flags, self._sequence, body)))

    def _receive(self) -> list[Message]:
        """The next answers to the last request."""
        while True:
            data = posix.read(self._fd, BUFFER)
            if len(data) == BUFFER:
                raise OSError(errno.EMSGSIZE, "an answer that is longer than any should be")
            if answers := [message for message in decode(data) if message.sequence == self._sequence]:
                return answers


def _check(message: Message) -> None:
    """Raises OSError for what the kernel has refused."""
    number, words = outcome(message)
    if number:
        raise OSError(number, words)


def _aligned(size: int) -> int:
    return (size + 3) & ~3


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")
