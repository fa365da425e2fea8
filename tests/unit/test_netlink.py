"""Messages of netlink, byte by byte, and what is told of network devices, their addresses and routes in them."""

from __future__ import annotations

import errno
import posix
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.linux import netlink
from sampan.linux import network_devices as devices
from sampan.linux.netlink import Message, Socket, attribute, attributes, decode, encode, outcome, u32

ETH0 = 7
IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_FLAGS, IFA_CACHEINFO = 1, 2, 3, 8, 6
RTA_TABLE, RTA_CACHEINFO, RTA_NH_ID = 15, 12, 30
RTPROT_KERNEL, RTPROT_BOOT, RTPROT_RA = 2, 3, 9
RTNH_F_DEAD, RTNH_F_ONLINK, RTNH_F_LINKDOWN = 1, 4, 16


class TestMessages:
    def test_a_message_in_bytes(self) -> None:
        expected = "15000000 1000 0500 03000000 00000000 6c6f6f6f6f".replace(" ", "")
        assert encode(Message(16, 5, 3, b"loooo")).hex() == expected

    def test_several_are_read_from_their_bytes(self) -> None:
        sent = [Message(16, 0, 3, b"12345"), Message(3, 2, 3, b"")]
        data = encode(sent[0]) + bytes(3) + encode(sent[1])
        found = [(m.kind, m.flags, m.sequence, m.body) for m in decode(data)]
        assert found == [(16, 0, 3, b"12345"), (3, 2, 3, b"")]

    def test_an_attribute_in_bytes(self) -> None:
        assert attribute(3, b"lo\0") == b"\x07\0\x03\0lo\0\0"
        assert attribute(3, b"") == b"\x04\0\x03\0"

    def test_attributes_are_read_without_the_marks_of_their_kind(self) -> None:
        nested = 0x8000
        data = attribute(3, b"lo\0") + attribute(8 | nested, b"1234") + attribute(9, b"")
        assert list(attributes(data)) == [(3, b"lo\0"), (8, b"1234"), (9, b"")]

    @pytest.mark.parametrize("size", [0, 15, 17, 2**32 - 1])
    def test_a_message_of_a_wrong_length(self, size: int) -> None:
        with pytest.raises(ValueError, match=f"a netlink message of {size} bytes, where there are 16"):
            list(decode(u32(size) + bytes(12)))

    @pytest.mark.parametrize("size", [0, 3, 9, 0xFFFF])
    def test_an_attribute_of_a_wrong_length(self, size: int) -> None:
        with pytest.raises(ValueError, match=f"a netlink attribute of {size} bytes, where there are 8"):
            list(attributes(size.to_bytes(2, "little") + bytes(6)))

    @given(st.binary(max_size=80))
    def test_whatever_comes_is_read_or_refused(self, data: bytes) -> None:
        for read in (
            lambda: list(decode(data)),
            lambda: list(attributes(data)),
            lambda: outcome(Message(netlink.NLMSG_ERROR, netlink.ACK_WITH_ATTRIBUTES, 1, data)),
            lambda: devices.parse_link(data),
            lambda: devices.parse_address(data),
            lambda: devices.parse_route(data, ETH0),
        ):
            try:
                read()
            except ValueError:
                pass


class TestOutcome:
    def test_an_acknowledgement(self) -> None:
        assert outcome(Message(netlink.NLMSG_ERROR, 0, 1, bytes(4 + 16))) == (0, "")

    def test_a_refusal_with_the_kernel_s_words(self) -> None:
        flags = netlink.ACK_WITH_ATTRIBUTES | netlink.ACK_WITHOUT_REQUEST
        body = (-22).to_bytes(4, "little", signed=True) + bytes(16) + attribute(1, b"no such thing\0")
        assert outcome(Message(netlink.NLMSG_ERROR, flags, 1, body)) == (errno.EINVAL, "no such thing")

    def test_a_refusal_that_repeats_the_request(self) -> None:
        request = encode(Message(16, 5, 1, b"12345"))
        body = (-1).to_bytes(4, "little", signed=True) + request + bytes(3) + attribute(1, b"never\0")
        assert outcome(Message(netlink.NLMSG_ERROR, netlink.ACK_WITH_ATTRIBUTES, 1, body)) == (errno.EPERM, "never")

    def test_the_end_of_a_dump(self) -> None:
        assert outcome(Message(netlink.NLMSG_DONE, 2, 1, bytes(4))) == (0, "")
        assert outcome(Message(netlink.NLMSG_DONE, 2, 1, b"")) == (0, "")
        failed = (-105).to_bytes(4, "little", signed=True)
        assert outcome(Message(netlink.NLMSG_DONE, 2, 1, failed)) == (errno.ENOBUFS, "")


class Kernel:
    """Answers in the kernel's place, to a Socket whose descriptor is one end of a pair."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.end = ours
        monkeypatch.setattr("sampan._linux.netlink_socket", lambda namespace: theirs.detach())
        self.socket = Socket()

    def says(self, *messages: Message) -> None:
        """In one datagram."""
        data = b""
        for message in messages:
            data += encode(message) + bytes(-len(message.body) & 3)
        self.end.send(data)

    def heard(self) -> list[Message]:
        return list(decode(self.end.recv(4096)))


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    answering = Kernel(monkeypatch)
    yield answering
    answering.end.close()
    answering.socket.close()


def part(body: bytes, sequence: int = 1, flags: int = 2) -> Message:
    return Message(16, flags, sequence, body)


def done(sequence: int = 1, flags: int = 2) -> Message:
    return Message(netlink.NLMSG_DONE, flags, sequence, bytes(4))


class TestSocket:
    def test_a_change_waits_for_its_acknowledgement(self, kernel: Kernel) -> None:
        kernel.says(Message(netlink.NLMSG_ERROR, 0, 1, bytes(20)))
        kernel.socket.change(16, b"body", netlink.CREATE)
        (sent,) = kernel.heard()
        assert (sent.kind, sent.flags, sent.body) == (16, netlink.REQUEST | netlink.ACK | netlink.CREATE, b"body")

    def test_a_refused_change_is_an_error_of_its_number(self, kernel: Kernel) -> None:
        kernel.says(Message(netlink.NLMSG_ERROR, 0, 1, (-17).to_bytes(4, "little", signed=True) + bytes(16)))
        with pytest.raises(FileExistsError):
            kernel.socket.change(16, b"")

    def test_a_dump_is_read_to_its_end(self, kernel: Kernel) -> None:
        kernel.says(part(b"one"), part(b"two"))
        kernel.says(part(b"three"))
        kernel.says(done())
        assert kernel.socket.dump(18, b"") == [b"one", b"two", b"three"]

    def test_a_dump_that_was_interrupted_is_asked_for_again(self, kernel: Kernel) -> None:
        kernel.says(part(b"old"), part(b"half", flags=2 | netlink.DUMP_INTR))
        kernel.says(done())
        kernel.says(part(b"new", 2), done(2))
        assert kernel.socket.dump(18, b"") == [b"new"]

    def test_a_dump_that_never_ends_well_is_an_error(self, kernel: Kernel) -> None:
        for sequence in range(1, netlink.ATTEMPTS + 1):
            kernel.says(done(sequence, netlink.DUMP_INTR))
        with pytest.raises(OSError, match="changes all the time"):
            kernel.socket.dump(18, b"")

    def test_answers_to_earlier_requests_are_passed_over(self, kernel: Kernel) -> None:
        kernel.says(part(b"stale", 9))
        kernel.says(part(b"mine", 1))
        assert kernel.socket.get(18, b"") == b"mine"

    def test_an_answer_that_does_not_fit_is_an_error(self, kernel: Kernel) -> None:
        kernel.end.send(bytes(netlink.BUFFER))
        with pytest.raises(OSError, match="longer than any should be"):
            kernel.socket.get(18, b"")

    def test_the_kernel_itself_tells_of_the_loopback_device(self) -> None:
        real = Socket()
        try:
            link = devices.find(real, "lo")
            assert link is not None
            assert link.index in {other.index for other in devices.links(real)}
            assert link.flags & devices.IFF_LOOPBACK
            assert devices.find(real, "no-such-device") is None
        finally:
            real.close()

    def test_a_descriptor_that_is_no_namespace(self) -> None:
        fd = posix.open("/dev/null", posix.O_RDONLY)
        try:
            with pytest.raises(OSError):
                Socket(fd)
        finally:
            posix.close(fd)


def address(flags: int, scope: int = 0, family: int = devices.INET, **more: bytes) -> bytes:
    """The body of an RTM_NEWADDR of the kernel's."""
    values = {IFA_ADDRESS: bytes((10, 0, 0, 1)), IFA_LOCAL: bytes((10, 0, 0, 1)), IFA_LABEL: b"eth0:1\0"}
    values |= {IFA_FLAGS: u32(flags), IFA_CACHEINFO: b"\xff" * 16, 10: b"not an address's own"}
    header = bytes((family, 24, flags & 0xFF, scope)) + u32(ETH0)
    return header + b"".join(attribute(kind, value) for kind, value in values.items())


class TestAddresses:
    def test_permanent_ones_of_global_scope_are_known(self) -> None:
        """config-linux.md: "all permanent IP addresses (IFA_F_PERMANENT flag) of any family with global scope
        (RT_SCOPE_UNIVERSE value)" """
        permanent, universe, link = 0x80, 0, 253
        assert devices.parse_address(address(permanent, universe)).is_permanent_and_global()
        assert not devices.parse_address(address(permanent, link)).is_permanent_and_global()
        assert not devices.parse_address(address(0, universe)).is_permanent_and_global()

    def test_flags_beyond_the_first_eight_are_read(self) -> None:
        assert devices.parse_address(address(0x280)).flags == 0x280

    def test_it_is_made_anew_with_all_that_is_its_own(self) -> None:
        body = devices.address_body(9, devices.parse_address(address(0x280)), 0x280, "net0:1")
        assert body[:8] == bytes((devices.INET, 24, 0x80, 0)) + u32(9)
        values = dict(attributes(body[8:]))
        assert values == {
            IFA_ADDRESS: bytes((10, 0, 0, 1)),
            IFA_LOCAL: bytes((10, 0, 0, 1)),
            IFA_LABEL: b"net0:1\0",
            IFA_FLAGS: u32(0x280),
            IFA_CACHEINFO: b"\xff" * 16,
        }

    @pytest.mark.parametrize(
        "label, expected",
        [("eth0", "net0"), ("eth0:web", "net0:web"), ("eth01", "eth01"), ("other", "other"), ("eth0:" + "x" * 10, "")],
    )
    def test_a_label_follows_the_name_of_its_device(self, label: str, expected: str) -> None:
        new = "net0" if expected else "net012"
        assert devices.relabel(label, "eth0", new) == expected

    def test_in_words(self) -> None:
        assert str(devices.parse_address(address(0x80))) == "10.0.0.1/24"
        assert devices.address_text(bytes.fromhex("20010db8000000000000000000000001")) == "2001:db8:0:0:0:0:0:1"


def hop(index: int, flags: int = 0) -> bytes:
    gateway = attribute(devices.RTA_GATEWAY, bytes((10, 0, 0, 9)))
    return (8 + len(gateway)).to_bytes(2, "little") + bytes((flags, 3)) + u32(index) + gateway


def route(values: dict[int, bytes], protocol: int = RTPROT_BOOT, flags: int = 0) -> bytes:
    """The body of an RTM_NEWROUTE of the kernel's."""
    header = bytes((devices.INET, 8, 0, 0, 254, protocol, 0, 1)) + u32(flags)
    return header + b"".join(attribute(kind, value) for kind, value in values.items())


class TestRoutes:
    THROUGH_ETH0 = ((devices.RTA_DST, bytes((10, 9, 0, 0))), (devices.RTA_OIF, u32(ETH0)), (RTA_TABLE, u32(300)))

    def test_one_through_the_device_is_set_through_its_new_number(self) -> None:
        values = dict(self.THROUGH_ETH0) | {RTA_CACHEINFO: bytes(32), RTA_NH_ID: u32(1)}
        found = devices.parse_route(route(values, flags=RTNH_F_ONLINK | RTNH_F_LINKDOWN | 0x200), ETH0)
        assert found is not None
        body = devices.route_body(9, found)
        assert body[:12] == bytes((devices.INET, 8, 0, 0, 254, RTPROT_BOOT, 0, 1)) + u32(RTNH_F_ONLINK)
        expected = dict(self.THROUGH_ETH0) | {devices.RTA_OIF: u32(9)}
        assert dict(attributes(body[12:])) == expected

    @pytest.mark.parametrize("protocol", [RTPROT_KERNEL, RTPROT_RA, 1])
    def test_the_kernel_s_own_are_left_to_it(self, protocol: int) -> None:
        assert devices.parse_route(route(dict(self.THROUGH_ETH0), protocol), ETH0) is None

    def test_those_of_other_devices_are_not_its_own(self) -> None:
        assert devices.parse_route(route(dict(self.THROUGH_ETH0)), ETH0 + 1) is None

    def test_several_next_hops_through_the_device(self) -> None:
        values = {devices.RTA_MULTIPATH: hop(ETH0, RTNH_F_DEAD) + hop(ETH0, RTNH_F_ONLINK)}
        found = devices.parse_route(route(values), ETH0)
        assert found is not None
        sent = dict(attributes(devices.route_body(9, found)[12:]))
        assert sent == {devices.RTA_MULTIPATH: hop(9) + hop(9, RTNH_F_ONLINK)}

    def test_next_hops_through_several_devices(self) -> None:
        assert devices.parse_route(route({devices.RTA_MULTIPATH: hop(ETH0) + hop(ETH0 + 1)}), ETH0) is None

    def test_in_words(self) -> None:
        found = devices.parse_route(route(dict(self.THROUGH_ETH0) | {5: bytes((10, 0, 0, 9))}), ETH0)
        assert str(found) == "10.9.0.0/8 via 10.0.0.9"
        default = devices.parse_route(route({devices.RTA_OIF: u32(ETH0)}), ETH0)
        assert str(default) == "default"
