"""config-linux.md, Unified: 'Each key in the map refers to a file in the cgroup unified hierarchy.'"""

from __future__ import annotations

import pytest

from . import views
from .bundle import Bundle
from .container import Container
from .limits import MIB, needs, place


@pytest.fixture(autouse=True)
def _in_a_view_of_v2(runtime: object) -> None:
    del runtime  # its view comes first
    if not views.is_pure_v2():
        pytest.skip("this view of the cgroups is not pure v2")


def read(container: Container, file: str) -> str:
    return (place(container, file.partition(".")[0]) / file).read_text().strip()


def test_a_file_of_any_cgroup(container: Container, bundle: Bundle) -> None:
    """'Configuration unknown to the runtime MUST still be written to the relevant file.'"""
    bundle.set("linux.resources.unified", {"cgroup.max.descendants": "7", "cgroup.max.depth": "3"})
    container.create()
    assert (read(container, "cgroup.max.descendants"), read(container, "cgroup.max.depth")) == ("7", "3")


def test_a_file_of_a_controller(container: Container, bundle: Bundle) -> None:
    """'The OCI runtime MUST ensure that the needed cgroup controllers are enabled for the cgroup.'"""
    needs("hugetlb")
    bundle.set("linux.resources.unified", {"hugetlb.2MB.max": str(4 * MIB)})
    assert read(container.create(), "hugetlb.2MB.max") == str(4 * MIB)


def test_the_cgroup_that_leads_to_it_gets_the_controller_too(container: Container, bundle: Bundle) -> None:
    """'The OCI runtime MUST ensure that the needed cgroup controllers are enabled for the cgroup.'"""
    needs("hugetlb")
    bundle.set("linux.cgroupsPath", f"/{container.id}/inner")
    bundle.set("linux.resources.unified", {"hugetlb.2MB.max": str(4 * MIB)})
    directory = place(container.create(), "hugetlb")
    assert (directory / "hugetlb.2MB.max").read_text() == f"{4 * MIB}\n"
    container.delete("--force")
    directory.parent.rmdir()


def test_all_that_a_program_may_ask_for(container: Container, bundle: Bundle) -> None:
    """'allows cgroup v2 parameters to be set and modified for the container'"""
    needs("memory", "cpu", "pids", "cpuset")
    wanted = {
        "memory.high": str(48 * MIB),
        "memory.max": str(64 * MIB),
        "cpu.max": "50000 200000",
        "cpu.weight": "77",
        "pids.max": "33",
        "cpuset.cpus": "0",
    }
    bundle.set("linux.resources.unified", wanted)
    container.create()
    assert {name: read(container, name) for name in wanted} == wanted


def test_it_wins_over_what_is_converted_from_v1(container: Container, bundle: Bundle) -> None:
    """'If a controller is enabled on the cgroup v2 hierarchy but the configuration is provided for the cgroup v1
    equivalent controller, the runtime MAY attempt a conversion.'"""
    needs("pids")
    bundle.set("linux.resources.pids", {"limit": 20}).set("linux.resources.unified", {"pids.max": "30"})
    assert read(container.create(), "pids.max") == "30"


@pytest.mark.parametrize("name", ["../cgroup.procs", "a/b", "cgroup.nosuch", "nosuch.file", "dmem.max"])
def test_what_is_not_there_is_an_error(container: Container, bundle: Bundle, name: str) -> None:
    """'The runtime MUST generate an error when the configuration refers to a cgroup controller that is not present'"""
    bundle.set("linux.resources.unified", {name: "1"})
    result = container.fails("create")
    if container.runtime.is_sampan:
        assert f'linux.resources.unified["{name}"]' in result.stderr


def test_a_value_that_the_kernel_refuses_is_an_error(container: Container, bundle: Bundle) -> None:
    """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error'"""
    bundle.set("linux.resources.unified", {"cgroup.max.depth": "deep"})
    container.fails("create")
