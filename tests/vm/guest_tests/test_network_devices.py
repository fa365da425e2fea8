"""linux.netDevices of a device that is no software's: the only kind that the kernel gives back at the end."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NETWORK = Path("/sys/class/net")
ADDRESS = "192.0.2.1/24"


def ip(*words: str) -> Any:
    done = subprocess.run(["ip", "-json", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout or "[]")


def physical_devices() -> dict[str, str]:
    """Hardware address -> name."""
    found = [entry for entry in NETWORK.iterdir() if (entry / "device").exists()]
    return {(entry / "address").read_text().strip(): entry.name for entry in found}


@pytest.fixture
def device() -> Iterator[tuple[str, str]]:
    """Hardware address and name of the machine's network card."""
    subprocess.run(["modprobe", "virtio_net"], check=True, timeout=60)
    ((hardware, name),) = physical_devices().items()
    yield hardware, name
    back = physical_devices()[hardware]
    if back != name:
        ip("link", "set", back, "name", name)


@pytest.fixture
def bundle(tmp_path: Path, device: tuple[str, str]) -> Path:
    subprocess.run(["sampan", "spec", "--rootfs", "host", tmp_path, "--", "sleep", "600"], check=True, timeout=60)
    document = tmp_path / "config.json"
    config = json.loads(document.read_text())
    config["linux"]["netDevices"] = {device[1]: {"name": "uplink"}}
    document.write_text(json.dumps(config))
    return tmp_path


def test_a_network_card_is_the_container_s_and_then_the_host_s_again(device: tuple[str, str], bundle: Path) -> None:
    """'The runtime MUST NOT attempt to move the interface out of the namespace before deletion': the kernel does it."""
    hardware, name = device
    ip("addr", "add", ADDRESS, "dev", name)
    ip("link", "set", name, "up")
    subprocess.run(["sampan", "run", "--detach", "--bundle", bundle, "card"], check=True, timeout=60)
    try:
        assert hardware not in physical_devices()
        told = ["sampan", "exec", "card", "ip", "-json", "addr", "show", "uplink"]
        (inside,) = json.loads(subprocess.run(told, capture_output=True, check=True, timeout=60).stdout)
        assert inside["address"] == hardware
        assert "UP" in inside["flags"]
        assert [f"{entry['local']}/{entry['prefixlen']}" for entry in inside["addr_info"]][:1] == [ADDRESS]
    finally:
        subprocess.run(["sampan", "delete", "--force", "card"], check=True, timeout=60)
    deadline = time.monotonic() + 60  # the kernel takes namespaces apart in its own time
    while hardware not in physical_devices():
        assert time.monotonic() < deadline, "the card did not come back"
        time.sleep(0.1)
    (outside,) = ip("addr", "show", "dev", physical_devices()[hardware])
    assert "UP" not in outside["flags"]
    assert outside["addr_info"] == []
