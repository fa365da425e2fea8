"""The rules of what few containers have: schedulers, memory policies, Intel RDT, network devices, personalities."""

from __future__ import annotations

from sampan.errors import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.spec.rules_linux import Namespaces
    from sampan.spec.types import Config, ExecCPUAffinity, IntelRdt, MemoryPolicy, NetDevice, Scheduler

REAL_TIME = ("SCHED_FIFO", "SCHED_RR")
SHORTEST_RUNTIME = 1024  # nanoseconds; the kernel's DL_SCALE
MODES_WITHOUT_NODES = ("MPOL_DEFAULT", "MPOL_LOCAL")
LAST_NODE = 1023  # MAX_NUMNODES of the kernel is at most 1024
LAST_CPU = 8191  # NR_CPUS of the kernel is at most 8192
MODES_WITH_NODES = ("MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE", "MPOL_PREFERRED_MANY")
MODES_WITH_BALANCING = ("MPOL_BIND", "MPOL_PREFERRED_MANY")
LONGEST_INTERFACE_NAME = 15  # the kernel's IFNAMSIZ, without the NUL


def rare_problems(config: Config, namespaces: Namespaces) -> Iterator[Problem]:
    linux = config["linux"]
    if "intelRdt" in linux:
        yield from intel_rdt_problems(linux["intelRdt"])
    if "memoryPolicy" in linux:
        yield from _memory_policy(linux["memoryPolicy"])
    if linux.get("netDevices"):
        yield from _net_devices(linux["netDevices"])
        # A document without a process runs nothing and moves nothing; the published examples have no namespaces either.
        if "process" in config and namespaces is not None and "network" not in namespaces:
            rule = "needs a network namespace in linux.namespaces to move the devices to"
            yield Problem("linux.netDevices", None, rule, "config-linux.md#network-devices")
    if linux.get("personality", {}).get("flags"):
        # "Currently no flag values are supported."
        flags = linux["personality"]["flags"]
        yield Problem(
            "linux.personality.flags", flags, "must be empty: there are no flags", "config-linux.md#personality"
        )


def scheduler_problems(scheduler: Scheduler) -> Iterator[Problem]:
    """What sched_setattr(2) refuses with a bare EINVAL."""
    section = "config.md#linux-process"
    policy = scheduler.get("policy", "")
    priority = scheduler.get("priority", 0)
    if policy in REAL_TIME and not 1 <= priority <= 99:
        yield Problem("scheduler.priority", priority, f"must be from 1 to 99 for {policy}", section)
    if policy and policy not in REAL_TIME and priority:
        yield Problem("scheduler.priority", priority, f"must not be set for {policy}", section)
    runtime, deadline, period = (scheduler.get("runtime", 0), scheduler.get("deadline", 0), scheduler.get("period", 0))
    if policy != "SCHED_DEADLINE":
        for name, value in (("runtime", runtime), ("deadline", deadline), ("period", period)):
            if value and policy:
                yield Problem(f"scheduler.{name}", value, f"must not be set for {policy}", section)
        return
    if runtime < SHORTEST_RUNTIME:
        rule = f"must be at least {SHORTEST_RUNTIME} nanoseconds for SCHED_DEADLINE"
        yield Problem("scheduler.runtime", runtime, rule, section)
    if deadline < max(runtime, 1):
        yield Problem("scheduler.deadline", deadline, "must not be less than the runtime", section)
    # the kernel takes a period of 0 for one as long as the deadline
    if 0 < period < deadline:
        yield Problem("scheduler.period", period, "must not be less than the deadline", section)


def _memory_policy(policy: MemoryPolicy) -> Iterator[Problem]:
    """What set_mempolicy(2) refuses with a bare EINVAL."""
    section = "config-linux.md#memory-policy"
    mode, nodes, flags = policy.get("mode", ""), policy.get("nodes", "").strip(), policy.get("flags", [])
    if mode in MODES_WITHOUT_NODES and nodes:
        yield Problem("linux.memoryPolicy.nodes", nodes, f"must not be set for {mode}", section)
    if last_number(nodes) > LAST_NODE:
        rule = f"must not name nodes beyond {LAST_NODE}, the last that any kernel can have"
        yield Problem("linux.memoryPolicy.nodes", nodes, rule, section)
    if mode in MODES_WITH_NODES and not nodes:
        yield Problem("linux.memoryPolicy.nodes", None, f"must name at least one node for {mode}", section)
    relative = [flag for flag in flags if flag in ("MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES")]
    if len(set(relative)) > 1:
        yield Problem("linux.memoryPolicy.flags", flags, f"must not have both {' and '.join(relative)}", section)
    elif relative and mode in ("MPOL_LOCAL", "MPOL_PREFERRED") and not nodes:
        yield Problem("linux.memoryPolicy.flags", flags, f"must not have {relative[0]} without nodes", section)
    if "MPOL_F_NUMA_BALANCING" in flags and mode and mode not in MODES_WITH_BALANCING:
        rule = f"must not have MPOL_F_NUMA_BALANCING with {mode}, only with {' or '.join(MODES_WITH_BALANCING)}"
        yield Problem("linux.memoryPolicy.flags", flags, rule, section)


def affinity_problems(affinity: ExecCPUAffinity) -> Iterator[Problem]:
    """Processors that cannot be, of which a mask would be as long as their number says."""
    for name, cpus in (("initial", affinity.get("initial", "")), ("final", affinity.get("final", ""))):
        if last_number(cpus) > LAST_CPU:
            rule = f"must not name processors beyond {LAST_CPU}, the last that any kernel can have"
            yield Problem(f"execCPUAffinity.{name}", cpus, rule, "config.md#linux-process")


def last_number(numbers: str) -> int:
    """The greatest of a list like "0-3,7"; -1 of an empty one."""
    return max((int(number) for number in numbers.replace("-", ",").split(",") if number.strip()), default=-1)


def intel_rdt_problems(rdt: IntelRdt) -> Iterator[Problem]:
    """The problems of `linux.intelRdt`, or of what `update` is given of it."""
    section = "config-linux.md#intelrdt"
    group = rdt.get("closID")
    if group is not None and group != "/" and (group in ("", ".", "..") or "/" in group or "\n" in group):
        yield Problem("linux.intelRdt.closID", group, 'must be the name of a directory, or "/"', section)
    lines = [("linux.intelRdt.l3CacheSchema", rdt.get("l3CacheSchema", ""))]
    lines.append(("linux.intelRdt.memBwSchema", rdt.get("memBwSchema", "")))
    lines += [(f"linux.intelRdt.schemata[{index}]", line) for index, line in enumerate(rdt.get("schemata", ()))]
    for field, line in lines:
        if "\n" in line:
            yield Problem(field, line, "must not contain a newline", section)
    if "memBwSchema" in rdt and not rdt["memBwSchema"].startswith("MB:"):
        yield Problem("linux.intelRdt.memBwSchema", rdt["memBwSchema"], 'must start with "MB:"', section)


def _net_devices(devices: dict[str, NetDevice]) -> Iterator[Problem]:
    section = "config-linux.md#network-devices"
    rule = f"must be the name of a network interface: 1 to {LONGEST_INTERFACE_NAME} bytes, no white space, ':' or '/'"
    taken: dict[str, str] = {}
    for host_name, device in devices.items():
        field = f'linux.netDevices["{host_name}"]'
        if not _is_interface_name(host_name):
            yield Problem(field, host_name, rule, section)
        name = device.get("name") or host_name
        if name != host_name and not _is_interface_name(name):
            yield Problem(f"{field}.name", name, rule, section)
        elif name.count("%") != name.count("%d") or name.count("%") > 1:
            yield Problem(f"{field}.name", name, "must not have a '%' but in one '%d', a template", section)
        # a template such as "eth%d" gives each its own name
        if name in taken and "%d" not in name:
            yield Problem(f"{field}.name", name, f"must not be the name of {taken[name]}, too", section)
        taken.setdefault(name, field)


def _is_interface_name(name: str) -> bool:
    if name in (".", "..") or "/" in name or ":" in name or name.split() != [name]:
        return False
    return len(name.encode()) <= LONGEST_INTERFACE_NAME
