"""What a container of podman sees of itself is the same with every runtime."""

from __future__ import annotations

import os

import pytest

from .comparison import (
    CGROUP_LIMITS,
    DEVICE_RULES,
    DEVICES,
    ENVIRONMENT,
    MOUNTS,
    ORDINARY,
    STATUS,
    STATUS_OF_SELF,
    assert_execs_same,
    assert_same,
)
from .podman import IMAGE, Podman

V1 = not os.path.exists("/sys/fs/cgroup/cgroup.controllers")  # v2 here may lack the controllers that v1 has
MAPPED = ["--uidmap", "0:100000:5000", "--gidmap", "0:200000:5000"]
OUTSIDE = "/var/lib/containers"  # a mount of the view, empty
MORE = "memory/memory.memsw.limit_in_bytes memory/memory.swappiness memory/memory.oom_control cpuset/cpuset.[cm][pe]*s"
MORE_LIMITS = [
    *("--memory", "64m", "--memory-swap", "128m", "--memory-swappiness", "10", "--oom-kill-disable"),
    *("--cpuset-cpus", "0", "--cpuset-mems", "0"),
]

# name: options of podman, and a script for the container's shell
VIEWS: dict[str, tuple[list[str], str]] = {
    **{name: ([], script) for name, script in ORDINARY.items()},
    "mounts when read-only": (["--read-only"], MOUNTS),
    "mounts when privileged": (["--privileged"], MOUNTS),
    "mounts with a private cgroup namespace": (["--cgroupns", "private"], MOUNTS),
    "mounts with mapped users": (MAPPED, MOUNTS),
    "mounts for systemd as the first process": (["--systemd", "always"], MOUNTS),
    "mounts for systemd with a private cgroup namespace": (["--systemd", "always", "--cgroupns", "private"], MOUNTS),
    "mounts of all kinds": (
        [
            *("-v", f"{OUTSIDE}:/a:ro,rslave,noexec", "-v", f"{OUTSIDE}:/b:rshared,nosuid"),
            *("-v", f"{OUTSIDE}:/c/d:private,nodev", "--mount", f"type=bind,src={OUTSIDE},dst=/e,bind-nonrecursive"),
            *("--tmpfs", "/f:size=1m,mode=700,noexec", "--mount", "type=tmpfs,dst=/srv,tmpfs-mode=755,ro=true"),
            *("--mount", "type=devpts,dst=/g,mode=620", "--mount", f"type=image,src={IMAGE},dst=/h"),
            *("--ipc", "none", "--security-opt", "proc-opts=hidepid=invisible", "--security-opt", "mask=/etc/group"),
        ],
        MOUNTS,
    ),
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
    "more limits of the cgroup": (MORE_LIMITS if V1 else [], f"cd /sys/fs/cgroup; grep -s . {MORE}; true"),
}


@pytest.mark.parametrize("name", VIEWS)
def test_what_a_container_sees_is_the_same_with_every_runtime(podmans: dict[str, Podman], name: str) -> None:
    options, script = VIEWS[name]
    assert_same(podmans, options, {name: script})


OTHERS = "env | sort; pwd; cat /proc/self/limits; cut -d : -f 2- /proc/self/cgroup | sort; ls /proc/self/fd"
EXECS = {
    "of the container's user": ([], []),
    "of another user": ([], ["--user", "worker:extra", "--workdir", "/srv", "--env", "A=b"]),
    "with all rights": (["--cap-drop", "all"], ["--privileged"]),
    "when mapped": (MAPPED, ["--user", "worker"]),
}
OF_EXEC = f"{STATUS_OF_SELF} | grep -v NSpid; {OTHERS}"


@pytest.mark.parametrize("name", EXECS)
def test_what_exec_sees_is_the_same_with_every_runtime(podmans: dict[str, Podman], name: str) -> None:
    of_container, of_exec = EXECS[name]
    containers = {
        runtime: podman.detached("--hostname", "same", *of_container, "--", "sleep", "1000")
        for runtime, podman in podmans.items()
    }
    assert_execs_same(podmans, containers, of_exec, OF_EXEC)
