"""Statistics as a table for people, in the columns of `docker stats` and `podman stats`. Pure.

Memory is in binary units and what was transferred in decimal ones, as there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sampan.spec.statistics import Statistics

COLUMNS = ("ID", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS")
UNKNOWN = "--"
_GAP = "   "
_BINARY = (1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"))
_DECIMAL = (1000, ("B", "kB", "MB", "GB", "TB", "PB"))


def table(statistics: Sequence[Statistics], before: Mapping[str, Statistics], machine: int) -> list[str]:
    """The lines of the table.

    Processor time is that since ``before``, by id; of a container that is not there, since its start. ``machine`` is
    the machine's memory in bytes, the limit of containers that have none of their own.
    """
    rows = [COLUMNS, *(row(entry, before.get(entry.id), machine) for entry in statistics)]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return [_GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in rows]


def row(entry: Statistics, before: Statistics | None, machine: int) -> tuple[str, ...]:
    """The cells of one container."""
    used, share = _memory(entry, machine)
    return (
        "".join(sign if sign.isprintable() else "?" for sign in entry.id),
        _processors(entry, before),
        used,
        share,
        _network(entry),
        _block(entry),
        str(entry.pids.current) if entry.pids else UNKNOWN,
    )


def _processors(entry: Statistics, before: Statistics | None) -> str:
    """Percent of one processor: 200 are two."""
    if entry.cpu is None:
        return UNKNOWN
    used, passed = entry.cpu.usage, entry.uptime
    if before is not None and before.cpu is not None and before.uptime < passed:
        used, passed = used - before.cpu.usage, passed - before.uptime
    return _percent(used, passed)


def _memory(entry: Statistics, machine: int) -> tuple[str, str]:
    if entry.memory is None:
        return UNKNOWN, UNKNOWN
    used = entry.memory.usage if entry.memory.working_set is None else entry.memory.working_set
    limit = min(entry.memory.limit or machine, machine)
    return f"{amount(used, _BINARY)} / {amount(limit, _BINARY)}", _percent(used, limit)


def _network(entry: Statistics) -> str:
    """What came from outside and went there: not what stays inside."""
    if entry.network is None:
        return UNKNOWN
    outward = [interface for interface in entry.network if interface.name != "lo"]
    return _both((interface.rx_bytes, interface.tx_bytes) for interface in outward)


def _block(entry: Statistics) -> str:
    return UNKNOWN if entry.io is None else _both((device.read_bytes, device.write_bytes) for device in entry.io)


def _both(pairs: Iterable[tuple[int, int]]) -> str:
    inward, outward = (sum(column) for column in zip((0, 0), *pairs, strict=True))
    return f"{amount(inward, _DECIMAL)} / {amount(outward, _DECIMAL)}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}%" if whole > 0 else UNKNOWN


def amount(number: int, units: tuple[int, Sequence[str]] = _BINARY) -> str:
    """A number of bytes with four digits at most."""
    step, names = units
    size = float(number)
    for name in names[:-1]:
        if size < step:
            return f"{size:.4g}{name}"
        size /= step
    return f"{size:.4g}{names[-1]}"
