"""What a container of a pod sees is the same with every runtime, line by line, apart from listed differences."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

import pytest

from .. import differences
from ..engine import eventually
from .cri import CONTAINER, NODE, POD, Cri

DEVICES = "cd /dev; stat -c '%n %F %a %u:%g %t:%T' * | grep -v ^std"
LIMITS = "memory/memory.*limit_in_bytes cpu/cpu.shares cpu/cpu.cfs_* pids/pids.max cpu.max cpu.weight memory.max"
STATUS = "grep -E '^(Cap|Seccomp:|NoNewPrivs|Groups|Uid|Gid|Umask)' /proc/self/status"
MARK = "== "

# Each is asked of the container's first process, whose script this is, and of one that exec has started.
SIGHTS = {
    "mounts": "cut -d ' ' -f 4- /proc/self/mountinfo",
    "devices": f"{DEVICES}; for link in stdin stdout stderr fd core; do readlink $link; done",
    "rights": STATUS,
    "limits": "cat /proc/self/limits",
    "environment": "env | sort",
    "cgroup": "cut -d : -f 2- /proc/self/cgroup | sort",
    "cgroups as mounted": "ls -l /sys/fs/cgroup | awk '{print $1, $3, $4, $9, $10, $11}' | sort",
    "device rules": "sort /sys/fs/cgroup/devices/devices.list 2>/dev/null",
    "limits of the cgroup": f"cd /sys/fs/cgroup; for file in {LIMITS}; do grep -H . $file; done",
    "descriptors": "ls /proc/self/fd",
    "working directory and root": "pwd; stat -c '%a %u:%g' / /tmp /dev /proc /sys",
    "score": "cat /proc/self/oom_score_adj",
    # up to 28: 32 and 33 are the C library's, and runc hands on what its caller ignored of them
    "signals": "grep -E '^Sig(Blk|Ign|Cgt)|^ShdPnd' /proc/self/status | sed 's/[0-9a-f]\\{9\\}//'",
    "settings": "cat /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max",
    "masked paths": "cd /proc; stat -c '%n %F %s' acpi kcore keys timer_list scsi; ls -A /sys/firmware",
}
RESTRICTED = {
    "run_as_user": {"value": 1000},
    "run_as_group": {"value": 1001},
    "supplemental_groups": [2000],
    "capabilities": {"drop_capabilities": ["ALL"], "add_capabilities": ["NET_BIND_SERVICE"]},
    "no_new_privs": True,
    "readonly_rootfs": True,
    "seccomp": {"profile_type": 0},
    "masked_paths": ["/proc/acpi", "/proc/kcore", "/sys/firmware"],
    "readonly_paths": ["/proc/sys"],
}
RESOURCES = {"cpu_quota": 50000, "cpu_period": 100000, "cpu_shares": 300, "memory_limit_in_bytes": 64 << 20}

# name: of the pod, and of the container's part for Linux
PODS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "default": ({}, {}),
    "restricted": ({}, {"security_context": RESTRICTED, "resources": {**RESOURCES, "oom_score_adj": 990}}),
    "privileged": ({"security": {"privileged": True}}, {"security_context": {"privileged": True}}),
    "sharing": (
        {"security": {"namespace_options": {"network": NODE, "pid": POD}}, "sysctls": {"kernel.msgmax": "4242"}},
        {},
    ),
    "host's": ({"security": {"namespace_options": {"network": NODE, "pid": CONTAINER, "ipc": NODE}}}, {}),
}


@pytest.mark.parametrize("name", PODS)
def test_what_a_container_sees_is_the_same_with_every_runtime(cris: dict[str, Cri], name: str) -> None:
    seen = {runtime: _seen(cri, name) for runtime, cri in cris.items()}
    reference = seen.pop("runc")
    for runtime, lines in seen.items():
        different = list(difflib.unified_diff(reference, lines, "runc", runtime, n=0, lineterm=""))
        assert not different, "\n".join(different)


def _seen(cri: Cri, name: str) -> list[str]:
    """By the container's first process, which logs it, and by one that exec starts."""
    of_the_pod, linux = PODS[name]
    envs = [{"key": "HOSTNAME", "value": "same"}]
    script = "\n".join(f"echo '{MARK}{sight}'; ({lines}) 2>&1" for sight, lines in SIGHTS.items())
    script = f"{script}\necho {MARK}end"
    container = cri.pod(**of_the_pod).container("sh", "-c", f"{script}; exec sleep 600", linux=linux, envs=envs)
    eventually(lambda: f"{MARK}end" in container.log, "the first process has seen all")
    by_first = [line.split(" ", 3)[3] for line in container.log_lines]
    by_exec = container.shell(script).splitlines()
    return [
        line.replace(container.pod.uid, "POD")
        for who, lines in (("first", by_first), ("exec", by_exec))
        for line in _comparable(who, lines)
    ]


def _comparable(who: str, lines: list[str]) -> Iterator[str]:
    sight = ""
    for line in lines:
        if line.startswith(MARK):
            sight = line.removeprefix(MARK)
        else:
            yield from (
                f"{who}, {sight}: {differences.without_names(one)}" for one in differences.leave_out(sight, [line])
            )
