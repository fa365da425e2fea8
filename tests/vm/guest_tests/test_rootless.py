"""A user without root: limits hold in a delegated cgroup, and without one are refused with the way to get one."""

from __future__ import annotations

from .conftest import User

MIB = 1 << 20
READ = "cd /sys/fs/cgroup && cat memory.max pids.max cpu.max cpuset.cpus"
HOG = "x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo survived"


def test_limits_are_set_in_the_delegated_cgroup(tester: User) -> None:
    resources = {
        "memory": {"limit": 64 * MIB},
        "pids": {"limit": 30},
        "cpu": {"quota": 50000, "period": 100000, "cpus": "0"},
    }
    bundle = tester.bundle(READ, resources)
    done = tester.run("sampan", "run", "--bundle", bundle, "limited")
    assert done.stdout.splitlines() == [str(64 * MIB), "30", "50000 100000", "0"], done.stderr
    assert not (tester.cgroup / "of-a-test").exists()


def test_the_memory_limit_is_enforced(tester: User) -> None:
    bundle = tester.bundle(HOG, {"memory": {"limit": 32 * MIB, "swap": 32 * MIB}})
    done = tester.run("sampan", "run", "--bundle", bundle, "hungry")
    assert "survived" not in done.stdout
    assert done.returncode != 0


def test_without_delegation_a_limit_is_an_error_that_says_how_to_get_one(tester: User) -> None:
    bundle = tester.bundle("echo ran", {"memory": {"limit": 64 * MIB}})
    done = tester.run_undelegated("sampan", "run", "--bundle", bundle, "undelegated")
    assert done.returncode == 1
    assert "ran" not in done.stdout
    assert "Delegate=yes" in done.stderr
    assert not (tester.cgroup / "of-a-test").exists()
