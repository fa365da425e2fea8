"""What a container sees of itself, and that it is the same with every runtime, line by line, apart from differences."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from . import differences
from .engine import Engine
from .runtimes import REFERENCE

MOUNTS = "cut -d ' ' -f 4- /proc/self/mountinfo | sort"  # without ids; podman gives them in any order
DEVICES = "cd /dev; stat -c '%n %F %a %u:%g %t:%T' * | grep -v ^std"
LIMITS = "memory/memory.*limit_in_bytes cpu/cpu.shares cpu/cpu.cfs_* pids/pids.max"
STATUS = "grep -E '^(Cap|Seccomp:|NoNewPrivs|Groups|Uid|Gid|Umask|NSpid)' /proc/1/status"
DEVICE_RULES = "sort /sys/fs/cgroup/devices/devices.list 2>/dev/null; true"
STATUS_OF_SELF = STATUS.replace("/proc/1/", "/proc/self/")
CGROUP_LIMITS = f"cd /sys/fs/cgroup; for file in {LIMITS}; do [ -e $file ] && echo $file $(cat $file); done; true"
ENVIRONMENT = "env | sort"

# What is seen of an ordinary container: name -> a script for its shell.
ORDINARY: dict[str, str] = {
    "mounts": MOUNTS,
    "devices": f"{DEVICES}; for link in stdin stdout stderr fd core; do readlink $link; done; true",
    "rights": STATUS,
    "limits": "cat /proc/self/limits",
    "environment": ENVIRONMENT,
    "cgroup": "cut -d : -f 2- /proc/self/cgroup | sort",
    "cgroups as mounted": "ls -l /sys/fs/cgroup | awk '{print $1, $3, $4, $9, $10, $11}' | sort",
    "device rules": DEVICE_RULES,
    "descriptors": "ls /proc/self/fd",
    "working directory and root": (
        "readlink /proc/self/cwd /proc/self/root; stat -c '%a %u:%g' / /tmp /dev /proc /sys"
    ),
    "session": "cut -d ' ' -f 4-8 /proc/1/stat; cat /proc/1/oom_score_adj",
    # up to 28: 32 and 33 are the C library's, and runc hands on what its caller ignored of them
    "signals": "grep -E '^Sig(Blk|Ign|Cgt)|^ShdPnd' /proc/self/status | sed 's/[0-9a-f]\\{9\\}//'",
    "settings": "cat /proc/sys/kernel/hostname /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax",
    "masked paths": (
        "for p in acpi kcore keys timer_list scsi; do stat -c '%n %F %s' /proc/$p; done 2>&1; ls -A /sys/firmware"
    ),
}
_MARK = "-- of the next view --"


def assert_same(engines: Mapping[str, Engine], options: Sequence[str], scripts: Mapping[str, str]) -> None:
    """Runs the scripts (of views, by name) in one container of each engine, and compares what they print."""
    seen = {runtime: _seen(engine, options, scripts) for runtime, engine in engines.items()}
    reference = seen.pop(REFERENCE)
    for runtime, views in seen.items():
        different = [line for name in scripts for line in _compare(name, reference[name], runtime, views[name])]
        assert not different, "\n".join(different)


def assert_execs_same(
    engines: Mapping[str, Engine], containers: Mapping[str, str], options: Sequence[str], script: str
) -> None:
    """Runs the script by `exec` in a container of each engine, and compares what it prints."""
    seen = {}
    for runtime, engine in engines.items():
        result = engine("exec", *options, containers[runtime], "sh", "-c", script).checked()
        seen[runtime] = [differences.without_names(line) for line in result.lines]
    reference = seen.pop(REFERENCE)
    for runtime, lines in seen.items():
        different = list(difflib.unified_diff(reference, lines, REFERENCE, runtime, n=0, lineterm=""))
        assert not different, "\n".join(different)


def _seen(engine: Engine, options: Sequence[str], scripts: Mapping[str, str]) -> dict[str, list[str]]:
    script = "\n".join(f"({each}\n)\nstatus=$?\necho '{_MARK}' $status" for each in scripts.values())
    result = engine.run("--hostname", "same", *options, "--", "sh", "-c", script).checked()
    parts = re.split(rf"^{_MARK} (\d+)\n", result.stdout.replace("\r\n", "\n"), flags=re.MULTILINE)
    assert parts[1::2] == ["0"] * len(scripts), str(result)
    return {
        name: [differences.without_names(line) for line in text.splitlines()]
        for name, text in zip(scripts, parts[::2], strict=False)
    }


def _compare(view: str, reference: list[str], runtime: str, lines: list[str]) -> list[str]:
    pair = differences.leave_out(view, reference), differences.leave_out(view, lines)
    return list(difflib.unified_diff(*pair, f"{view} {REFERENCE}", f"{view} {runtime}", n=0, lineterm=""))
