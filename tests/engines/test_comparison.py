"""What a container of podman sees of itself is the same with every runtime."""

from __future__ import annotations

import os

import pytest

from .comparison import CGROUP_LIMITS, DEVICE_RULES, DEVICES, ENVIRONMENT, MOUNTS, ORDINARY, STATUS, assert_same
from .podman import Podman

V1 = not os.path.exists("/sys/fs/cgroup/cgroup.controllers")  # v2 here may lack the controllers that v1 has
MAPPED = ["--uidmap", "0:100000:5000", "--gidmap", "0:200000:5000"]

# name: options of podman, and a script for the container's shell
VIEWS: dict[str, tuple[list[str], str]] = {
    **{name: ([], script) for name, script in ORDINARY.items()},
    "mounts when read-only": (["--read-only"], MOUNTS),
    "mounts when privileged": (["--privileged"], MOUNTS),
    "mounts with a private cgroup namespace": (["--cgroupns", "private"], MOUNTS),
    "mounts with mapped users": (MAPPED, MOUNTS),
    "devices when mapped": (MAPPED, DEVICES),
    "owners when mapped": (
        [*MAPPED, "--tmpfs", "/new/scratch", "-v", "/tmp:/new/host:ro"],
        "stat -c '%n %a %u:%g' /new /new/scratch /dev /dev/pts /dev/shm /dev/pts/ptmx /proc /sys/fs/cgroup",
    ),
    "rights of a user": (["-u", "worker"], STATUS),
    "rights of a user with a capability": (["-u", "worker", "--cap-add", "net_admin"], STATUS),
    "rights when privileged": (["--privileged"], STATUS),
    "rights when mapped": (MAPPED, STATUS),
    "environment of a user": (["-u", "worker", "-e", "A=b"], ENVIRONMENT),
    "device rules when privileged": (["--privileged"], DEVICE_RULES),
    "limits of the cgroup": (
        ["--memory", "64m", "--cpus", "0.5", "--cpu-shares", "100", "--pids-limit", "50"] if V1 else [],
        CGROUP_LIMITS,
    ),
}


@pytest.mark.parametrize("name", VIEWS)
def test_what_a_container_sees_is_the_same_with_every_runtime(podmans: dict[str, Podman], name: str) -> None:
    options, script = VIEWS[name]
    assert_same(podmans, options, {name: script})
