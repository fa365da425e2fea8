"""A configuration in which no rule finds anything, and for each rule a small change by which it does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from sampan.audit.subject import Machine
from sampan.profiles.hardened import hardened_config, range_of_ids
from sampan.spec.names import CAPABILITIES

Config = dict[str, Any]
Change = Callable[[Config], object]

BUNDLE = "/srv/web"
GROUPS_OF_HOST = {"disk": 6, "shadow": 42, "docker": 998}
HOST = Machine(groups=GROUPS_OF_HOST)


def secure() -> Config:
    """A configuration in which no rule finds anything."""
    config: Any = hardened_config(range_of_ids(0), range_of_ids(0), ("memory", "pids", "cpu"))
    config["linux"]["resources"]["blockIO"] = {"weight": 100}
    config["linux"]["resources"]["hugepageLimits"] = [{"pageSize": "2MB", "limit": 0}]
    return copy.deepcopy(config)


def on_host(config: Config) -> None:
    """Without the user namespace, as root: what it makes harmless counts."""
    linux = config["linux"]
    linux["namespaces"] = [entry for entry in linux["namespaces"] if entry["type"] != "user"]
    del linux["uidMappings"], linux["gidMappings"]
    config["process"]["user"] = {"uid": 0, "gid": 0}


def setting(path: str, value: object, *, host: bool = False) -> Change:
    """Set a field: "linux.resources.memory.limit"."""

    def change(config: Config) -> None:
        if host:
            on_host(config)
        *holders, last = path.split(".")
        holder = config
        for name in holders:
            holder = holder.setdefault(name, {})
        holder[last] = value

    return change


def without(path: str, *, host: bool = False) -> Change:
    def change(config: Config) -> None:
        if host:
            on_host(config)
        *holders, last = path.split(".")
        holder = config
        for name in holders:
            holder = holder[name]
        del holder[last]

    return change


def mount(source: str, *options: str, at: str = "/mnt", host: bool = True) -> Change:
    def change(config: Config) -> None:
        if host:
            on_host(config)
        restricted = ["nosuid", "nodev", *options]
        config["mounts"].append({"destination": at, "type": "bind", "source": source, "options": restricted})

    return change


def mount_options(destination: str, *, remove: str = "", add: str = "", host: bool = False) -> Change:
    def change(config: Config) -> None:
        if host:
            on_host(config)
        (entry,) = [entry for entry in config["mounts"] if entry["destination"] == destination]
        entry["options"] = [option for option in entry["options"] if option != remove] + ([add] if add else [])

    return change


def namespace(kind: str, path: str | None = None) -> Change:
    """Join the namespace of a path; without one, have the host's."""

    def change(config: Config) -> None:
        others = [entry for entry in config["linux"]["namespaces"] if entry["type"] != kind]
        config["linux"]["namespaces"] = others + ([{"type": kind, "path": path}] if path else [])
        if kind == "network":
            config["linux"].pop("sysctl")  # would change the host: not valid
        if kind == "uts":
            config.pop("hostname")
        if kind == "user":
            del config["linux"]["uidMappings"], config["linux"]["gidMappings"]

    return change


def uid_mapping(first: int, size: int) -> Change:
    return setting("linux.uidMappings", [{"containerID": 0, "hostID": first, "size": size}])


def capability(name: str) -> Change:
    def change(config: Config) -> None:
        on_host(config)
        for kind in ("bounding", "permitted", "effective"):
            config["process"]["capabilities"][kind].append(name)

    return change


def inherited(*kinds: str) -> Change:
    def change(config: Config) -> None:
        for kind in kinds:
            config["process"]["capabilities"][kind] = ["CAP_NET_BIND_SERVICE"]

    return change


def call(*names: str) -> Change:
    return lambda config: config["linux"]["seccomp"]["syscalls"].append(
        {"names": list(names), "action": "SCMP_ACT_ALLOW"}
    )


def notified(config: Config) -> None:
    seccomp = config["linux"]["seccomp"]
    seccomp["syscalls"].append({"names": ["mount"], "action": "SCMP_ACT_NOTIFY"})
    seccomp["listenerPath"] = "/run/agent.sock"


def node(kind: str, major: int, minor: int) -> Change:
    def change(config: Config) -> None:
        config["linux"]["devices"] = [{"path": "/dev/node", "type": kind, "major": major, "minor": minor}]
        config["linux"]["resources"]["devices"].append(
            {"allow": True, "type": kind, "major": major, "minor": minor, "access": "rw"}
        )

    return change


def device_rule(**rule: object) -> Change:
    return lambda config: config["linux"]["resources"]["devices"].append({"allow": True, "access": "rwm", **rule})


def rlimit(kind: str, hard: int) -> Change:
    def change(config: Config) -> None:
        others = [entry for entry in config["process"]["rlimits"] if entry["type"] != kind]
        config["process"]["rlimits"] = [*others, {"type": kind, "soft": 0, "hard": hard}]

    return change


def uncovered(name: str, path: str) -> Change:
    return lambda config: config["linux"][name].remove(path)


def both(*changes: Change) -> Change:
    def change(config: Config) -> None:
        for each in changes:
            each(config)

    return change


# Rule -> the change by which it finds something, and the field that it names.
CASES: dict[str, tuple[Change, str]] = {
    # Users
    "root-on-host": (on_host, "linux.namespaces"),
    "user-on-host": (both(on_host, setting("process.user", {"uid": 7, "gid": 7})), "linux.namespaces"),
    "mapping-host-root": (uid_mapping(0, 65536), "linux.uidMappings[0]"),
    "mapping-host-users": (uid_mapping(1000, 5000), "linux.uidMappings[0]"),
    "mapping-many": (uid_mapping(0x70000000, 1 << 24), "linux.uidMappings[0]"),
    "privileged-group": (
        both(on_host, setting("process.user.additionalGids", [5, 998])),
        "process.user.additionalGids[1]",
    ),
    "group-of-root": (both(on_host, setting("process.user", {"uid": 7, "gid": 0})), "process.user.gid"),
    # Namespaces
    **{f"host-{kind}": (namespace(kind), "linux.namespaces") for kind in ("pid", "network", "ipc", "cgroup", "uts")},
    "host-mount": (namespace("mount", "/proc/1/ns/mnt"), "linux.namespaces[6].path"),
    **{
        f"joined-{kind}": (namespace(kind, f"/proc/4711/ns/{kind}"), "linux.namespaces[6].path")
        for kind in ("mount", "user", "pid", "network", "ipc", "cgroup", "uts")
    },
    "joined-time": (namespace("time", "/proc/4711/ns/time"), "linux.namespaces[7].path"),
    "sysctl-host": (
        both(
            namespace("network", "/proc/1/ns/net"),
            lambda config: config["linux"].update(sysctl={"net.ipv4.ip_forward": "1"}),
        ),
        'linux.sysctl["net.ipv4.ip_forward"]',
    ),
    "network-device": (setting("linux.netDevices", {"eth1": {}}), 'linux.netDevices["eth1"]'),
    "time-offsets": (
        both(
            lambda config: config["linux"]["namespaces"].append({"type": "time"}),
            setting("linux.timeOffsets", {"boottime": {"secs": 5}}),
        ),
        "linux.timeOffsets",
    ),
    # Mounts
    "root-is-hosts": (both(on_host, setting("root", {"path": "/"})), "root.path"),
    "root-is-hosts-readonly": (both(on_host, setting("root", {"path": "/", "readonly": True})), "root.path"),
    "root-writable": (setting("root.readonly", value=False), "root.readonly"),
    "host-files-writable-critical": (mount("/etc"), "mounts[9]"),
    "host-files-writable-high": (mount("/usr/bin"), "mounts[9]"),
    "host-files-writable-medium": (mount("/opt/tool"), "mounts[9]"),
    "host-files-writable-low": (mount("/home/ann/project"), "mounts[9]"),
    "host-files-readable-high": (mount("/root", "ro"), "mounts[9]"),
    "host-files-readable-medium": (mount("/etc", "ro"), "mounts[9]"),
    "host-files-readable-low": (mount("/boot", "ro"), "mounts[9]"),
    "host-files-writable": (mount("/srv/data"), "mounts[9]"),
    "mount-below-writable": (mount("/srv/data", "rbind", "ro"), "mounts[9].options"),
    "engine-socket": (mount("/var/run/docker.sock", "ro"), "mounts[9]"),
    "system-socket": (mount("/run/dbus/system_bus_socket"), "mounts[9]"),
    "other-socket": (mount("/tmp/.X11-unix"), "mounts[9]"),
    "sys-writable": (mount_options("/sys", remove="ro", host=True), "mounts[5].options"),
    "kernel-file-system": (
        lambda config: config["mounts"].append({"destination": "/d", "type": "debugfs", "source": "none"}),
        "mounts[9]",
    ),
    "kernel-files-elsewhere": (
        lambda config: config["mounts"].append(
            {"destination": "/host/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]}
        ),
        "mounts[9]",
    ),
    "cgroup-writable": (
        both(namespace("cgroup"), mount_options("/sys/fs/cgroup", remove="ro", host=True)),
        "mounts[6].options",
    ),
    "cgroup-writable-own": (mount_options("/sys/fs/cgroup", remove="ro"), "mounts[6].options"),
    "mount-options": (mount_options("/tmp", remove="nosuid", host=True), "mounts[7].options"),
    "mount-options-host": (
        lambda config: config["mounts"].append({"destination": "/mnt", "type": "bind", "source": "/srv/data"}),
        "mounts[9].options",
    ),
    "shm-executable": (mount_options("/dev/shm", remove="noexec"), "mounts[3].options"),
    "mount-shared": (mount("/srv/data", "rbind", "rshared"), "mounts[9].options"),
    "root-shared": (setting("linux.rootfsPropagation", "rshared"), "linux.rootfsPropagation"),
    # Files of the kernel
    "parameters-writable": (both(on_host, uncovered("readonlyPaths", "/proc/sys")), "linux.readonlyPaths"),
    "sysrq-writable": (both(on_host, uncovered("readonlyPaths", "/proc/sysrq-trigger")), "linux.readonlyPaths"),
    "readonly-paths": (both(on_host, uncovered("readonlyPaths", "/proc/irq")), "linux.readonlyPaths"),
    "kcore-readable": (uncovered("maskedPaths", "/proc/kcore"), "linux.maskedPaths"),
    "masked-paths": (uncovered("maskedPaths", "/sys/firmware"), "linux.maskedPaths"),
    "side-channels": (uncovered("maskedPaths", "/proc/interrupts"), "linux.maskedPaths"),
    # Capabilities
    **{
        f"cap-{name[4:].lower().replace('_', '-')}": (capability(name), "process.capabilities.bounding")
        for name in CAPABILITIES
    },
    "capabilities-ambient": (
        inherited("bounding", "permitted", "effective", "inheritable", "ambient"),
        "process.capabilities.ambient",
    ),
    "capabilities-inheritable": (inherited("bounding", "inheritable"), "process.capabilities.inheritable"),
    # System calls
    "seccomp-absent": (without("linux.seccomp", host=True), "linux.seccomp"),
    "seccomp-default-allow": (
        setting("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW"}, host=True),
        "linux.seccomp.defaultAction",
    ),
    "seccomp-notify": (notified, "linux.seccomp.listenerPath"),
    "seccomp-user-namespaces": (call("unshare"), "linux.seccomp.syscalls[7]"),
    **{
        f"seccomp-{name}": (call(*calls.split()), "linux.seccomp.syscalls[7]")
        for name, calls in {
            "kexec": "kexec_load",
            "modules": "finit_module init_module",
            "handles": "open_by_handle_at",
            "ports": "iopl",
            "clock": "clock_settime",
            "host": "reboot swapon",
            "mounts": "mount umount2",
            "bpf": "bpf",
            "perf": "perf_event_open",
            "userfaultfd": "userfaultfd",
            "io-uring": "io_uring_setup",
            "keyrings": "keyctl add_key",
            "trace": "ptrace",
            "nodes": "name_to_handle_at",
            "memory": "mbind",
            "personality": "personality",
            "log": "syslog",
        }.items()
    },
    # Devices
    "devices-all": (both(on_host, device_rule()), "linux.resources.devices[1]"),
    "devices-many": (both(on_host, device_rule(type="b", major=8)), "linux.resources.devices[1]"),
    **{
        f"device-{name}": (node(*numbers), "linux.devices[0]")
        for name, numbers in {
            "blocks": ("b", 8, 0),
            "memory": ("c", 1, 1),
            "log": ("c", 1, 11),
            "input": ("c", 10, 223),
            "usb": ("c", 189, 3),
            "loop": ("c", 10, 237),
            "cpu": ("c", 202, 0),
            "consoles": ("c", 4, 1),
            "kvm": ("c", 10, 232),
            "tun": ("c", 10, 200),
            "fuse": ("c", 10, 229),
            "graphics": ("c", 226, 128),
            "others": ("c", 10, 183),
        }.items()
    },
    # Limits
    "memory-unlimited": (without("linux.resources.memory"), "linux.resources.memory.limit"),
    "swap-unlimited": (without("linux.resources.memory.swap"), "linux.resources.memory.swap"),
    "pids-unlimited": (setting("linux.resources.pids", {"limit": -1}), "linux.resources.pids.limit"),
    "cpu-unlimited": (without("linux.resources.cpu"), "linux.resources.cpu.quota"),
    "io-unlimited": (without("linux.resources.blockIO"), "linux.resources.blockIO"),
    "hugepages-unlimited": (without("linux.resources.hugepageLimits"), "linux.resources.hugepageLimits"),
    "oom-killer-disabled": (
        setting("linux.resources.memory.disableOOMKiller", value=True),
        "linux.resources.memory.disableOOMKiller",
    ),
    "oom-immune": (setting("process.oomScoreAdj", -1000), "process.oomScoreAdj"),
    "oom-preferred": (setting("process.oomScoreAdj", -500), "process.oomScoreAdj"),
    "core-dumps": (rlimit("RLIMIT_CORE", 1 << 30), "process.rlimits[1].hard"),
    "files-unlimited": (rlimit("RLIMIT_NOFILE", 1 << 30), "process.rlimits[1].hard"),
    "locked-memory": (rlimit("RLIMIT_MEMLOCK", 1 << 40), "process.rlimits[2].hard"),
    "real-time": (
        setting("process.scheduler", {"policy": "SCHED_FIFO", "priority": 1}),
        "process.scheduler.policy",
    ),
    "real-time-share": (
        setting("linux.resources.cpu.realtimeRuntime", 50000),
        "linux.resources.cpu.realtimeRuntime",
    ),
    "real-time-io": (
        setting("process.ioPriority", {"class": "IOPRIO_CLASS_RT", "priority": 4}),
        "process.ioPriority.class",
    ),
    "cache-class": (setting("linux.intelRdt", {"closID": "web"}), "linux.intelRdt"),
    # Runtime
    "new-privileges": (setting("process.noNewPrivileges", value=False), "process.noNewPrivileges"),
    "apparmor-absent": (setting("process.apparmorProfile", "unconfined"), "process.apparmorProfile"),
    "selinux-absent": (
        setting("process.selinuxLabel", "system_u:system_r:spc_t:s0"),
        "process.selinuxLabel",
    ),
    "terminal-shared": (
        both(capability("CAP_SYS_ADMIN"), setting("process.terminal", value=False)),
        "process.terminal",
    ),
    "hook-in-root": (
        setting("hooks", {"poststop": [{"path": f"{BUNDLE}/rootfs/bin/clean"}]}),
        "hooks.poststop[0]",
    ),
    "hook": (setting("hooks", {"createRuntime": [{"path": "/usr/libexec/net"}]}), "hooks.createRuntime[0]"),
    "annotation": (
        setting("annotations", {"org.systemd.property.DevicePolicy": "'auto'"}),
        'annotations["org.systemd.property.DevicePolicy"]',
    ),
    "personality": (setting("linux.personality", {"domain": "LINUX32"}), "linux.personality"),
    "umask": (setting("process.user.umask", 0), "process.user.umask"),
}

# What is not in the configuration but on the machine.
MACHINES = {
    "root-is-link": (Machine(root_is_link=True), "root.path"),
    "apparmor-absent": (Machine(apparmor=True), "process.apparmorProfile"),
    "selinux-absent": (Machine(selinux=True), "process.selinuxLabel"),
}


def arranged(rule: str) -> Config:
    """The secure configuration, changed so that the rule finds something."""
    config = secure()
    CASES[rule][0](config)
    return config
