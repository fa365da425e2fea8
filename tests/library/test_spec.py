"""Configurations built by a program: what each part writes, what it refuses, and that nothing else is touched."""

from __future__ import annotations

import copy
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sampan
from sampan import Spec

SMALL: dict[str, Any] = {
    "ociVersion": "1.3.0",
    "process": {"args": ["sh"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
    "root": {"path": "/srv/root"},
    "linux": {
        "namespaces": [{"type": kind} for kind in ("mount", "pid", "network", "uts", "ipc", "user", "time")],
        "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
    },
}
ALL = ("bounding", "permitted", "effective", "inheritable", "ambient")
GIB = 1024**3
Part = Callable[[Spec], Spec]


def small() -> Spec:
    return Spec.from_dict(SMALL)


def field(spec: Spec, name: str) -> Any:
    value: Any = spec.to_dict()
    for key in name.split("."):
        value = value.get(key)
    return value


def nested(levels: int) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for _ in range(levels):
        document = {"a": document}
    return document


def node(name: str, **more: Any) -> Spec:
    """The small configuration with an object of `linux.resources`."""
    return small() | {"linux": {"resources": {name: more}}}


BIND = ["rbind", "rro", "rnosuid", "rnodev"]
PARTS: list[tuple[Part, str, Any]] = [
    # the process
    (lambda s: s.with_args(["ls", "-l"]), "process.args", ["ls", "-l"]),
    (lambda s: s.with_args(("ls",)), "process.args", ["ls"]),
    (lambda s: s.with_env({"A": "1", "B": ""}), "process.env", ["A=1", "B="]),
    (
        lambda s: s.with_env({"A": "1", "B": "2"}).with_env({"A": "3=4", "C": "5"}),
        "process.env",
        ["A=3=4", "B=2", "C=5"],
    ),
    (lambda s: s.with_env({"A": "1", "B": "2"}).with_env({"A": None, "Z": None}), "process.env", ["B=2"]),
    (
        lambda s: (s | {"process": {"env": ["A=1", "B=2", "A=3", "B=4"]}}).with_env({"A": "5"}),
        "process.env",
        ["A=5", "B=2", "B=4"],
    ),
    (lambda s: s.with_cwd(Path("/tmp")), "process.cwd", "/tmp"),
    (lambda s: s.with_user(1, 2), "process.user", {"uid": 1, "gid": 2}),
    (
        lambda s: s.with_user(1, 2, groups=(3, 4), umask=0o27),
        "process.user",
        {"uid": 1, "gid": 2, "umask": 0o27, "additionalGids": [3, 4]},
    ),
    (lambda s: s.with_user(1, 2, groups=[3]).with_user(0, 0), "process.user", {"uid": 0, "gid": 0}),
    (lambda s: s.with_terminal(), "process.terminal", True),
    (lambda s: s.with_terminal(size=(24, 80)), "process.consoleSize", {"height": 24, "width": 80}),
    (lambda s: s.with_rlimit("nofile", 5, 6), "process.rlimits", [{"type": "RLIMIT_NOFILE", "hard": 6, "soft": 5}]),
    (
        lambda s: s.with_rlimit("CORE", 0).with_rlimit("cpu", 1).with_rlimit("RLIMIT_CORE", "unlimited"),
        "process.rlimits",
        [
            {"type": "RLIMIT_CORE", "hard": 2**64 - 1, "soft": 2**64 - 1},
            {"type": "RLIMIT_CPU", "hard": 1, "soft": 1},
        ],
    ),
    (lambda s: s.with_oom_score_adj(-1000), "process.oomScoreAdj", -1000),
    (lambda s: s.with_scheduler("SCHED_BATCH", nice=5), "process.scheduler", {"policy": "SCHED_BATCH", "nice": 5}),
    (
        lambda s: s.with_scheduler(
            "SCHED_DEADLINE", runtime=2000, deadline=3000, period=4000, flags=["SCHED_FLAG_RECLAIM"]
        ),
        "process.scheduler",
        {
            "policy": "SCHED_DEADLINE",
            "flags": ["SCHED_FLAG_RECLAIM"],
            "runtime": 2000,
            "deadline": 3000,
            "period": 4000,
        },
    ),
    (
        lambda s: s.with_io_priority("IOPRIO_CLASS_IDLE", 7),
        "process.ioPriority",
        {"class": "IOPRIO_CLASS_IDLE", "priority": 7},
    ),
    (
        lambda s: s.with_exec_cpu_affinity(initial="0-1", final="0"),
        "process.execCPUAffinity",
        {"initial": "0-1", "final": "0"},
    ),
    # files
    (lambda s: s.with_rootfs("here"), "root", {"path": "here"}),
    (lambda s: s.with_rootfs(Path("/a"), readonly=True), "root", {"path": "/a", "readonly": True}),
    (lambda s: s.with_rootfs("/a", readonly=True).with_rootfs("/b"), "root", {"path": "/b", "readonly": True}),
    (lambda s: s.with_rootfs("/a", propagation="slave"), "linux.rootfsPropagation", "slave"),
    (
        lambda s: s.mount("/proc", "proc", "proc", ["nosuid"]),
        "mounts",
        [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]}],
    ),
    (lambda s: s.bind("/usr"), "mounts", [{"destination": "/usr", "type": "bind", "source": "/usr", "options": BIND}]),
    (
        lambda s: s.bind("data", "/var/data", writable=True, recursive=False, options=["noexec"]),
        "mounts",
        [
            {
                "destination": "/var/data",
                "type": "bind",
                "source": "data",
                "options": ["bind", "rw", "nosuid", "nodev", "noexec"],
            }
        ],
    ),
    (
        lambda s: s.bind("/a", idmap=True),
        "mounts",
        [{"destination": "/a", "type": "bind", "source": "/a", "options": [*BIND, "ridmap"]}],
    ),
    (
        lambda s: s.bind("/a", uid_mappings=[(0, 5, 6)], gid_mappings=[(1, 2, 3)]),
        "mounts",
        [
            {
                "destination": "/a",
                "type": "bind",
                "source": "/a",
                "options": [*BIND, "ridmap"],
                "uidMappings": [{"containerID": 0, "hostID": 5, "size": 6}],
                "gidMappings": [{"containerID": 1, "hostID": 2, "size": 3}],
            }
        ],
    ),
    (
        lambda s: s.tmpfs("/tmp", size="64M"),
        "mounts",
        [
            {
                "destination": "/tmp",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "nodev", "noexec", "mode=1777", "size=67108864"],
            }
        ],
    ),
    (
        lambda s: s.tmpfs("/run", mode=0o755, uid=1, gid=0, executable=True, options=["ro"]),
        "mounts",
        [
            {
                "destination": "/run",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "nodev", "mode=755", "uid=1", "gid=0", "ro"],
            }
        ],
    ),
    (
        lambda s: s.mount("/a", "x").mount("/b", "y").mount("/a", "z"),
        "mounts",
        [{"destination": "/a", "type": "z"}, {"destination": "/b", "type": "y"}],
    ),
    (
        lambda s: (s | {"mounts": [{"destination": "/a"}, {"destination": "/b"}, {"destination": "/a"}]}).mount(
            "/a/", "x"
        ),
        "mounts",
        [{"destination": "/a", "type": "x"}, {"destination": "/b"}],
    ),
    (lambda s: s.mount("/a", "x").mount("/b").without_mounts("/a", "/c"), "mounts", [{"destination": "/b"}]),
    (lambda s: s.mask("/a", "/b").mask("/b", "/c"), "linux.maskedPaths", ["/a", "/b", "/c"]),
    (lambda s: s.mask("/a", "/b").unmask("/a", "/z"), "linux.maskedPaths", ["/b"]),
    (lambda s: s.make_readonly("/a", "/b").make_writable("/b"), "linux.readonlyPaths", ["/a"]),
    (
        lambda s: s.device("/dev/x", "c", 1, 3, mode=0o600, uid=4, gid=5),
        "linux.devices",
        [{"type": "c", "path": "/dev/x", "major": 1, "minor": 3, "fileMode": 0o600, "uid": 4, "gid": 5}],
    ),
    (
        lambda s: s.device("/dev/x", "u", 1, 3, access="r"),
        "linux.resources.devices",
        [{"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"}],
    ),
    (lambda s: s.device("/dev/x", "p"), "linux.devices", [{"type": "p", "path": "/dev/x"}]),
    (
        lambda s: s.allow_device("b", 8, allow=False).allow_device("a"),
        "linux.resources.devices",
        [{"allow": False, "type": "b", "major": 8, "access": "rwm"}, {"allow": True, "type": "a", "access": "rwm"}],
    ),
    # limits
    (lambda s: s.limit(memory="1.5G"), "linux.resources.memory", {"limit": 3 * GIB // 2}),
    (lambda s: s.limit(memory=5, memory_swap=6), "linux.resources.memory", {"limit": 5, "swap": 6}),
    (lambda s: s.limit(memory="unlimited", memory_swap=-1), "linux.resources.memory", {"limit": -1, "swap": -1}),
    (lambda s: s.limit(memory_reservation="1k"), "linux.resources.memory", {"reservation": 1024}),
    (lambda s: s.limit(cpus=0.5), "linux.resources.cpu", {"period": 100000, "quota": 50000}),
    (lambda s: s.limit(cpus="unlimited"), "linux.resources.cpu", {"period": 100000, "quota": -1}),
    (
        lambda s: s.limit(cpu_shares=2, cpu_burst=3, cpu_idle=True, cpuset="0-1,3", cpuset_mems=[0, 1]),
        "linux.resources.cpu",
        {"shares": 2, "burst": 3, "idle": 1, "cpus": "0-1,3", "mems": "0,1"},
    ),
    (lambda s: s.limit(pids=64), "linux.resources.pids", {"limit": 64}),
    (lambda s: s.limit(pids="unlimited"), "linux.resources.pids", {"limit": -1}),
    (lambda s: s.limit(io_weight=500), "linux.resources.blockIO", {"weight": 500}),
    (
        lambda s: s.limit(hugepages={"2MB": "1G", "1GB": 0}).limit(hugepages={"2MB": 5}),
        "linux.resources.hugepageLimits",
        [{"pageSize": "2MB", "limit": 5}, {"pageSize": "1GB", "limit": 0}],
    ),
    (
        lambda s: s.limit(unified={"memory.high": "1", "a": "2"}).limit(unified={"a": None}),
        "linux.resources.unified",
        {"memory.high": "1"},
    ),
    (
        lambda s: s.limit_io((8, 0), read_bps="1M", write_bps=2, read_iops=3, write_iops=4).limit_io(
            (8, 0), read_iops=5
        ),
        "linux.resources.blockIO",
        {
            "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1024**2}],
            "throttleWriteBpsDevice": [{"major": 8, "minor": 0, "rate": 2}],
            "throttleReadIOPSDevice": [{"major": 8, "minor": 0, "rate": 5}],
            "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 4}],
        },
    ),
    (lambda s: s.with_cgroup_path("/a/b"), "linux.cgroupsPath", "/a/b"),
    # privileges
    (lambda s: s.drop_all_capabilities(), "process.capabilities", {kind: [] for kind in ALL}),
    (
        lambda s: s.with_capabilities("kill", "CAP_CHOWN", "KILL"),
        "process.capabilities",
        {kind: ["CAP_KILL", "CAP_CHOWN"] for kind in ALL},
    ),
    (lambda s: s.add_capabilities("kill"), "process.capabilities", {kind: ["CAP_KILL"] for kind in ALL}),
    (
        lambda s: s.add_capabilities("kill", ambient=False),
        "process.capabilities",
        {kind: ["CAP_KILL"] for kind in ALL[:3]},
    ),
    (
        lambda s: s.with_capabilities("kill", "chown").drop_capabilities("CAP_KILL", "bpf"),
        "process.capabilities",
        {kind: ["CAP_CHOWN"] for kind in ALL},
    ),
    (lambda s: s.with_no_new_privileges(), "process.noNewPrivileges", True),
    (lambda s: s.with_no_new_privileges(False), "process.noNewPrivileges", False),
    (
        lambda s: s.with_seccomp({"defaultAction": "SCMP_ACT_ALLOW"}),
        "linux.seccomp",
        {"defaultAction": "SCMP_ACT_ALLOW"},
    ),
    (lambda s: s.with_default_seccomp().without_seccomp(), "linux.seccomp", None),
    (lambda s: s.with_apparmor_profile("a"), "process.apparmorProfile", "a"),
    (lambda s: s.with_selinux_label("a"), "process.selinuxLabel", "a"),
    (lambda s: s.with_selinux_label("a", mounts="b"), "linux.mountLabel", "b"),
    # namespaces
    (
        lambda s: s.new_namespaces("cgroup", "pid"),
        "linux.namespaces",
        [*SMALL["linux"]["namespaces"], {"type": "cgroup"}],
    ),
    (
        lambda s: s.host_namespaces("network", "time", "cgroup").join_namespace("pid", "/proc/1/ns/pid"),
        "linux.namespaces",
        [{"type": "mount"}, {"type": "pid", "path": "/proc/1/ns/pid"}, *({"type": t} for t in ("uts", "ipc", "user"))],
    ),
    (lambda s: s.join_namespace("pid", "/x").new_namespaces("pid"), "linux.namespaces", SMALL["linux"]["namespaces"]),
    (lambda s: s.host_namespaces("user"), "linux.uidMappings", None),
    (lambda s: s.join_namespace("user", "/x"), "linux.gidMappings", None),
    (
        lambda s: s.with_user_mappings([(0, 5, 1), (1, 7, 1)]),
        "linux.gidMappings",
        [{"containerID": 0, "hostID": 5, "size": 1}, {"containerID": 1, "hostID": 7, "size": 1}],
    ),
    (
        lambda s: s.with_user_mappings([(0, 5, 1)], [(0, 6, 1)]),
        "linux.gidMappings",
        [{"containerID": 0, "hostID": 6, "size": 1}],
    ),
    (
        lambda s: s.with_time_offsets(monotonic=-1.5, boottime=3),
        "linux.timeOffsets",
        {"monotonic": {"secs": -2, "nanosecs": 500000000}, "boottime": {"secs": 3, "nanosecs": 0}},
    ),
    (lambda s: s.with_time_offsets(boottime=3).join_namespace("time", "/x"), "linux.timeOffsets", None),
    (lambda s: s.with_hostname("h"), "hostname", "h"),
    (lambda s: s.with_domainname("d"), "domainname", "d"),
    (
        lambda s: s.with_sysctl({"net.a": "1", "kernel.sem": "2"}).with_sysctl({"net.a": None}),
        "linux.sysctl",
        {"kernel.sem": "2"},
    ),
    (lambda s: s.with_network_device("eth1"), "linux.netDevices", {"eth1": {}}),
    (lambda s: s.with_network_device("eth1", name="lan"), "linux.netDevices", {"eth1": {"name": "lan"}}),
    # hooks and annotations
    (
        lambda s: s.hook("poststop", "/a").hook("poststop", "/b", ["b", "c"], env={"D": "e"}, timeout=5),
        "hooks.poststop",
        [{"path": "/a"}, {"path": "/b", "args": ["b", "c"], "env": ["D=e"], "timeout": 5}],
    ),
    (lambda s: s.with_annotations({"a.b": "c", "d": "e"}).with_annotations({"d": None}), "annotations", {"a.b": "c"}),
    # composed
    (lambda s: s.apply(lambda t: t.with_hostname("a"), lambda t: t.with_cwd("/b")), "process.cwd", "/b"),
    (lambda s: s | {"process": {"cwd": "/x", "env": ["A=b"]}, "linux": {"seccomp": None}}, "process.cwd", "/x"),
]


@pytest.mark.parametrize("part, name, expected", PARTS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_part_sets_its_field_and_follows_the_specification(part: Part, name: str, expected: Any) -> None:
    begun = small()
    built = part(begun)
    assert field(built, name) == expected
    assert begun.to_dict() == SMALL, "the one that it was made of has changed"
    assert built.validate() is built
    assert Spec.from_json(built.to_json()) == built
    assert Spec.from_dict(built.to_dict()) == built
    assert type(built) is Spec


REFUSED: list[tuple[Part, str]] = [
    (lambda s: s.with_args("ls"), "args: must be a list of strings"),
    (lambda s: s.with_args([]), "args: must begin with a program"),
    (lambda s: s.with_args(["a", "b\0"]), "args[1]: must not contain a NUL"),
    (lambda s: s.with_env({"A=": "b"}), "variables: must have names without ="),
    (lambda s: s.with_env({"": "b"}), 'variables[""]: must have a key'),
    (lambda s: s.with_env({"A": 1}), 'variables["A"]: must be a string'),  # type: ignore[dict-item]
    (lambda s: s.with_cwd("a"), "cwd: must be an absolute path"),
    (lambda s: s.with_user(-1, 0), "uid: must be an id"),
    (lambda s: s.with_user(0, 0, groups=[2**32]), "groups[0]: must be an id"),
    (lambda s: s.with_user(0, 0, umask=0o1000), "umask: must be a umask"),
    (lambda s: s.with_terminal("yes"), "terminal: must be true or false"),  # type: ignore[arg-type]
    (lambda s: s.with_terminal(size=(24, 2**16)), "width: must be a number of characters"),
    (lambda s: s.with_rlimit("files", 5), "name: must be one of RLIMIT_"),
    (lambda s: s.with_rlimit("core", 5, 4), "soft: must not be greater than hard, 4"),
    (lambda s: s.with_rlimit("core", -1), "hard: must be a whole number"),
    (lambda s: s.with_oom_score_adj(1001), "score: must be a whole number from -1000"),
    (lambda s: s.with_scheduler("SCHED_FIFO", priority=100), "priority: must be from 1 to 99"),
    (lambda s: s.with_scheduler("FIFO"), "policy: must be one of"),  # type: ignore[arg-type]
    (lambda s: s.with_io_priority("IOPRIO_CLASS_RT", 8), "priority: must be a priority from 0"),
    (lambda s: s.with_io_priority("RT"), "class_: must be one of"),  # type: ignore[arg-type]
    (lambda s: s.with_exec_cpu_affinity(initial="x"), "initial: must be a list of numbers"),
    (lambda s: s.with_rootfs(""), "rootfs: must not be empty"),
    (lambda s: s.with_rootfs("/", propagation="x"), "propagation: must be one of"),  # type: ignore[arg-type]
    (lambda s: s.mount("proc"), "destination: must be an absolute path"),
    (lambda s: s.mount("/proc", options="ro"), "options: must be a list of strings"),
    (lambda s: s.bind("data"), "source: must be an absolute path"),
    (lambda s: s.bind("/a", "b"), "destination: must be an absolute path"),
    (lambda s: s.bind("/a", uid_mappings=[(0, 0)]), "uid_mappings: must be a list of (first"),  # type: ignore[list-item]
    (lambda s: s.bind("/a", gid_mappings=[(0, 0, 1)]), "gid_mappings: needs uid_mappings"),
    (lambda s: s.tmpfs("/a", size="big"), "size: must be a size such as"),
    (lambda s: s.tmpfs("/a", size=-1), "size: must be a whole number"),
    (lambda s: s.tmpfs("/a", mode=0o10000), "mode: must be a mode"),
    (lambda s: s.tmpfs("/a", uid=-1), "uid: must be a whole number"),
    (lambda s: s.mask("a"), "paths: must be an absolute path"),
    (lambda s: s.device("/a", "x", 1, 1), "type: must be one of"),  # type: ignore[arg-type]
    (lambda s: s.device("/a", "c", 1), "minor: is required for a device of type c"),
    (lambda s: s.device("/a", "c", 5000, 1), "major: must be a major"),
    (lambda s: s.device("/a", "c", 1, 1, mode=-1), "mode: must be"),
    (lambda s: s.device("/a", "c", 1, 1, access="x"), "access: must be made of"),
    (lambda s: s.allow_device("d"), "type: must be one of"),  # type: ignore[arg-type]
    (lambda s: s.limit(memory="256Q"), 'memory: must be a size such as "256M"'),
    (lambda s: s.limit(memory=1.5), "memory: must be a number of bytes"),  # type: ignore[arg-type]
    (lambda s: s.limit(memory=2, memory_swap=1), "memory_swap: must not be less than the limit of memory, 2"),
    (lambda s: s.limit(memory_swap=1).limit(memory=2), "memory_swap: must not be less than the limit of memory, 2"),
    (lambda s: s.limit(cpus=0.001), "cpus: must be a number of processors, at least 0.01"),
    (lambda s: s.limit(cpus=-1), "cpus: must be a number of processors"),
    (lambda s: s.limit(cpus=float("nan")), "cpus: must be a number of processors"),
    (lambda s: s.limit(cpus=True), "cpus: must be a number of processors"),
    (lambda s: s.limit(cpus=1, cpu_burst=200000), "cpu_burst: must not be greater than the quota"),
    (lambda s: s.limit(cpuset="0-"), "cpuset: must be a list of numbers"),
    (lambda s: s.limit(cpuset_mems=[-1]), "cpuset_mems: must be a list of numbers"),
    (lambda s: s.limit(pids=-2), "pids: must be a number of tasks"),
    (lambda s: s.limit(io_weight=5), "io_weight: must be a weight from 10 to 1000"),
    (lambda s: s.limit(hugepages={"2M": 1}), "hugepages: must be a page size"),
    (lambda s: s.limit(hugepages={"2MB": "unlimited"}), "hugepages: must be a whole number"),
    (lambda s: s.limit(unified={"../x": "1"}), "unified: must have names of files"),
    (lambda s: s.limit_io((8, 0), read_bps="fast"), "read_bps: must be a size"),
    (lambda s: s.limit_io((8, -1), read_bps=1), "device.minor: must be a minor device number"),
    (lambda s: s.limit_io("/dev/null", read_bps=1), "device: must be a block device"),
    (lambda s: s.with_cgroup_path(""), "cgroup_path: must not be empty"),
    (lambda s: s.add_capabilities("flying"), "names: must be a capability such as CAP_KILL"),
    (lambda s: s.with_seccomp({}), "profile.defaultAction: is required"),
    (
        lambda s: s.with_seccomp({"defaultAction": "SCMP_ACT_LOG", "archMap": [{}]}),
        "profile.archMap: must be as config-linux.md has it",
    ),
    (
        lambda s: s.with_seccomp({"defaultAction": "SCMP_ACT_LOG", "syscalls": [{"includes": {"caps": ["CAP_BPF"]}}]}),
        "profile.includes: must be as config-linux.md has it",
    ),
    (lambda s: s.new_namespaces("net"), "kinds: must be one of"),  # type: ignore[arg-type]
    (lambda s: s.join_namespace("network", "ns"), "path: must be an absolute path"),
    (lambda s: s.with_user_mappings([]), "uids: must have at least one range"),
    (lambda s: s.with_user_mappings([(0, 1, 2), (1, 5, 1)]), "uids[1].containerID: must not overlap uids[0]"),
    (lambda s: s.with_user_mappings([(0, 1, 1)], [(0, 1, 0)]), "gids[0].size: must be at least 1"),
    (lambda s: s.with_time_offsets(boottime=float("inf")), "boottime: must be a number of seconds"),
    (lambda s: s.with_hostname("h" * 65), "hostname: must not be longer than 64 bytes"),
    (lambda s: s.with_sysctl({"net..a": "1"}), "parameters: must have names of kernel parameters"),
    (lambda s: s.with_sysctl({"net.a": 1}), 'parameters["net.a"]: must be a string'),  # type: ignore[dict-item]
    (lambda s: s.with_network_device("a" * 16), "host_name: must have 1 to 15 characters"),
    (lambda s: s.hook("later", "/a"), "point: must be one of"),  # type: ignore[arg-type]
    (lambda s: s.hook("poststop", "a"), "path: must be an absolute path"),
    (lambda s: s.hook("poststop", "/a", timeout=0), "timeout: must be a whole number of seconds"),
    (lambda s: s.hook("poststop", "/a", env={"A=": "b"}), "env: must have names without ="),
    (lambda s: s.with_annotations({"": "a"}), 'annotations[""]: must have a key'),
    (lambda s: s.merge({"a": {"b": object()}}), "a.b: must be a value that JSON has"),
    (lambda s: s.merge([]), "other: must be a Spec"),  # type: ignore[arg-type]
    (lambda _: Spec.from_dict({"a": {1: 2}}), "a: must have strings as its keys"),
    (lambda _: Spec.from_dict({"a": [float("nan")]}), "a[0]: must be a value that JSON has"),
    (lambda _: Spec.from_dict({"a": 2**64}), "a: must be a value that JSON has, with numbers of 64 bits"),
    (lambda _: Spec.from_dict({"a": "\ud800"}), "a: must be text that UTF-8 can express"),
    (lambda _: Spec.from_dict({"\ud800": 1}), "the document: must be text that UTF-8 can express"),
    (lambda _: Spec.from_dict(nested(1000)), "a: must not be nested deeper than 90 levels"),
    (lambda s: s.host_device("/etc"), "source: must be a device"),
]


@pytest.mark.parametrize("part, message", REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_mistake_is_told_at_once_with_the_name_of_the_argument(part: Part, message: str) -> None:
    with pytest.raises(sampan.UsageError) as caught:
        part(small())
    assert str(caught.value).startswith(message)


class TestLimitsOfMemory:
    """`linux.resources.memory.swap` limits memory and swap together: a new limit of memory must not free the swap."""

    @pytest.mark.parametrize(
        "before, memory, after",
        [
            ({"limit": 512, "swap": 512}, 256, {"limit": 256, "swap": 256}),
            ({"limit": 512, "swap": 512}, 1024, {"limit": 1024, "swap": 1024}),
            ({"limit": 512, "swap": 600}, 100, {"limit": 100, "swap": 188}),
            ({"limit": 512, "swap": -1}, 100, {"limit": 100, "swap": -1}),
            ({"limit": 512, "swap": 512}, -1, {"limit": -1, "swap": -1}),
            ({"limit": 512, "swap": 0}, 100, {"limit": 100, "swap": 0}),
            ({"limit": 512, "swap": 2**63 - 1}, 1024, {"limit": 1024, "swap": 2**63 - 1}),
        ],
    )
    def test_as_much_swap_as_before_stays(self, before: Any, memory: int, after: Any) -> None:
        spec = node("memory", **before).limit(memory=memory)
        assert field(spec, "linux.resources.memory") == after

    def test_the_hardened_profile_stays_without_swap(self) -> None:
        memory = field(Spec.hardened().limit(memory="1G"), "linux.resources.memory")
        assert memory in ({"limit": GIB, "swap": GIB}, {"limit": GIB})  # the latter where this host cannot limit it


def test_a_quota_is_of_the_period_that_there_is() -> None:
    assert field(node("cpu", period=20000).limit(cpus=2), "linux.resources.cpu") == {"period": 20000, "quota": 40000}


def test_what_is_unknown_stays() -> None:
    strange = copy.deepcopy(SMALL)
    strange["x-vendor"] = {"a": [1, None, {"b": 2.5}], "linux.memory": "é\u2028"}
    strange["process"]["future"] = True
    strange["annotations"] = {"a.b/c": "d", "": "e"}
    strange["linux"]["namespaces"][0]["more"] = 1
    spec = Spec.from_dict(strange).with_args(["ls"]).with_hostname("h").new_namespaces("cgroup")
    expected = copy.deepcopy(strange)
    expected["process"]["args"] = ["ls"]
    expected["hostname"] = "h"
    expected["linux"]["namespaces"].append({"type": "cgroup"})
    assert spec.to_dict() == expected
    assert json.loads(spec.to_json()) == expected
    assert list(spec.to_dict()) == list(expected), "the order of the fields has changed"


def test_nobody_can_change_it_from_outside() -> None:
    given, words = copy.deepcopy(SMALL), ["ls"]
    spec = Spec.from_dict(given).with_args(words)
    before = spec.to_json()
    given["process"]["cwd"] = "/x"
    words.append("-l")
    spec.to_dict()["process"]["args"].append("-l")
    assert spec.to_json() == before


def test_the_same_are_equal_hashable_and_can_be_sent() -> None:
    one, other = small().with_hostname("a").with_cwd("/b"), small().with_cwd("/b").with_hostname("a")
    assert one == other
    assert len({one, other, small()}) == 2
    assert one != small()
    assert one != one.to_dict()
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
    assert repr(one) == "<sampan.Spec of ['sh'] in '/srv/root'>"


def test_merging_is_that_of_rfc_7396() -> None:
    """The example of the RFC's appendix, and those where an object meets something else."""
    spec = Spec.from_dict({"a": "b", "c": {"d": "e", "f": "g"}, "h": [1]})
    assert (spec | {"a": "z", "c": {"f": None}}).to_dict() == {"a": "z", "c": {"d": "e"}, "h": [1]}
    assert (spec | {"h": {"x": None, "y": 1}, "a": {"b": {"c": None}}}).to_dict() == {
        "a": {"b": {}},
        "c": {"d": "e", "f": "g"},
        "h": {"y": 1},
    }
    assert (spec | Spec.from_dict({"h": [2]})).to_dict()["h"] == [2]


def test_all_problems_are_told_together() -> None:
    broken = small().host_namespaces("uts", "network").with_hostname("h").with_sysctl({"net.a": "1", "kernel.x": "2"})
    with pytest.raises(sampan.ConfigError) as caught:
        broken.validate()
    fields = [problem.field for problem in caught.value.problems]
    assert sorted(fields) == ["hostname", 'linux.sysctl["kernel.x"]', 'linux.sysctl["net.a"]']


@pytest.mark.parametrize(
    "document, name",
    [({"process": 5}, "process"), ({"linux": []}, "linux"), ({"process": {"env": "A=b"}}, "process.env")],
)
def test_a_part_of_a_broken_document_names_the_broken_field(document: Any, name: str) -> None:
    with pytest.raises(sampan.ConfigError) as caught:
        Spec.from_dict(document).with_env({"A": "b"}).with_sysctl({"net.a": "1"})
    assert caught.value.field == name


def test_another_platform_is_no_mistake_but_cannot_be_made() -> None:
    with pytest.raises(sampan.PlatformError):
        (small() | {"zos": {}, "linux": None}).validate()


class TestBeginnings:
    @pytest.mark.parametrize("rootless", [None, False, True])
    def test_they_are_valid_and_have_no_terminal(self, rootless: bool | None) -> None:
        for spec in (Spec.default(rootless=rootless), Spec.hardened(rootless=rootless)):
            spec.validate()
            assert field(spec, "process.terminal") is False
            assert field(spec, "process.args") == ["sh"]

    def test_the_default_is_what_the_command_writes(self, tmp_path: Path) -> None:
        from sampan.cli.main import main

        assert main(["spec", "--bundle", str(tmp_path), *(["--rootless"] if os.geteuid() else [])]) == 0
        assert Spec.load(tmp_path).with_terminal(False) == Spec.default()

    def test_rootless_maps_this_user(self) -> None:
        mapping = field(Spec.default(rootless=True), "linux.uidMappings")
        assert mapping == [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]

    def test_a_bundle_or_a_file_is_loaded(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text(json.dumps(SMALL))
        (tmp_path / "other.json").write_text(json.dumps({"a": "b"}))
        assert Spec.load(tmp_path) == Spec.load(str(tmp_path / "config.json")) == small()
        assert Spec.load(tmp_path / "other.json").to_dict() == {"a": "b"}

    def test_what_cannot_be_loaded_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(sampan.KernelError, match=f"read {tmp_path}/config.json: no such file"):
            Spec.load(tmp_path)
        (tmp_path / "config.json").write_text("{")
        with pytest.raises(sampan.ConfigError, match=f"{tmp_path}/config.json: .*not valid JSON"):
            Spec.load(tmp_path)
        with pytest.raises(sampan.ConfigError, match="must be an object"):
            Spec.from_json("[]")


class TestWriting:
    def test_what_is_written_is_what_is_loaded(self, tmp_path: Path) -> None:
        spec = small().with_annotations({"é": "\u2028\U0001f600"})
        file = spec.write(tmp_path / "new" / "bundle")
        assert file == tmp_path / "new/bundle/config.json"
        assert file.read_text() == spec.to_json()
        assert Spec.load(file.parent) == spec

    def test_nothing_is_overwritten_unless_it_is_said(self, tmp_path: Path) -> None:
        small().write(tmp_path)
        with pytest.raises(sampan.ExistsError, match="is not overwritten"):
            small().with_cwd("/x").write(tmp_path)
        assert Spec.load(tmp_path) == small()
        small().with_cwd("/x").write(tmp_path, overwrite=True)
        assert Spec.load(tmp_path) == small().with_cwd("/x")
        assert os.listdir(tmp_path) == ["config.json"]

    def test_what_is_not_valid_is_not_written(self, tmp_path: Path) -> None:
        with pytest.raises(sampan.ConfigError):
            (small() | {"root": None}).write(tmp_path / "new")
        assert not (tmp_path / "new").exists()


class TestProfilesOfSystemCalls:
    def test_a_file_is_read(self, tmp_path: Path) -> None:
        profile = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}
        (tmp_path / "profile.json").write_text(json.dumps(profile))
        assert field(small().with_seccomp(tmp_path / "profile.json"), "linux.seccomp") == profile

    def test_the_default_is_that_of_the_hardened_profile(self) -> None:
        assert field(small().with_default_seccomp(), "linux.seccomp") == field(Spec.hardened(), "linux.seccomp")

    @pytest.mark.parametrize(
        "content, error", [(None, sampan.KernelError), ("{", sampan.ConfigError), ("[]", sampan.ConfigError)]
    )
    def test_a_file_that_is_none_is_named(
        self, content: str | None, error: type[sampan.SampanError], tmp_path: Path
    ) -> None:
        file = tmp_path / "profile.json"
        if content is not None:
            file.write_text(content)
        with pytest.raises(error, match=str(file)):
            small().with_seccomp(file)


class TestHostRoot:
    def test_it_is_like_the_commands(self, tmp_path: Path) -> None:
        from sampan.cli.main import main

        assert main(["spec", "--rootfs", "host", str(tmp_path / "theirs")]) == 0
        theirs = Spec.load(tmp_path / "theirs")
        ours = Spec.default().with_host_rootfs(tmp_path / "ours").validate()
        assert field(ours, "root") == {"path": str(tmp_path / "ours"), "readonly": True}
        shown = [[mount for mount in field(spec, "mounts") if mount["type"] == "bind"] for spec in (ours, theirs)]
        assert shown[0] == shown[1]
        places = [{mount["destination"] for mount in field(spec, "mounts")} for spec in (ours, theirs)]
        assert places[0] == places[1]
        assert set(field(ours, "process.env")) == set(field(theirs, "process.env"))
        assert sorted(os.listdir(tmp_path / "ours")) == sorted(os.listdir(tmp_path / "theirs/rootfs"))

    def test_what_is_mounted_and_set_already_stays(self, tmp_path: Path) -> None:
        spec = Spec.hardened().with_env({"LANG": "C"}).with_host_rootfs(tmp_path / "new")
        assert [mount for mount in field(spec, "mounts") if mount["destination"] in ("/tmp", "/run")] == [
            mount for mount in field(Spec.hardened(), "mounts") if mount["destination"] in ("/tmp", "/run")
        ]
        assert {"HOME=/tmp", "LANG=C"} <= set(field(spec, "process.env"))
        assert "sampan:x:1000:" in (tmp_path / "new/etc/passwd").read_text()

    def test_only_an_empty_directory_is_written(self, tmp_path: Path) -> None:
        Spec.default().with_host_rootfs(tmp_path)
        with pytest.raises(sampan.ExistsError, match="not an empty directory"):
            Spec.default().with_host_rootfs(tmp_path)

    @pytest.mark.parametrize("there", [True, False])
    def test_nothing_is_left_of_one_that_could_not_be_finished(
        self, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        place = tmp_path / "new"
        if there:
            place.mkdir()
        monkeypatch.setattr("sampan.engine.host_root._show", fail)
        with pytest.raises(sampan.KernelError, match="no space left on device"):
            Spec.default().with_host_rootfs(place)
        assert [path.name for path in tmp_path.rglob("*")] == (["new"] if there else [])


def test_a_device_of_this_host_keeps_its_numbers_and_mode() -> None:
    spec = small().host_device("/dev/null", "/dev/nothing", access="r")
    null = os.stat("/dev/null")
    entry = {"type": "c", "path": "/dev/nothing", "major": 1, "minor": 3, "fileMode": null.st_mode & 0o7777}
    assert field(spec, "linux.devices") == [{**entry, "uid": null.st_uid, "gid": null.st_gid}]
    assert field(spec, "linux.resources.devices")[-1]["access"] == "r"
    with pytest.raises(sampan.KernelError, match="/dev/absent"):
        small().host_device("/dev/absent")


class TestReaders:
    def test_the_plan_is_the_commands(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        from sampan.cli.main import main

        (tmp_path / "rootfs").mkdir()
        spec = Spec.default()
        spec.write(tmp_path)
        assert main(["plan", str(tmp_path)]) == 0
        assert spec.plan(bundle=tmp_path) == capfd.readouterr().out

    def test_the_report_is_the_commands(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        from sampan.cli.main import main

        (tmp_path / "rootfs").mkdir()
        spec = Spec.default().mount("/host", "bind", "/etc", ["rbind", "rw"])
        spec.write(tmp_path)
        assert main(["audit", str(tmp_path)]) == 0
        report = spec.audit(bundle=tmp_path)
        assert str(report) == capfd.readouterr().out
        assert report.at_least(sampan.Severity.CRITICAL)
        hardened: sampan.Report = Spec.hardened().with_rootfs(tmp_path / "rootfs").audit()
        assert not hardened.at_least(sampan.Severity.MEDIUM)

    def test_a_relative_path_needs_a_bundle(self) -> None:
        with pytest.raises(sampan.UsageError, match=r"bundle is needed: root\.path is no absolute path"):
            Spec.default().plan()
        with pytest.raises(sampan.UsageError, match=r"bundle is needed: mounts\[0\]\.source is no absolute path"):
            small().bind("data", "/data").audit()
        small().mount("/proc", "proc", "proc").audit()
