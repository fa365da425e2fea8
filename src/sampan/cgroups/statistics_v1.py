"""The statistics of a container in the files of cgroup v1, a function for each controller and its directory.

Each gives None where the directory does not have the controller's files. All raise KernelError.
"""

from __future__ import annotations

import posix
from typing import TYPE_CHECKING

from sampan.cgroups import counters
from sampan.spec.statistics import BlockDevice, Cpu, HugePages, Memory, Reserved, Swap, Throttling

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECOND = 1_000_000_000
_UNTOLD: dict[str, int] = {}


def cpu(cpuacct: str, scheduler: str | None, cpus: int | None) -> Cpu | None:
    """Of the directories of cpuacct, and of cpu where there is one."""
    usage = counters.number(f"{cpuacct}/cpuacct.usage")
    if usage is None:
        return None
    tick = _SECOND // posix.sysconf("SC_CLK_TCK")
    stat = counters.table(f"{cpuacct}/cpuacct.stat") or {"user": 0, "system": 0}
    limit, throttling = (None, None) if scheduler is None else (_quota(scheduler), _throttling(scheduler))
    return Cpu(usage, stat["user"] * tick, stat["system"] * tick, limit, cpus, throttling)


def _quota(directory: str) -> float | None:
    quota = counters.number(f"{directory}/cpu.cfs_quota_us")  # -1, and so 0, is none
    return quota / (counters.number(f"{directory}/cpu.cfs_period_us") or 1) if quota else None


def _throttling(directory: str) -> Throttling | None:
    stat = counters.table(f"{directory}/cpu.stat")
    if not stat:
        return None
    return Throttling(
        stat["nr_periods"],
        stat["nr_throttled"],
        stat["throttled_time"],
        stat.get("nr_bursts"),
        stat.get("burst_time"),
    )


def memory(directory: str) -> Memory | None:
    """The memory controller's. Counts what is below as well; the kernel has no count of OOMs, only of kills."""
    usage = counters.number(f"{directory}/memory.usage_in_bytes")
    stat = counters.table(f"{directory}/memory.stat")
    if usage is None or stat is None:
        return None
    limit = counters.limit(f"{directory}/memory.limit_in_bytes")
    return Memory(
        usage,
        limit,
        peak=counters.number(f"{directory}/memory.max_usage_in_bytes"),
        working_set=max(0, usage - stat["total_inactive_file"]),
        anon=stat["total_rss"],
        file=stat["total_cache"],
        kernel=counters.number(f"{directory}/memory.kmem.usage_in_bytes"),
        swap=_swap(directory, stat, limit),
        faults=stat["total_pgfault"],
        major_faults=stat["total_pgmajfault"],
        limit_hits=_limit_hits(directory),
        oom_kills=(counters.table(f"{directory}/memory.oom_control") or _UNTOLD).get("oom_kill"),
    )


def _limit_hits(directory: str) -> int | None:
    """Of the limit of memory, and of that of memory and swap together."""
    hits = counters.number(f"{directory}/memory.failcnt")
    return None if hits is None else hits + (counters.number(f"{directory}/memory.memsw.failcnt") or 0)


def _swap(directory: str, stat: dict[str, int], limit: int | None) -> Swap | None:
    """v1 has one limit for memory and swap together; what is left of it for swap is the limit of that."""
    if "total_swap" not in stat:  # this kernel does not account for swap
        return None
    both = counters.limit(f"{directory}/memory.memsw.limit_in_bytes")
    return Swap(stat["total_swap"], None if both is None or limit is None else both - limit)


def io(directory: str) -> tuple[BlockDevice, ...] | None:
    """The blkio controller's."""
    amounts, numbers = _counted(directory, "io_service_bytes"), _counted(directory, "io_serviced")
    if amounts is None or numbers is None:
        return None
    return tuple(
        BlockDevice(device, *_directions(amounts[device]), *_directions(numbers.get(device, _UNTOLD)))
        for device in amounts
    )


def _counted(directory: str, name: str) -> dict[str, dict[str, int]] | None:
    """What has been counted for each device, by whoever has counted more: bfq knows only the devices that it schedules,
    and the throttling layer, on some kernels, only those that something throttles.
    """
    layers = [counters.text(f"{directory}/blkio.{layer}.{name}_recursive") for layer in ("throttle", "bfq")]
    if not any(layers):
        return None
    found: dict[str, dict[str, int]] = {}
    for data in filter(None, layers):
        for device, counted in _by_device(data).items():
            found[device] = max(found.get(device, _UNTOLD), counted, key=lambda entry: sum(entry.values()))
    return found


def _by_device(data: bytes) -> dict[str, dict[str, int]]:
    """Lines of ``MAJOR:MINOR OPERATION NUMBER``, and one of ``Total NUMBER``."""
    found: dict[str, dict[str, int]] = {}
    for line in data.decode().splitlines():
        words = line.split()
        if len(words) == 3:
            found.setdefault(words[0], {})[words[1]] = int(words[2])
    return found


def _directions(counted: dict[str, int]) -> tuple[int, int, int]:
    return counted.get("Read", 0), counted.get("Write", 0), counted.get("Discard", 0)


def hugetlb(directory: str, sizes: Sequence[str]) -> dict[str, HugePages] | None:
    """The hugetlb controller's, for each size of pages."""
    found = {}
    for size in sizes:
        prefix = f"{directory}/hugetlb.{size}"
        usage, reserved = (counters.number(f"{prefix}{kind}.usage_in_bytes") for kind in ("", ".rsvd"))
        if usage is not None:
            found[size] = HugePages(
                usage,
                counters.limit(f"{prefix}.limit_in_bytes"),
                counters.number(f"{prefix}.failcnt"),
                None if reserved is None else _reserved(f"{prefix}.rsvd", reserved),
            )
    return found or None


def _reserved(prefix: str, usage: int) -> Reserved:
    return Reserved(usage, counters.limit(f"{prefix}.limit_in_bytes"), counters.number(f"{prefix}.failcnt"))
