"""``intel_rdt`` of runc's events: what resctrl tells of a container with ``linux.intelRdt``, field by field as runc.

Loaded only for such a container. Reads the container's own class and monitoring group, and changes nothing.
"""

from __future__ import annotations

import posix

from sampan.cgroups import counters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Object = dict[str, object]

_CACHE_NUMBERS = ("min_cbm_bits", "num_closids")
_BANDWIDTH_NUMBERS = ("bandwidth_gran", "delay_linear", "min_bandwidth", "num_closids")
_BANDWIDTH_COUNTERS = ("mbm_total_bytes", "mbm_local_bytes")
_OCCUPANCY_COUNTERS = ("llc_occupancy",)


def read(point: str, directory: str, monitor: str) -> Object:
    """The member of the class at ``directory`` of the resctrl mounted at ``point``, with the counters of ``monitor``,
    the monitoring group, or of the whole class where that is "". Raises KernelError.
    """
    own, root = _schemata(directory), _schemata(point)
    features = (counters.text(f"{point}/info/L3_MON/mon_features") or b"").decode().split()
    found: Object = {}
    mask = counters.text(f"{point}/info/L3/cbm_mask")
    if mask is not None:
        cache = {"cbm_mask": mask.decode().strip(), **_numbers(f"{point}/info/L3", _CACHE_NUMBERS)}
        found["l3_cache_info"] = cache
        found |= {"l3_cache_schema_root": _last(root, "L3"), "l3_cache_schema": _last(own, "L3")}
    if counters.text(f"{point}/info/MB/num_closids") is not None:
        found["mem_bw_info"] = _numbers(f"{point}/info/MB", _BANDWIDTH_NUMBERS)
        found |= {"mem_bw_schema_root": _last(root, "MB"), "mem_bw_schema": _last(own, "MB")}
    found = {name: value for name, value in found.items() if value}
    for name, kind in (("mbm_stats", _BANDWIDTH_COUNTERS), ("cmt_stats", _OCCUPANCY_COUNTERS)):
        if not set(kind).isdisjoint(features):
            found[name] = _of_domains(f"{monitor or directory}/mon_data", kind)
    return found


def _schemata(directory: str) -> list[str]:
    return [line.strip() for line in (counters.text(f"{directory}/schemata") or b"").decode().splitlines()]


def _last(lines: Sequence[str], resource: str) -> str:
    """runc's choice where there are several (L3CODE and L3DATA)."""
    return next((line for line in reversed(lines) if resource in line), "")


def _numbers(directory: str, names: Sequence[str]) -> dict[str, int]:
    found = {name: counters.number(f"{directory}/{name}") for name in names}
    return {name: number for name, number in found.items() if number}


def _of_domains(directory: str, names: Sequence[str]) -> list[dict[str, int]] | None:
    """The counters of each cache: an object for each, in the order of their names. Go's null where there is none."""
    try:
        domains = sorted(posix.listdir(directory))
    except OSError:
        return None
    return [_counters(f"{directory}/{domain}", names) for domain in domains] or None


def _counters(directory: str, names: Sequence[str]) -> dict[str, int]:
    """What cannot be counted at the moment the kernel tells by a word: that is no number."""
    texts = {name: (counters.text(f"{directory}/{name}") or b"").strip() for name in names}
    return {name: int(text) for name, text in texts.items() if text.isdigit() and int(text)}
