"""The statistics of a container in the files of cgroup v2, a function for each controller.

Each gives None where the directory does not have the controller's files. All raise KernelError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.cgroups import counters
from sampan.spec.statistics import BlockDevice, Cpu, HugePages, Memory, Reserved, Swap, Throttling

if TYPE_CHECKING:
    from collections.abc import Sequence

_MICROSECOND = 1000
_UNTOLD: dict[str, int] = {}


def cpu(directory: str, cpus: int | None) -> Cpu | None:
    """The cpu controller's; the kernel tells the usage even where that is not enabled."""
    stat = counters.table(f"{directory}/cpu.stat")
    if stat is None:
        return None
    usage, user, system = (stat[f"{name}_usec"] * _MICROSECOND for name in ("usage", "user", "system"))
    return Cpu(usage, user, system, _quota(directory), cpus, _throttling(stat))


def _quota(directory: str) -> float | None:
    data = counters.text(f"{directory}/cpu.max")
    if data is None or data.startswith(b"max"):
        return None
    quota, period = map(int, data.split())
    return quota / period


def _throttling(stat: dict[str, int]) -> Throttling | None:
    if "nr_periods" not in stat:
        return None
    burst = stat.get("burst_usec")
    return Throttling(
        stat["nr_periods"],
        stat["nr_throttled"],
        stat["throttled_usec"] * _MICROSECOND,
        stat.get("nr_bursts"),
        None if burst is None else burst * _MICROSECOND,
    )


def memory(directory: str) -> Memory | None:
    """The memory controller's."""
    usage = counters.number(f"{directory}/memory.current")
    stat = counters.table(f"{directory}/memory.stat")
    if usage is None or stat is None:
        return None
    swap = counters.number(f"{directory}/memory.swap.current")
    events = counters.table(f"{directory}/memory.events") or _UNTOLD
    return Memory(
        usage,
        counters.limit(f"{directory}/memory.max"),
        peak=counters.number(f"{directory}/memory.peak"),
        working_set=max(0, usage - stat["inactive_file"]),
        anon=stat["anon"],
        file=stat["file"],
        kernel=stat.get("kernel"),
        swap=None if swap is None else Swap(swap, counters.limit(f"{directory}/memory.swap.max")),
        faults=stat["pgfault"],
        major_faults=stat["pgmajfault"],
        limit_hits=events.get("max"),
        ooms=events.get("oom"),
        oom_kills=events.get("oom_kill"),
    )


def io(directory: str) -> tuple[BlockDevice, ...] | None:
    """The io controller's."""
    stat = counters.nested(f"{directory}/io.stat")
    if stat is None:
        return None
    names = ("rbytes", "wbytes", "dbytes", "rios", "wios", "dios")
    return tuple(
        BlockDevice(device, *(int(counted.get(name, 0)) for name in names))
        for device, counted in stat.items()
        if counted
    )


def hugetlb(directory: str, sizes: Sequence[str]) -> dict[str, HugePages] | None:
    """The hugetlb controller's, for each size of pages."""
    found = {}
    for size in sizes:
        prefix = f"{directory}/hugetlb.{size}"
        usage, reserved = (counters.number(f"{prefix}{kind}.current") for kind in ("", ".rsvd"))
        if usage is not None:
            found[size] = HugePages(
                usage,
                counters.limit(f"{prefix}.max"),
                (counters.table(f"{prefix}.events") or _UNTOLD).get("max"),
                None if reserved is None else Reserved(reserved, counters.limit(f"{prefix}.rsvd.max")),
            )
    return found or None
