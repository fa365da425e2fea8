"""Which fields of ``linux.resources`` cannot be applied on this machine's cgroups, and why. Pure.

Asked before anything is made: a container never runs without a limit that its configuration asks for. Nulls and zeros
that mean "no limit", as engines send them, ask for nothing. What only the kernel knows, it says when it is written.
"""

from __future__ import annotations

from sampan.cgroups import devices
from sampan.errors import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.cgroups.layout import Layout
    from sampan.spec.types import Resources

_MEMORY = "config-linux.md#memory"
_CPU = "config-linux.md#cpu"
# Of memory: the kernel or the text has given them up, or they limit nothing by themselves.
_WITHOUT_EFFECT = ("kernel", "kernelTCP", "useHierarchy", "checkBeforeUpdate")


def unsupported(resources: Resources, layout: Layout) -> list[Problem]:
    """Every field that would be left out, with the reason."""
    problems: list[Problem] = []
    if "memory" in resources:
        problems += _memory(resources, layout)
    if "cpu" in resources:
        problems += _cpu(resources, layout)
    if any(resources.get("blockIO", {}).values()):
        from sampan.cgroups import block_io

        problems += block_io.problems(resources["blockIO"], on_v1="blkio" in layout.mounts)
    if resources.get("network"):
        from sampan.cgroups import network

        problems += network.problems(resources["network"], layout.mounts)
    if resources.get("unified"):
        from sampan.cgroups import unified

        problems += unified.problems(resources["unified"], layout.mounts, bool(layout.unified))
    problems += _devices(resources, layout)
    return problems


def asked(resources: Resources) -> list[tuple[str, object]]:
    """Every limit that is asked for, with its field: not the devices, and no zeros."""
    found: list[tuple[str, object]] = []
    for name in sorted(set(resources) - {"devices"}):
        value: object = resources.get(name)
        found += _asked(f"linux.resources.{name}", value)
    ignored = {f"linux.resources.memory.{name}" for name in _WITHOUT_EFFECT}
    return [(field, value) for field, value in found if field not in ignored]


def _asked(field: str, value: object) -> Iterator[tuple[str, object]]:
    """Every part of ``value`` that is not a zero; of a list, the list."""
    if isinstance(value, dict):
        free = field.endswith((".unified", ".rdma"))  # whose keys are not the specification's
        for name, part in value.items():
            yield from _asked(f'{field}["{name}"]' if free else f"{field}.{name}", part)
    elif value:
        yield field, value


def _memory(resources: Resources, layout: Layout) -> list[Problem]:
    memory = resources.get("memory", {})
    on_v1 = "memory" in layout.mounts
    limit, swap, swappiness = memory.get("limit") or 0, memory.get("swap") or 0, memory.get("swappiness")
    found: list[tuple[str, object, str]] = []
    if swap > 0 and limit > swap:
        found.append(
            ("swap", swap, f"must not be less than memory.limit ({limit}): it counts memory and swap together")
        )
    if swap > 0 and limit <= 0 and not on_v1:
        found.append(("swap", swap, "needs memory.limit on cgroup v2, which limits swap by itself"))
    if swappiness is not None and not on_v1:
        found.append(("swappiness", swappiness, "cannot be applied: cgroup v2 has no swappiness"))
    elif swappiness is not None and swappiness > 100:
        found.append(("swappiness", swappiness, "must be within 0 and 100"))
    if memory.get("disableOOMKiller") and not on_v1:
        found.append(("disableOOMKiller", True, "cannot be applied: cgroup v2 always has its OOM killer"))
    return [Problem(f"linux.resources.memory.{name}", value, rule, _MEMORY) for name, value, rule in found]


def _cpu(resources: Resources, layout: Layout) -> list[Problem]:
    cpu = resources.get("cpu", {})
    on_v1 = "cpu" in layout.mounts
    shares, quota, burst = cpu.get("shares") or 0, cpu.get("quota") or 0, cpu.get("burst") or 0
    found: list[tuple[str, object, str]] = []
    if on_v1 and shares and not 2 <= shares <= 262144:  # the kernel would take the nearest of these without a word
        found.append(("shares", shares, "must be within 2 and 262144"))
    if 0 < quota < burst:
        found.append(("burst", burst, f"must not be larger than cpu.quota ({quota})"))
    if cpu.get("idle", 0) not in (0, 1):
        found.append(("idle", cpu.get("idle"), "must be 0 or 1"))
    if not on_v1:
        rule = "cannot be applied: cgroup v2 has no real-time limits"
        if cpu.get("realtimeRuntime"):
            found.append(("realtimeRuntime", cpu.get("realtimeRuntime"), rule))
        if cpu.get("realtimePeriod"):
            found.append(("realtimePeriod", cpu.get("realtimePeriod"), rule))
    return [Problem(f"linux.resources.cpu.{name}", value, rule, _CPU) for name, value, rule in found]


def _devices(resources: Resources, layout: Layout) -> list[Problem]:
    entries = resources.get("devices", [])
    rules, problems = devices.parse(entries)
    if not problems and "devices" in layout.mounts:
        try:
            devices.policy(rules + devices.defaults())
        except devices.HoleError as error:
            problems.append(devices.hole(error, entries))
    return problems
