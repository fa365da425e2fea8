"""Pressure stall information: the *.pressure files of a v2 directory, on a hybrid host as well."""

from __future__ import annotations

from sampan.cgroups import counters

TYPE_CHECKING = False
if TYPE_CHECKING:
    Line = dict[str, float | int]


def read(directory: str, resource: str) -> dict[str, Line] | None:
    """How long tasks have waited for ``resource`` ("cpu", "memory", "io", "irq"): "some" and "full", each with
    "avg10", "avg60" and "avg300", in percent, and "total", in microseconds.

    None where the kernel does not count that. Raises KernelError.
    """
    data = counters.text(f"{directory}/{resource}.pressure")
    if data is None:
        return None
    found = {}
    for line in data.decode().splitlines():
        kind, *words = line.split()
        found[kind] = dict(map(_entry, words))
    return found


def _entry(word: str) -> tuple[str, float | int]:
    key, _, amount = word.partition("=")
    return key, int(amount) if key == "total" else float(amount)
