"""How much the container may use: config-linux.md, Control groups."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Literal

from sampan.api.building.arguments import UNLIMITED, checked, is_number, judge_map, path, refused, rule_out, size
from sampan.api.building.document import Part
from sampan.errors import KernelError
from sampan.spec import schema_linux as schema
from sampan.spec.check import BYTES_OR_UNLIMITED, NOT_EMPTY, UINT64, check

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Self

    from sampan.api.building.arguments import Path, Size
    from sampan.api.building.document import Document

_PERIOD = 100000  # microseconds, the kernel's default
_MANY = 1_000_000  # more processors than any machine has
_SHORTEST = 1000  # microseconds: the kernel takes no smaller quota
_RESOURCES = "linux.resources"
_CPU, _MEMORY = schema.CPU[4], schema.MEMORY[4]
_ARGUMENTS = {f"{_RESOURCES}.memory.swap": "memory_swap", f"{_RESOURCES}.cpu.burst": "cpu_burst"}
_THROTTLES = {
    "read_bps": "throttleReadBpsDevice",
    "write_bps": "throttleWriteBpsDevice",
    "read_iops": "throttleReadIOPSDevice",
    "write_iops": "throttleWriteIOPSDevice",
}


class Limits(Part):
    """Limits of its cgroup. All methods raise UsageError."""

    __slots__ = ()

    def limit(
        self,
        *,
        memory: Size | None = None,
        memory_swap: Size | None = None,
        memory_reservation: Size | None = None,
        cpus: float | Literal["unlimited"] | None = None,
        cpu_shares: int | None = None,
        cpu_burst: int | None = None,
        cpu_idle: bool | None = None,
        cpuset: str | Iterable[int] | None = None,
        cpuset_mems: str | Iterable[int] | None = None,
        pids: int | Literal["unlimited"] | None = None,
        io_weight: int | None = None,
        hugepages: Mapping[str, Size] | None = None,
        unified: Mapping[str, str | None] | None = None,
    ) -> Self:
        """Limit the container (`linux.resources`); what is not named stays, and "unlimited" lifts a limit.

        - ``memory``, ``memory_reservation``: a size such as "256M", or bytes (config-linux.md#memory).
        - ``memory_swap``: of memory and swap together. Where it is not given, as much swap as before stays beside a
          new limit of memory.
        - ``cpus``: processors, as 0.5, by quota and period; ``cpu_shares``: a weight, of usually 1024; ``cpu_burst``:
          microseconds; ``cpu_idle``: runs only where nobody else wants to (config-linux.md#cpu).
        - ``cpuset``, ``cpuset_mems``: the processors and memory nodes to use, "0-3,7" or numbers.
        - ``pids``: processes and threads (config-linux.md#pids).
        - ``io_weight``: from 10 to 1000 (config-linux.md#block-io); see `limit_io`.
        - ``hugepages``: sizes of pages, as {"2MB": "1G"} (config-linux.md#huge-page-limits).
        - ``unified``: files of cgroup v2 and what to write to them (config-linux.md#unified); None removes one.
        """
        document = _limit_memory(self._document, memory, memory_swap, memory_reservation)
        document = _limit_cpu(document, cpus, cpu_shares, cpu_burst, cpu_idle, cpuset, cpuset_mems)
        if pids is not None:
            number = -1 if pids == UNLIMITED else pids
            document = document.set(f"{_RESOURCES}.pids.limit", checked("pids", number, schema.PIDS[4]["limit"]))
        if io_weight is not None:
            weight = checked("io_weight", io_weight, ("integer", 10, 1000, "must be a weight from 10 to 1000"))
            document = document.set(f"{_RESOURCES}.blockIO.weight", weight)
        for page, most in (hugepages or {}).items():
            kind = schema.HUGEPAGE_LIMIT[4]
            entry = {
                "pageSize": checked("hugepages", page, kind["pageSize"]),
                "limit": size("hugepages", most, kind["limit"]),
            }
            document = document.put(f"{_RESOURCES}.hugepageLimits", "pageSize", entry)
        if unified is not None:
            document = _limit_unified(document, unified)
        _agree(document)
        return self._of(document)

    def limit_io(
        self,
        device: Path | tuple[int, int],
        *,
        read_bps: Size | None = None,
        write_bps: Size | None = None,
        read_iops: int | None = None,
        write_iops: int | None = None,
    ) -> Self:
        """Limit reads and writes of a block device: bytes ("10M") and operations a second (config-linux.md#block-io).

        ``device`` is its (major, minor), or a path on this host, which is looked at now. Raises KernelError, too.
        """
        major, minor = device if isinstance(device, tuple) else _numbers(device)
        document = self._document
        rates = {"read_bps": read_bps, "write_bps": write_bps, "read_iops": read_iops, "write_iops": write_iops}
        for name, rate in rates.items():
            if rate is None:
                continue
            entry = {"major": major, "minor": minor, "rate": size(name, rate, UINT64)}
            checked("device", entry, schema.THROTTLE_DEVICE)
            field = f"{_RESOURCES}.blockIO.{_THROTTLES[name]}"
            document = document.set(field, [each for each in document.array(field) if not _is_of(each, major, minor)])
            document = document.add(field, entry)
        return self._of(document)

    def with_cgroup_path(self, cgroup_path: str) -> Self:
        """Where its cgroup is (`linux.cgroupsPath`): "/a/b" below the root of all, "a/b" as the runtime likes; with the
        cgroup manager systemd "slice:prefix:name"."""
        return self._of(self._document.set("linux.cgroupsPath", checked("cgroup_path", cgroup_path, NOT_EMPTY)))


def _limit_memory(document: Document, memory: Size | None, swap: Size | None, reservation: Size | None) -> Document:
    field = f"{_RESOURCES}.memory"
    if memory is not None:
        limit = size("memory", memory, _MEMORY["limit"])
        if swap is None:
            document = document.set_all(field, {"swap": _swap_beside(document, limit)})
        document = document.set(f"{field}.limit", limit)
    if swap is not None:
        document = document.set(f"{field}.swap", size("memory_swap", swap, _MEMORY["swap"]))
    if reservation is not None:
        number = size("memory_reservation", reservation, _MEMORY["reservation"])
        document = document.set(f"{field}.reservation", number)
    return document


def _swap_beside(document: Document, memory: int) -> int | None:
    """The limit of memory and swap together that permits as much swap as before; None where nothing is said."""
    before, both = document.get(f"{_RESOURCES}.memory.limit"), document.get(f"{_RESOURCES}.memory.swap")
    if not isinstance(both, int) or not isinstance(before, int) or not 0 <= before <= both:
        return None
    return memory if memory < 0 else min(memory + both - before, BYTES_OR_UNLIMITED[2])


def _limit_cpu(
    document: Document,
    cpus: float | str | None,
    shares: int | None,
    burst: int | None,
    idle: bool | None,
    cpuset: str | Iterable[int] | None,
    mems: str | Iterable[int] | None,
) -> Document:
    values: dict[str, Any] = {}
    if cpus is not None:
        values["period"] = document.object(f"{_RESOURCES}.cpu").get("period") or _PERIOD
        values["quota"] = -1 if cpus == UNLIMITED else _quota(cpus, values["period"])
    for name, argument, value in (("shares", "cpu_shares", shares), ("burst", "cpu_burst", burst)):
        if value is not None:
            values[name] = checked(argument, value, _CPU[name])
    if idle is not None:
        values["idle"] = int(checked("cpu_idle", idle, ("bool",)))
    for name, argument, numbers in (("cpus", "cpuset", cpuset), ("mems", "cpuset_mems", mems)):
        if numbers is not None:
            text = numbers if isinstance(numbers, str) else ",".join(map(str, numbers))
            values[name] = checked(argument, text, _CPU[name])
    return document.set_all(f"{_RESOURCES}.cpu", values)


def _limit_unified(document: Document, unified: Mapping[str, str | None]) -> Document:
    judge_map("unified", unified)
    for name in unified:
        if "/" in name or name in (".", ".."):
            raise refused("unified", name, "must have names of files in the cgroup", "config-linux.md#unified")
    return document.update(f"{_RESOURCES}.unified", unified)


def _agree(document: Document) -> None:
    """Raises UsageError for limits that contradict each other. Those that are none, `Spec.validate` tells of."""
    from sampan.spec.rules_resources import resources_problems

    resources: Any = document.get(_RESOURCES)
    if resources is None or check(resources, schema.RESOURCES):
        return
    problems = [problem for problem in resources_problems(resources) if problem.field in _ARGUMENTS]
    for problem in problems:
        problem.field = _ARGUMENTS[problem.field]
    rule_out(problems)


def _quota(cpus: float | str, period: int) -> int:
    """Microseconds in each period."""
    quota = round(float(cpus) * period) if is_number(cpus) and float(cpus) < _MANY else 0
    if quota < _SHORTEST:
        raise refused("cpus", cpus, f"must be a number of processors, at least {_SHORTEST / period:g}")
    return quota


def _numbers(device: Path) -> tuple[int, int]:
    name = path("device", device, NOT_EMPTY)
    try:
        found = os.stat(name)
    except OSError as error:
        raise KernelError("stat", name, error.errno or 0) from None
    if not stat.S_ISBLK(found.st_mode):
        raise refused("device", name, "must be a block device, or (major, minor)", "config-linux.md#block-io")
    return os.major(found.st_rdev), os.minor(found.st_rdev)


def _is_of(entry: Any, major: int, minor: int) -> bool:
    return isinstance(entry, dict) and (entry.get("major"), entry.get("minor")) == (major, minor)
