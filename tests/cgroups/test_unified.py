"""linux.resources.unified: any file of the v2 cgroup, with the controller that it needs."""

from __future__ import annotations

import os
from typing import Any

import pytest

from sampan.cgroups.layout import Layout
from sampan.errors import ConfigError, KernelError

from .conftest import Program, remains
from .control import MIB, content, eventually, place, require


@pytest.fixture(autouse=True)
def _only_with_v2(host: Layout) -> None:
    if not host.unified:
        pytest.skip("this machine has no v2 hierarchy")


def needs_v2(host: Layout, *controllers: str) -> None:
    require(host, *controllers)
    if host.mounts:
        pytest.skip(f"v1 has the controllers {', '.join(controllers)} here")


def test_a_file_of_the_core_needs_no_controller(locate: Any) -> None:
    group = locate()
    group.create({"unified": {"cgroup.max.descendants": "7", "cgroup.max.depth": "3"}})
    assert (place(group, "") / "cgroup.max.descendants").read_text() == "7\n"
    group.update({"unified": {"cgroup.max.descendants": "max"}})
    assert (place(group, "") / "cgroup.max.descendants").read_text() == "max\n"


def test_the_controller_of_a_file_is_enabled(host: Layout, locate: Any) -> None:
    """'The OCI runtime MUST ensure that the needed cgroup controllers are enabled for the cgroup.'"""
    require(host, "hugetlb")
    if "hugetlb" in host.mounts:
        pytest.skip("v1 has the hugetlb controller here")
    group = locate("deep/er")
    group.create({"unified": {"hugetlb.2MB.max": str(4 * MIB)}})
    assert content(group, "hugetlb", "", "hugetlb.2MB.max") == str(4 * MIB)
    group.remove()
    os.rmdir(os.path.dirname(group.directories[""]))
    for path in set(group.directories.values()) - {group.directories[""]}:
        os.rmdir(os.path.dirname(path))


def test_it_wins_over_the_value_of_another_field(host: Layout, locate: Any) -> None:
    require(host, "hugetlb")
    if "hugetlb" in host.mounts:
        pytest.skip("v1 has the hugetlb controller here")
    group = locate()
    both: Any = {
        "unified": {"hugetlb.2MB.max": str(4 * MIB)},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 8 * MIB}],
    }
    group.create(both)
    assert content(group, "hugetlb", "", "hugetlb.2MB.max") == str(4 * MIB)
    assert content(group, "hugetlb", "", "hugetlb.2MB.rsvd.max") == str(8 * MIB)


@pytest.mark.parametrize("name", ["cgroup.no.such", "hugetlb.no.such", "nosuch.file", "nosuch"])
def test_an_unknown_file_is_an_error_that_leaves_nothing(locate: Any, name: str) -> None:
    """'Configuration unknown to the runtime MUST still be written to the relevant file.'"""
    with pytest.raises((KernelError, ConfigError), match=rf'linux\.resources\.unified\["{name}"\]: '):
        locate().create({"unified": {name: "1"}})
    assert not remains(f"sampan-test-{os.getpid()}")


def test_a_controller_that_is_not_there_is_an_error_that_leaves_nothing(host: Layout, locate: Any) -> None:
    """'MUST generate an error when the configuration refers to a cgroup controller that is not present'"""
    with open(f"{host.unified}/cgroup.controllers") as controllers:
        if "dmem" in controllers.read():
            pytest.skip("this kernel has the dmem controller")
    with pytest.raises(ConfigError, match=r'unified\["dmem\.max"\]: the dmem controller is not available in'):
        locate().create({"unified": {"dmem.max": "drm/card0 1"}})
    assert not remains(f"sampan-test-{os.getpid()}")


def test_the_kernel_s_refusal_names_the_field_and_leaves_nothing(locate: Any) -> None:
    with pytest.raises(KernelError, match=r'unified\["cgroup\.max\.depth"\]: write .x. to .*invalid argument'):
        locate().create({"unified": {"cgroup.max.depth": "x"}})
    assert not remains(f"sampan-test-{os.getpid()}")


def test_memory_above_high_is_throttled_and_not_killed(host: Layout, locate: Any, program: Any) -> None:
    needs_v2(host, "memory")
    group = locate()
    group.create({"unified": {"memory.high": str(24 * MIB), "memory.swap.max": "0"}})
    hungry: Program = program("print('begun', flush=True); held = bytearray(64 << 20)")
    hungry.begin_in(group)
    eventually(lambda: "\nhigh 0\n" not in content(group, "memory", "", "memory.events"))
    assert hungry.process.poll() is None


def test_several_lines_are_written_one_after_the_other(host: Layout, locate: Any) -> None:
    needs_v2(host, "cpuset", "pids", "cpu")
    group = locate()
    group.create({"unified": {"pids.max": "9\n8", "cpuset.cpus": "0\n", "cpu.weight": "7"}, "pids": {"limit": 5}})
    assert content(group, "pids", "", "pids.max") == "8"
    assert content(group, "cpuset", "", "cpuset.cpus") == "0"
    group.update({"unified": {"cpuset.cpus": "\n"}})
    assert content(group, "cpuset", "", "cpuset.cpus") == ""
