"""config-linux.md, Namespaces: each one new, inherited, or joined by its path, and any mix of them."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from .bundle import Bundle
from .container import Container
from .holder import Holder
from .procfs import Process

KINDS = ["pid", "network", "ipc", "uts", "mount", "cgroup", "user", "time"]
Hold = Callable[..., Holder]


def needs(container: Container, kind: str) -> None:
    if not container.runtime.admits("linux", "namespaces", kind):
        pytest.skip(f"{container.runtime.name} does not list the {kind} namespace among its features")


def prepare(container: Container, kind: str) -> Bundle:
    """A bundle for which a namespace of this kind, in any of the three ways, is all that matters."""
    needs(container, kind)
    bundle = container.bundle
    return bundle.drop("hostname") if kind == "uts" else bundle


@pytest.mark.parametrize("kind", KINDS)
def test_a_namespace_without_path_is_new(container: Container, kind: str) -> None:
    """'If path is not specified, the runtime MUST create a new container namespace of type type.'"""
    bundle = prepare(container, kind)
    bundle.user_namespace() if kind == "user" else bundle.namespace(kind)
    assert container.launch().process.namespace(kind) != Process().namespace(kind)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "mount"])
def test_an_absent_namespace_is_inherited(container: Container, kind: str) -> None:
    """'If a namespace type is not specified in the namespaces array, the container MUST inherit the runtime namespace
    of that type.'"""
    prepare(container, kind).without_namespace(kind)
    assert container.launch().process.namespace(kind) == Process().namespace(kind)


def test_without_a_mount_namespace_the_host_s_mounts_stay_as_they_are(container: Container, bundle: Bundle) -> None:
    """'the container MUST inherit the runtime namespace of that type': a runtime may refuse that, since it could not
    undo the mounts; it must not leave any.
    """
    before = {mount.id for mount in Process().mounts()}
    bundle.without_namespace("mount").set("mounts", []).drop("linux.maskedPaths").drop("linux.readonlyPaths")
    if container.call("create").status == 0:
        assert container.process.namespace("mount") == Process().namespace("mount")
        container.delete("--force")
    assert {mount.id for mount in Process().mounts()} == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_namespace_with_path_is_joined(container: Container, hold: Hold, kind: str) -> None:
    """'The runtime MUST place the container process in the namespace associated with that path.'"""
    bundle = prepare(container, kind)
    holder = hold(kind)
    if kind == "user":
        bundle.user_namespace()
    bundle.namespace(kind, holder.path(kind))
    assert container.launch().process.namespace(kind) == holder.process.namespace(kind)


def test_a_joined_user_namespace_needs_no_mappings(container: Container, bundle: Bundle, hold: Hold) -> None:
    """'uidMappings (array of objects, OPTIONAL)': the namespace that is joined has its own"""
    holder = hold("user")
    bundle.user_namespace().drop("linux.uidMappings").drop("linux.gidMappings")
    bundle.namespace("user", holder.path("user"))
    assert container.launch().process.namespace("user") == holder.process.namespace("user")


@pytest.mark.parametrize("kind", ["network", "ipc", "uts"])
def test_the_runtime_s_own_namespace_can_be_joined_by_path(container: Container, kind: str) -> None:
    """'The runtime MUST place the container process in the namespace associated with that path.'"""
    prepare(container, kind).namespace(kind, f"/proc/{os.getpid()}/ns/{'net' if kind == 'network' else kind}")
    assert container.launch().process.namespace(kind) == Process().namespace(kind)


class TestMixes:
    def test_new_joined_and_inherited_at_once(self, container: Container, bundle: Bundle, hold: Hold) -> None:
        """'Namespaces are specified as an array of entries': each entry for itself"""
        holder = hold("network", "ipc")
        bundle.namespace("network", holder.path("network")).namespace("ipc", holder.path("ipc"))
        bundle.without_namespace("pid")
        process = container.launch().process
        assert process.namespace("network") == holder.process.namespace("network")
        assert process.namespace("ipc") == holder.process.namespace("ipc")
        assert process.namespace("pid") == Process().namespace("pid")
        assert process.namespace("uts") != Process().namespace("uts")

    def test_as_in_a_pod(self, container: Container, bundle: Bundle, hold: Hold) -> None:
        """A pod's second container: network, ipc and uts of the first, its own mount and pid namespaces."""
        holder = hold("network", "ipc", "uts")
        for kind in ("network", "ipc", "uts"):
            bundle.namespace(kind, holder.path(kind))
        process = container.launch().process
        joined = {kind: process.namespace(kind) == holder.process.namespace(kind) for kind in ("network", "ipc", "uts")}
        assert joined == {"network": True, "ipc": True, "uts": True}
        assert process.namespace("pid") not in (holder.process.namespace("pid"), Process().namespace("pid"))

    def test_another_container_s_pid_namespace(self, container: Container, bundle: Bundle, hold: Hold) -> None:
        """'processes inside the container will only be able to see other processes inside the same container or inside
        the same pid namespace'"""
        bundle.namespace("pid", hold("pid").path("pid"))
        assert "1 sleep 1000" in container.output("ps -o pid,args | sed 's/^ *//'")

    def test_user_and_network_namespace_of_another(self, container: Container, bundle: Bundle, hold: Hold) -> None:
        """'The runtime MUST place the container process in the namespace associated with that path.'"""
        holder = hold("user", "network")
        bundle.user_namespace().namespace("user", holder.path("user")).namespace("network", holder.path("network"))
        process = container.launch().process
        assert process.namespace("user") == holder.process.namespace("user")
        assert process.namespace("network") == holder.process.namespace("network")

    def test_a_new_user_namespace_with_a_joined_network(self, container: Container, bundle: Bundle, hold: Hold) -> None:
        """podman's user namespaces with a prepared network namespace, in which sysfs cannot be mounted"""
        holder = hold("network")
        bundle.user_namespace().namespace("network", holder.path("network"))
        bundle.without_mount("/sys").without_mount("/sys/fs/cgroup").bind("/sys", "/sys", "rbind", "ro")
        assert container.launch().process.namespace("network") == holder.process.namespace("network")

    def test_the_order_of_entries_does_not_matter(self, container: Container, bundle: Bundle) -> None:
        """'Namespaces are specified as an array of entries', of which the text gives no order"""
        bundle.user_namespace()
        bundle.config["linux"]["namespaces"].reverse()
        assert container.output("id -u; hostname") == "0\ncontainer"


class TestErrors:
    @pytest.mark.parametrize(
        "kind, actual", [("network", "ipc"), ("uts", "network"), ("pid", "user"), ("ipc", "mount")]
    )
    def test_a_path_of_another_type(self, container: Container, hold: Hold, kind: str, actual: str) -> None:
        """'The runtime MUST generate an error if path is not associated with a namespace of type type.'"""
        prepare(container, kind).namespace(kind, hold(actual).path(actual))
        container.fails("create")

    @pytest.mark.parametrize("path", ["/etc/passwd", "/nowhere", "/proc/1", "/"])
    def test_a_path_of_no_namespace(self, container: Container, bundle: Bundle, path: str) -> None:
        """'The runtime MUST generate an error if path is not associated with a namespace of type type.'"""
        bundle.namespace("network", path)
        container.fails("create")

    def test_a_relative_path(self, container: Container, bundle: Bundle) -> None:
        """'This value MUST be an absolute path in the runtime mount namespace.'"""
        bundle.namespace("network", "proc/self/ns/net")
        (bundle.path / "proc").symlink_to("/proc")
        container.fails("create", cwd=bundle.path)

    @pytest.mark.parametrize("kind", ["pid", "network", "mount", "uts"])
    def test_a_namespace_twice(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'If a namespaces field contains duplicated namespaces with same type, the runtime MUST generate an error.'"""
        bundle.add("linux.namespaces", {"type": kind})
        container.fails("create")

    def test_a_namespace_twice_once_by_path(self, container: Container, bundle: Bundle, hold: Hold) -> None:
        """'If a namespaces field contains duplicated namespaces with same type, the runtime MUST generate an error.'"""
        bundle.add("linux.namespaces", {"type": "network", "path": hold("network").path("network")})
        container.fails("create")

    def test_an_unknown_type(self, container: Container, bundle: Bundle) -> None:
        """'Runtimes MUST generate an error when invalid or unsupported values are encountered.'"""
        bundle.add("linux.namespaces", {"type": "cosmic"})
        container.fails("create")


class TestIsolation:
    def test_the_program_is_pid_1(self, container: Container) -> None:
        """'processes inside the container will only be able to see other processes inside the same container'"""
        assert container.output("echo $$") == "1"

    def test_only_its_own_processes_are_seen(self, container: Container) -> None:
        """'processes inside the container will only be able to see other processes inside the same container'"""
        assert container.output("ls -d /proc/[0-9]*") in ("/proc/1", "/proc/1\n/proc/2")  # the shell, and perhaps ls

    def test_a_new_network_has_only_a_loopback_device(self, container: Container) -> None:
        """'the container will have its own network stack'"""
        assert container.output("ls /sys/class/net") == "lo"

    def test_the_host_s_network_is_seen_without_a_namespace(self, container: Container, bundle: Bundle) -> None:
        """'the container MUST inherit the runtime namespace of that type'"""
        bundle.without_namespace("network")
        assert set(container.output("ls /sys/class/net").split()) == set(os.listdir("/sys/class/net"))

    def test_the_cgroup_namespace_s_root_is_the_container_s_cgroup(self, container: Container, bundle: Bundle) -> None:
        """'the container will have an isolated view of the cgroup hierarchy'"""
        bundle.namespace("cgroup")
        paths = {line.split(":", 2)[2] for line in container.output("cat /proc/self/cgroup").splitlines()}
        assert paths == {"/"}

    def test_mounts_of_the_container_are_not_the_host_s(self, container: Container, bundle: Bundle) -> None:
        """'the container will have an isolated mount table'"""
        bundle.mount("/mine", "tmpfs", "tmpfs")
        container.launch()
        assert str(bundle.rootfs / "mine") not in {mount.target for mount in Process().mounts()}
        assert str(bundle.rootfs) not in {mount.target for mount in Process().mounts()}

    @pytest.mark.parametrize("clock", ["boottime", "monotonic"])
    def test_time_offsets(self, container: Container, bundle: Bundle, clock: str) -> None:
        """'secs (int64, OPTIONAL) - is the offset of clock (in seconds) in the container.'"""
        needs(container, "time")
        bundle.namespace("time").set("linux.timeOffsets", {clock: {"secs": 1000000, "nanosecs": 5}})
        offsets = [line.split() for line in container.output("cat /proc/self/timens_offsets").splitlines()]
        assert [clock, "1000000", "5"] in offsets

    def test_the_boottime_offset_is_seen_in_uptime(self, container: Container, bundle: Bundle) -> None:
        """'timeOffsets (object, OPTIONAL) sets the offset for Time Namespace.'"""
        needs(container, "time")
        bundle.namespace("time").set("linux.timeOffsets", {"boottime": {"secs": 10_000_000}})
        assert float(container.output("cat /proc/uptime").split()[0]) > 10_000_000


class TestNames:
    def test_the_hostname(self, container: Container, bundle: Bundle) -> None:
        """'hostname (string, OPTIONAL) specifies the container's hostname as seen by processes running inside'"""
        bundle.set("hostname", "mrsdalloway")
        assert container.output("hostname") == "mrsdalloway"

    def test_the_host_s_hostname_stays(self, container: Container, bundle: Bundle) -> None:
        """'this will change the hostname in the container UTS namespace'"""
        before = os.uname().nodename
        bundle.set("hostname", "mrsdalloway")
        container.launch()
        assert os.uname().nodename == before

    def test_the_domainname(self, container: Container, bundle: Bundle) -> None:
        """'domainname (string, OPTIONAL) specifies the container's domainname as seen by processes running inside'"""
        bundle.set("domainname", "foobarbaz.test")
        assert container.output("cat /proc/sys/kernel/domainname") == "foobarbaz.test"

    def test_a_hostname_without_uts_namespace_never_changes_the_host_s(
        self, container: Container, bundle: Bundle
    ) -> None:
        """runc: 'unable to set hostname without a private UTS namespace'"""
        before = os.uname().nodename
        bundle.without_namespace("uts")
        container.fails("create")
        assert os.uname().nodename == before
