"""'generating an error MUST leave the state of the environment as if the operation were never attempted'

Every test of this directory is checked for what it leaves behind. These provoke it: many containers in a row, and
failures at each step. What was there before is compared whole: mounts, cgroups, processes, files of the root directory.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from . import cgroupfs
from .bundle import Bundle
from .conftest import NewContainer
from .container import Container, eventually
from .leftovers import TOKEN, Leftovers, Snapshot, find

Arrange = Callable[[Bundle], Bundle]

FAILURES: dict[str, Arrange] = {
    "a failing prestart hook": lambda bundle: bundle.hook("prestart", "exit 1"),
    "a failing createRuntime hook": lambda bundle: bundle.hook("createRuntime", "exit 1"),
    "a failing createContainer hook": lambda bundle: bundle.hook("createContainer", "exit 1"),
    "a hook that is not there": lambda bundle: bundle.add("hooks.createRuntime", {"path": "/no/such/hook"}),
    "an unmountable mount": lambda bundle: bundle.mount("/data", "nosuchfs", "none"),
    "a mount that fails late": lambda bundle: bundle.mount("/a", "tmpfs", "a").mount("/b", "tmpfs", "b", "size=many"),
    "a missing source": lambda bundle: bundle.bind("/no/such/source", "/data"),
    "a bad namespace path": lambda bundle: bundle.namespace("network", "/etc/passwd"),
    "a missing namespace path": lambda bundle: bundle.namespace("ipc", "/no/such/namespace"),
    "a bad sysctl": lambda bundle: bundle.set("linux.sysctl", {"net.no.such.thing": "1"}),
    "a bad device": lambda bundle: bundle.add(
        "linux.devices", {"path": "/etc/passwd/x", "type": "c", "major": 1, "minor": 3}
    ),
    "a missing root": lambda bundle: bundle.set("root.path", "nowhere"),
    "a bad id mapping": lambda bundle: bundle.user_namespace().set(
        "linux.uidMappings", [{"containerID": 0, "hostID": 1, "size": 5}, {"containerID": 2, "hostID": 9, "size": 5}]
    ),
    "a bad cgroup limit": lambda bundle: bundle.set("linux.resources.cpu", {"quota": 1}),
    "a bad seccomp profile": lambda bundle: bundle.set("linux.seccomp", {"defaultAction": "SCMP_ACT_FORGIVE"}),
    "a missing program": lambda bundle: bundle.args("no-such-program"),
    "a program that is none": lambda bundle: bundle.args("/etc/passwd"),
    "a working directory that is a file": lambda bundle: bundle.set("process.cwd", "/etc/passwd"),
}


def left_by(container: Container, before: Snapshot) -> Leftovers:
    return find(before, [container.root, container.temporary])


@pytest.mark.parametrize("failure", FAILURES)
def test_a_run_that_fails_leaves_nothing(container: Container, bundle: Bundle, failure: str) -> None:
    before = Snapshot.take()
    FAILURES[failure](bundle)
    container.fails("run")
    left = left_by(container, before)
    assert not left, str(left)


@pytest.mark.parametrize("failure", [name for name in FAILURES if "program" not in name and "directory" not in name])
def test_a_create_that_fails_leaves_nothing(container: Container, bundle: Bundle, failure: str) -> None:
    before = Snapshot.take()
    FAILURES[failure](bundle)
    container.fails("create")
    left = left_by(container, before)
    assert not left, str(left)


def test_a_hundred_containers_leave_nothing(new_container: NewContainer) -> None:
    """create, start, delete a hundred times"""
    container = new_container()
    container.bundle.args("true")
    container.bundle.write()
    before = Snapshot.take()
    mounts = open_text("/proc/mounts")
    for _ in range(100):
        container.create().start().wait()
        container.delete()
    left = left_by(container, before)
    assert not left, str(left)
    assert open_text("/proc/mounts") == mounts


def open_text(path: str) -> str:
    with open(path) as file:
        return file.read()


def test_ten_containers_at_once_leave_nothing(new_container: NewContainer) -> None:
    """All of them exist at the same time"""
    containers = [new_container() for _ in range(10)]
    for container in containers:
        container.launch()
    assert len({container.pid for container in containers}) == 10
    for container in containers:
        container.delete("--force")
    assert list(cgroupfs.walk(TOKEN)) == []


def test_a_container_whose_init_was_killed_before_start_can_be_deleted(container: Container) -> None:
    """'Deleting a container MUST delete the resources that were created during the create step.'"""
    before = Snapshot.take()
    os.kill(container.create().pid, signal.SIGKILL)
    container.wait()
    container.delete()
    left = left_by(container, before)
    assert not left, str(left)


def test_a_container_whose_bundle_is_gone_can_be_deleted(container: Container, bundle: Bundle) -> None:
    """'Deleting a container MUST delete the resources that were created during the create step.'"""
    before = Snapshot.take()
    container.launch()
    (bundle.path / "config.json").unlink()
    bundle.path.rename(bundle.path.with_name("moved"))
    container.delete("--force")
    left = left_by(container, before)
    assert not left, str(left)


def test_a_runtime_killed_while_creating_can_be_cleaned_up(container: Container, bundle: Bundle) -> None:
    """The next `delete --force` (or `create` of the same id) cleans up."""
    before = Snapshot.take()
    bundle.hook("createRuntime", f"touch {bundle.path}/in-hook; exec sleep 5")
    command = container.run_in_background()
    eventually((bundle.path / "in-hook").exists, "the hook")
    command.kill()
    command.communicate()
    container.call("delete", "--force")
    bundle.drop("hooks").args("true")
    container.create().start().wait()
    container.delete()
    for pid in left_by(container, before).processes:
        os.kill(pid, signal.SIGKILL)  # the hook itself
    left = left_by(container, before)
    assert not left, str(left)
