"""Statistics as OpenMetrics text 1.0, which Prometheus scrapes: base units, and counters that end in _total. Pure.

Nothing but ids, devices, interfaces and the like becomes a label: annotations may be anything, and as many as there are
containers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sampan.spec.statistics import Cpu, HugePages, Interface, Memory, Pressure, Statistics

    # The family, labels beside the container's id, and the value where it is known.
    Sample = tuple[str, dict[str, str], float | str | None]

PREFIX = "sampan_container_"
UNITS = ("bytes", "seconds", "ratio")  # the last word of a name, where it is one of these
COUNTER, GAUGE = "counter", "gauge"

FAMILIES = {
    "uptime_seconds": (GAUGE, "How long ago the container's process was started."),
    "cpu_usage_seconds": (COUNTER, "Processor time used."),
    "cpu_user_seconds": (COUNTER, "Processor time used by programs themselves."),
    "cpu_system_seconds": (COUNTER, "Processor time used by the kernel for them."),
    "cpu_limit": (GAUGE, "The quota of processor time by its period: 0.5 is half of one processor."),
    "cpus": (GAUGE, "How many processors the container may run on."),
    "cpu_periods": (COUNTER, "Periods of the quota that have passed."),
    "cpu_throttled_periods": (COUNTER, "Periods in which the quota was used up."),
    "cpu_throttled_seconds": (COUNTER, "How long processes had to wait for the quota."),
    "cpu_bursts": (COUNTER, "Periods in which more than the quota was used."),
    "cpu_burst_seconds": (COUNTER, "Processor time used beyond the quota."),
    "memory_usage_bytes": (GAUGE, "Memory charged to the container, the page cache included."),
    "memory_limit_bytes": (GAUGE, "The limit of memory."),
    "memory_peak_bytes": (GAUGE, "The most memory that was ever charged."),
    "memory_working_set_bytes": (GAUGE, "Memory without the page cache that is not in use."),
    "memory_anon_bytes": (GAUGE, "Memory of no file: heaps and stacks."),
    "memory_file_bytes": (GAUGE, "The page cache, tmpfs included."),
    "memory_kernel_bytes": (GAUGE, "Memory of the kernel, used for the container."),
    "memory_swap_bytes": (GAUGE, "Memory in swap space."),
    "memory_swap_limit_bytes": (GAUGE, "The limit of swap space."),
    "memory_faults": (COUNTER, "Page faults."),
    "memory_major_faults": (COUNTER, "Page faults that had to wait for a disk."),
    "memory_limit_hits": (COUNTER, "How often the limit of memory was in the way."),
    "memory_ooms": (COUNTER, "How often memory had run out."),
    "memory_oom_kills": (COUNTER, "Processes killed because memory had run out."),
    "io_read_bytes": (COUNTER, "Bytes read from a block device."),
    "io_write_bytes": (COUNTER, "Bytes written to a block device."),
    "io_discard_bytes": (COUNTER, "Bytes discarded on a block device."),
    "io_reads": (COUNTER, "Read operations on a block device."),
    "io_writes": (COUNTER, "Write operations on a block device."),
    "io_discards": (COUNTER, "Discard operations on a block device."),
    "pids": (GAUGE, "Processes and threads."),
    "pids_limit": (GAUGE, "The limit of processes and threads."),
    "hugetlb_usage_bytes": (GAUGE, "Huge pages in use."),
    "hugetlb_limit_bytes": (GAUGE, "The limit of huge pages in use."),
    "hugetlb_limit_hits": (COUNTER, "How often the limit of huge pages was in the way."),
    "hugetlb_reserved_bytes": (GAUGE, "Huge pages that are reserved."),
    "hugetlb_reserved_limit_bytes": (GAUGE, "The limit of huge pages that are reserved."),
    "hugetlb_reserved_limit_hits": (COUNTER, "How often the limit of reserved huge pages was in the way."),
    "rdma_hca_handles": (GAUGE, "Handles of an RDMA device."),
    "rdma_hca_handles_limit": (GAUGE, "The limit of handles of an RDMA device."),
    "rdma_hca_objects": (GAUGE, "Objects of an RDMA device."),
    "rdma_hca_objects_limit": (GAUGE, "The limit of objects of an RDMA device."),
    "pressure_some_seconds": (COUNTER, "How long at least one task has waited for a resource."),
    "pressure_full_seconds": (COUNTER, "How long all tasks have waited for a resource."),
    "pressure_some_ratio": (GAUGE, "The part of the time in which at least one task waited for a resource."),
    "pressure_full_ratio": (GAUGE, "The part of the time in which all tasks waited for a resource."),
    "network_receive_bytes": (COUNTER, "Bytes received by a network interface."),
    "network_receive_packets": (COUNTER, "Packets received by a network interface."),
    "network_receive_errors": (COUNTER, "Errors of a network interface in receiving."),
    "network_receive_dropped": (COUNTER, "Packets that a network interface has received and dropped."),
    "network_transmit_bytes": (COUNTER, "Bytes sent by a network interface."),
    "network_transmit_packets": (COUNTER, "Packets sent by a network interface."),
    "network_transmit_errors": (COUNTER, "Errors of a network interface in sending."),
    "network_transmit_dropped": (COUNTER, "Packets that a network interface should have sent and has dropped."),
}

_SECOND = 1_000_000_000


def text(statistics: Sequence[Statistics]) -> str:
    """The whole exposition. A family of which nothing is known is left out."""
    found: dict[str, list[str]] = {name: [] for name in FAMILIES}
    for entry in statistics:
        for name, labels, value in _samples(entry):
            if value is not None:
                suffix = "_total" if FAMILIES[name][0] == COUNTER else ""
                found[name].append(f"{PREFIX}{name}{suffix}{{{_labels({'id': entry.id, **labels})}}} {value}")
    lines = [line for name, samples in found.items() if samples for line in (*_metadata(name), *samples)]
    return "".join(f"{line}\n" for line in (*lines, "# EOF"))


def _metadata(name: str) -> Iterator[str]:
    kind, words = FAMILIES[name]
    unit = name.rpartition("_")[2]
    yield f"# TYPE {PREFIX}{name} {kind}"
    if unit in UNITS:
        yield f"# UNIT {PREFIX}{name} {unit}"
    yield f"# HELP {PREFIX}{name} {words}"


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    """A label's value. OpenMetrics is UTF-8: a name that is not is written as Python would."""
    value = value.encode(errors="backslashreplace").decode()
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _seconds(nanoseconds: int | None) -> str | None:
    """Nanoseconds as seconds, without a loss."""
    return None if nanoseconds is None else f"{nanoseconds // _SECOND}.{nanoseconds % _SECOND:09}"


def _samples(entry: Statistics) -> Iterator[Sample]:
    yield "uptime_seconds", {}, _seconds(entry.uptime)
    if entry.cpu:
        yield from _cpu(entry.cpu)
    if entry.memory:
        yield from _memory(entry.memory)
    yield from _io(entry)
    if entry.pids:
        yield "pids", {}, entry.pids.current
        yield "pids_limit", {}, entry.pids.limit
    for size, pages in (entry.hugetlb or {}).items():
        yield from _hugetlb({"page_size": size}, pages)
    yield from _rdma(entry)
    pressure = entry.pressure
    if pressure:
        resources = {"cpu": pressure.cpu, "memory": pressure.memory, "io": pressure.io, "irq": pressure.irq}
        for resource, waiting in resources.items():
            if waiting:
                yield from _pressure(resource, waiting)
    for interface in entry.network or ():
        yield from _network(interface)


def _cpu(cpu: Cpu) -> Iterator[Sample]:
    yield "cpu_usage_seconds", {}, _seconds(cpu.usage)
    yield "cpu_user_seconds", {}, _seconds(cpu.user)
    yield "cpu_system_seconds", {}, _seconds(cpu.system)
    yield "cpu_limit", {}, cpu.limit
    yield "cpus", {}, cpu.cpus
    if cpu.throttling:
        yield "cpu_periods", {}, cpu.throttling.periods
        yield "cpu_throttled_periods", {}, cpu.throttling.throttled_periods
        yield "cpu_throttled_seconds", {}, _seconds(cpu.throttling.throttled_time)
        yield "cpu_bursts", {}, cpu.throttling.bursts
        yield "cpu_burst_seconds", {}, _seconds(cpu.throttling.burst_time)


def _memory(memory: Memory) -> Iterator[Sample]:
    yield "memory_usage_bytes", {}, memory.usage
    yield "memory_limit_bytes", {}, memory.limit
    yield "memory_peak_bytes", {}, memory.peak
    yield "memory_working_set_bytes", {}, memory.working_set
    yield "memory_anon_bytes", {}, memory.anon
    yield "memory_file_bytes", {}, memory.file
    yield "memory_kernel_bytes", {}, memory.kernel
    if memory.swap:
        yield "memory_swap_bytes", {}, memory.swap.usage
        yield "memory_swap_limit_bytes", {}, memory.swap.limit
    yield "memory_faults", {}, memory.faults
    yield "memory_major_faults", {}, memory.major_faults
    yield "memory_limit_hits", {}, memory.limit_hits
    yield "memory_ooms", {}, memory.ooms
    yield "memory_oom_kills", {}, memory.oom_kills


def _io(entry: Statistics) -> Iterator[Sample]:
    for device in entry.io or ():
        labels = {"device": device.device}
        yield "io_read_bytes", labels, device.read_bytes
        yield "io_write_bytes", labels, device.write_bytes
        yield "io_discard_bytes", labels, device.discard_bytes
        yield "io_reads", labels, device.reads
        yield "io_writes", labels, device.writes
        yield "io_discards", labels, device.discards


def _hugetlb(labels: dict[str, str], pages: HugePages) -> Iterator[Sample]:
    yield "hugetlb_usage_bytes", labels, pages.usage
    yield "hugetlb_limit_bytes", labels, pages.limit
    yield "hugetlb_limit_hits", labels, pages.limit_hits
    if pages.reserved:
        yield "hugetlb_reserved_bytes", labels, pages.reserved.usage
        yield "hugetlb_reserved_limit_bytes", labels, pages.reserved.limit
        yield "hugetlb_reserved_limit_hits", labels, pages.reserved.limit_hits


def _rdma(entry: Statistics) -> Iterator[Sample]:
    for name, device in (entry.rdma or {}).items():
        for resource, counted in (("hca_handles", device.hca_handles), ("hca_objects", device.hca_objects)):
            if counted:
                yield f"rdma_{resource}", {"device": name}, counted.usage
                yield f"rdma_{resource}_limit", {"device": name}, counted.limit


def _pressure(resource: str, pressure: Pressure) -> Iterator[Sample]:
    for kind, stall in (("some", pressure.some), ("full", pressure.full)):
        if stall:
            yield f"pressure_{kind}_seconds", {"resource": resource}, _seconds(stall.total)
            for window, percent in (("10s", stall.avg10), ("60s", stall.avg60), ("300s", stall.avg300)):
                yield f"pressure_{kind}_ratio", {"resource": resource, "window": window}, percent / 100


def _network(interface: Interface) -> Iterator[Sample]:
    labels = {"interface": interface.name}
    yield "network_receive_bytes", labels, interface.rx_bytes
    yield "network_receive_packets", labels, interface.rx_packets
    yield "network_receive_errors", labels, interface.rx_errors
    yield "network_receive_dropped", labels, interface.rx_dropped
    yield "network_transmit_bytes", labels, interface.tx_bytes
    yield "network_transmit_packets", labels, interface.tx_packets
    yield "network_transmit_errors", labels, interface.tx_errors
    yield "network_transmit_dropped", labels, interface.tx_dropped
