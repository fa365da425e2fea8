"""Plans of configurations that between them come to every operation: the fuzzer's seeds, and for unit/test_wire.py.

As a program it writes the seeds, which must be done when operations have changed: `tests/fuzz/seeds.py DIRECTORY`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sampan.plan.compile import compile_plan
from sampan.plan.exec import exec_plan
from sampan.plan.host import CgroupMount, Host
from sampan.plan.mounting import mount_plan, unmount_plan
from sampan.plan.operations import Plan
from sampan.plan.wire import encode
from sampan.profiles.default import default_config, rootless_config

if TYPE_CHECKING:
    from sampan.spec.types import Config

OPERATIONS_OF_A_SEED = 8
CGROUPS_V1 = (
    CgroupMount("cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/box", ("cpu", "cpuacct"), ("cpu", "cpuacct")),
    CgroupMount("systemd", "/sys/fs/cgroup/systemd/box", ("none", "name=systemd")),
)
CGROUPS_V2 = (CgroupMount("", "/sys/fs/cgroup/box", ()),)


def host(**facts: object) -> Host:
    known = Host("box", "/bundle")
    for name, value in facts.items():
        setattr(known, name, value)
    return known


def default() -> Plan:
    return compile_plan(
        default_config(), host(cgroup_mounts=CGROUPS_V1, cgroup_tasks=("/sys/fs/cgroup/cpu/box/tasks",))
    )


def rootless() -> Plan:
    config = rootless_config(1000, 1000, cgroup_namespace=True)
    return compile_plan(config, host(privileged=False, keyring=False, cgroup_mounts=CGROUPS_V2, wait_for_start=True))


def joining() -> Plan:
    """Namespaces of others, and no file system of its own."""
    config = changed(
        root={"path": "rootfs"},
        mounts=[],
        linux={
            "namespaces": [{"type": kind, "path": f"/run/ns/{kind}"} for kind in ("user", "pid", "network", "mount")]
        },
    )
    return compile_plan(config, host())


def unpivoted() -> Plan:
    config = changed(hooks={"createContainer": [{"path": "/hook"}]})
    config["linux"]["rootfsPropagation"] = "shared"
    return compile_plan(config, host(pivot=False, proc_mounts=("/proc", "/sys")))


def everything() -> Plan:
    """As many fields of config.json as one container can have."""
    config = changed(domainname="example.com")
    process = cast("dict[str, Any]", config["process"])
    process |= {
        "noNewPrivileges": False,
        "oomScoreAdj": 100,
        "scheduler": {"policy": "SCHED_BATCH", "nice": 5},
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
        "apparmorProfile": "box",
        "selinuxLabel": "system_u:system_r:container_t:s0",
        "user": {"uid": 1000, "gid": 1000, "umask": 0o27, "additionalGids": [5, 6, 2**32 - 2]},
        "args": ["/bin/é", "", "x" * 300],
        "cwd": "/work",
    }
    linux = cast("dict[str, Any]", config["linux"])
    linux |= {
        "namespaces": [*linux["namespaces"], {"type": "time"}, {"type": "cgroup"}],
        "timeOffsets": {"monotonic": {"secs": -5, "nanosecs": 1}},
        "sysctl": {"net.ipv4.ip_forward": "1"},
        "personality": {"domain": "LINUX32"},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1,65", "flags": ["MPOL_F_STATIC_NODES"]},
        "devices": [
            {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o660, "uid": 1, "gid": 2},
            {"path": "/dev/pipe", "type": "p"},
        ],
    }
    config["mounts"] += cast(
        "Any",
        [
            {"destination": "/", "type": "tmpfs", "options": ["tmpcopyup", "ro", "mode=755"]},
            {
                "destination": "/data",
                "type": "bind",
                "source": "data",
                "options": ["rbind", "rro", "rshared", "noatime"],
            },
            {"destination": "/data", "options": ["remount", "bind", "ro"]},
            {"destination": "/old", "type": "ext4", "source": "/dev/sda1", "options": ["iversion", "ro"]},
        ],
    )
    known = host(seccomp_filter=b"\6\0\0\0\0\0\xff\x7f", seccomp_flags=2, apparmor=True, selinux=True)
    return compile_plan(config, known)


def executing() -> Plan:
    """A further process in a container of others' namespaces, with a terminal."""
    config = changed(root={"path": "rootfs"})
    process = cast("Any", {**config["process"], "terminal": True, "execCPUAffinity": {"final": "0,65"}})
    return exec_plan(config, process, host(cgroup_tasks=("/sys/fs/cgroup/cpu/box/tasks",)))


def mounting() -> Plan:
    """Mounts of a container that exists."""
    config = changed(root={"path": "rootfs"})
    config["mounts"] = [{"destination": "/data", "source": "/srv", "options": ["bind", "ro"]}]
    return mount_plan(config, host())


def unmounting() -> Plan:
    return unmount_plan(changed(root={"path": "rootfs"}), [("/data", 2**31, "mounts[0].destination")])


def watched() -> Plan:
    """A filter with an agent."""
    return exec_plan(changed(), changed()["process"], host(seccomp_filter=b"\6\0\0\0\0\0\xff\x7f", seccomp_notify=True))


def changed(**parts: object) -> Config:
    config = cast("dict[str, Any]", default_config())
    config |= parts
    return cast("Config", config)


MAKERS = (default, rootless, joining, unpivoted, everything, executing, mounting, unmounting, watched)
PLANS = {made.__name__: made for made in MAKERS}


def seeds() -> dict[str, bytes]:
    """The plans in pieces of a few operations: the fuzzer is quick only with small inputs."""
    pieces = {}
    for name, make in PLANS.items():
        plan = make()
        operations = plan.operations
        for start in range(0, len(operations), OPERATIONS_OF_A_SEED):
            plan.operations = operations[start : start + OPERATIONS_OF_A_SEED]
            pieces[f"{name}-{start // OPERATIONS_OF_A_SEED}"] = encode(plan)
    # what no compiler writes, and a mutation hardly finds: as many arguments as there is room for, and one more
    for count in (16, 17):
        plan = Plan()
        plan.add("execute", "", *[0] * count)
        pieces[f"broken-{count}"] = encode(plan)
    return pieces


if __name__ == "__main__":
    for name, data in seeds().items():
        Path(sys.argv[1], name).write_bytes(data)
