"""Who makes a container's cgroup: crun's `--cgroup-manager`, which podman uses for `--cgroups=disabled`."""

from __future__ import annotations

import os

import pytest

from . import cgroupfs
from .bundle import Bundle
from .container import Container
from .driver import Runtime
from .procfs import Process


@pytest.fixture(autouse=True)
def _has_the_option(runtime: Runtime) -> None:
    if runtime.name == "runc":
        pytest.skip("--cgroup-manager is crun's; runc has only --systemd-cgroup")


@pytest.fixture
def without(container: Container) -> Container:
    """A container that gets no cgroup."""
    container.global_options = ("--cgroup-manager=disabled",)
    return container


class TestDisabled:
    def test_the_container_stays_in_the_caller_s_cgroup(self, without: Container) -> None:
        before = {path for mount in set(cgroupfs.hierarchies().values()) for path, _, _ in os.walk(mount)}
        without.launch()
        assert without.process.cgroups() == Process().cgroups()
        now = {path for mount in set(cgroupfs.hierarchies().values()) for path, _, _ in os.walk(mount)}
        assert not {path for path in now - before if without.id in path}

    def test_its_whole_life(self, without: Container) -> None:
        assert without.launch().status == "running"
        without.kill().wait()
        without.wait_until("stopped").delete()
        assert not without.exists

    def test_the_devices_that_engines_always_send_are_no_error(self, without: Container, bundle: Bundle) -> None:
        bundle.set("linux.resources.devices", [{"allow": False, "access": "rwm"}])
        assert without.output("echo there") == "there"

    def test_a_limit_is_an_error(self, runtime: Runtime, without: Container, bundle: Bundle) -> None:
        """config-linux.md, Control groups: limits cannot hold without a cgroup."""
        if not runtime.is_sampan:
            pytest.skip("crun leaves limits out without a word")
        bundle.set("linux.resources.memory", {"limit": 1 << 26, "swap": 0})
        assert "linux.resources.memory.limit" in without.fails("run").stderr
        assert not without.exists


def test_an_unknown_manager_is_an_error(container: Container) -> None:
    container.global_options = ("--cgroup-manager=nobody",)
    assert "manager" in container.fails("create").stderr
    assert not list(container.root.glob(f"**/{container.id}"))
