"""The statistics of a container: the types of the document that `sampan stats` prints, docs/statistics.md. Pure.

The same on cgroup v1, v2, hybrid and systemd. None is what the machine does not tell, and is left out of the document.
Times are nanoseconds, amounts are bytes, all else are counts. Not on the hot path.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1  # of the document: a new one when a name or a meaning changes, not when something is added


class Part:
    """A part of the statistics, as an object and as a part of the document."""

    __slots__ = ()

    def to_document(self) -> dict[str, object]:
        """What is known, by name; nested as the objects are."""
        found = {}
        for name in _names(type(self)):
            value = getattr(self, name)
            if value is not None:
                found[name] = value if type(value) in _PLAIN else _plain(value)
        return found


@dataclass(frozen=True, slots=True)
class Throttling(Part):
    """What a quota of processor time has done."""

    periods: int  # that have passed
    throttled_periods: int  # in which the quota was used up
    throttled_time: int  # how long processes had to wait for it, nanoseconds
    bursts: int | None = None  # periods in which more than the quota was used
    burst_time: int | None = None  # how much more, nanoseconds


@dataclass(frozen=True, slots=True)
class Cpu(Part):
    """Processor time, in nanoseconds."""

    usage: int
    user: int | None = None
    system: int | None = None
    limit: float | None = None  # quota by period: 0.5 is half of one processor's time
    cpus: int | None = None  # how many processors it may run on
    throttling: Throttling | None = None


@dataclass(frozen=True, slots=True)
class Swap(Part):
    """Memory that is in swap space, in bytes."""

    usage: int
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Memory(Part):
    """Memory, in bytes."""

    usage: int  # all that is charged to it, the page cache included
    limit: int | None = None
    peak: int | None = None
    working_set: int | None = None  # usage without the page cache that is not in use, as the kubelet has it
    anon: int | None = None  # of no file: heaps and stacks
    file: int | None = None  # the page cache, tmpfs included
    kernel: int | None = None
    swap: Swap | None = None
    faults: int | None = None
    major_faults: int | None = None  # those that had to wait for a disk
    limit_hits: int | None = None  # how often the limit was in the way
    ooms: int | None = None  # how often nothing could be reclaimed; v2 only
    oom_kills: int | None = None  # processes that were killed for it


@dataclass(frozen=True, slots=True)
class BlockDevice(Part):
    """What went through one block device."""

    device: str  # "MAJOR:MINOR"
    read_bytes: int
    write_bytes: int
    discard_bytes: int
    reads: int  # operations
    writes: int
    discards: int


@dataclass(frozen=True, slots=True)
class Pids(Part):
    """Tasks: processes and threads."""

    current: int
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Reserved(Part):
    """Huge pages that are reserved, used or not, in bytes."""

    usage: int
    limit: int | None = None
    limit_hits: int | None = None  # v1 only


@dataclass(frozen=True, slots=True)
class HugePages(Part):
    """Huge pages of one size, in bytes."""

    usage: int
    limit: int | None = None
    limit_hits: int | None = None
    reserved: Reserved | None = None


@dataclass(frozen=True, slots=True)
class RdmaResource(Part):
    """Handles or objects of an RDMA device."""

    usage: int
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RdmaDevice(Part):
    """One RDMA device."""

    hca_handles: RdmaResource | None = None
    hca_objects: RdmaResource | None = None


@dataclass(frozen=True, slots=True)
class Stall(Part):
    """How much of the time processes could not go on: averages in percent, and a sum in nanoseconds."""

    avg10: float  # of the last 10 seconds
    avg60: float
    avg300: float
    total: int


@dataclass(frozen=True, slots=True)
class Pressure(Part):
    """Waiting for one resource (PSI)."""

    some: Stall | None = None  # at least one task waited
    full: Stall | None = None  # all of them did


@dataclass(frozen=True, slots=True)
class Pressures(Part):
    """Waiting for each resource."""

    cpu: Pressure | None = None
    memory: Pressure | None = None
    io: Pressure | None = None
    irq: Pressure | None = None


@dataclass(frozen=True, slots=True)
class Interface(Part):
    """A network interface, as seen from inside."""

    name: str
    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


@dataclass(frozen=True, slots=True)
class Statistics(Part):
    """All that is counted of one container."""

    id: str
    time: int  # when it was read, nanoseconds since 1970
    uptime: int  # how long ago its process was started, nanoseconds
    cpu: Cpu | None = None
    memory: Memory | None = None
    io: tuple[BlockDevice, ...] | None = None
    pids: Pids | None = None
    hugetlb: Mapping[str, HugePages] | None = None  # by page size: "2MB"
    rdma: Mapping[str, RdmaDevice] | None = None  # by device
    pressure: Pressures | None = None
    network: tuple[Interface, ...] | None = None

    def to_document(self) -> dict[str, object]:
        """The document, docs/statistics.md."""
        return {"version": VERSION, **Part.to_document(self)}


_PLAIN = frozenset((int, float, str))
_NAMES: dict[type, tuple[str, ...]] = {}


def _names(kind: type[Part]) -> tuple[str, ...]:
    found = _NAMES.get(kind)
    if found is None:
        found = _NAMES[kind] = tuple(field.name for field in fields(kind))  # type: ignore[arg-type]
    return found


def _plain(value: object) -> object:
    if isinstance(value, Part):
        return value.to_document()
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return value
