"""config-linux.md, User namespace mappings: who the container's processes and files are inside, and outside."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .bundle import Bundle
from .container import Container
from .holder import Holder
from .procfs import Process


def test_root_inside_is_another_user_outside(container: Container, bundle: Bundle) -> None:
    """'uidMappings describes the user namespace uid mappings from the host to the container.'"""
    bundle.user_namespace(host_id=100000)
    process = container.launch().process
    assert process.status("Uid").split() == ["100000"] * 4
    assert process.status("Gid").split() == ["100000"] * 4


def test_root_inside_is_root_inside(container: Container, bundle: Bundle) -> None:
    """'containerID - is the starting uid/gid in the container.'"""
    bundle.user_namespace()
    assert container.output("id -u; id -g") == "0\n0"


def test_a_user_inside_is_the_mapped_one_outside(container: Container, bundle: Bundle) -> None:
    """'uid specifies the user ID in the container namespace.'"""
    bundle.user_namespace(host_id=100000).user(1000, 1001)
    process = container.launch().process
    assert process.status("Uid").split()[0] == "101000"
    assert process.status("Gid").split()[0] == "101001"


def test_additional_groups_are_mapped_too(container: Container, bundle: Bundle) -> None:
    """'additionalGids specifies additional group IDs in the container namespace to be added to the process.'"""
    bundle.user_namespace(host_id=100000).user(0, 0, additionalGids=[5, 10])
    assert container.launch().process.status("Groups").split() == ["100005", "100010"]


def test_the_maps_are_as_configured(container: Container, bundle: Bundle) -> None:
    """'size - is the number of ids to be mapped.'; 'Each entry has the following structure'"""
    bundle.user_namespace(host_id=100000, size=1000)
    extra = {"containerID": 5000, "hostID": 300000, "size": 7}
    bundle.add("linux.uidMappings", extra).add("linux.gidMappings", extra)
    process = container.launch().process
    expected = [["0", "100000", "1000"], ["5000", "300000", "7"]]
    assert [line.split() for line in process.read("uid_map").splitlines()] == expected
    assert [line.split() for line in process.read("gid_map").splitlines()] == expected


def test_files_made_inside_belong_to_the_mapped_user(container: Container, bundle: Bundle) -> None:
    """'describes the user namespace uid mappings from the host to the container'"""
    bundle.user_namespace(host_id=100000)
    container.output("touch /made")
    assert (bundle.rootfs / "made").stat().st_uid == 100000


def test_the_root_filesystem_s_owners_stay(container: Container, bundle: Bundle) -> None:
    """'The runtime SHOULD NOT modify the ownership of referenced filesystems to realize the mapping.'"""
    bundle.user_namespace(host_id=100000)
    owned_by_host = bundle.file("etc/of-host").rootfs / "etc/of-host"
    assert container.output("stat -c %u /etc/of-host") == "65534"
    assert owned_by_host.stat().st_uid == 0


@pytest.mark.parametrize("device", ["null", "zero", "full", "random", "urandom"])
def test_default_devices_work_where_mknod_is_not_allowed(container: Container, bundle: Bundle, device: str) -> None:
    """'the runtime MUST also supply' the default devices; 'The runtime MAY supply them however it likes'"""
    bundle.user_namespace()
    operation = "cat /dev/null" if device == "null" else f"head -c 1 /dev/{device}"
    container.output(f"test -c /dev/{device} && {operation} >/dev/null")


def test_a_configured_device_works_where_mknod_is_not_allowed(container: Container, bundle: Bundle) -> None:
    """'devices lists devices that MUST be available in the container. The runtime MAY supply them however it likes'"""
    bundle.user_namespace().add("linux.devices", {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229})
    container.output("test -c /dev/fuse")


def test_the_process_owns_its_own_proc_files(container: Container, bundle: Bundle) -> None:
    """A process of user 0 in its namespace: the kernel shows /proc/self as its own."""
    bundle.user_namespace()
    assert container.output("stat -c %u /proc/self/environ") == "0"


def test_it_has_all_capabilities_it_asks_for(container: Container, bundle: Bundle) -> None:
    """'effective ... an array of effective capabilities that are kept for the process'"""
    bundle.user_namespace().capabilities("CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_NET_ADMIN")
    process = container.launch().process
    assert process.capabilities("Eff") == {"CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_NET_ADMIN"}


def test_its_network_namespace_is_its_own(container: Container, bundle: Bundle) -> None:
    """The new network namespace is made in the new user namespace: CAP_NET_ADMIN inside is enough to change it."""
    bundle.user_namespace().capabilities("CAP_NET_ADMIN")
    assert "UP" in container.output("ip link set lo up; ip link show lo")


def test_the_hostname_is_set(container: Container, bundle: Bundle) -> None:
    """'hostname specifies the container's hostname as seen by processes running inside the container'"""
    bundle.user_namespace().set("hostname", "mapped")
    assert container.output("hostname") == "mapped"


def test_hooks_run_as_the_runtime_s_user(container: Container, bundle: Bundle) -> None:
    """'The createRuntime hooks MUST be executed in the runtime namespace.'"""
    bundle.user_namespace().hook("createRuntime", f"id -u > {bundle.path}/who")
    container.launch()
    assert (bundle.path / "who").read_text() == "0\n"


@pytest.mark.parametrize("kind", ["new", "joined"])
def test_its_oom_score(container: Container, bundle: Bundle, hold: Callable[..., Holder], kind: str) -> None:
    """'If oomScoreAdj is set, the runtime MUST set oom_score_adj to the given value.'"""
    bundle.user_namespace().set("process.oomScoreAdj", 500)
    if kind == "joined":
        bundle.namespace("user", hold("user").path("user"))
    assert container.launch().process.read("oom_score_adj").strip() == "500"


def test_sysctls_and_an_oom_score(container: Container, bundle: Bundle) -> None:
    """'sysctl (object, OPTIONAL) allows kernel parameters to be modified at runtime for the container.': those of its
    own network, while oom_score_adj is the host's business"""
    bundle.user_namespace().set("process.oomScoreAdj", 500).set("linux.sysctl", {"net.ipv4.ip_forward": "1"})
    before = Process().directory.joinpath("../sys/net/ipv4/ip_forward").read_text()
    assert container.output("cat /proc/sys/net/ipv4/ip_forward /proc/self/oom_score_adj").split() == ["1", "500"]
    assert Process().directory.joinpath("../sys/net/ipv4/ip_forward").read_text() == before
