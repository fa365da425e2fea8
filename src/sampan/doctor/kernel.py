"""What the kernel can do, with the release that has brought it. Asked of the kernel: distributions add to old ones."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from sampan.doctor.row import LIMITED, NO, OK, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.doctor.host import Host

OLDEST = (5, 12)
MACHINES = ("x86_64", "aarch64")
_BLOCKED = (
    "a seccomp filter around this process may forbid it: under docker or podman, start the outer container with "
    "--security-opt seccomp=unconfined"
)
# id, name, the calls, since, what a container needs it for
CALLS = (
    ("clone3", "clone3", ("clone3",), "5.3", "processes are born into their namespaces by it"),
    (
        "openat2",
        "openat2",
        ("openat2",),
        "5.6",
        "paths in the container are resolved by it, so that they cannot lead out",
    ),
    (
        "mount_api",
        "fsopen and move_mount",
        ("fsopen", "open_tree", "move_mount"),
        "5.2",
        "mounts are made detached, and attached when they are right",
    ),
    (
        "mount_setattr",
        "mount_setattr",
        ("mount_setattr",),
        "5.12",
        "recursive read-only mounts, and id-mapped ones, are made by it",
    ),
    ("pidfd", "pidfd", ("pidfd_open", "pidfd_send_signal"), "5.3", "signals reach the right process by it"),
    (
        "close_range",
        "close_range",
        ("close_range",),
        "5.9",
        "descriptors that the container may not see are closed by it",
    ),
)
_NAMESPACES = (  # type, the link in /proc/self/ns, since, the option of the kernel's configuration
    ("cgroup", "cgroup", "4.6", "CONFIG_CGROUPS"),
    ("ipc", "ipc", "3.0", "CONFIG_IPC_NS"),
    ("mount", "mnt", "2.4", "CONFIG_NAMESPACES"),
    ("network", "net", "3.0", "CONFIG_NET_NS"),
    ("pid", "pid", "3.8", "CONFIG_PID_NS"),
    ("time", "time", "5.6", "CONFIG_TIME_NS"),
    ("user", "user", "3.8", "CONFIG_USER_NS"),
    ("uts", "uts", "3.0", "CONFIG_UTS_NS"),
)


def rows(host: Host) -> Iterator[Row]:
    """The kernel's part."""
    yield _release(host)
    yield _machine(host)
    yield from (_calls(host, *calls) for calls in CALLS)
    yield _into_cgroup(host)
    yield from (_namespace(host, *namespace) for namespace in _NAMESPACES)
    yield _memfd(host)
    yield _init(host)


def _release(host: Host) -> Row:
    since = ".".join(map(str, OLDEST))
    if host.version >= OLDEST:
        return Row("kernel.release", "Linux", OK, host.release, needs=since)
    why = f"older than {since}: only what its distribution has added makes containers possible"
    return Row("kernel.release", "Linux", LIMITED, host.release, why, f"install Linux {since} or newer", since)


def _machine(host: Host) -> Row:
    if host.machine in MACHINES:
        return Row("kernel.machine", "machine", OK, host.machine, required=True)
    why = "this release is made for and tested on other machines"
    return Row(
        "kernel.machine", "machine", NO, host.machine, why, f"use a machine of {' or '.join(MACHINES)}", "", True
    )


def _calls(host: Host, own_id: str, name: str, calls: tuple[str, ...], since: str, purpose: str) -> Row:
    missing = [call for call in calls if host.tries.system_call(call) == errno.ENOSYS]
    if not missing:
        return Row(f"kernel.{own_id}", name, OK, needs=since, required=True)
    recent = host.version >= tuple(map(int, since.split(".")))
    return Row(
        f"kernel.{own_id}",
        name,
        NO,
        why=f"the kernel says that it has no {' '.join(missing)}: {purpose}",
        fix=_BLOCKED if recent else f"install Linux {since} or newer (5.12 for all)",
        needs=since,
        required=True,
    )


def _into_cgroup(host: Host) -> Row:
    name = "CLONE_INTO_CGROUP"
    if host.tries.clones_into_cgroup():
        return Row("kernel.clone_into_cgroup", name, OK, needs="5.7")
    why = "containers on cgroup v2 are born into their cgroup by it"
    fix = "install Linux 5.7 or newer, or boot with cgroup v1 (systemd.unified_cgroup_hierarchy=0)"
    return Row("kernel.clone_into_cgroup", name, NO, "", why, fix, "5.7")


def _namespace(host: Host, name: str, link: str, since: str, option: str) -> Row:
    title = f"{name} namespaces"
    if host.has(f"/proc/self/ns/{link}"):
        return Row(f"kernel.{name}_namespaces", title, OK, needs=since)
    why = f"there is no /proc/self/ns/{link}: a configuration that asks for one is refused"
    fix = f"use a kernel of {since} or newer that is built with {option}=y"
    return Row(f"kernel.{name}_namespaces", title, NO, "", why, fix, since)


def _memfd(host: Host) -> Row:
    setting = host.read("/proc/sys/vm/memfd_noexec")
    found = "" if setting is None else f"vm.memfd_noexec={setting}"
    reason = host.tries.executable_memfd()
    if not reason:
        return Row("kernel.executable_memfd", "executable memfd", OK, found)
    return Row(
        "kernel.executable_memfd",
        "executable memfd",
        LIMITED,
        found,
        f"{reason}: init runs from a read-only clone of its mount instead, which only root can make",
        "sysctl -w vm.memfd_noexec=1",
    )


def _init(host: Host) -> Row:
    reason = host.tries.init()
    if not reason:
        return Row("kernel.init", "sampan's init, unchangeable", OK, required=True)
    fix = "sysctl -w vm.memfd_noexec=1, or run sampan as root; install the package again if the file is missing"
    return Row("kernel.init", "sampan's init, unchangeable", NO, "", reason, fix, "", True)
