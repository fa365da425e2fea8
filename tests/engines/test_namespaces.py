"""Namespaces: new, shared with the host, with another container, in pods; mappings of users; networks."""

from __future__ import annotations

import shutil

import pytest

from .podman import Podman


def namespace(podman: Podman, kind: str, *options: str) -> str:
    return podman.run(*options, "--", "readlink", f"/proc/self/ns/{kind}").checked().output


def of_view(podman: Podman, kind: str) -> str:
    return podman.site.view.run("readlink", f"/proc/self/ns/{kind}").checked().output


@pytest.mark.parametrize("kind", ["pid", "net", "ipc", "uts", "mnt"])
def test_namespaces_are_new_by_default(podman: Podman, kind: str) -> None:
    assert namespace(podman, kind) != of_view(podman, kind)


@pytest.mark.parametrize("option, kind", [("--pid", "pid"), ("--net", "net"), ("--ipc", "ipc"), ("--uts", "uts")])
def test_namespaces_of_the_host_can_be_shared(podman: Podman, option: str, kind: str) -> None:
    assert namespace(podman, kind, option, "host") == of_view(podman, kind)


@pytest.mark.parametrize("option, kind", [("--pid", "pid"), ("--net", "net"), ("--ipc", "ipc")])
def test_namespaces_of_another_container_can_be_shared(podman: Podman, option: str, kind: str) -> None:
    options = ["--ipc", "shareable"] if kind == "ipc" else []
    first = podman.detached(*options, "--", "sh", "-c", f"readlink /proc/self/ns/{kind}; exec sleep 1000")
    podman.wait_for_log(first, kind)
    assert namespace(podman, kind, option, f"container:{first}") == podman.logs(first).strip()


def test_the_first_process_is_number_1_and_sees_no_other(podman: Podman) -> None:
    assert podman.run("sh", "-c", "echo $$; echo /proc/[0-9]*").checked().lines == ["1", "/proc/1"]


def test_containers_of_a_pod_share_network_ipc_and_hostname(podman: Podman) -> None:
    pod = podman.pod("--name", "flotilla", "--network", "none", "--hostname", "flotilla")
    script = "hostname; for kind in net ipc uts; do readlink /proc/self/ns/$kind; done"
    first, second = (podman("run", "--rm", "--pod", pod, "localhost/busybox:1", "sh", "-c", script) for _ in range(2))
    assert first.checked().lines[0] == "flotilla"
    assert first.lines == second.checked().lines


def test_containers_of_a_pod_can_share_processes(podman: Podman) -> None:
    pod = podman.pod("--share", "pid,net", "--network", "none")
    podman.detached("--pod", pod, "--", "sleep", "1234")
    assert "sleep 1234" in podman("run", "--rm", "--pod", pod, "localhost/busybox:1", "ps").checked().stdout


def test_a_pod_is_stopped_and_removed_with_its_containers(podman: Podman) -> None:
    pod = podman.pod("--network", "none")
    container = podman.detached("--pod", pod, "--", "sleep", "1000")
    podman("pod", "stop", "--time", "0", pod).checked()
    assert podman.status(container) == "exited"
    podman("pod", "start", pod).checked()
    assert podman.status(container) == "running"
    podman("pod", "rm", "--force", "--time", "0", pod).checked()
    assert podman("container", "exists", container).status == 1


MAPPING = ["--uidmap", "0:100000:5000", "--gidmap", "0:200000:5000"]


def test_users_are_mapped(podman: Podman) -> None:
    script = "id -u; cat /proc/self/uid_map /proc/self/gid_map"
    lines = podman.run(*MAPPING, "--", "sh", "-c", script).checked().lines
    assert [line.split() for line in lines] == [["0"], ["0", "100000", "5000"], ["0", "200000", "5000"]]


def test_mapped_users_own_the_root(podman: Podman) -> None:
    result = podman.run(*MAPPING, "--", "sh", "-c", "touch /srv/file && stat -c %u:%g /srv/file /etc/passwd")
    assert result.checked().lines == ["0:0", "0:0"]


def test_mapped_users_can_be_chosen(podman: Podman) -> None:
    result = podman.run(*MAPPING, "-u", "worker", "-w", "/home/worker", "--", "sh", "-c", "id -u; pwd")
    assert result.checked().lines == ["1000", "/home/worker"]


def test_a_mapped_container_is_stopped_and_removed(podman: Podman) -> None:
    container = podman.detached(*MAPPING, "--", "sleep", "1000")
    podman("stop", "--time", "0", container).checked()
    podman("rm", container).checked()


def test_a_mapped_user_has_no_rights_over_the_host(podman: Podman) -> None:
    """Privileged, but in a user namespace: what belongs to the host stays closed."""
    result = podman.run(*MAPPING, "--privileged", "--net", "host", "--", "hostname", "stolen")
    assert result.status != 0 or podman.site.view.run("hostname").output != "stolen"


@pytest.mark.skipif(shutil.which("iptables") is None, reason="netavark needs iptables, which is not installed")
def test_a_bridge_network_has_an_address_and_reaches_another_container(podman: Podman) -> None:
    server = podman.detached("--net", "bridge", "--", "sh", "-c", "while :; do echo hello | nc -l -p 80; done")
    found = podman("inspect", "--format", "{{.NetworkSettings.IPAddress}}", server)
    address = found.checked().output
    assert address, str(found)
    script = f"for i in 1 2 3 4 5; do nc -w 2 {address} 80 </dev/null && exit; sleep 0.1; done; exit 1"
    result = podman.run("--net", "bridge", "--", "sh", "-c", script)
    assert result.checked().output == "hello"


def test_no_network_is_only_the_loopback_device(podman: Podman) -> None:
    assert podman.run("ls", "/sys/class/net").checked().lines == ["lo"]
