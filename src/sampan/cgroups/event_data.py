"""The numbers of a cgroup as ``runc events`` prints them: runc 1.5's names, order and units, field by field.

Engines decode this document with the types of runc, so nothing is added to it and nothing mended; what sampan has to
say beyond it is in `sampan stats`. Go leaves out what is zero where a field is ``omitempty``: so do ``_filled`` and the
``or None`` below. Imports little, for `events --stats` is asked for again and again.
"""

from __future__ import annotations

import posix

from sampan.cgroups import counters, pressure
from sampan.cgroups.layout import UNIFIED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Object = dict[str, object]

_SECOND = 1_000_000_000
_MICROSECOND = 1000

_CPUSET_NUMBERS = (  # the order of runc's struct; "mems" comes after the first
    "cpu_exclusive",
    "mem_hardwall",
    "mem_exclusive",
    "memory_migrate",
    "memory_spread_page",
    "memory_spread_slab",
    "memory_pressure",
    "sched_load_balance",
    "sched_relax_domain_level",
)

# v1's files of block devices, in the order in which runc looks for one that has entries: those of bfq with debugging,
# of bfq, of the throttling layer, and the last for old kernels. (What cfq had went with it in Linux 5.0.)
_BLKIO_TABLES = ("io_serviced", "io_service_bytes")
_BLKIO_NAMES = {  # v1's name without "_recursive" -> runc's, in the order of its struct
    "io_service_bytes": "ioServiceBytesRecursive",
    "io_serviced": "ioServicedRecursive",
    "io_queued": "ioQueueRecursive",
    "io_service_time": "ioServiceTimeRecursive",
    "io_wait_time": "ioWaitTimeRecursive",
    "io_merged": "ioMergedRecursive",
    "time": "ioTimeRecursive",
    "sectors": "sectorsRecursive",
}
_BLKIO_GROUPS = (
    ("blkio.bfq.{}_recursive", tuple(reversed(_BLKIO_NAMES))),
    ("blkio.bfq.{}_recursive", _BLKIO_TABLES),
    ("blkio.throttle.{}_recursive", _BLKIO_TABLES),
    ("blkio.throttle.{}", _BLKIO_TABLES),
)
_IO_ENTRIES = (  # runc's table, key of io.stat, operation
    ("ioServiceBytesRecursive", "rbytes", "Read"),
    ("ioServiceBytesRecursive", "wbytes", "Write"),
    ("ioServicedRecursive", "rios", "Read"),
    ("ioServicedRecursive", "wios", "Write"),
)


def read(directories: Mapping[str, str], sizes: Sequence[str]) -> Object:
    """The ``data`` of an event of type "stats", of the cgroup in these directories. Raises KernelError.

    ``sizes`` are those of ``linux.huge_pages``.
    """
    return {
        "cpu": _cpu(directories),
        "cpuset": _cpuset(directories.get("cpuset")),
        "memory": _memory(directories),
        "pids": _pids(directories),
        "blkio": _blkio(directories),
        "hugetlb": _hugetlb(directories, sizes),
        "intel_rdt": {},  # of a container with linux.intelRdt: ``event_rdt``
        "network_interfaces": None,  # runc has none to tell of: it makes no interfaces
    }


def _cpu(at: Mapping[str, str]) -> Object:
    if "cpuacct" in at or "cpu" in at:
        stat = _table(f"{at['cpu']}/cpu.stat") if "cpu" in at else {}
        usage = _cpuacct(at["cpuacct"]) if "cpuacct" in at else {"kernel": 0, "user": 0}
        periods = (stat.get("nr_periods"), stat.get("nr_throttled"), stat.get("throttled_time"))
        return {"usage": usage, "throttling": _throttling(*periods)}
    stat = _table(f"{at[UNIFIED]}/cpu.stat") if UNIFIED in at else {}
    total, kernel, user, throttled = (
        stat.get(f"{name}_usec", 0) * _MICROSECOND for name in ("usage", "system", "user", "throttled")
    )
    return {
        "usage": {**_filled({"total": total}), "kernel": kernel, "user": user},
        "throttling": _throttling(stat.get("nr_periods"), stat.get("nr_throttled"), throttled),
        **_psi(at, "cpu"),
    }


def _throttling(periods: int | None, throttled: int | None, time: int | None) -> Object:
    return _filled({"periods": periods, "throttledPeriods": throttled, "throttledTime": time})


def _cpuacct(directory: str) -> Object:
    stat = _table(f"{directory}/cpuacct.stat")
    each = [line.split() for line in (counters.text(f"{directory}/cpuacct.usage_all") or b"").splitlines()[1:]]
    tick = _SECOND // posix.sysconf("SC_CLK_TCK")
    totals = {
        "total": counters.number(f"{directory}/cpuacct.usage"),
        "percpu": [int(word) for word in (counters.text(f"{directory}/cpuacct.usage_percpu") or b"").split()],
        "percpu_kernel": [int(line[2]) for line in each],
        "percpu_user": [int(line[1]) for line in each],
    }
    return {**_filled(totals), "kernel": stat.get("system", 0) * tick, "user": stat.get("user", 0) * tick}


def _cpuset(directory: str | None) -> Object:
    """Of v1 only: runc does not read v2's."""
    if directory is None:
        return dict.fromkeys(_CPUSET_NUMBERS, 0)
    lists = {name: counters.numbers(counters.text(f"{directory}/cpuset.{name}") or b"") for name in ("cpus", "mems")}
    numbers = {name: int(counters.text(f"{directory}/cpuset.{name}") or 0) for name in _CPUSET_NUMBERS}
    first = {"cpu_exclusive": numbers["cpu_exclusive"]}
    return {**_filled({"cpus": lists["cpus"]}), **first, **_filled({"mems": lists["mems"]}), **numbers}


def _memory(at: Mapping[str, str]) -> Object:
    if "memory" in at:
        directory = at["memory"]
        raw = _table(f"{directory}/memory.stat")
        usage, swap, kernel, tcp = (_v1_entry(directory, name) for name in ("", "memsw.", "kmem.", "kmem.tcp."))
        return _memory_of(raw, "cache", usage, swap, kernel, tcp)
    none = _entry(0)
    if UNIFIED not in at:
        return _memory_of({}, "file", none, none, none, none)
    raw = _table(f"{at[UNIFIED]}/memory.stat")
    usage, swap = _v2_entries(f"{at[UNIFIED]}/memory")
    return {**_memory_of(raw, "file", usage, swap, none, none), **_psi(at, "memory")}


def _memory_of(raw: Mapping[str, int], cache: str, usage: Object, swap: Object, kernel: Object, tcp: Object) -> Object:
    entries = {"usage": usage, "swap": swap, "kernel": kernel, "kernelTCP": tcp}
    in_order = {name: raw[name] for name in sorted(raw)}  # as Go writes a map
    return {**_filled({"cache": raw.get(cache)}), **entries, **_filled({"raw": in_order})}


def _entry(limit: int | None, usage: int | None = None, most: int | None = None, hits: int | None = None) -> Object:
    return {"limit": limit or 0, **_filled({"usage": usage, "max": most}), "failcnt": hits or 0}


def _v1_entry(directory: str, name: str) -> Object:
    prefix = f"{directory}/memory.{name}"
    usage = counters.number(f"{prefix}usage_in_bytes")
    if usage is None:
        return _entry(0)
    limit, most = counters.number(f"{prefix}limit_in_bytes"), counters.number(f"{prefix}max_usage_in_bytes")
    return _entry(limit, usage, most, counters.number(f"{prefix}failcnt"))


def _v2_entries(prefix: str) -> tuple[Object, Object]:
    """Of memory, and of memory and swap together, as v1 counts them."""
    usage, limit = counters.number(f"{prefix}.current") or 0, counters.number(f"{prefix}.max") or 0
    swap, swap_limit = counters.number(f"{prefix}.swap.current") or 0, counters.number(f"{prefix}.swap.max") or 0
    both = min(limit + swap_limit, counters.UNLIMITED)
    return _entry(limit, usage, counters.number(f"{prefix}.peak")), _entry(both, usage + swap)


def _pids(at: Mapping[str, str]) -> Object:
    directory = at.get("pids", at.get(UNIFIED))
    if directory is None:
        return {}
    current, limit = counters.number(f"{directory}/pids.current"), counters.number(f"{directory}/pids.max")
    if current is None:  # without the controller runc counts
        current = (counters.text(f"{directory}/cgroup.procs") or b"").count(b"\n")
    return _filled({"current": current, "limit": 0 if limit == counters.UNLIMITED else limit})


def _blkio(at: Mapping[str, str]) -> Object:
    if "blkio" in at:
        return _v1_blkio(at["blkio"])
    found: dict[str, list[Object]] = {}
    for device, counted in ((counters.nested(f"{at[UNIFIED]}/io.stat") or {}) if UNIFIED in at else {}).items():
        for table, key, operation in _IO_ENTRIES:
            if key in counted:
                found.setdefault(table, []).append(_operation(device, operation, counted[key]))
    return {**found, **_psi(at, "io")}


def _v1_blkio(directory: str) -> Object:
    for pattern, (first, *others) in _BLKIO_GROUPS:
        path = f"{directory}/{pattern}"
        if entries := _operations(path.format(first)):
            found = {first: entries, **{name: _operations(path.format(name)) for name in others}}
            return _filled({ours: found.get(name) for name, ours in _BLKIO_NAMES.items()})
    return {}


def _operations(path: str) -> list[Object]:
    """Lines of ``MAJOR:MINOR [OPERATION] NUMBER``; the last, ``Total NUMBER``, is not a device's."""
    found = []
    for line in (counters.text(path) or b"").decode().splitlines():
        device, *operation, amount = line.split()
        if device != "Total":
            found.append(_operation(device, "".join(operation), amount))
    return found


def _operation(device: str, operation: str, amount: str) -> Object:
    major, _, minor = device.partition(":")
    return _filled({"major": int(major), "minor": int(minor), "op": operation, "value": int(amount)})


def _hugetlb(at: Mapping[str, str], sizes: Sequence[str]) -> Object:
    """What is reserved, where the kernel counts that, or else what is used."""
    found: Object = {}
    for size in sizes:
        if "hugetlb" in at:
            entry = _v1_huge_pages(f"{at['hugetlb']}/hugetlb.{size}")
        else:
            entry = _v2_huge_pages(f"{at[UNIFIED]}/hugetlb.{size}") if UNIFIED in at else None
        if entry is not None:
            found[size] = entry
    return found


def _v1_huge_pages(prefix: str) -> Object | None:
    for kind in (f"{prefix}.rsvd", prefix):
        usage = counters.number(f"{kind}.usage_in_bytes")
        if usage is not None:
            most, hits = counters.number(f"{kind}.max_usage_in_bytes"), counters.number(f"{kind}.failcnt")
            return {**_filled({"usage": usage, "max": most}), "failcnt": hits or 0}
    return None


def _v2_huge_pages(prefix: str) -> Object | None:
    reserved = counters.number(f"{prefix}.rsvd.current")
    usage = counters.number(f"{prefix}.current") if reserved is None else reserved
    if usage is None:
        return None
    return {**_filled({"usage": usage}), "failcnt": _table(f"{prefix}.events").get("max", 0)}


def _psi(at: Mapping[str, str], resource: str) -> Object:
    """``psi`` of a controller that is v2's."""
    lines = pressure.read(at[UNIFIED], resource) if UNIFIED in at else None
    if lines is None:
        return {}
    return {"psi": {kind: _averages(lines.get(kind, {})) for kind in ("some", "full")}}


def _averages(line: Mapping[str, float]) -> Object:
    """Go writes a float that is whole without a point."""
    return {
        key: int(value) if (value := line.get(key, 0)) == int(value) else value
        for key in ("avg10", "avg60", "avg300", "total")
    }


def _table(path: str) -> dict[str, int]:
    return counters.table(path) or {}


def _filled(members: Mapping[str, object]) -> Object:
    """``omitempty``: without zeros, and what is empty."""
    return {name: value for name, value in members.items() if value}
