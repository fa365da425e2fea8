"""The limits that `podman run` sets are in the container's cgroup, and hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from .podman import Podman

PURE_V2 = Path("/sys/fs/cgroup/cgroup.controllers")
V2 = PURE_V2.exists()
MIB = 1 << 20


def has(controller: str) -> bool:
    if V2:
        return controller in ("freezer", "devices", *PURE_V2.read_text().split())  # v2 has these without a controller
    return Path("/sys/fs/cgroup", controller).is_dir()


def needs(controller: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not has(controller), reason=f"this machine has no cgroup controller {controller}")


def limit(podman: Podman, v1: str, v2: str, *options: str) -> str:
    """A file of the container's cgroup, read by the container."""
    script = f"[ -e /sys/fs/cgroup/cgroup.controllers ] && exec cat /sys/fs/cgroup/{v2}; exec cat /sys/fs/cgroup/{v1}"
    return podman.run(*options, "--", "sh", "-c", script).checked().output


@needs("memory")
def test_memory_limit_is_set(podman: Podman) -> None:
    found = limit(podman, "memory/memory.limit_in_bytes", "memory.max", "--memory", "64m")
    assert int(found) == 64 * MIB


@needs("memory")
def test_a_process_beyond_the_memory_limit_is_killed(podman: Podman) -> None:
    script = "x=a; while :; do x=$x$x$x$x; done"
    result = podman.run("--memory", "16m", "--memory-swap", "16m", "--", "sh", "-c", script)
    assert result.status in (1, 137), str(result)


@needs("memory")
def test_memory_reservation_is_set(podman: Podman) -> None:
    found = limit(podman, "memory/memory.soft_limit_in_bytes", "memory.low", "--memory-reservation", "32m")
    assert int(found) == 32 * MIB


@needs("pids")
def test_pids_limit_is_set(podman: Podman) -> None:
    assert limit(podman, "pids/pids.max", "pids.max", "--pids-limit", "33") == "33"


@needs("pids")
def test_no_more_processes_than_the_pids_limit_start(podman: Podman) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done; echo all started"
    result = podman.run("--pids-limit", "5", "--", "sh", "-c", script)
    assert "all started" not in result.stdout, str(result)
    assert "can't fork" in result.stderr, str(result)


@needs("pids")
def test_unlimited_pids_are_unlimited(podman: Podman) -> None:
    assert limit(podman, "pids/pids.max", "pids.max", "--pids-limit", "-1") == "max"


@needs("cpu")
def test_cpus_are_a_quota_of_the_period(podman: Podman) -> None:
    script = """
        cd /sys/fs/cgroup
        if [ -e cpu.max ]; then cat cpu.max; else echo $(cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us); fi
    """
    assert podman.run("--cpus", "0.5", "--", "sh", "-c", script).checked().output == "50000 100000"


@needs("cpu")
def test_cpu_shares_are_set(podman: Podman) -> None:
    assert limit(podman, "cpu/cpu.shares", "cpu.weight", "--cpu-shares", "512") in ("512", "20")


@needs("cpuset")
def test_cpuset_is_set(podman: Podman) -> None:
    assert limit(podman, "cpuset/cpuset.cpus", "cpuset.cpus", "--cpuset-cpus", "0") == "0"


def test_cgroup_parent_is_above_the_container(podman: Podman) -> None:
    result = podman.run("--cgroup-parent", "/harbour", "--cgroupns", "host", "--", "cat", "/proc/self/cgroup").checked()
    paths = [line.split(":", 2)[2] for line in result.lines]
    assert any(path.startswith("/harbour/libpod-") for path in paths), str(result)


def test_a_private_cgroup_namespace_shows_the_container_s_cgroup_as_root(podman: Podman) -> None:
    result = podman.run("--cgroupns", "private", "--", "cat", "/proc/self/cgroup").checked()
    assert {line.split(":", 2)[2] for line in result.lines} == {"/"}, str(result)


@needs("memory")
def test_stats_are_read_from_the_container_s_cgroup(podman: Podman) -> None:
    container = podman.detached("--memory", "64m", "--", "sleep", "1000")
    result = podman("stats", "--no-stream", "--no-reset", "--format", "{{.MemLimit}} {{.PIDs}}", container).checked()
    assert result.output.split()[-1] == "1", str(result)
