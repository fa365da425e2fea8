"""What a container sees of itself is the same with every runtime, line by line, apart from listed differences."""

from __future__ import annotations

import difflib
import os

import pytest

from . import differences
from .podman import Podman

V1 = not os.path.exists("/sys/fs/cgroup/cgroup.controllers")  # v2 here may lack the controllers that v1 has
MAPPED = ["--uidmap", "0:100000:5000", "--gidmap", "0:200000:5000"]
MOUNTS = "cut -d ' ' -f 4- /proc/self/mountinfo | sort"  # without ids; podman gives them in any order
DEVICES = "cd /dev; stat -c '%n %F %a %u:%g %t:%T' * | grep -v ^std"
LIMITS = "memory/memory.*limit_in_bytes cpu/cpu.shares cpu/cpu.cfs_* pids/pids.max"
STATUS = "grep -E '^(Cap|Seccomp:|NoNewPrivs|Groups|Uid|Gid|Umask|NSpid)' /proc/self/status"

# name: options of podman, and a script for the container's shell
VIEWS: dict[str, tuple[list[str], str]] = {
    "mounts": ([], MOUNTS),
    "mounts when read-only": (["--read-only"], MOUNTS),
    "mounts when privileged": (["--privileged"], MOUNTS),
    "mounts with a private cgroup namespace": (["--cgroupns", "private"], MOUNTS),
    "mounts with mapped users": (MAPPED, MOUNTS),
    "devices": (
        [],
        f"{DEVICES}; for link in stdin stdout stderr fd core; do readlink $link; done; true",
    ),
    "devices when mapped": (MAPPED, DEVICES),
    "owners when mapped": (
        [*MAPPED, "--tmpfs", "/new/scratch", "-v", "/tmp:/new/host:ro"],
        "stat -c '%n %a %u:%g' /new /new/scratch /dev /dev/pts /dev/shm /dev/pts/ptmx /proc /sys/fs/cgroup",
    ),
    "rights": ([], STATUS),
    "rights of a user": (["-u", "worker"], STATUS),
    "rights of a user with a capability": (["-u", "worker", "--cap-add", "net_admin"], STATUS),
    "rights when privileged": (["--privileged"], STATUS),
    "rights when mapped": (MAPPED, STATUS),
    "limits": ([], "cat /proc/self/limits"),
    "environment": ([], "env | sort"),
    "environment of a user": (["-u", "worker", "-e", "A=b"], "env | sort"),
    "cgroup": ([], "cut -d : -f 2- /proc/self/cgroup | sort"),
    "cgroups as mounted": ([], "ls -l /sys/fs/cgroup | awk '{print $1, $3, $4, $9, $10, $11}' | sort"),
    "device rules": ([], "sort /sys/fs/cgroup/devices/devices.list 2>/dev/null; true"),
    "device rules when privileged": (["--privileged"], "sort /sys/fs/cgroup/devices/devices.list 2>/dev/null; true"),
    "limits of the cgroup": (
        ["--memory", "64m", "--cpus", "0.5", "--cpu-shares", "100", "--pids-limit", "50"] if V1 else [],
        f"cd /sys/fs/cgroup; for file in {LIMITS}; do [ -e $file ] && echo $file $(cat $file); done; true",
    ),
    "descriptors": ([], "ls /proc/self/fd"),
    "working directory and root": (
        [],
        "readlink /proc/self/cwd /proc/self/root; stat -c '%a %u:%g' / /tmp /dev /proc /sys",
    ),
    "session": ([], "cut -d ' ' -f 4-8 /proc/1/stat; cat /proc/1/oom_score_adj"),
    # up to 28: 32 and 33 are the C library's, and runc hands on what its caller ignored of them
    "signals": ([], "grep -E '^Sig(Blk|Ign|Cgt)|^ShdPnd' /proc/self/status | sed 's/[0-9a-f]\\{9\\}//'"),
    "settings": ([], "cat /proc/sys/kernel/hostname /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax"),
    "masked paths": (
        [],
        "for p in acpi kcore keys timer_list scsi; do stat -c '%n %F %s' /proc/$p; done 2>&1; ls -A /sys/firmware",
    ),
}


@pytest.mark.parametrize("name", VIEWS)
def test_what_a_container_sees_is_the_same_with_every_runtime(podmans: dict[str, Podman], name: str) -> None:
    options, script = VIEWS[name]
    seen = {runtime: differences.leave_out(name, _seen(podman, options, script)) for runtime, podman in podmans.items()}
    reference = seen.pop("runc")
    for runtime, lines in seen.items():
        different = list(difflib.unified_diff(reference, lines, "runc", runtime, n=0, lineterm=""))
        assert not different, "\n".join(different)


def _seen(podman: Podman, options: list[str], script: str) -> list[str]:
    result = podman.run("--hostname", "same", *options, "--", "sh", "-c", script).checked()
    return [differences.without_names(line) for line in result.lines]
