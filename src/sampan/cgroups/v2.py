"""What ``linux.resources`` means in the files of cgroup v2, and how its controllers get enabled down to a cgroup.

The values of config.json are v1's; they are converted as runc and crun do today. Zeros are "no limit asked for".
Never makes directories and never moves processes: that is ``cgroup``.
"""

from __future__ import annotations

from sampan.cgroups import delegation
from sampan.cgroups.limits import collect
from sampan.errors import ConfigError, KernelError, Problem
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sampan.cgroups.limits import Setting
    from sampan.spec.types import Resources

# Enabled wherever they can be, asked for or not: engines read their numbers (docker stats, podman stats, kubelet).
COUNTED = ("cpu", "io", "memory", "pids")
_CONTROLLERS = frozenset(
    ("cpu", "cpuset", "dmem", "hugetlb", "io", "memory", "misc", "net_cls", "net_prio", "pids", "rdma")
)
_DEFAULT_PERIOD = 100_000
_SECTION = "config-linux.md#unified"


def settings(resources: Resources) -> list[Setting]:
    """Every limit in the files of v2, in the order in which a new cgroup takes them; without ``unified``."""
    return collect(resources, _memory, _cpu, _rare)


def _memory(resources: Resources, add: Callable[..., None]) -> None:
    memory = resources.get("memory", {})
    limit, swap = memory.get("limit") or 0, memory.get("swap") or 0
    value = swap_limit(limit, swap)
    # A kernel without swap accounting has no such file, and needs none to give no limit or no swap.
    add("memory", "swap.max", value, "memory.swap", value in ("max", "0"))
    add("memory", "max", _bytes(limit), "memory.limit")
    add("memory", "low", _bytes(memory.get("reservation") or 0), "memory.reservation")


def _cpu(resources: Resources, add: Callable[..., None]) -> None:
    cpu = resources.get("cpu", {})
    quota, period = cpu.get("quota") or 0, cpu.get("period") or 0
    add("cpu", "weight", weight(cpu.get("shares") or 0) or None, "cpu.shares")
    if quota or period:
        limit = f"{quota if quota > 0 else 'max'} {period or _DEFAULT_PERIOD}"
        add("cpu", "max", limit, "cpu.quota" if quota else "cpu.period")
    add("cpu", "max.burst", cpu.get("burst") or None, "cpu.burst")
    add("cpu", "idle", cpu.get("idle") or None, "cpu.idle")  # after the others: it takes no shares while it is idle
    add("cpuset", "cpus", cpu.get("cpus") or None, "cpu.cpus")
    add("cpuset", "mems", cpu.get("mems") or None, "cpu.mems")


def _rare(resources: Resources, add: Callable[..., None]) -> None:
    if any(resources.get("blockIO", {}).values()):
        from sampan.cgroups import block_io

        block_io.limit_v2(resources["blockIO"], add)
    if resources.get("hugepageLimits"):
        from sampan.cgroups import hugepages

        hugepages.limit(resources["hugepageLimits"], "max", add)


def swap_limit(limit: int, swap: int) -> str | None:
    """memory.swap.max for ``memory.limit`` and ``memory.swap``: config.json's swap counts memory and swap together."""
    if swap == -1 or (swap == 0 and limit == -1):
        return "max"
    return str(swap - limit) if swap > 0 else None


def weight(shares: int) -> int:
    """cpu.weight (1 to 10000, default 100) for cpu.shares (2 to 262144, default 1024); 0 for 0, which asks for nothing.

    The curve of runc 1.3 and crun 1.23 on, that maps lowest, default and highest values onto each other.
    """
    if shares <= 2 or shares >= 262144:
        return 0 if shares == 0 else 1 if shares <= 2 else 10000
    if shares == 1024:  # what engines send most; and no module needs to be loaded for it
        return 100
    from math import ceil, log2

    bits = log2(shares)
    return ceil(10 ** ((bits * bits + 125 * bits) / 612 - 7 / 34))


def enable(mount: str, directory: str, fields: Mapping[str, str]) -> None:
    """Enable controllers for the cgroup at ``directory``, from ``mount`` down.

    ``fields`` has the controllers that are needed, and the field of config.json that needs each. Raises ConfigError
    where one of them cannot be had. What is no controller, such as the "irq" of irq.pressure, needs none.
    """
    missing = {*fields, *COUNTED} - _names(f"{directory}/cgroup.controllers")
    if not missing:
        return
    can_be = missing & _names(f"{mount}/cgroup.controllers")
    refusal = _enable_down(mount, directory, sorted(can_be)) if can_be else None
    needed = (_CONTROLLERS | can_be).intersection(fields)
    there = _names(f"{directory}/cgroup.controllers") if needed else set()
    problems = [
        Problem(fields[name], None, _unavailable(name, directory, there, refusal), _SECTION)
        for name in sorted(needed - there)
    ]
    if problems:
        raise ConfigError("config.json", problems)


def _enable_down(mount: str, directory: str, names: list[str]) -> KernelError | None:
    """Write to cgroup.subtree_control of every cgroup above ``directory``; the first refusal, if there was one."""
    refusal: KernelError | None = None
    parent = mount
    for element in directory[len(mount) :].strip("/").split("/"):
        control = f"{parent}/cgroup.subtree_control"
        absent = [name for name in names if name not in _names(control)]
        try:
            if absent:
                files.write(control, " ".join(f"+{name}" for name in absent))
        except KernelError:
            for name in absent:  # one that cannot be enabled must not keep out the others
                try:
                    files.write(control, f"+{name}")
                except KernelError as error:
                    refusal = refusal or error
        parent = f"{parent}/{element}"
    return refusal


def _names(path: str) -> set[str]:
    return set(files.read(path).decode().split())


def _unavailable(name: str, directory: str, there: set[str], refusal: KernelError | None) -> str:
    has = " ".join(sorted(there)) or "none"
    reason = f"; {refusal}" if refusal else ""
    hint = f". {delegation.HINT}" if delegation.is_rootless() else ""
    return f"the {name} controller is not available in {directory} (there are: {has}{reason}){hint}"


def _bytes(value: int) -> str | None:
    return "max" if value == -1 else str(value) if value else None
