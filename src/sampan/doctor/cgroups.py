"""Where containers' limits come from: the hierarchies, their controllers, what is delegated, and who manages them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sampan.cgroups import layout
from sampan.doctor.row import LIMITED, NO, OK, UNKNOWN, Row
from sampan.errors import SampanError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sampan.cgroups.layout import Layout
    from sampan.doctor.host import Host


@dataclass(frozen=True)
class Controller:
    """A controller that most containers need."""

    on_v1: str  # its name there
    limits: str  # the fields that need it
    option: str  # of the kernel's configuration


USUAL = {  # by the name on v2
    "cpu": Controller("cpu", "linux.resources.cpu", "CONFIG_CGROUP_SCHED"),
    "cpuset": Controller("cpuset", "linux.resources.cpu.cpus", "CONFIG_CPUSETS"),
    "io": Controller("blkio", "linux.resources.blockIO", "CONFIG_BLK_CGROUP"),
    "memory": Controller("memory", "linux.resources.memory", "CONFIG_MEMCG"),
    "pids": Controller("pids", "linux.resources.pids", "CONFIG_CGROUP_PIDS"),
}
DELEGATE = (
    "mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' "
    ">/etc/systemd/system/user@.service.d/delegate.conf && systemctl daemon-reload; then log in again"
)
UNIFIED = "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line"


def rows(host: Host) -> Iterator[Row]:
    """The five rows."""
    seen = detect(host)
    yield _mode(seen)
    yield _controllers(host, seen)
    yield _delegation(host, seen)
    yield _devices(host, seen)
    yield _systemd(host)


def detect(host: Host) -> Layout:
    """The hierarchies of the host."""
    mountinfo = (host.read("/proc/self/mountinfo") or "").encode(errors="surrogateescape")
    membership = (host.read("/proc/self/cgroup") or "").encode(errors="surrogateescape")
    device = layout.device_of if host.is_real else _as_listed(mountinfo)
    return layout.parse(mountinfo, membership, device)


def controllers(host: Host, seen: Layout) -> list[str]:
    """Those of all hierarchies, by their names there."""
    unified = host.words(f"{seen.unified}/cgroup.controllers") if seen.unified else []
    return sorted({*unified, *(name for name in seen.mounts if not name.startswith("name="))})


def _mode(seen: Layout) -> Row:
    identity = ("cgroups.mode", "cgroup mode")
    words = {
        "v2": f"v2, at {seen.unified}",
        "hybrid": f"hybrid: v1 controllers, and v2 at {seen.unified}",
        "v1": "v1",
    }
    if seen.mode == "none":
        why = "no cgroup file system is mounted: containers cannot be limited, nor found as a whole"
        fix = "mount -t cgroup2 cgroup2 /sys/fs/cgroup; or run with --cgroup-manager=disabled, without limits"
        return Row(*identity, NO, "none", why, fix)
    return Row(*identity, OK, words[seen.mode])


def _controllers(host: Host, seen: Layout) -> Row:
    identity = ("cgroups.controllers", "controllers")
    present = controllers(host, seen)
    found = " ".join(present)
    missing = [name for name, usual in USUAL.items() if not {name, usual.on_v1} & set(present)]
    if not missing:
        return Row(*identity, OK, found)
    why = f"not {' '.join(missing)}: refused are {', '.join(USUAL[name].limits for name in missing)}"
    fixes = dict.fromkeys(_fix(host, seen, name) for name in missing)  # each once, in this order
    return Row(*identity, LIMITED if present else NO, found, why, "; ".join(fixes))


def _fix(host: Host, seen: Layout, name: str) -> str:
    """How a missing controller is had. /proc/cgroups has a line for each that the kernel knows."""
    on_v1 = USUAL[name].on_v1
    lines = [line.split() for line in (host.read("/proc/cgroups") or "").splitlines()]
    known = {line[0]: (line[1], line[3]) for line in lines if len(line) == 4}
    if on_v1 not in known:
        return f"{name}: use a kernel that is built with {USUAL[name].option}=y"
    hierarchy, enabled = known[on_v1]
    if enabled == "0":
        more = " (cgroup_memory=1, too, on a Raspberry Pi)" if name == "memory" else ""
        return f"boot with cgroup_enable={on_v1} on the kernel's command line{more}"
    if not seen.unified:
        return f"mkdir /sys/fs/cgroup/{on_v1} && mount -t cgroup -o {on_v1} {on_v1} /sys/fs/cgroup/{on_v1}"
    if hierarchy != "0":
        return f"v1 hierarchies hold it: {UNIFIED}, with cgroup_no_v1=all"
    return f"{name}: the cgroup around this one does not pass it on: +{name} into its cgroup.subtree_control"


def _delegation(host: Host, seen: Layout) -> Row:
    """What this user may limit: on v2 a cgroup can be given to a user, with the controllers above it."""
    identity = ("cgroups.delegation", "delegation")
    if host.is_privileged:
        if seen.mode == "none":
            return Row(*identity, UNKNOWN, why="there are no cgroups")
        top = seen.unified or next(iter(seen.mounts.values()))
        if host.is_writable(top):
            return Row(*identity, OK, "root makes cgroups everywhere")
        why = f"{top} is read-only: no cgroup can be made"
        return Row(*identity, NO, top, why, f"mount -o remount,rw {top}, or start the container around this with it so")
    if seen.mode != "v2":
        why = f"on cgroup {seen.mode} nothing is delegated to users: their containers have no limits"
        return Row(*identity, NO, "", why, UNIFIED)
    own = f"{seen.unified}{seen.own[layout.UNIFIED]}".rstrip("/")
    manager = f"{seen.unified}/user.slice/user-{host.uid}.slice/user@{host.uid}.service"
    for directory in (own, manager):
        if host.is_writable(f"{directory}/cgroup.procs") and host.is_writable(directory):
            return _delegated(host, directory)
    why = f"{own}, the cgroup of this process, is not this user's, and there is none of a systemd of theirs"
    fix = "log in by SSH or on a console, so that systemd --user runs; or loginctl enable-linger " + host.user
    return Row(*identity, NO, "", why, fix)


def _delegated(host: Host, directory: str) -> Row:
    given = host.words(f"{directory}/cgroup.controllers")
    found = f"{' '.join(given) or 'no controllers'}, in {directory}"
    missing = [name for name in USUAL if name not in given]
    if not missing:
        return Row("cgroups.delegation", "delegation", OK, found)
    why = f"limits by {' '.join(missing)} are refused for this user"
    return Row("cgroups.delegation", "delegation", LIMITED, found, why, f"as root: {DELEGATE}")


def _devices(host: Host, seen: Layout) -> Row:
    identity = ("cgroups.devices", "device rules")
    if not host.is_privileged:
        return Row(*identity, OK, "not needed: users reach only what the files' owners let them")
    if "devices" in seen.mounts:
        return Row(*identity, OK, "by the v1 controller")
    if not seen.unified:
        why = "no hierarchy controls devices: a container's rules of devices are refused"
        return Row(
            *identity, NO, "", why, "mount the controller: mount -t cgroup -o devices devices /sys/fs/cgroup/devices"
        )
    if host.has("/sys/fs/bpf") or host.has("/proc/sys/kernel/unprivileged_bpf_disabled"):
        return Row(*identity, OK, "by a BPF program on v2", needs="4.15")
    why = "the kernel has no BPF, by which cgroup v2 controls devices"
    return Row(*identity, NO, "", why, "use a kernel that is built with CONFIG_CGROUP_BPF=y and CONFIG_BPF_SYSCALL=y")


def _systemd(host: Host) -> Row:
    identity = ("cgroups.systemd", "systemd as cgroup manager")
    try:
        release = host.tries.systemd(of_user=not host.is_privileged)
    except SampanError as error:
        reason = str(error).removeprefix("--systemd-cgroup: ").partition(" (")[0]
        fix = (
            'leave --systemd-cgroup out, and set the engine to cgroupfs (podman: cgroup_manager = "cgroupfs"; docker: '
            "native.cgroupdriver=cgroupfs; containerd: SystemdCgroup = false)"
        )
        if not host.is_privileged:
            fix = f"loginctl enable-linger {host.user}, with XDG_RUNTIME_DIR=/run/user/{host.uid}; or {fix}"
        return Row(*identity, NO, "", reason, fix)
    return Row(*identity, OK, f"systemd {release}{'' if host.is_privileged else ' of this user'}")


def _as_listed(mountinfo: bytes) -> Callable[[str], str]:
    """For a tree of files that stands for a host: each path is what mountinfo says it is."""
    devices = {layout.unescape(line.split()[4]): line.split()[2].decode() for line in mountinfo.splitlines()}
    return lambda path: devices.get(path, "")
