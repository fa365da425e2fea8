"""config-linux.md, Memory policy: on which NUMA nodes the container's memory is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .bundle import Bundle
from .container import Container
from .test_exec import process_file

NUMA = Path("/sys/devices/system/node/online").exists()
pytestmark = pytest.mark.skipif(not NUMA, reason="this machine's kernel has no memory policies (CONFIG_NUMA)")


def policies(pid: int) -> set[str]:
    """What numa_maps shows as the policy of each part of a process's memory."""
    return {line.split()[1] for line in Path(f"/proc/{pid}/numa_maps").read_text().splitlines()}


def message_of(container: Container, **policy: Any) -> str:
    container.bundle.set("linux.memoryPolicy", policy)
    return container.fails("create").stderr


@pytest.mark.parametrize(
    ("mode", "nodes", "shown"),
    [
        ("MPOL_DEFAULT", "", "default"),
        ("MPOL_LOCAL", "", "local"),
        ("MPOL_BIND", "0", "bind:0"),
        ("MPOL_INTERLEAVE", "0", "interleave:0"),
        ("MPOL_WEIGHTED_INTERLEAVE", "0", "weighted"),
        ("MPOL_PREFERRED", "0", "prefer:0"),
        ("MPOL_PREFERRED", "", "local"),
        ("MPOL_PREFERRED_MANY", "0", "prefer"),
    ],
)
def test_each_mode(container: Container, bundle: Bundle, mode: str, nodes: str, shown: str) -> None:
    """'mode (string, REQUIRED)'; 'Some modes require that there are no nodes ... Others that there is at least one'"""
    bundle.set("linux.memoryPolicy", {"mode": mode, "nodes": nodes})
    found = policies(container.launch().pid)
    assert any(policy.startswith(shown) for policy in found), found


@pytest.mark.parametrize("nodes", ["0", "0-0", "0,0", " 0 ", "0, 0"])
def test_lists_of_nodes(container: Container, bundle: Bundle, nodes: str) -> None:
    """'This is a comma-separated list, with dashes to represent ranges.'"""
    bundle.set("linux.memoryPolicy", {"mode": "MPOL_BIND", "nodes": nodes})
    assert "bind:0" in policies(container.launch().pid)


@pytest.mark.parametrize(
    ("mode", "flag", "shown"),
    [
        ("MPOL_BIND", "MPOL_F_STATIC_NODES", "bind=static:0"),
        ("MPOL_INTERLEAVE", "MPOL_F_RELATIVE_NODES", "interleave=relative:0"),
        ("MPOL_BIND", "MPOL_F_NUMA_BALANCING", "bind=balancing:0"),
    ],
)
def test_each_flag(container: Container, bundle: Bundle, mode: str, flag: str, shown: str) -> None:
    """'flags (array of strings, OPTIONAL) - list of flags to use with set_mempolicy(2).'"""
    bundle.set("linux.memoryPolicy", {"mode": mode, "nodes": "0", "flags": [flag]})
    assert shown in policies(container.launch().pid)


def test_without_the_field_it_is_the_default(container: Container) -> None:
    """'memoryPolicy (object, OPTIONAL)'"""
    assert policies(container.launch().pid) == {"default"}


def test_it_is_that_of_further_processes_too(container: Container, bundle: Bundle) -> None:
    """'sets the NUMA memory policy for the container'"""
    bundle.set("linux.memoryPolicy", {"mode": "MPOL_BIND", "nodes": "0"}).args("sleep", "1000")
    container.launch()
    assert "bind:0" in policies(container.exec_in_background("sleep", "1000"))
    path = process_file(container, args=["sleep", "1000"])
    assert "bind:0" in policies(container.exec_in_background(options=("--process", path)))


@pytest.mark.parametrize(
    ("field", "policy"),
    [
        ("mode", {"nodes": "0"}),
        ("mode", {"mode": "MPOL_BEST"}),
        ("nodes", {"mode": "MPOL_BIND"}),
        ("nodes", {"mode": "MPOL_BIND", "nodes": " "}),
        ("nodes", {"mode": "MPOL_INTERLEAVE", "nodes": ""}),
        ("nodes", {"mode": "MPOL_WEIGHTED_INTERLEAVE"}),
        ("nodes", {"mode": "MPOL_PREFERRED_MANY"}),
        ("nodes", {"mode": "MPOL_DEFAULT", "nodes": "0"}),
        ("nodes", {"mode": "MPOL_LOCAL", "nodes": "0"}),
        ("nodes", {"mode": "MPOL_BIND", "nodes": "zero"}),
        ("nodes", {"mode": "MPOL_BIND", "nodes": "1-0"}),
        ("nodes", {"mode": "MPOL_BIND", "nodes": "0-"}),
        ("nodes", {"mode": "MPOL_BIND", "nodes": "0-999999999"}),
        ("flags", {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_FAST"]}),
        ("flags", {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]}),
        ("flags", {"mode": "MPOL_INTERLEAVE", "nodes": "0", "flags": ["MPOL_F_NUMA_BALANCING"]}),
        ("flags", {"mode": "MPOL_PREFERRED", "flags": ["MPOL_F_STATIC_NODES"]}),
    ],
)
def test_what_the_kernel_would_not_take_is_an_error(container: Container, field: str, policy: dict[str, Any]) -> None:
    """'Some modes require that there are no nodes, e.g. MPOL_DEFAULT and MPOL_LOCAL. Others that there is at least
    one node, e.g. MPOL_BIND and MPOL_INTERLEAVE. See set_mempolicy(2) for details.'"""
    message = message_of(container, **policy)
    if container.runtime.is_sampan:
        assert f"linux.memoryPolicy.{field}" in message


def test_a_node_that_is_not_there_is_an_error(container: Container) -> None:
    """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error'"""
    message = message_of(container, mode="MPOL_BIND", nodes="1001")
    if container.runtime.is_sampan:
        assert "linux.memoryPolicy" in message
        assert "node" in message
