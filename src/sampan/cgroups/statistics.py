"""The statistics of a container's cgroup: each controller from the hierarchy that has it, v1 where that does, or v2.

What v1 and v2 write alike is read here, and the rest in ``statistics_v1`` and ``statistics_v2``. Never writes anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.cgroups import counters, pressure, statistics_v1, statistics_v2
from sampan.cgroups.layout import UNIFIED
from sampan.spec.statistics import Pids, Pressure, Pressures, RdmaDevice, RdmaResource, Stall

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampan.cgroups.pressure import Line
    from sampan.spec.statistics import BlockDevice, Cpu, HugePages, Memory

    Counted = tuple[
        Cpu | None,
        Memory | None,
        tuple[BlockDevice, ...] | None,
        Pids | None,
        Mapping[str, HugePages] | None,
        Mapping[str, RdmaDevice] | None,
        Pressures | None,
    ]

_RESOURCES = ("cpu", "memory", "io", "irq")
_MICROSECOND = 1000


def read(directories: Mapping[str, str], sizes: Sequence[str]) -> Counted:
    """The statistics of the cgroup in these directories (v1 controller, or "" for v2 -> directory), in the order of
    ``spec.statistics.Statistics``; ``sizes`` are those of ``linux.huge_pages``. Raises KernelError.
    """
    return (
        _cpu(directories),
        _memory(directories),
        _io(directories),
        _pids(directories),
        _hugetlb(directories, sizes),
        _rdma(directories),
        _pressure(directories),
    )


def _cpu(at: Mapping[str, str]) -> Cpu | None:
    if "cpuacct" in at:
        return statistics_v1.cpu(at["cpuacct"], at.get("cpu"), _cpus(at))
    return statistics_v2.cpu(at[UNIFIED], _cpus(at)) if UNIFIED in at else None


def _cpus(at: Mapping[str, str]) -> int | None:
    """How many processors the container may run on."""
    data = None
    if "cpuset" in at:
        data = counters.text(f"{at['cpuset']}/cpuset.effective_cpus")
    elif UNIFIED in at:
        data = counters.text(f"{at[UNIFIED]}/cpuset.cpus.effective")
    return len(counters.numbers(data)) if data else None


def _memory(at: Mapping[str, str]) -> Memory | None:
    if "memory" in at:
        return statistics_v1.memory(at["memory"])
    return statistics_v2.memory(at[UNIFIED]) if UNIFIED in at else None


def _io(at: Mapping[str, str]) -> tuple[BlockDevice, ...] | None:
    if "blkio" in at:
        return statistics_v1.io(at["blkio"])
    return statistics_v2.io(at[UNIFIED]) if UNIFIED in at else None


def _pids(at: Mapping[str, str]) -> Pids | None:
    directory = at.get("pids", at.get(UNIFIED))
    current = None if directory is None else counters.number(f"{directory}/pids.current")
    return None if current is None else Pids(current, counters.limit(f"{directory}/pids.max"))


def _hugetlb(at: Mapping[str, str], sizes: Sequence[str]) -> Mapping[str, HugePages] | None:
    if "hugetlb" in at:
        return statistics_v1.hugetlb(at["hugetlb"], sizes)
    return statistics_v2.hugetlb(at[UNIFIED], sizes) if UNIFIED in at else None


def _rdma(at: Mapping[str, str]) -> Mapping[str, RdmaDevice] | None:
    directory = at.get("rdma", at.get(UNIFIED))
    usages = None if directory is None else counters.nested(f"{directory}/rdma.current")
    if not usages:
        return None
    limits = counters.nested(f"{directory}/rdma.max") or {}
    found = {}
    for device, used in usages.items():
        most = limits.get(device, {})
        found[device] = RdmaDevice(*(_resource(used.get(key), most.get(key)) for key in ("hca_handle", "hca_object")))
    return found


def _resource(used: str | None, most: str | None) -> RdmaResource | None:
    if used is None:
        return None
    bound = None if most is None else counters.bounded(counters.value(most.encode()))
    return RdmaResource(counters.value(used.encode()), bound)


def _pressure(at: Mapping[str, str]) -> Pressures | None:
    """The kernel counts it in v2's directories only; on a hybrid host the container is in one, too."""
    if UNIFIED not in at:
        return None
    found = [_pressure_of(pressure.read(at[UNIFIED], resource)) for resource in _RESOURCES]
    return Pressures(*found) if any(found) else None


def _pressure_of(lines: dict[str, Line] | None) -> Pressure | None:
    return Pressure(_stall(lines.get("some")), _stall(lines.get("full"))) if lines else None


def _stall(line: Line | None) -> Stall | None:
    if line is None:
        return None
    return Stall(line["avg10"], line["avg60"], line["avg300"], int(line["total"]) * _MICROSECOND)
