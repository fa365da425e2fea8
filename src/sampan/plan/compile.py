"""Config -> Plan. The order of the whole is here; what each part comes to stands in its own module."""

from __future__ import annotations

from sampan.errors import ConfigError, Problem
from sampan.plan import mount_options as opt
from sampan.plan.devices import add_devices
from sampan.plan.mounts import Surroundings, add_mounts
from sampan.plan.namespaces import AT_BIRTH, IF_MAPPED, KEEP_GROUPS, NAMESPACES, is_open_to_caller, root_path
from sampan.plan.operations import (
    HOOKS,
    MAPPED,
    MOVED,
    NEWCGROUP,
    NEWNS,
    NEWPID,
    NEWUSER,
    PLACED,
    Descriptor,
    Plan,
)
from sampan.plan.process import add_process, keeps_groups
from sampan.spec.names import sysctl_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.plan.host import Host
    from sampan.spec.types import Config

HOOKS_OF_CREATE = ("prestart", "createRuntime", "createContainer")


def compile_plan(config: Config, host: Host) -> Plan:
    """The plan of a container. Raises ConfigError for what a valid configuration asks and this host cannot do."""
    _refuse_mount_label(config, host)
    plan = Plan()
    surroundings = Surroundings(plan, config, host)
    namespaces = {entry["type"]: entry.get("path", "") for entry in config.get("linux", {}).get("namespaces", ())}
    _add_cgroup(plan, host)
    _add_oom_score(plan, config)
    if namespaces.get("time") == "" and namespaces.get("user"):
        _add_time_offsets(plan, config, 0)
    _add_namespaces(plan, config)
    _add_identity(plan, config, host, namespaces)
    if namespaces.get("mount") == "":
        _add_root(plan, config, host)
        add_mounts(surroundings)
        add_devices(surroundings)
    _add_terminal(plan, config, host)
    _add_device_moves(plan, config)
    if any(config.get("hooks", {}).get(kind) for kind in HOOKS_OF_CREATE):
        plan.group = "hooks"
        _add_hooks(plan, config, host)
    _add_confinement(plan, config, surroundings, namespaces)
    _add_change_of_root(plan, config, host, namespaces)
    listener = plan.slot(Descriptor("listener", "", "")) if host.wait_for_start else -1
    add_process(plan, config, host, listener)
    return plan


def _refuse_mount_label(config: Config, host: Host) -> None:
    label = config.get("linux", {}).get("mountLabel")
    if label and not host.selinux:
        rule = "cannot be applied: this kernel runs without SELinux; remove the field or enable SELinux"
        raise ConfigError("config.json", [Problem("linux.mountLabel", label, rule, "config-linux.md#mount-label")])


def _add_cgroup(plan: Plan, host: Host) -> None:
    """A process that puts itself into a v1 cgroup need not wait; moving another one takes an RCU grace period."""
    plan.group = "cgroup"
    if host.cgroup_placed:
        plan.add("await", "linux.cgroupsPath", PLACED)
    for path in host.cgroup_tasks:
        plan.add("enter_cgroup", "linux.cgroupsPath", plan.slot(Descriptor("cgroup", path, "linux.cgroupsPath")))


def _add_oom_score(plan: Plan, config: Config) -> None:
    """Before the user namespace: a process in one may not write to the files in /proc that are the host's root's."""
    process = config.get("process", {})
    if "oomScoreAdj" in process:
        _add_private_proc(plan)
        plan.add("write_proc", "process.oomScoreAdj", "self/oom_score_adj", str(process["oomScoreAdj"]))


def _add_time_offsets(plan: Plan, config: Config, new_user: int) -> None:
    """A new time namespace. It belongs to a new user namespace, but not to one that is joined: to set the clocks in
    there, the process would have to open itself to others that are in it.
    """
    offsets = config.get("linux", {}).get("timeOffsets", {})
    lines = [f"{clock} {o.get('secs', 0)} {o.get('nanosecs', 0)}\n" for clock, o in offsets.items()]
    _add_private_proc(plan)
    plan.add("time_offsets", "linux.timeOffsets", "".join(lines), new_user)


def _add_namespaces(plan: Plan, config: Config) -> None:
    """Joins, births and mappings. Where a namespace must be joined before others can be made in it, a first process
    joins and gives birth to the one that becomes the container."""
    plan.group = "namespaces"
    flags = 0
    joins: list[tuple[int, int]] = []
    for index, entry in enumerate(config.get("linux", {}).get("namespaces", ())):
        kind = entry["type"]
        if path := entry.get("path", ""):
            descriptor = Descriptor("namespace", path, f"linux.namespaces[{index}].path", NAMESPACES[kind])
            joins.append((NAMESPACES[kind], plan.slot(descriptor)))
        elif kind in AT_BIRTH:
            flags |= NAMESPACES[kind]
    joined = dict(joins)
    if not (flags & NEWUSER or NEWUSER in joined or NEWPID in joined):
        plan.clone_flags = flags
        _add_joins(plan, joined)
        return
    _add_joins(plan, joined)
    plan.add("fork", "linux.namespaces", flags)
    keep = KEEP_GROUPS if keeps_groups(config) else 0
    if flags & NEWUSER:
        plan.add("await", "linux.uidMappings", MAPPED)
        if any(mapping["containerID"] == 0 for mapping in config.get("linux", {}).get("uidMappings", ())):
            plan.add("become_root", "linux.uidMappings", keep)
    elif NEWUSER in joined:
        plan.add("become_root", "linux.namespaces", IF_MAPPED | keep)


def _add_joins(plan: Plan, joined: dict[int, int]) -> None:
    """With a user namespace among them twice: what belongs to the host can only be joined before it, what belongs to
    it only after. The mount namespace comes last, since paths change their meaning there."""
    others = sorted((flag == NEWNS, flag, slot) for flag, slot in joined.items() if flag != NEWUSER)
    if NEWUSER in joined:
        for _, flag, slot in others:
            plan.add("join", plan.descriptors[slot].cause, slot, flag, 1)
        plan.add("join", plan.descriptors[joined[NEWUSER]].cause, joined[NEWUSER], NEWUSER, 0)
    for _, flag, slot in others:
        plan.add("join", plan.descriptors[slot].cause, slot, flag, 0)


def _add_private_proc(plan: Plan) -> None:
    """The runtime's own procfs, unless it is there: init closes it where it leaves a namespace."""
    for operation in reversed(plan.operations):
        if operation.name == "private_proc":
            return
        if operation.name in ("join", "fork"):
            break
    plan.add("private_proc", "")


def _writes_to_proc(config: Config) -> bool:
    """Whether anything goes through the runtime's own procfs. Without need it is not mounted: that costs init time."""
    process = config.get("process", {})
    return bool(process.get("apparmorProfile") or process.get("selinuxLabel") or config.get("linux", {}).get("sysctl"))


def _add_identity(plan: Plan, config: Config, host: Host, namespaces: dict[str, str]) -> None:
    if namespaces.get("cgroup") == "":
        # its root is the cgroup that the process is in at this moment
        plan.add("unshare", "linux.namespaces", NEWCGROUP)
    plan.add("session", "config.md#process")
    plan.add("undumpable", "")
    if namespaces.get("time") == "" and not namespaces.get("user"):
        _add_time_offsets(plan, config, int("user" in namespaces))
    if _writes_to_proc(config):
        _add_private_proc(plan)
    if namespaces.get("network") == "":
        plan.add("loopback", "linux.namespaces")
    if "hostname" in config:
        plan.add("hostname", "hostname", config["hostname"])
    if "domainname" in config:
        plan.add("domainname", "domainname", config["domainname"])
    if host.keyring:
        plan.add("keyring", "")


def _add_root(plan: Plan, config: Config, host: Host) -> None:
    plan.group = "root"
    propagation = config.get("linux", {}).get("rootfsPropagation", "")
    # Slaves: what the host mounts later may show up in the container where it is asked for, never the other way.
    plan.add("propagation", "linux.rootfsPropagation", opt.SLAVE | opt.RECURSIVE)
    flags = opt.PROPAGATION.get(propagation, 0)
    if flags & opt.SHARED:
        flags = 0  # pivot_root(2) refuses a shared root: it becomes one afterwards
    plan.add("root", "root.path", root_path(config, host.bundle), flags and flags | opt.RECURSIVE)


def _add_terminal(plan: Plan, config: Config, host: Host) -> None:
    process = config.get("process", {})
    if not process.get("terminal"):
        return
    plan.group = "devices"
    slot = plan.slot(Descriptor("terminal", host.terminal_socket, "process.terminal"))
    size = process.get("consoleSize")
    width, height = (size["width"], size["height"]) if size else host.terminal_size
    plan.add("terminal", "process.terminal", slot, width, height, 1)


def _add_device_moves(plan: Plan, config: Config) -> None:
    """As late as can be, since a device that the kernel makes nothing of dies with its namespace: but the hooks expect
    it there, and `linux.sysctl` may be about it."""
    if not config.get("linux", {}).get("netDevices"):
        return
    from sampan.plan.network_devices import device_moves

    plan.device_moves = device_moves(config)
    plan.group = "network devices"
    plan.add("await", "linux.netDevices", MOVED)


def _add_hooks(plan: Plan, config: Config, host: Host) -> None:
    """They enter its namespaces through the process."""
    is_open = is_open_to_caller(config, host)
    if is_open:
        plan.add("dumpable", "hooks")
    plan.add("await", "hooks", HOOKS)
    if is_open:
        plan.add("undumpable", "hooks")


def _add_confinement(plan: Plan, config: Config, surroundings: Surroundings, namespaces: dict[str, str]) -> None:
    linux = config.get("linux", {})
    plan.group = "confinement"
    for name, value in linux.get("sysctl", {}).items():
        plan.add("write_proc", f"linux.sysctl[{name}]", f"sys/{sysctl_path(name)}", value)
    if namespaces.get("mount") != "":
        return
    cwd = config.get("process", {}).get("cwd", "/")
    if cwd != "/":
        plan.add("directory", "process.cwd", cwd)
    for index, path in enumerate(linux.get("readonlyPaths", ())):
        plan.add("readonly_path", f"linux.readonlyPaths[{index}]", path)
    for index, path in enumerate(linux.get("maskedPaths", ())):
        plan.add("mask", f"linux.maskedPaths[{index}]", path)
    for path, field in surroundings.sealed_later:
        plan.add("attributes", field, path, opt.RDONLY)
    if config["root"].get("readonly"):
        plan.add("attributes", "root.readonly", "/", opt.RDONLY)


def _add_change_of_root(plan: Plan, config: Config, host: Host, namespaces: dict[str, str]) -> None:
    plan.group = "change of root"
    if namespaces.get("mount") != "":
        plan.add("chroot", "root.path", root_path(config, host.bundle))
        return
    if host.pivot:
        plan.add("pivot", "root.path")
    else:
        for path in host.proc_mounts:
            plan.add("unmount", "root.path", path)
        plan.add("move_root", "root.path")
    if opt.PROPAGATION.get(config.get("linux", {}).get("rootfsPropagation", ""), 0) & opt.SHARED:
        plan.add("propagation", "linux.rootfsPropagation", opt.SHARED)
