"""runc's `delete --force`: whatever the container is doing, it is gone afterwards.

'Deleting a container MUST delete the resources that were created during the create step.' The container fixture looks
for processes, cgroups and files that are left behind.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from . import cgroupfs, views
from .bundle import Bundle
from .container import Container, eventually

HIERARCHY = "/sys/fs/cgroup"


@pytest.fixture
def master(container: Container, bundle: Bundle) -> Container:
    """A container that may make cgroups in its own, and does: `inner/most`, where a process sleeps."""
    bundle.without_mount(HIERARCHY).mount(HIERARCHY, "cgroup", "cgroup", "nosuid", "noexec", "nodev")
    top = HIERARCHY if views.is_pure_v2() else f"{HIERARCHY}/freezer"
    bundle.sh(
        f"mkdir -p {top}/inner/most && sleep 1000 & pid=$!; until test -d {top}/inner/most; do usleep 1000; done; "
        f"echo $pid > {top}/inner/most/cgroup.procs && echo made; wait"
    )
    container.launch().wait_for_output("made")
    return container


def inner(container: Container) -> Path:
    (found,) = {path for path in cgroupfs.walk(container.id) if path.name == "most"}
    return found


@pytest.mark.parametrize("pid_namespace", ["own pid namespace", "host's pid namespace"])
@pytest.mark.parametrize("moment", ["created", "running"])
def test_a_paused_container(container: Container, bundle: Bundle, moment: str, pid_namespace: str) -> None:
    """runc: 'forcibly deletes the container if it is still running (uses SIGKILL)'; on v1 a frozen one does not die"""
    if pid_namespace != "own pid namespace":
        bundle.without_namespace("pid")
    bundle.sh("sleep 1000 & echo ready; wait")
    container.create()
    if moment == "running":
        container.start().wait_for_output("ready")
    container.call("pause").checked()
    container.delete("--force")
    assert not container.exists


def test_a_container_that_was_killed_while_it_was_paused(container: Container) -> None:
    """On v1 it lives until it is thawed"""
    container.launch().call("pause").checked()
    os.kill(container.pid, signal.SIGKILL)
    container.delete("--force")
    assert not container.exists


@pytest.mark.parametrize("pid_namespace", ["own pid namespace", "host's pid namespace"])
def test_a_container_whose_process_was_killed_by_others(
    container: Container, bundle: Bundle, pid_namespace: str
) -> None:
    """The kernel's OOM killer, or somebody's `kill`: the rest of it may live on"""
    if pid_namespace != "own pid namespace":
        bundle.without_namespace("pid")
    bundle.sh("sleep 1000 & echo ready; wait")
    container.launch().wait_for_output("ready")
    os.kill(container.pid, signal.SIGKILL)
    container.wait()
    container.delete("--force")
    assert not container.exists


def test_cgroups_that_the_container_made(master: Container) -> None:
    """'MUST delete the resources that were created': systemd or docker in a container make more cgroups"""
    master.delete("--force")
    assert list(cgroupfs.walk(master.id)) == []


def test_a_cgroup_that_the_container_made_and_froze(master: Container) -> None:
    """docker in a container pauses one of its own: on v1 its process does not die, nor the pid namespace with it"""
    path = inner(master)
    if views.is_pure_v2():
        (path / "cgroup.freeze").write_text("1")
    else:
        (path / "freezer.state").write_text("FROZEN")
    master.delete("--force")
    assert not master.exists
    assert list(cgroupfs.walk(master.id)) == []


def test_sigkill_ends_a_container_with_a_frozen_cgroup_inside(master: Container) -> None:
    """'This operation MUST send the specified signal to the container process.'"""
    path = inner(master)
    if views.is_pure_v2():
        (path / "cgroup.freeze").write_text("1")
    else:
        (path / "freezer.state").write_text("FROZEN")
    master.kill("KILL").wait_until("stopped")


@pytest.mark.parametrize("how_many", ["one", "all"])
def test_a_container_whose_cgroup_is_gone_already(container: Container, how_many: str) -> None:
    """Somebody cleaned up /sys/fs/cgroup by hand, of a container that had ended"""
    container.launch().kill("KILL").wait()
    paths = eventually(lambda: [path for path in cgroupfs.walk(container.id) if is_empty(path)], "empty cgroups")
    for path in paths[: 1 if how_many == "one" else None]:
        path.rmdir()
    container.delete("--force")
    assert not container.exists


def is_empty(path: Path) -> bool:
    return (path / "cgroup.procs").read_text() == ""


def test_twice(container: Container) -> None:
    """podman, containerd: `delete --force` after the container is gone succeeds"""
    container.launch().delete("--force").delete("--force")
    assert not container.exists


def test_the_id_can_be_used_at_once(container: Container) -> None:
    """'Once a container is deleted its ID MAY be used by a subsequent container.'"""
    for _ in range(5):
        container.launch().delete("--force")
    assert container.create().status == "created"
