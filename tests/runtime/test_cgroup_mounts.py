"""A mount of type `cgroup`: the container sees its own cgroups, v1 and v2, with and without a cgroup namespace."""

from __future__ import annotations

import os

import pytest

from . import cgroupfs, views
from .bundle import Bundle
from .container import Container

CGROUPS = "/sys/fs/cgroup"


@pytest.fixture(params=["no cgroup namespace", "cgroup namespace"])
def _namespaced(request: pytest.FixtureRequest, bundle: Bundle) -> None:
    bundle.without_namespace("cgroup")
    if request.param == "cgroup namespace":
        bundle.namespace("cgroup")


def v1_only() -> None:
    if views.is_pure_v2():
        pytest.skip("this view of the cgroups is pure v2")


def v2_only() -> None:
    if not views.is_pure_v2():
        pytest.skip("this view of the cgroups is not pure v2: --cgroup-view=v2")


@pytest.mark.usefixtures("_namespaced")
class TestV1:
    @pytest.fixture(autouse=True)
    def _view(self) -> None:
        v1_only()

    @pytest.mark.parametrize("controller", ["memory", "cpu", "pids", "devices"])
    def test_every_controller_has_its_directory(self, container: Container, controller: str) -> None:
        """'mounts ... specifies additional mounts': `cgroup` means all hierarchies, as every engine expects"""
        container.output(f"test -e {CGROUPS}/{controller}/cgroup.procs")

    def test_it_is_the_container_s_own_cgroup(self, container: Container) -> None:
        """Only the container's processes are in what it sees."""
        assert container.output(f"grep -x $$ {CGROUPS}/memory/cgroup.procs") == "1"

    def test_read_only(self, container: Container) -> None:
        """'ro: MUST'"""
        assert container.output(f"mkdir {CGROUPS}/memory/new 2>&1 || true").endswith("Read-only file system")

    def test_writable(self, container: Container, bundle: Bundle) -> None:
        """Without `ro` it is writable"""
        bundle.without_mount(CGROUPS).mount(CGROUPS, "cgroup", "cgroup", "nosuid", "noexec", "nodev")
        container.output(f"mkdir {CGROUPS}/memory/new && rmdir {CGROUPS}/memory/new")

    def test_the_host_s_other_cgroups_are_not_seen(self, container: Container) -> None:
        """Not the host's root cgroup, nor another container's."""
        assert os.getpid() > 1
        seen = container.output(f"cat {CGROUPS}/pids/cgroup.procs").split()
        assert "0" not in seen  # a process that is outside of the container's pid namespace

    def test_options_are_applied(self, container: Container) -> None:
        """'nosuid, nodev, noexec: MUST'"""
        process = container.launch().process
        mounts = [mount for mount in process.mounts() if mount.target.startswith(f"{CGROUPS}/")]
        assert mounts
        assert all({"nosuid", "nodev", "noexec"} <= mount.options for mount in mounts)


class TestV2:
    """With a cgroup namespace: without one a mount of v2 shows the whole hierarchy, which the text does not forbid."""

    @pytest.fixture(autouse=True)
    def _view(self, bundle: Bundle) -> None:
        v2_only()
        bundle.namespace("cgroup")

    def test_it_is_the_container_s_own_cgroup(self, container: Container) -> None:
        """Only the container's processes are in what it sees."""
        assert container.output(f"grep -x $$ {CGROUPS}/cgroup.procs") == "1"

    def test_read_only(self, container: Container) -> None:
        """'ro: MUST'"""
        assert container.output(f"mkdir {CGROUPS}/new 2>&1 || true").endswith("Read-only file system")

    def test_writable(self, container: Container, bundle: Bundle) -> None:
        """Without `ro` it is writable"""
        bundle.without_mount(CGROUPS).mount(CGROUPS, "cgroup", "cgroup", "nosuid", "noexec", "nodev")
        container.output(f"mkdir {CGROUPS}/new && rmdir {CGROUPS}/new")


def test_a_container_without_the_mount_does_not_see_cgroups(container: Container, bundle: Bundle) -> None:
    """The mount is the configuration's wish, not the runtime's"""
    bundle.without_mount(CGROUPS)
    assert container.output(f"ls {CGROUPS}") == ""


def test_the_runtime_s_view_has_hierarchies() -> None:
    """The tests of this directory would all be vacuous otherwise."""
    assert cgroupfs.hierarchies()
