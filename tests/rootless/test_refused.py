"""What a user cannot have, and what is said instead: the field, the reason, and what to do. Nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .container import Container

Change = Callable[[Container], object]


def without_user_namespace(container: Container) -> None:
    linux = container.config["linux"]
    linux["namespaces"].remove({"type": "user"})
    del linux["uidMappings"], linux["gidMappings"]


def own_sysfs(container: Container) -> None:
    container.mount("/sys").update(type="sysfs", source="sysfs", options=["nosuid", "noexec", "nodev", "ro"])


def own_network(container: Container) -> None:
    own_sysfs(container.namespace("network"))


def without_ipc(container: Container) -> None:
    container.config["linux"]["namespaces"].remove({"type": "ipc"})


def limit(container: Container) -> None:
    container.config["linux"]["resources"] = {"pids": {"limit": 9}}


def mount(kind: str, source: str, *options: str) -> Change:
    entry = {"destination": "/tmp", "type": kind, "source": source, "options": list(options)}
    return lambda container: container.config["mounts"].append(entry)


def device(path: str, major: int, minor: int) -> Change:
    entry = {"path": path, "type": "c", "major": major, "minor": minor}
    return lambda container: container.config["linux"].update(devices=[entry])


def process(**values: object) -> Change:
    return lambda container: container.config["process"].update(values)


CASES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "no user namespace": (without_user_namespace, ("linux.namespaces", "sampan spec --rootless")),
    "sysfs of the host's network": (own_sysfs, ("mounts[5]", "network namespace", '"source": "/sys"')),
    "mqueue of the host's ipc": (without_ipc, ("mounts[4]", "ipc namespace")),
    "a group of devpts": (
        lambda container: container.mount("/dev/pts")["options"].append("gid=5"),
        ("mounts[2]", "Invalid gid", "linux.gidMappings"),
    ),
    "an owner of a tmpfs": (mount("tmpfs", "tmpfs", "uid=7"), ("mounts[7]", "Invalid uid", "linux.uidMappings")),
    "a file system of a disk": (mount("ext4", "/dev/null"), ("mounts[7]", "ext4")),
    "an id-mapped mount": (mount("none", "/usr", "bind", "idmap"), ("mounts[7]", "id-mapped mounts")),
    "a limit": (limit, ("linux.resources.pids.limit", "delegated")),
    "a cgroup": (lambda container: container.config["linux"].update(cgroupsPath="/other"), ("linux.cgroupsPath",)),
    "a device that the host has not": (device("/dev/none", 10, 229), ("linux.devices[0]", "the host's own")),
    "another device in its place": (device("/dev/null", 1, 5), ("linux.devices[0]", "another device")),
    "less to fear from the OOM killer": (process(oomScoreAdj=-1000), ("process.oomScoreAdj", "CAP_SYS_RESOURCE")),
    "a higher limit": (
        process(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 10**8, "hard": 10**8}]),
        ("process.rlimits[0]", "CAP_SYS_RESOURCE"),
    ),
    "real time": (process(scheduler={"policy": "SCHED_FIFO", "priority": 5}), ("process.scheduler", "CAP_SYS_NICE")),
    "a sysctl of the host's network": (
        lambda container: container.config["linux"].update(sysctl={"net.ipv4.ip_forward": "1"}),
        ("linux.sysctl", "network"),
    ),
    "a namespace of root's": (
        lambda container: container.config["linux"]["namespaces"].append({"type": "network", "path": "/proc/1/ns/net"}),
        ("/proc/1/ns/net: permission denied", "].path"),
    ),
}


@pytest.mark.usefixtures("_sampan_alone")
@pytest.mark.parametrize("case", CASES)
def test_it_is_an_error_that_names_the_field(container: Container, case: str) -> None:
    change, words = CASES[case]
    change(container)
    said = container.sh("true").fails()
    for word in words:
        assert word in said, said


GRANTED: dict[str, tuple[Change, str, str]] = {
    "its own network": (
        own_network,
        "ls /sys/class/net",
        "lo",
    ),
    "a sysctl of its own": (
        lambda container: container.config["linux"].update(sysctl={"kernel.shmmni": "77"}),
        "cat /proc/sys/kernel/shmmni",
        "77",
    ),
    "more to fear from the OOM killer": (process(oomScoreAdj=900), "cat /proc/self/oom_score_adj", "900"),
    "a pipe among its devices": (
        lambda container: container.config["linux"].update(devices=[{"path": "/dev/pipe", "type": "p"}]),
        "test -p /dev/pipe && echo yes",
        "yes",
    ),
    "a filter without no_new_privs": (
        lambda container: (
            process(noNewPrivileges=False)(container),
            container.config["linux"].update(
                seccomp={
                    "defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [{"names": ["chmod", "fchmodat", "fchmodat2"], "action": "SCMP_ACT_ERRNO"}],
                }
            ),
        ),
        "chmod 700 /tmp 2>/dev/null || grep ^Seccomp: /proc/self/status",
        "Seccomp:\t2",
    ),
    "a cgroup namespace": (
        lambda container: container.namespace("cgroup"),
        "grep -v ':/$' /proc/self/cgroup; echo all at the top",
        "all at the top",
    ),
    "a shared mount": (
        mount("none", "/usr/lib", "rbind", "rshared", "ro"),
        "grep -c ' /tmp ' /proc/self/mountinfo; grep ' /tmp ' /proc/self/mountinfo | grep -o shared",
        "1\nshared",
    ),
}


@pytest.mark.parametrize("case", GRANTED)
def test_what_is_the_users_own_to_give_is_given(container: Container, case: str) -> None:
    change, script, expected = GRANTED[case]
    change(container)
    assert container.output(script) == expected


def test_without_a_cgroup_of_its_own_it_sees_the_one_that_it_is_in(container: Container) -> None:
    """config.md, Mounts: a mount of type cgroup is an ordinary one; what it shows is the process's."""
    seen = container.output("cat /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs 2>/dev/null; true")
    assert seen.split(), "no hierarchy is to be seen"
