"""config-linux.md, Network Devices: they are moved, with what is theirs; and back, where the creation fails.

The host's network namespace is one of the test's own here: the runtime runs in it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import kernel, network
from .bundle import Bundle
from .container import Container, eventually
from .driver import Runtime
from .holder import Holder
from .network import ip
from .procfs import Process

Hold = Callable[..., Holder]
V4, V6 = "192.0.2.1/24", "2001:db8::1/64"


@pytest.fixture(autouse=True)
def host_network(runtime: Runtime) -> Iterator[None]:
    """A network namespace for this test, in which there are the two ends of a cable, v0 and v1."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    kernel.unshare(kernel.CLONE_NEWNET)
    Path("/proc/sys/net/ipv6/conf/default/dad_transmits").write_text("0")  # IPv6 addresses are there at once
    try:
        ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
        ip("link", "set", "v1", "up")
        yield
    finally:
        kernel.setns(home, kernel.CLONE_NEWNET)
        os.close(home)


def move(bundle: Bundle, **names: str) -> Bundle:
    """`move(bundle, v0="eth0", v1="")`: devices and their names in the container."""
    return bundle.set("linux.netDevices", {old: {"name": new} if new else {} for old, new in names.items()})


def configure(device: str) -> None:
    """Addresses and routes of several kinds, on a device that is up."""
    ip("link", "set", device, "mtu", "1400", "address", "02:00:00:00:00:05", "txqueuelen", "77", "alias", "uplink")
    ip("addr", "add", V4, "broadcast", "192.0.2.255", "dev", device)
    ip("addr", "add", "192.0.2.2/24", "dev", device)
    ip("addr", "add", "198.51.100.1", "peer", "198.51.100.2/32", "dev", device)
    ip("addr", "add", V6, "dev", device)
    ip("addr", "add", "2001:db8:1::1/64", "dev", device, "nodad", "noprefixroute")
    ip("link", "set", device, "up")
    eventually(lambda: all(settled(name) for name in ("v0", "v1")), "the addresses of the link")
    ip("route", "add", "default", "via", "192.0.2.9", "src", "192.0.2.2")
    ip(
        "route",
        "add",
        "203.0.113.0/24",
        "via",
        "198.51.100.2",
        "dev",
        device,
        "table",
        "300",
        "metric",
        "7",
        "mtu",
        "1300",
    )
    ip("route", "add", "203.0.113.0/25", "nexthop", "via", "192.0.2.3", "weight", "2", "nexthop", "via", "192.0.2.4")
    ip("route", "add", "203.0.113.128/25", "dev", device, "scope", "link")
    ip("route", "add", "203.0.112.0/24", "via", "203.0.113.200")  # which is reached by the last one
    ip("-6", "route", "add", "default", "via", "2001:db8::9", "src", "2001:db8::1")
    ip("-6", "route", "add", "2001:db8:2::/48", "via", "fe80::9", "dev", device, "table", "300")


def settled(device: str) -> bool:
    """Whether the kernel has made what it makes by itself, a moment after a device is up."""
    found = network.device(device)
    own = [entry for entry in found["addr_info"] if entry["family"] == "inet6"]
    is_checked = any(entry["scope"] == "link" for entry in own) and not any("tentative" in entry for entry in own)
    return bool(is_checked and found["operstate"] == "UP" and network.has_link_local_route(device))


def everything() -> dict[str, Any]:
    """All that can be seen of the host's devices, but for what changes by itself."""
    found = network.devices()
    for entry in found.values():
        for address in entry["addr_info"]:
            address.pop("tentative", None)
            for name in ("valid_life_time", "preferred_life_time"):
                address[name] = -(-min(address[name], 10**9) // 100)  # of those that end, roughly
        entry["addr_info"].sort(key=str)
    routes = {line for family in ("-4", "-6") for line in ip(family, "route", "show", "table", "all").splitlines()}
    return {"devices": found, "routes": sorted(" ".join(line.split()) for line in routes)}


class TestMove:
    """'A set of network devices that MUST be made available in the container.'"""

    def test_it_is_in_the_container_and_on_the_host_no_more(self, container: Container, bundle: Bundle) -> None:
        """'If not specified, the host name is used.'"""
        process = container_with(container, move(bundle, v0=""))
        assert network.names(process) == {"v0"}
        assert network.names() == {"v1"}

    def test_it_gets_the_name(self, container: Container, bundle: Bundle) -> None:
        """'name (string, OPTIONAL) - the name of the network device inside the container namespace.'"""
        assert network.names(container_with(container, move(bundle, v0="eth0"))) == {"eth0"}

    def test_it_is_up(self, container: Container, bundle: Bundle) -> None:
        """'The runtime MUST set the network device state to "up" after moving it to the network namespace'"""
        assert "UP" in network.device("v0", container_with(container, move(bundle, v0="")))["flags"]

    def test_the_program_finds_it_from_its_first_instruction(self, container: Container, bundle: Bundle) -> None:
        """'to allow the container to send and receive network traffic through that device'"""
        move(bundle, v0="eth0").sh("cat /sys/class/net/eth0/operstate")
        assert container.run().checked().output == "up"

    def test_several(self, container: Container, bundle: Bundle) -> None:
        ip("link", "add", "i0", "type", "ifb")
        assert network.names(container_with(container, move(bundle, v0="a", v1="b", i0=""))) == {"a", "b", "i0"}
        assert network.names() == set()

    def test_two_exchange_their_names(self, container: Container, bundle: Bundle) -> None:
        numbers = {name: network.device(name)["address"] for name in ("v0", "v1")}
        found = network.devices(container_with(container, move(bundle, v0="v1", v1="v0")))
        assert (found["v0"]["address"], found["v1"]["address"]) == (numbers["v1"], numbers["v0"])

    def test_with_a_user_namespace(self, container: Container, bundle: Bundle) -> None:
        configure("v0")
        routes = network.routes("v0")
        process = container_with(container, move(bundle, v0="eth0").user_namespace())
        assert {entry["local"] for entry in network.addresses("eth0", process)} >= {"192.0.2.1", "2001:db8::1"}
        assert network.routes("eth0", process) == routes

    @pytest.mark.parametrize("kinds", [("network",), ("user", "network")], ids="+".join)
    def test_into_a_namespace_that_is_joined(
        self, container: Container, bundle: Bundle, hold: Hold, kinds: tuple[str, ...]
    ) -> None:
        """'from the host network namespace into the container network namespace'"""
        holder = hold(*kinds)
        configure("v0")
        routes = network.routes("v0")
        if "user" in kinds:
            bundle.user_namespace()
        for kind in kinds:
            bundle.namespace(kind, holder.path(kind))
        process = container_with(container, move(bundle, v0="eth0"))
        assert network.names(holder.process) == {"eth0"}
        assert network.routes("eth0", process) == routes

    def test_where_its_own_name_and_number_are_taken(self, container: Container, bundle: Bundle, hold: Hold) -> None:
        """What is taken in the namespace is no obstacle but to the name that it is to have there."""
        holder = hold("network")
        ip("link", "add", "v0", "index", str(network.device("v0")["ifindex"]), "type", "ifb", of=holder.process)
        bundle.namespace("network", holder.path("network"))
        process = container_with(container, move(bundle, v0="eth0"))
        assert network.names(process) == {"v0", "eth0"}
        assert "link_netnsid" in network.device("eth0", process)

    def test_before_the_hooks(self, container: Container, bundle: Bundle) -> None:
        """config.md: 'The createRuntime hooks MUST be called ... after the runtime environment has been created'"""
        seen = bundle.path / "seen"
        pid = """sed 's/.*"pid": *\\([0-9]*\\).*/\\1/'"""
        bundle.hook("createRuntime", f"cat /proc/$({pid})/net/dev > {seen}")
        container_with(container, move(bundle, v0="eth0"))
        assert "eth0:" in seen.read_text()

    def test_before_the_sysctls(self, container: Container, bundle: Bundle) -> None:
        """'sysctl allows kernel parameters to be modified at runtime for the container.'"""
        move(bundle, v0="eth0").set("linux.sysctl", {"net.ipv4.conf.eth0.forwarding": "1"})
        bundle.args("cat", "/proc/sys/net/ipv4/conf/eth0/forwarding")
        assert container.run().checked().output == "1"


class TestTemplate:
    """'unless the user has provided a template by appending %d to the new name. In that case, the runtime MUST allow
    the move, and the kernel will generate a unique name for the interface'"""

    def test_the_kernel_counts(self, container: Container, bundle: Bundle) -> None:
        assert network.names(container_with(container, move(bundle, v0="eth%d", v1="eth%d"))) == {"eth0", "eth1"}

    def test_among_others_in_a_namespace_that_is_joined(self, container: Container, bundle: Bundle, hold: Hold) -> None:
        holder = hold("network")
        ip("link", "add", "eth0", "type", "ifb", of=holder.process)
        ip("link", "add", "v0", "type", "ifb", of=holder.process)
        bundle.namespace("network", holder.path("network"))
        process = container_with(container, move(bundle, v0="eth%d"))
        assert network.names(process) == {"eth0", "v0", "eth1"}

    def test_it_gives_away_no_name_that_another_one_is_to_have(self, container: Container, bundle: Bundle) -> None:
        process = container_with(container, move(bundle, v0="eth%d", v1="eth0"))
        assert network.names(process) == {"eth0", "eth1"}

    def test_labels_and_routes_follow_the_name(self, container: Container, bundle: Bundle) -> None:
        ip("addr", "add", V4, "label", "v0:web", "dev", "v0")
        process = container_with(container, move(bundle, v0="eth%d"))
        assert [entry["label"] for entry in network.addresses("eth0", process)] == ["eth0:web"]


class TestAttributes:
    """'The runtime MUST preserve existing network interface attributes, including all permanent IP addresses
    (IFA_F_PERMANENT flag) of any family with global scope (RT_SCOPE_UNIVERSE value)'"""

    def test_the_device_s_own(self, container: Container, bundle: Bundle) -> None:
        configure("v0")
        kept = ("mtu", "address", "txqlen", "ifalias", "ifindex", "group")
        before = network.device("v0")
        after = network.device("eth0", container_with(container, move(bundle, v0="eth0")))
        assert {name: after[name] for name in kept} == {name: before[name] for name in kept}

    def test_addresses(self, container: Container, bundle: Bundle) -> None:
        """With their prefixes, peers, broadcast addresses, flags, and in their order."""
        configure("v0")
        before = network.addresses("v0")
        assert len(before) == 5
        after = network.addresses("v0", container_with(container, move(bundle, v0="")))
        assert after == before

    def test_a_deprecated_address_stays_deprecated(self, container: Container, bundle: Bundle) -> None:
        ip("addr", "add", V6, "preferred_lft", "0", "dev", "v0")
        before = network.addresses("v0")
        assert network.addresses("v0", container_with(container, move(bundle, v0="")))[0]["deprecated"]
        assert before[0]["deprecated"]

    def test_only_permanent_ones_of_global_scope(self, container: Container, bundle: Bundle) -> None:
        """'This ensures that only addresses intended for persistent, external communication are transferred.'"""
        ip("addr", "add", V4, "dev", "v0")
        ip("addr", "add", "192.0.2.7/24", "valid_lft", "1000", "preferred_lft", "1000", "dev", "v0")
        ip("addr", "add", "169.254.1.1/16", "scope", "link", "dev", "v0")
        ip("addr", "add", "2001:db8::7/64", "valid_lft", "1000", "preferred_lft", "1000", "dev", "v0")
        process = container_with(container, move(bundle, v0=""))
        assert [entry["local"] for entry in network.addresses("v0", process)] == ["192.0.2.1"]

    def test_the_routes_that_somebody_has_set(self, container: Container, bundle: Bundle) -> None:
        """Of all tables; those that the kernel makes of addresses come with these."""
        configure("v0")
        before = network.routes("v0")
        assert len(before) == 7
        assert network.routes("eth0", container_with(container, move(bundle, v0="eth0"))) == before

    def test_a_route_of_an_address_that_is_not_permanent_goes_with_it(
        self, container: Container, bundle: Bundle
    ) -> None:
        ip("addr", "add", V4, "valid_lft", "1000", "preferred_lft", "1000", "dev", "v0")
        ip("link", "set", "v0", "up")
        ip("route", "add", "default", "via", "192.0.2.9", "src", "192.0.2.1", "proto", "dhcp")
        process = container_with(container, move(bundle, v0=""))
        assert network.names(process) == {"v0"}
        assert network.routes("v0", process) == []


class TestEnd:
    def test_a_virtual_device_goes_with_the_namespace(self, container: Container, bundle: Bundle) -> None:
        """'virtual devices (veth, macvlan, ...) are destroyed'"""
        container_with(container, move(bundle, v0=""))
        container.kill().delete("--force")
        eventually(lambda: network.names() == set(), "the end of the cable")

    def test_in_a_namespace_that_lives_on_it_stays(self, container: Container, bundle: Bundle, hold: Hold) -> None:
        """'The runtime MUST NOT attempt to move the interface out of the namespace before deletion.'"""
        holder = hold("network")
        move(bundle, v0="eth0").namespace("network", holder.path("network"))
        container_with(container, bundle)
        container.kill().delete("--force")
        time.sleep(0.1)
        assert network.names(holder.process) == {"eth0"}
        assert network.names() == {"v1"}


@pytest.fixture
def unchanged() -> Iterator[None]:
    """Whatever the test does, the host's devices are what they were at its beginning."""
    configure("v0")
    before = everything()
    yield
    assert_unchanged(before)


@pytest.mark.usefixtures("unchanged")
class TestErrors:
    """runtime.md: 'generating an error MUST leave the state of the environment as if the operation were never
    attempted'"""

    @staticmethod
    def refuses(container: Container, *words: str, verb: str = "create") -> None:
        """``words`` are sampan's: the field, and what is wrong."""
        message = container.fails(verb).stderr
        assert not container.runtime.is_sampan or all(word in message for word in words), message
        assert not container.exists

    @pytest.mark.parametrize("verb", ["create", "run"])
    def test_a_device_that_is_not_there(self, container: Container, bundle: Bundle, verb: str) -> None:
        """'The runtime MUST check if moving the network interface to the container namespace is possible.'"""
        move(bundle, v0="", nosuch="")
        self.refuses(container, 'linux.netDevices["nosuch"]', "there is no nosuch", verb=verb)

    def test_an_alternative_name_is_not_the_device_s(self, container: Container, bundle: Bundle) -> None:
        ip("link", "property", "add", "dev", "v1", "altname", "cable")
        try:
            self.refuses(move_in(container, bundle, cable=""), 'linux.netDevices["cable"]')
        finally:
            ip("link", "property", "del", "dev", "v1", "altname", "cable")

    def test_all_mistakes_are_told_at_once(self, container: Container, bundle: Bundle) -> None:
        self.refuses(move_in(container, bundle, nosuch="", lo="loop"), '"nosuch"', '"lo"')

    def test_a_name_that_is_taken(self, container: Container, bundle: Bundle, hold: Hold) -> None:
        """'If a network device with the specified name already exists in the container namespace, the runtime MUST
        generate an error'"""
        holder = hold("network")
        ip("link", "add", "eth0", "type", "ifb", of=holder.process)
        bundle.namespace("network", holder.path("network"))
        self.refuses(move_in(container, bundle, v0="eth0"), 'linux.netDevices["v0"].name', "eth0", "already")
        assert network.names(holder.process) == {"eth0"}

    def test_a_name_that_every_new_namespace_has(self, container: Container, bundle: Bundle) -> None:
        self.refuses(move_in(container, bundle, v1="eth1", v0="lo"), 'linux.netDevices["v0"].name', "already")

    @pytest.mark.parametrize("name", ["a/b", "..", "a" * 16, "a b", "a:b", "a%s", "a%d%d"])
    def test_a_name_that_no_device_can_have(self, container: Container, bundle: Bundle, name: str) -> None:
        self.refuses(move_in(container, bundle, v0=name), 'linux.netDevices["v0"].name')

    def test_the_same_name_twice(self, container: Container, bundle: Bundle) -> None:
        self.refuses(move_in(container, bundle, v0="eth0", v1="eth0"), 'linux.netDevices["v1"].name')

    def test_without_a_network_namespace(self, container: Container, bundle: Bundle) -> None:
        """'into the container network namespace'"""
        self.refuses(
            move_in(container, bundle.without_namespace("network"), v0="eth0"), "linux.netDevices", "namespace"
        )

    def test_the_runtime_s_own_namespace_by_path(self, container: Container, bundle: Bundle) -> None:
        bundle.namespace("network", f"/proc/{os.getpid()}/ns/net")
        self.refuses(move_in(container, bundle, v0="eth0"), "linux.namespaces[", "the runtime's own")

    def test_what_is_no_namespace(self, container: Container, bundle: Bundle) -> None:
        bundle.namespace("network", "/etc/passwd")
        self.refuses(move_in(container, bundle, v0="eth0"), "linux.namespaces[", "must be a network namespace")

    def test_a_device_that_cannot_leave(self, container: Container, bundle: Bundle) -> None:
        self.refuses(move_in(container, bundle, v0="", lo="loop"), 'linux.netDevices["lo"]', "cannot leave")

    def test_a_caller_who_may_not(self, container: Container, bundle: Bundle) -> None:
        """root of a user namespace that has no network namespace of its own"""
        move(bundle, v0="eth0").write()
        command = container.runtime.command(container.root, "create", "--bundle", str(bundle.path), container.id)
        result = container.runtime.call(["unshare", "--user", "--map-root-user", *command])
        assert result.status != 0
        if container.runtime.is_sampan:
            assert 'linux.netDevices["v0"]' in result.stderr
            assert "CAP_NET_ADMIN" in result.stderr


@pytest.mark.usefixtures("unchanged")
class TestFailures:
    """runtime.md: 'generating an error MUST leave the state of the environment as if the operation were never
    attempted', also when the devices have been moved by then."""

    @pytest.mark.parametrize("name", ["", "eth0", "eth%d"], ids=["same name", "new name", "template"])
    @pytest.mark.parametrize("user", [False, True], ids=["", "user namespace"])
    def test_a_hook_that_fails(self, container: Container, bundle: Bundle, name: str, user: bool) -> None:
        if user:
            bundle.user_namespace()
        moved_then_fails(container, move(bundle, v0=name, v1=""))

    def test_in_a_namespace_that_is_joined(self, container: Container, bundle: Bundle, hold: Hold) -> None:
        holder = hold("network")
        ip("link", "add", "v0", "type", "ifb", of=holder.process)
        bundle.namespace("network", holder.path("network"))
        moved_then_fails(container, move(bundle, v0="eth0", v1=""))
        assert network.names(holder.process) == {"v0"}

    def test_two_that_exchange_their_names(self, container: Container, bundle: Bundle) -> None:
        moved_then_fails(container, move(bundle, v0="v1", v1="v0"))

    @pytest.mark.parametrize("verb", ["create", "run"])
    def test_a_program_that_is_not_there(self, container: Container, bundle: Bundle, verb: str) -> None:
        moved = witness(move(bundle, v0="eth0").args("/no/where"))
        container.fails(verb)
        assert moved()
        assert not container.exists

    def test_a_program_that_the_kernel_cannot_run(self, container: Container, bundle: Bundle) -> None:
        """In `run` that is found out at the very end."""
        moved = witness(move(bundle, v0="eth0").file("bin/unfit", "no program", 0o755).args("/bin/unfit"))
        container.fails("run")
        assert moved()

    def test_a_start_container_hook_of_run(self, container: Container, bundle: Bundle) -> None:
        moved = witness(move(bundle, v0="eth0").hook("startContainer", "exit 1"))
        container.fails("run")
        assert moved()
        assert not container.exists

    def test_a_device_that_cannot_have_its_routes_there(self, container: Container, bundle: Bundle, hold: Hold) -> None:
        """Found out after it, and another one, have been moved."""
        holder = hold("network")
        ip("link", "add", "i0", "type", "ifb", of=holder.process)
        ip("addr", "add", "10.0.0.1/24", "dev", "i0", of=holder.process)
        ip("link", "set", "i0", "up", of=holder.process)
        ip("route", "add", "default", "via", "10.0.0.9", of=holder.process)
        bundle.namespace("network", holder.path("network"))
        message = container_fails(container, move(bundle, v1="eth1", v0="eth0"))
        if container.runtime.is_sampan:
            assert 'linux.netDevices["v0"]' in message
            assert "route default via 192.0.2.9" in message
        assert network.names(holder.process) == {"i0"}


class TestFailuresOfOthers:
    def test_addresses_that_are_not_kept_come_back_too(self, container: Container, bundle: Bundle) -> None:
        """An error leaves the environment as it was: those of a lease, and of the link."""
        ip("addr", "add", "192.0.2.7/24", "valid_lft", "10000", "preferred_lft", "10000", "dev", "v0")
        ip("addr", "add", "169.254.1.1/16", "scope", "link", "dev", "v0")
        ip("link", "set", "v0", "up")
        eventually(lambda: settled("v0") and settled("v1"), "the addresses of the link")
        before = everything()
        moved_then_fails(container, move(bundle, v0="eth0"))
        assert_unchanged(before)

    def test_what_was_down_is_down(self, container: Container, bundle: Bundle) -> None:
        ip("addr", "add", V4, "dev", "v0")
        ip("addr", "add", V6, "dev", "v0")
        before = network.device("v0")
        moved_then_fails(container, move(bundle, v0="eth0"))
        assert network.device("v0") == before
        assert "UP" not in before["flags"]

    def test_a_port_of_a_bridge_is_one_again(self, container: Container, bundle: Bundle) -> None:
        ip("link", "add", "br0", "type", "bridge")
        ip("link", "set", "v0", "up", "master", "br0")
        moved_then_fails(container, move(bundle, v0="eth0"))
        assert network.device("v0")["master"] == "br0"

    def test_a_bridge_cannot_leave(self, container: Container, bundle: Bundle) -> None:
        """'The runtime MUST check if moving the network interface to the container namespace is possible.'"""
        ip("link", "add", "br0", "type", "bridge")
        ip("addr", "add", V4, "dev", "br0")
        message = container_fails(container, move(bundle, v0="eth0", br0="br0"))
        assert not container.runtime.is_sampan or 'linux.netDevices["br0"]' in message
        assert {"v0", "br0"} < network.names()
        assert network.addresses("br0")


def container_with(container: Container, bundle: Bundle) -> Process:
    """The process of a container that has been created."""
    assert bundle is container.bundle
    return container.create().process


def assert_unchanged(before: dict[str, Any]) -> None:
    """At once, but for what the kernel makes by itself a moment later."""
    deadline = time.monotonic() + 5
    while everything() != before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert everything() == before


def move_in(container: Container, bundle: Bundle, **names: str) -> Container:
    move(bundle, **names)
    return container


def container_fails(container: Container, bundle: Bundle) -> str:
    """What `create` says."""
    assert bundle is container.bundle
    message = container.fails("create").stderr
    assert not container.exists
    return message


def moved_then_fails(container: Container, bundle: Bundle) -> None:
    """The devices have been moved when a hook fails."""
    moved = witness(bundle)
    bundle.hook("createRuntime", "exit 1")
    container_fails(container, bundle)
    assert moved()


def witness(bundle: Bundle) -> Callable[[], bool]:
    """Adds a hook that sees whether v0 has left the host."""
    seen: Path = bundle.path / "seen"
    bundle.hook("createRuntime", f"cat /proc/net/dev > {seen}")
    return lambda: "v0:" not in seen.read_text()
