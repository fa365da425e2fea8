"""Every step made to fail: the command says which field asked for it, and nothing is left behind."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from . import machine
from .conftest import Container

Arrange = Callable[[Container], None]


def set_in(container: Container, field: str, value: Any) -> None:
    at: Any = container.config
    *path, last = field.split(".")
    for name in path:
        at = at.setdefault(name, {})
    at[last] = value


def field(name: str, value: Any) -> Arrange:
    return lambda container: set_in(container, name, value)


def mount(*options: str, **entry: Any) -> Arrange:
    def arrange(container: Container) -> None:
        container.config["mounts"].append({"destination": "/extra", "options": list(options), **entry})

    return arrange


def namespace(kind: str, path: str) -> Arrange:
    def arrange(container: Container) -> None:
        kept = [entry for entry in container.config["linux"]["namespaces"] if entry["type"] != kind]
        container.config["linux"]["namespaces"] = [*kept, {"type": kind, "path": path}]

    return arrange


def hook(kind: str, script: str, **more: Any) -> Arrange:
    return field(f"hooks.{kind}", [{"path": "/bin/sh", "args": ["sh", "-c", script], **more}])


def missing_hook(kind: str) -> Arrange:
    return field(f"hooks.{kind}", [{"path": "/no/such/hook"}])


def unfit_program(container: Container) -> None:
    (container.rootfs / "bin/unfit").write_text("no program")
    set_in(container, "process.args", ["/bin/unfit"])


def forbidden_program(container: Container) -> None:
    program = container.rootfs / "bin/forbidden"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o644)
    set_in(container, "process.args", ["/bin/forbidden"])


def link_at_proc(container: Container) -> None:
    (container.rootfs / "proc").rmdir()
    (container.rootfs / "proc").symlink_to("dev")


SLEEP = "exec sleep 60"

# what fails, and what the message must say: the field, and the reason in the kernel's words or ours
OF_CREATE: dict[str, tuple[Arrange, str, str]] = {
    "a root that is not there": (field("root.path", "nowhere"), "root.path", "no such file or directory"),
    "a bind of nothing": (mount("bind", source="/no/such/source"), "mounts[3]", "no such file or directory"),
    "an unknown file system": (mount(type="nofs", source="x"), "mounts[3]", "no such device"),
    "an unknown option": (mount("nonsense=1", type="tmpfs"), "mounts[3]", "invalid argument"),
    "a directory over a file": (mount("bind", source="/usr", destination="/bin/sh"), "mounts[3]", "not a directory"),
    "a link in place of proc": (link_at_proc, "mounts[0]", "symbolic link"),
    "a namespace that is not there": (namespace("network", "/no/such/ns"), "linux.namespaces[4].path", "no such file"),
    "a namespace of another type": (namespace("network", "/proc/self/ns/uts"), "linux.namespaces[4].path", "uts"),
    "a namespace that is a file": (namespace("network", "/etc/passwd"), "linux.namespaces[4].path", "no namespace"),
    "a missing program": (field("process.args", ["nowhere"]), "process.args", "not found"),
    "a missing path of a program": (field("process.args", ["/no/where"]), "process.args", "no such file"),
    "a program without permission": (forbidden_program, "process.args", "permission denied"),
    "a working directory that is a file": (field("process.cwd", "/bin/sh"), "process.cwd", "not a directory"),
    "a sysctl that is not there": (field("linux.sysctl", {"net.nothing.there": "1"}), "linux.sysctl", "no such"),
    "a value that a sysctl refuses": (field("linux.sysctl", {"net.ipv4.ip_forward": "x"}), "linux.sysctl", "invalid"),
    "a cgroup that cannot be made": (field("linux.cgroupsPath", "/a\nb"), "linux.cgroupsPath", "invalid argument"),
    "an AppArmor profile without AppArmor": (field("process.apparmorProfile", "some"), "process.apparmorProfile", ""),
    "a failing prestart hook": (hook("prestart", "echo bad; exit 3"), "hooks.prestart[0]", "exit status 3"),
    "a failing createRuntime hook": (hook("createRuntime", "echo bad; exit 3"), "hooks.createRuntime[0]", "said: bad"),
    "a failing createContainer hook": (hook("createContainer", "exit 4"), "hooks.createContainer[0]", "exit status 4"),
    "a killed createRuntime hook": (hook("createRuntime", "kill -9 $$"), "hooks.createRuntime[0]", "signal 9"),
    "a slow createRuntime hook": (hook("createRuntime", "exec sleep 60", timeout=1), "hooks.createRuntime", "timeout"),
    "a slow createContainer hook": (hook("createContainer", SLEEP, timeout=1), "hooks.createContainer[0]", "timeout"),
    "a missing createRuntime hook": (missing_hook("createRuntime"), "hooks.createRuntime[0]", "could not be started"),
    "a missing createContainer hook": (missing_hook("createContainer"), "hooks.createContainer[0]", "no such file"),
}


@pytest.mark.parametrize("verb", ["create", "run"])
@pytest.mark.parametrize("case", OF_CREATE)
def test_a_creation_that_fails_names_the_field_and_leaves_nothing(container: Container, case: str, verb: str) -> None:
    arrange, name, reason = OF_CREATE[case]
    if "AppArmor" in case and Path("/sys/module/apparmor").exists():
        pytest.skip("this kernel has AppArmor")
    arrange(container)
    done = container.call(verb)
    assert done.returncode != 0
    assert name in done.stderr
    assert reason in done.stderr.lower()
    container.assert_gone(case)


OF_START: dict[str, tuple[Arrange, str, str]] = {
    "a failing startContainer hook": (
        field("hooks.startContainer", [{"path": "/bin/false"}]),
        "hooks.startContainer[0]",
        "exit status 1",
    ),
    "a missing startContainer hook": (missing_hook("startContainer"), "hooks.startContainer[0]", "no such file"),
    "a failing poststart hook": (hook("poststart", "exit 5"), "hooks.poststart[0]", "exit status 5"),
}


@pytest.mark.parametrize("verb", ["start", "run"])
@pytest.mark.parametrize("case", OF_START)
def test_a_failing_hook_of_start_ends_and_removes_the_container(container: Container, case: str, verb: str) -> None:
    """ "If any hook fails, the runtime MUST generate an error, stop the container, and continue [...]" """
    arrange, name, reason = OF_START[case]
    arrange(container)
    if verb == "start":
        container.must("create")
    done = container.call(verb)
    assert done.returncode != 0
    assert name in done.stderr
    assert reason in done.stderr.lower()
    container.assert_gone(case)


def test_the_poststop_hooks_run_for_a_creation_that_a_hook_has_ended(container: Container) -> None:
    witness = container.bundle / "witness"
    hook("createRuntime", "exit 1")(container)
    hook("poststop", f"cat > {witness}")(container)
    assert container.call("create").returncode != 0
    assert json.loads(witness.read_text())["status"] == "stopped"
    container.assert_gone("a failed hook")


def test_a_failing_poststop_hook_is_no_reason_to_keep_anything(container: Container) -> None:
    """ "the runtime MUST log a warning, but the remaining hooks and lifecycle continue [...]" """
    hook("poststop", "exit 1")(container)
    container.must("create")
    container.must("delete", "--force")
    container.assert_gone("a failing poststop hook")


def test_a_program_that_the_kernel_cannot_run_leaves_a_stopped_container(container: Container) -> None:
    unfit_program(container)
    (container.rootfs / "bin/unfit").chmod(0o755)
    container.must("create")
    done = container.call("start")
    assert done.returncode != 0
    assert "process.args[0]" in done.stderr
    assert "exec format error" in done.stderr
    assert container.status() == "stopped"
    container.must("delete")
    container.assert_gone("exec format error")


def test_a_pid_file_that_cannot_be_written_undoes_the_creation(container: Container) -> None:
    done = container.call("create", "--pid-file", "/no/such/directory/pid")
    assert done.returncode != 0
    assert "/no/such/directory" in done.stderr
    container.assert_gone("a pid file that cannot be written")


def test_a_cgroup_with_processes_is_not_taken_over_and_they_live_on(container: Container) -> None:
    """`delete` kills who is in the cgroup: it must be nobody else."""
    points = [point for point in machine.hierarchies() if (point / "cgroup.procs").exists() and point.name != "cpuset"]
    directory = min(points) / container.id
    directory.mkdir()
    sleeper = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "60")
    try:
        (directory / "cgroup.procs").write_text(str(sleeper))
        done = container.call("create")
        assert done.returncode != 0
        assert "linux.cgroupsPath" in done.stderr
        assert container.call("delete", "--force").returncode == 0
        assert os.waitpid(sleeper, os.WNOHANG) == (0, 0), "somebody else's process was killed"
        assert str(sleeper) in (directory / "cgroup.procs").read_text().split()
    finally:
        os.kill(sleeper, 9)
        os.waitpid(sleeper, 0)
        machine.remove_cgroup(directory)
    container.assert_gone("a cgroup with processes")


def test_a_full_cgroup_is_an_error_that_leaves_nothing(container: Container) -> None:
    """pids.max of the cgroup above the container's is reached."""
    pids = next((point for point in machine.hierarchies() if point.name == "pids"), None)
    if pids is None:
        pytest.skip("needs the pids controller where it can be seen")
    parent = pids / f"{container.id}-full"
    parent.mkdir()
    try:
        if not (parent / "pids.max").exists():
            pytest.skip("the pids controller is not enabled here")
        (parent / "pids.max").write_text("0")
        set_in(container, "linux.cgroupsPath", f"/{parent.name}/inner")
        hook("createContainer", "exit 0")(container)
        done = container.call("create")
        # init itself moves into a v1 cgroup, which counts but does not refuse: its first child is what fails
        if done.returncode == 0:
            container.must("delete", "--force")
        else:
            assert "resource temporarily unavailable" in done.stderr.lower()
    finally:
        machine.living_children()
        for path in machine.cgroups(parent.name):
            machine.remove_cgroup(path)
    container.assert_gone("a full cgroup")


def test_what_an_id_is_made_of_stays_when_it_is_made_again(container: Container) -> None:
    container.must("create")
    again = container.call("create")
    assert again.returncode != 0
    assert "exists already" in again.stderr
    assert container.status() == "created"


def test_a_hook_may_ask_for_the_state_of_a_container_that_is_being_created(container: Container) -> None:
    """runtime.md: "`creating`: the container is being created (step 2 in the lifecycle)" """
    witness = container.bundle / "witness"
    ask = f"{container.program} --root {container.root} state {container.id} > {witness}"
    hook("createRuntime", ask, env=["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])(container)
    container.must("create")
    assert json.loads(witness.read_text())["status"] == "creating"


@pytest.mark.parametrize("hosts", [100000])
def test_a_user_namespace_is_mapped_however_its_two_processes_are_scheduled(container: Container, hosts: int) -> None:
    """The first process tells the pid of the second, which may have come to its first stop before that is told."""
    ids = [{"containerID": 0, "hostID": hosts, "size": 65536}]
    set_in(container, "linux.uidMappings", ids)
    set_in(container, "linux.gidMappings", ids)
    container.config["linux"]["namespaces"].append({"type": "user"})
    set_in(container, "process.args", ["true"])
    os.chmod(container.bundle.parent.parent, 0o755)
    one = {min(os.sched_getaffinity(0))}
    everything = os.sched_getaffinity(0)
    os.sched_setaffinity(0, one)
    try:
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            container.must("run")
    finally:
        os.sched_setaffinity(0, everything)
    container.assert_gone("a user namespace")
