"""The life of containers of pods by CRI: started, entered, watched, updated, stopped."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from ..engine import eventually
from .cri import EXITED, RUNNING, Cri
from .rpc import RefusedError

CREATED, DEADLINE_EXCEEDED = 0, 4  # ContainerState; a code of gRPC
PRIVATE, HOST_TO_CONTAINER, BIDIRECTIONAL = range(3)  # MountPropagation
POLITE = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done"


def test_the_life_of_a_container(cri: Cri) -> None:
    pod = cri.pod()
    container = pod.created("sh", "-c", POLITE, labels={"part": "main"})
    assert container.status.state == CREATED
    container.start()
    status = container.status
    assert status.state == RUNNING
    assert status.started_at >= status.created_at > 0
    listed = cri.call("ListContainers", filter={"label_selector": {"part": "main"}}).containers
    assert [(one.id, one.state) for one in listed] == [(container.id, RUNNING)]
    eventually(lambda: "ready" in container.log, "the trap is set")
    container.stop(grace=10)
    status = container.status
    assert (status.state, status.exit_code, status.reason) == (EXITED, 3, "Error")
    assert status.finished_at >= status.started_at
    container.stop()  # once more does no harm
    container.remove()
    assert not cri.call("ListContainers", filter={"id": container.id}).containers


def test_who_does_not_heed_the_signal_is_killed(cri: Cri) -> None:
    container = cri.container("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    eventually(lambda: "ready" in container.log, "the signal is ignored")
    container.stop(grace=1)
    assert container.status.exit_code == 137


def test_a_container_that_ends_well(cri: Cri) -> None:
    container = cri.container("true")
    eventually(lambda: container.has_exited, "it has ended")
    assert (container.status.exit_code, container.status.reason) == (0, "Completed")


def test_a_container_is_started_again(cri: Cri) -> None:
    """A kubelet makes another one, with the number of the attempt."""
    pod = cri.pod()
    first = pod.container("false", metadata={"name": "main", "attempt": 0})
    eventually(lambda: first.has_exited, "it has ended")
    second = pod.container("sleep", "600", metadata={"name": "main", "attempt": 1})
    first.remove()
    assert second.is_running
    assert second.status.metadata.attempt == 1


def test_a_program_that_cannot_run(cri: Cri) -> None:
    pod = cri.pod()
    for program, why in (
        ("absent", r'exec: "absent": executable file not found in \$PATH'),
        ("/bin/not-executable", "permission denied"),
        ("/absent", "no such file or directory"),
    ):
        container = pod.created(program)
        with pytest.raises(RefusedError, match=why):
            container.start()
        assert container.status.state == EXITED
        assert container.status.reason == "StartError"


def test_too_much_memory(cri: Cri) -> None:
    limits = {"resources": {"memory_limit_in_bytes": 16 << 20}}
    container = cri.container("sh", "-c", "sleep 0.3; exec tail /dev/zero", linux=limits)
    eventually(lambda: container.has_exited, "it has ended")
    assert container.status.exit_code == 137
    eventually(lambda: container.status.reason == "OOMKilled", "the reason is known")


def test_exec(cri: Cri) -> None:
    container = cri.container("sleep", "600", envs=[{"key": "A", "value": "b"}], working_dir="/tmp")
    done = container.exec("sh", "-c", "echo out $A $PWD; echo err >&2; exit 7")
    assert (done.exit_code, done.stdout, done.stderr) == (7, b"out b /tmp\n", b"err\n")
    big = container.exec("head", "-c", "1000000", "/dev/zero")
    assert big.stdout == bytes(1000000)


def test_exec_of_what_is_not_there(cri: Cri) -> None:
    container = cri.container("sleep", "600")
    with pytest.raises(RefusedError, match=r'exec: "absent": executable file not found in \$PATH'):
        container.exec("absent")
    assert container.is_running


def test_exec_that_takes_too_long(cri: Cri) -> None:
    container = cri.container("sleep", "600")
    with pytest.raises(RefusedError, match="timeout") as refused:
        container.exec("sleep", "500", timeout=1)
    assert refused.value.code == DEADLINE_EXCEEDED
    assert "sleep 500" not in container.shell("ps -o args")


def test_exec_in_a_container_that_has_ended(cri: Cri) -> None:
    container = cri.container("true")
    eventually(lambda: container.has_exited, "it has ended")
    with pytest.raises(RefusedError, match="EXITED"):
        container.exec("true")


def test_logs(cri: Cri) -> None:
    long = "x" * 20000
    script = "echo out; sleep 0.1; echo err >&2; sleep 0.1; head -c 20000 /dev/zero | tr '\\0' x; echo; printf half"
    container = cri.container("sh", "-c", script)
    eventually(lambda: container.has_exited and "half" in container.log, "all is written")
    lines = [re.fullmatch(r"(\S+) (stdout|stderr) ([FP]) (.*)", line) for line in container.log_lines]
    assert all(lines)
    found = [line.groups() for line in lines if line]
    assert [datetime.fromisoformat(when[:26]) for when, *_ in found]
    assert [rest for _, *rest in found] == [
        ["stdout", "F", "out"],
        ["stderr", "F", "err"],
        ["stdout", "P", long[:16384]],
        ["stdout", "F", long[16384:]],
        ["stdout", "P", "half"],
    ]


def test_a_log_is_rotated(cri: Cri) -> None:
    container = cri.container("sh", "-c", "while :; do echo tick; sleep 0.05; done")
    eventually(lambda: "tick" in container.log, "something is logged")
    container.log_file.rename(container.log_file.with_suffix(".old"))
    cri.call("ReopenContainerLog", container_id=container.id)
    eventually(lambda: "tick" in container.log, "the new log is written")


def test_statistics(cri: Cri) -> None:
    pod = cri.pod()
    container = pod.container("sh", "-c", "while :; do :; done")
    eventually(lambda: _cpu(cri, container.id) > 50_000_000, "it has worked for 50 ms")
    stats = cri.call("ContainerStats", container_id=container.id).stats
    assert stats.memory.working_set_bytes.value > 0
    assert stats.attributes.metadata.name == container.name
    listed = cri.call("ListContainerStats", filter={"pod_sandbox_id": pod.id}).stats
    assert [one.attributes.id for one in listed] == [container.id]


def test_resources_are_given_and_changed(cri: Cri) -> None:
    given = {"cpu_period": 100000, "cpu_quota": 50000, "cpu_shares": 512, "memory_limit_in_bytes": 64 << 20}
    device = {"container_path": "/dev/own", "host_path": "/dev/zero", "permissions": "rw"}
    container = cri.container("sleep", "600", linux={"resources": given}, devices=[device])
    assert container.limit("memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert container.limit("cpu.cfs_quota_us", "cpu.max") in ("50000", "50000 100000")
    assert container.limit("cpu.shares", "cpu.weight") in ("512", "20")
    changed = {"cpu_period": 50000, "cpu_quota": 10000, "cpu_shares": 256, "memory_limit_in_bytes": 32 << 20}
    cri.call("UpdateContainerResources", container_id=container.id, linux=changed)
    assert container.limit("memory.limit_in_bytes", "memory.max") == str(32 << 20)
    assert container.limit("cpu.cfs_quota_us", "cpu.max") in ("10000", "10000 50000")
    assert container.limit("cpu.shares", "cpu.weight") in ("256", "10")
    assert container.shell("head -c 2 /dev/own | od -An -tx1; echo >/dev/null") == " 00 00", "devices are as before"
    cri.call("UpdateContainerResources", container_id=container.id, linux={"memory_limit_in_bytes": 48 << 20})
    assert container.limit("memory.limit_in_bytes", "memory.max") == str(48 << 20)
    assert container.limit("cpu.shares", "cpu.weight") in ("256", "10"), "what is not named stays"


def test_a_limit_below_what_is_in_use_is_refused(cri: Cri) -> None:
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        pytest.skip("only cgroup v1 refuses it: v2 takes it and kills")
    if len(Path("/proc/swaps").read_text().splitlines()) > 1:
        pytest.skip("this machine has swap: what is in use goes there")
    container = cri.container("sleep", "600", linux={"resources": {"memory_limit_in_bytes": 64 << 20}})
    container.shell("head -c 24000000 /dev/zero >/dev/shm/file")
    with pytest.raises(RefusedError, match="memory"):
        cri.call("UpdateContainerResources", container_id=container.id, linux={"memory_limit_in_bytes": 4 << 20})
    assert container.is_running
    assert container.limit("memory.limit_in_bytes", "memory.max") == str(64 << 20)


def test_a_limit_that_is_none_is_refused(cri: Cri) -> None:
    pod = cri.pod()
    container = pod.created("sleep", "600", linux={"resources": {"cpuset_cpus": "4000"}})
    with pytest.raises(RefusedError, match="cpuset"):
        container.start()
    assert container.status.state == EXITED


def test_mounts(cri: Cri, shared_directory: Path) -> None:
    (shared_directory / "file").write_text("of the host\n")
    message = shared_directory / "message"
    message.touch()
    mounts = [
        {"container_path": "/rw", "host_path": str(shared_directory)},
        {"container_path": "/ro", "host_path": str(shared_directory), "readonly": True},
        {"container_path": "/dev/termination-log", "host_path": str(message)},
    ]
    container = cri.container("sleep", "600", mounts=mounts)
    container.shell("cat /ro/file && echo new >/rw/new && echo done >/dev/termination-log")
    assert (shared_directory / "new").read_text() == "new\n"
    assert message.read_text() == "done\n"
    assert b"Read-only file system" in container.exec("touch", "/ro/other").stderr


def test_a_mount_of_what_is_not_there_makes_a_directory(cri: Cri, shared_directory: Path) -> None:
    mounts = [{"container_path": "/new", "host_path": str(shared_directory / "new")}]
    cri.container("sleep", "600", mounts=mounts).shell("touch /new/file")
    assert (shared_directory / "new/file").exists()


def test_mounts_of_the_host_arrive_where_they_should(cri: Cri, shared_directory: Path) -> None:
    ways = {"/private": PRIVATE, "/slave": HOST_TO_CONTAINER}
    mounts = [
        {"container_path": path, "host_path": str(shared_directory), "propagation": way} for path, way in ways.items()
    ]
    container = cri.container("sleep", "600", mounts=mounts)
    later = shared_directory / "later"
    later.mkdir()
    view = cri.site.view
    view.run("mount", "-t", "tmpfs", "later", str(later)).checked()
    try:
        view.run("touch", str(later / "file")).checked()
        assert container.shell("ls /slave/later; ls /private/later") == "file"
        assert container.exec("ls", "/private/later/file").exit_code != 0
    finally:
        view.run("umount", str(later)).checked()


def test_mounts_of_the_container_reach_the_host(cri: Cri, shared_directory: Path) -> None:
    privileged = {"security_context": {"privileged": True}}
    pod = cri.pod(security={"privileged": True})
    mounts = [{"container_path": "/both", "host_path": str(shared_directory), "propagation": BIDIRECTIONAL}]
    container = pod.container("sleep", "600", mounts=mounts, linux=privileged)
    container.shell("mkdir /both/new && mount -t tmpfs new /both/new && touch /both/new/file")
    try:
        assert cri.site.view.run("ls", str(shared_directory / "new")).output == "file"
    finally:
        cri.site.view.run("umount", str(shared_directory / "new")).checked()


def test_devices(cri: Cri) -> None:
    devices = [
        {"container_path": "/dev/readable", "host_path": "/dev/zero", "permissions": "r"},
        {"container_path": "/dev/all", "host_path": "/dev/zero", "permissions": "rwm"},
    ]
    container = cri.container("sleep", "600", devices=devices[:1])
    assert container.shell("head -c 1 /dev/readable | od -An -tx1; stat -c '%t:%T' /dev/readable") == " 00\n1:5"
    assert cri.container("sleep", "600", devices=devices[1:]).shell("echo >/dev/all; echo ok") == "ok"


def _cpu(cri: Cri, container: str) -> int:
    stats = cri.call("ContainerStats", container_id=container).stats
    return int(stats.cpu.usage_core_nano_seconds.value)
