"""CVE-2023-25809 (runc): 'rootless without a cgroup namespace: /sys/fs/cgroup of the host writable'."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime import cgroupfs
from runtime.container import Container

from .conftest import Without
from .defences import OWN_CGROUP, SEALED_CGROUPS

HIERARCHY = "/sys/fs/cgroup"
# a new cgroup in each directory there that seems to be one; those that could be made
_MAKE = (
    f"for d in $(find {HIERARCHY} -name cgroup.procs); do mkdir ${{d%/*}}/NAME 2>/dev/null && echo ${{d%/*}}; done; "
    "echo done; sleep 1000"
)


def made(container: Container) -> tuple[list[Path], str]:
    """The cgroups that the container could make, as the host sees them, removed again; and what it printed."""
    name = f"{container.id}-made"
    container.bundle.sh(_MAKE.replace("NAME", name))
    container.launch().wait_for_output("done")
    found = [path for path in cgroupfs.walk(name) if path.name == name]
    for path in found:
        path.rmdir()
    return found, container.stdout.removesuffix("done\n")


@pytest.fixture(params=["own cgroup namespace", "host's cgroup namespace"])
def namespaced(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "own cgroup namespace")


def arrange(container: Container, namespaced: bool, *options: str, user: bool = False) -> Container:
    bundle = container.bundle.without_mount(HIERARCHY)
    bundle.mount(HIERARCHY, "cgroup", "cgroup", "nosuid", "noexec", "nodev", *options)
    if namespaced:
        bundle.namespace("cgroup")
    if user:
        bundle.user_namespace()
    return container


@pytest.mark.parametrize("user", [False, True], ids=["no user namespace", "user namespace"])
def test_nothing_can_be_made_in_a_read_only_mount(container: Container, namespaced: bool, user: bool) -> None:
    """'mounted read-only, or a cgroup namespace, exactly as asked'"""
    assert made(arrange(container, namespaced, "ro", user=user)) == ([], "")


def test_something_could_be_made_in_another(without: Without, namespaced: bool) -> None:
    found, _ = made(arrange(without(SEALED_CGROUPS), namespaced, "ro"))
    assert found


@pytest.mark.parametrize("user", [False, True], ids=["no user namespace", "user namespace"])
def test_nothing_of_the_host_s_hierarchy_can_be_written(container: Container, namespaced: bool, user: bool) -> None:
    """'nothing of the host's hierarchy writable': what is asked for writable is the container's own cgroup"""
    found, _ = made(arrange(container, namespaced, "rw", user=user))
    assert all(path.parent.name == container.id for path in found), found
    assert found or user


def test_the_host_s_hierarchy_would_be_written(without: Without) -> None:
    container = without(OWN_CGROUP)
    found, _ = made(arrange(container, False, "rw"))
    assert not all(path.parent.name == container.id for path in found)
