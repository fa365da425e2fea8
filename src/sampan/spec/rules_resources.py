"""The rules of `linux.resources` (config-linux.md, Control groups). Read only for documents with such limits."""

from __future__ import annotations

from sampan.errors import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.spec.types import Resources


def resources_problems(resources: Resources) -> Iterator[Problem]:
    yield from _memory(resources)
    yield from _cpu(resources)
    yield from _block_io(resources)
    yield from _hugepages(resources)
    section = "config-linux.md#rdma"
    for name, limits in resources.get("rdma", {}).items():
        field = f'linux.resources.rdma["{name}"]'
        if name.split() != [name]:
            yield Problem(field, name, "must have the name of a device as its key", section)
        # "You MUST specify at least one of the `hcaHandles` or `hcaObjects` in a given entry"
        if "hcaHandles" not in limits and "hcaObjects" not in limits:
            yield Problem(field, limits, "must have at least one of hcaHandles and hcaObjects", section)
    for name, value in resources.get("unified", {}).items():
        if "/" in name or name in (".", ".."):
            rule = "must have the name of a file in the cgroup as its key"
            yield Problem(f'linux.resources.unified["{name}"]', value, rule, "config-linux.md#unified")


def _memory(resources: Resources) -> Iterator[Problem]:
    memory = resources.get("memory", {})
    swap, limit = memory.get("swap", 0), memory.get("limit", 0)
    if 0 < swap < limit:
        rule = f"must not be less than the limit of memory, {limit}: it limits memory and swap together"
        yield Problem("linux.resources.memory.swap", swap, rule, "config-linux.md#memory")


def _cpu(resources: Resources) -> Iterator[Problem]:
    cpu = resources.get("cpu", {})
    burst, quota = cpu.get("burst", 0), cpu.get("quota", 0)
    if 0 < quota < burst:
        # "If specified, this value MUST be no larger than any positive `quota` (runtimes MAY generate an error)."
        rule = f"must not be greater than the quota, {quota}"
        yield Problem("linux.resources.cpu.burst", burst, rule, "config-linux.md#cpu")


def _block_io(resources: Resources) -> Iterator[Problem]:
    for index, device in enumerate(resources.get("blockIO", {}).get("weightDevice", ())):
        # "You MUST specify at least one of `weight` or `leafWeight` in a given entry, and MAY specify both."
        if "weight" not in device and "leafWeight" not in device:
            field = f"linux.resources.blockIO.weightDevice[{index}]"
            yield Problem(field, device, "must have at least one of weight and leafWeight", "config-linux.md#block-io")


def _hugepages(resources: Resources) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, limit in enumerate(resources.get("hugepageLimits", ())):
        size = limit.get("pageSize", "")
        if size in seen:
            field = f"linux.resources.hugepageLimits[{index}].pageSize"
            rule = f"must not be there twice: hugepageLimits[{seen[size]}] has it, too"
            yield Problem(field, size, rule, "config-linux.md#huge-page-limits")
        elif size:
            seen[size] = index
