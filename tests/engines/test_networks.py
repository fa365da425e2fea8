"""Networks by netavark: ports of the host that lead into a container, names, and networks of one's own."""

from __future__ import annotations

import shutil

import pytest

from .engine import eventually
from .podman import Podman

pytestmark = pytest.mark.skipif(shutil.which("iptables") is None, reason="netavark needs iptables: not installed")
SERVER = "while :; do echo hello | nc -l -p 80; done"


def test_a_port_of_the_host_leads_to_the_container(podman: Podman) -> None:
    container = podman.detached("--net", "bridge", "--publish", "127.0.0.1:8181:80", "--", "sh", "-c", SERVER)
    assert podman("port", container).checked().output == "80/tcp -> 127.0.0.1:8181"
    ask = ["busybox", "nc", "-w", "2", "127.0.0.1", "8181"]
    eventually(lambda: podman.site.view.run(*ask).stdout == "hello\n", "an answer at the port")
    podman("stop", "--time", "0", container).checked()
    assert podman.site.view.run(*ask).status != 0


@pytest.mark.skipif(
    not shutil.which("aardvark-dns", path="/usr/lib/podman:/usr/libexec/podman"), reason="no aardvark-dns"
)
def test_containers_of_a_network_find_each_other_by_name(podman: Podman) -> None:
    network, server = f"fleet-{podman.runtime}", f"server-{podman.runtime}"
    podman("network", "create", "--subnet", "10.99.7.0/24", network).checked()
    try:
        found = podman.detached("--net", network, "--ip", "10.99.7.7", "--name", server, "--", "sh", "-c", SERVER)
        script = (
            f"ip -o -4 addr show eth0 | grep -o 10.99.7.*/24; for i in 1 2 3 4 5; do nc -w 2 {server} 80 && exit; done"
        )
        result = podman.run("--net", network, "--", "sh", "-c", script)
        address, answer = result.checked().lines
        assert address.startswith("10.99.7.") and answer == "hello"
        # a further network while it runs
        podman("network", "connect", "podman", found).checked()
        assert "eth1" in podman("exec", found, "ls", "/sys/class/net").checked().lines
        podman("network", "disconnect", "podman", found).checked()
        assert "eth1" not in podman("exec", found, "ls", "/sys/class/net").checked().lines
    finally:
        podman.tidy()
        podman("network", "rm", network).checked()
