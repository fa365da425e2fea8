"""linux.resources.rdma, on a device that the kernel makes of a network interface (RXE)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from sampan.cgroups.layout import Layout
from sampan.errors import KernelError

from .control import content, require

DEVICE = "sampan_rxe"
INTERFACE = "sampan-rdma"


def command(*words: str) -> bool:
    return subprocess.run(words, capture_output=True).returncode == 0


@pytest.fixture
def device(host: Layout) -> Iterator[str]:
    require(host, "rdma")
    if not all(shutil.which(name) for name in ("rdma", "ip", "modprobe")):
        pytest.skip("needs the commands rdma, ip and modprobe")
    command("modprobe", "--quiet", "rdma_rxe")
    command("ip", "link", "add", INTERFACE, "type", "dummy")
    command("ip", "link", "set", INTERFACE, "up")
    made = command("rdma", "link", "add", DEVICE, "type", "rxe", "netdev", INTERFACE)
    if made:
        yield DEVICE
    command("ip", "link", "delete", INTERFACE)
    if not made:
        pytest.skip("this kernel cannot make an RDMA device of a network interface (rdma_rxe)")


def test_handles_and_objects(device: str, locate: Any) -> None:
    group = locate()
    group.create({"rdma": {device: {"hcaHandles": 3, "hcaObjects": 10000}}})
    assert content(group, "rdma", "rdma.max", "rdma.max") == f"{device} hca_handle=3 hca_object=10000"
    group.update({"rdma": {device: {"hcaHandles": 0}}})
    assert content(group, "rdma", "rdma.max", "rdma.max") == f"{device} hca_handle=0 hca_object=10000"


def test_an_unknown_device_is_an_error_and_an_update_with_it_changes_nothing(device: str, locate: Any) -> None:
    group = locate()
    group.create({"rdma": {device: {"hcaObjects": 7}}})
    with pytest.raises(KernelError, match=r'linux\.resources\.rdma\["nosuch"\]: '):
        group.update({"rdma": {device: {"hcaObjects": 8}, "nosuch": {"hcaObjects": 8}}})
    assert content(group, "rdma", "rdma.max", "rdma.max") == f"{device} hca_handle=max hca_object=7"
