"""config.md#process: what the process may do, as whom it runs, and the program that it becomes."""

from __future__ import annotations

from sampan.errors import ConfigError, Problem
from sampan.plan.namespaces import is_open_to_caller
from sampan.plan.operations import CREATED, WATCHED
from sampan.plan.wire import strings
from sampan.spec.check import listed_numbers
from sampan.spec.names import CAPABILITIES, KEEP_ORIGINAL_GROUPS, RLIMITS, SECCOMP_BPF_DATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sampan.plan.host import Host
    from sampan.plan.operations import Plan
    from sampan.spec.types import Config, MemoryPolicy, Process, Scheduler, User

SECTION = "config.md#process"
SCHEDULER_POLICIES = {
    "SCHED_OTHER": 0,
    "SCHED_FIFO": 1,
    "SCHED_RR": 2,
    "SCHED_BATCH": 3,
    "SCHED_ISO": 4,
    "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
}
SCHEDULER_FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 0x01,
    "SCHED_FLAG_RECLAIM": 0x02,
    "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08,
    "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}
IO_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
PERSONALITIES = {"LINUX": 0, "LINUX32": 8}
MEMORY_POLICIES = {
    "MPOL_DEFAULT": 0,
    "MPOL_PREFERRED": 1,
    "MPOL_BIND": 2,
    "MPOL_INTERLEAVE": 3,
    "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5,
    "MPOL_WEIGHTED_INTERLEAVE": 6,
}
MEMORY_POLICY_FLAGS = {
    "MPOL_F_NUMA_BALANCING": 1 << 13,
    "MPOL_F_RELATIVE_NODES": 1 << 14,
    "MPOL_F_STATIC_NODES": 1 << 15,
}
ENOUGH_FILES = 1024  # more descriptors than init is ever given
SEARCH_PATH = "/bin:/usr/bin"  # where execvp looks without PATH


def add_process(plan: Plan, config: Config, host: Host, listener: int | None, *, labelled: bool = False) -> None:
    """Everything from the limits to execve, with the wait for `start` where privileges have been given up already.

    ``listener`` is the slot of the socket for that, -1 where the engine says it, None where nobody waits (exec).
    ``labelled``: have the labels been asked for already?

    seccomp goes last, since every later system call must pass the filter. Only a process without no_new_privs needs
    CAP_SYS_ADMIN to load it, so there the capabilities follow it.
    """
    process = config.get("process")
    if process is None:
        _add_wait(plan, config, host, -1 if listener is None else listener)
        return
    plan.group = "process"
    _add_scheduling(plan, config, process)
    limits_of_files = _add_limits(plan, process)
    if not labelled:
        add_labels(plan, process, host)
    sets = _capability_sets(plan, process, host)
    _add_user(plan, process, sets, keep_groups=keeps_groups(config))
    privileged_filter = bool(host.seccomp_filter) and not process.get("noNewPrivileges")
    if not privileged_filter:
        _add_capabilities(plan, sets)
    if process.get("noNewPrivileges"):
        plan.add("no_new_privileges", "process.noNewPrivileges")
    environment = process.get("env", [])
    plan.add("find_executable", "process.args", process["args"][0], search_path(environment))
    plan.group = "start"
    if listener is not None:
        _add_wait(plan, config, host, listener)
    for field, soft, hard in limits_of_files:
        plan.add("rlimit", field, RLIMITS["RLIMIT_NOFILE"], soft, hard)
    if host.seccomp_filter:
        operation, more = ("seccomp_notify", (WATCHED,)) if host.seccomp_notify else ("seccomp", ())
        plan.add(operation, _seccomp_field(config), host.seccomp_filter, host.seccomp_flags, *more)
    if privileged_filter:
        _add_capabilities(plan, sets)
    plan.add("execute", "process.args", strings(process["args"]), strings(environment))


def keeps_groups(config: Config) -> bool:
    """Whether the process keeps the groups of the runtime's caller: for files that the caller reaches by them."""
    return config.get("annotations", {}).get(KEEP_ORIGINAL_GROUPS, "0") != "0"


def _seccomp_field(config: Config) -> str:
    raw = SECCOMP_BPF_DATA in config.get("annotations", {})
    return f"annotations[{SECCOMP_BPF_DATA}]" if raw else "linux.seccomp"


def _add_wait(plan: Plan, config: Config, host: Host, listener: int) -> None:
    plan.group = "start"
    if is_open_to_caller(config, host):
        plan.add("dumpable", "")
    plan.add("await_start", "", listener, CREATED)


def search_path(environment: Iterable[str]) -> str:
    """The container's PATH: the last one counts, as it does for execvp."""
    found = SEARCH_PATH
    for entry in environment:
        if entry.startswith("PATH="):
            found = entry[5:]
    return found


def _add_limits(plan: Plan, process: Process) -> list[tuple[str, int, int]]:
    """Each limit, but of open files only as much as takes a right: returns what must be lowered at the end, which takes
    none. Before it init opens files itself, whose descriptors come after those that it has been given.
    """
    later = []
    for index, limit in enumerate(process.get("rlimits", ())):
        field, kind, soft, hard = f"process.rlimits[{index}]", limit["type"], limit["soft"], limit["hard"]
        if kind == "RLIMIT_NOFILE" and soft < ENOUGH_FILES:
            later.append((field, soft, hard))
            if hard < ENOUGH_FILES:
                continue
            soft = hard
        plan.add("rlimit", field, RLIMITS[kind], soft, hard)
    return later


def _add_scheduling(plan: Plan, config: Config, process: Process) -> None:
    linux = config.get("linux", {})
    if scheduler := process.get("scheduler"):
        plan.add("scheduler", "process.scheduler", *_scheduler(scheduler))
    if io_priority := process.get("ioPriority"):
        value = IO_CLASSES[io_priority["class"]] << 13 | io_priority["priority"]
        plan.add("io_priority", "process.ioPriority", value)
    if personality := linux.get("personality"):
        plan.add("personality", "linux.personality", PERSONALITIES[personality["domain"]])
    if policy := linux.get("memoryPolicy"):
        plan.add("memory_policy", "linux.memoryPolicy", *_memory_policy(policy))


def _scheduler(scheduler: Scheduler) -> tuple[int, ...]:
    flags = 0
    for name in scheduler.get("flags", ()):
        flags |= SCHEDULER_FLAGS[name]
    numbers = (scheduler.get("nice", 0), scheduler.get("priority", 0), scheduler.get("runtime", 0))
    deadline = (scheduler.get("deadline", 0), scheduler.get("period", 0))
    return (SCHEDULER_POLICIES[scheduler["policy"]], flags, *numbers, *deadline)


def _memory_policy(policy: MemoryPolicy) -> tuple[int, bytes]:
    mode = MEMORY_POLICIES[policy["mode"]]
    for flag in policy.get("flags", ()):
        mode |= MEMORY_POLICY_FLAGS[flag]
    mask = 0
    for node in listed_numbers(policy.get("nodes", "")):
        mask |= 1 << node
    size = (mask.bit_length() + 63) // 64 * 8
    return mode, mask.to_bytes(size, "little")


def add_labels(plan: Plan, process: Process, host: Host) -> None:
    """Labels are asked for through the runtime's own procfs; what the kernel has not, it cannot enforce: an error."""
    for field, wanted, there, attribute in (
        ("apparmorProfile", process.get("apparmorProfile"), host.apparmor, "self/attr/apparmor/exec"),
        ("selinuxLabel", process.get("selinuxLabel"), host.selinux, "self/attr/exec"),
    ):
        if not wanted or (field == "apparmorProfile" and wanted == "unconfined"):
            continue
        if not there:
            module = "AppArmor" if field == "apparmorProfile" else "SELinux"
            rule = f"cannot be applied: this kernel runs without {module}; remove the field or enable {module}"
            raise ConfigError("config.json", [Problem(f"process.{field}", wanted, rule, "config.md#linux-process")])
        value = f"exec {wanted}" if field == "apparmorProfile" else wanted
        plan.add("write_proc", f"process.{field}", attribute, value)


def _mask(names: Iterable[str]) -> int:
    mask = 0
    for name in names:
        mask |= 1 << CAPABILITIES.get(name, 64)
    return mask & 0xFFFF_FFFF_FFFF_FFFF  # a name that is not known is bit 64: left out


def _capability_sets(plan: Plan, process: Process, host: Host) -> dict[str, int]:
    """The five sets, without what cannot be granted: "logged as a warning"; "Runtimes SHOULD NOT fail"."""
    asked = process.get("capabilities", {})
    lists = {
        "bounding": asked.get("bounding", []),
        "permitted": asked.get("permitted", []),
        "effective": asked.get("effective", []),
        "inheritable": asked.get("inheritable", []),
        "ambient": asked.get("ambient", []),
    }
    sets = {name: _mask(capabilities) for name, capabilities in lists.items()}
    # capset(2): what is effective is permitted, too, what is inheritable is bounding, and what is ambient is both
    inheritable = sets["inheritable"] & sets["bounding"]
    limits = {
        "bounding": host.capabilities,
        "permitted": host.capabilities,
        "effective": sets["permitted"] & host.capabilities,
        "inheritable": sets["bounding"] & host.capabilities,
        "ambient": sets["permitted"] & inheritable & host.capabilities,
    }
    for name, capabilities in lists.items():
        refused = [
            capability
            for capability in capabilities
            if capability not in CAPABILITIES or not limits[name] >> CAPABILITIES[capability] & 1
        ]
        sets[name] &= limits[name]
        if refused:
            plan.warnings.append(f"process.capabilities.{name}: cannot be granted here, left out: {', '.join(refused)}")
    return sets


def _add_capabilities(plan: Plan, sets: dict[str, int]) -> None:
    order = ("effective", "permitted", "inheritable", "ambient")
    plan.add("capabilities", "process.capabilities", *[sets[name] for name in order])


def _add_user(plan: Plan, process: Process, sets: dict[str, int], *, keep_groups: bool) -> None:
    user: User = process.get("user") or {"uid": 0, "gid": 0}
    groups = user.get("additionalGids", [])
    plan.add("umask", "process.user.umask", user.get("umask", -1))
    if not keep_groups:
        # the caller's groups must not stay with the container, whether it asks for others or not
        plan.add("groups", "process.user.additionalGids", b"".join([gid.to_bytes(4, "little") for gid in groups]))
    elif groups:
        plan.warnings.append(f"process.user.additionalGids: left out, since annotations[{KEEP_ORIGINAL_GROUPS}] is set")
    plan.add("bounding", "process.capabilities.bounding", sets["bounding"])
    if not any(entry.startswith("HOME=") for entry in process.get("env", ())):
        plan.add("home", "process.user.uid", user["uid"])
    plan.add("own_standard_streams", "process.user.uid", user["uid"])
    plan.add("user", "process.user", user["uid"], user["gid"])
    # with the user's ids and root's rights: a directory that only one of them may enter is entered all the same
    plan.add("raise_effective", "process.cwd")
    plan.add("working_directory", "process.cwd", process["cwd"])
