"""The limits that `docker run` and `docker update` set are in the container's cgroup, and hold."""

from __future__ import annotations

from ..cgroups import has_controller, needs
from .daemon import Docker

MIB = 1 << 20
SHOW = """
    cd /sys/fs/cgroup
    if [ -e cgroup.controllers ]; then exec cat {v2}; fi
    exec cat {v1}
"""


def limits(docker: Docker, container: str, v1: str, v2: str) -> list[str]:
    """Files of the container's cgroup, read by the container."""
    return docker("exec", container, "sh", "-c", SHOW.format(v1=v1, v2=v2)).checked().output.split()


@needs("memory")
def test_memory_and_processes_are_limited_and_updated(docker: Docker) -> None:
    v1 = "memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes pids/pids.max"
    files = v1, "memory.max memory.low pids.max"
    options = ["--memory", "64m", "--memory-reservation", "32m", "--pids-limit", "33"]
    container = docker.detached(*options, "--", "sleep", "1000")
    assert limits(docker, container, *files) == [str(64 * MIB), str(32 * MIB), "33"]
    docker("update", "--memory", "80m", "--memory-swap", "160m", container).checked()
    assert limits(docker, container, *files) == [str(80 * MIB), str(32 * MIB), "33"], "what is not named stays"
    docker("update", "--pids-limit", "44", container).checked()
    assert limits(docker, container, *files) == [str(80 * MIB), str(32 * MIB), "44"]
    docker("restart", "--time", "0", container).checked()
    assert limits(docker, container, *files) == [str(80 * MIB), str(32 * MIB), "44"]


@needs("cpu")
@needs("cpuset")
def test_processors_are_limited_and_updated(docker: Docker) -> None:
    v1 = "cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares cpuset/cpuset.cpus"
    files = v1, "cpu.max cpu.weight cpuset.cpus"
    container = docker.by_client("sleep", "1000", nano_cpus=500_000_000, cpu_shares=512, cpuset_cpus="0").id
    assert limits(docker, container, *files) in (
        ["50000", "100000", "512", "0"],
        ["50000", "100000", "20", "0"],
    )
    docker("update", "--cpus", "0.25", "--cpu-shares", "1024", container).checked()
    assert limits(docker, container, *files) in (
        ["25000", "100000", "1024", "0"],
        ["25000", "100000", "39", "0"],
    )


def test_an_update_leaves_devices_as_they_are(docker: Docker) -> None:
    container = docker.detached("sleep", "1000")
    options = ["--cpu-shares", "600"] if has_controller("cpu") else ["--restart", "no"]
    docker("update", *options, container).checked()
    docker("exec", container, "sh", "-c", "echo x >/dev/null && head -c 1 /dev/zero >/dev/null").checked()


@needs("memory")
def test_what_uses_more_memory_is_killed_and_docker_knows_why(docker: Docker) -> None:
    script = "x=a; while :; do x=$x$x$x$x; done"
    container = docker.detached("--memory", "16m", "--memory-swap", "16m", "--", "sh", "-c", script)
    assert docker("wait", container).checked().output == "137"
    assert docker.state(container)["OOMKilled"] is True


@needs("pids")
def test_no_more_processes_than_the_limit_start(docker: Docker) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done; echo all started"
    result = docker.run("--pids-limit", "5", "--", "sh", "-c", script)
    assert "all started" not in result.stdout, str(result)
    assert "can't fork" in result.stderr, str(result)


def test_cgroup_parent_is_above_the_container(docker: Docker) -> None:
    result = docker.run("--cgroup-parent", "/harbour", "--cgroupns", "host", "--", "cat", "/proc/self/cgroup").checked()
    paths = [line.split(":", 2)[2] for line in result.lines]
    assert any(path.startswith("/harbour/") for path in paths), str(result)


def test_a_private_cgroup_namespace_shows_the_container_s_cgroup_as_root(docker: Docker) -> None:
    result = docker.run("--cgroupns", "private", "--", "cat", "/proc/self/cgroup").checked()
    assert {line.split(":", 2)[2] for line in result.lines} == {"/"}, str(result)
