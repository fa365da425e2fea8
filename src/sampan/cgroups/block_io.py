"""What ``linux.resources.blockIO`` means in the files of v1 (blkio) and v2 (io). Loaded only where something is asked.

Weights are bfq's where that I/O scheduler is loaded; else those of CFQ on v1, which went with Linux 5.0, and of iocost
on v2.
"""

from __future__ import annotations

from sampan.errors import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sampan.cgroups.limits import Setting
    from sampan.spec.types import BlockIO, WeightDevice

    Add = Callable[..., None]

LOWEST, HIGHEST = 10, 1000  # weights of v1, which 1 and 10000 of v2 stand for
_SECTION = "config-linux.md#block-io"
_MOST_IOPS = 0xFFFFFFFF  # means "no limit"; v1 cuts the rest off a greater number, v2 takes this for it
_FIELD = "linux.resources.blockIO"


def problems(block_io: BlockIO, on_v1: bool) -> Iterator[Problem]:
    """What cannot be applied."""
    if on_v1:
        return
    yield from _weight_problems(_FIELD, block_io)
    for index, device in enumerate(block_io.get("weightDevice", ())):
        yield from _weight_problems(f"{_FIELD}.weightDevice[{index}]", device)


def _weight_problems(field: str, part: BlockIO | WeightDevice) -> Iterator[Problem]:
    weight = part.get("weight")
    if weight and not LOWEST <= weight <= HIGHEST:
        yield Problem(f"{field}.weight", weight, f"must be from {LOWEST} to {HIGHEST}", _SECTION)
    if part.get("leafWeight"):
        rule = "cannot be applied: cgroup v2 has no leaf weights"
        yield Problem(f"{field}.leafWeight", part.get("leafWeight"), rule, _SECTION)


def limit_v1(block_io: BlockIO, add: Add) -> None:
    """Adds the settings of the blkio controller."""

    def add_weight(file: str, device: str, weight: int | None, field: str) -> None:
        if weight:
            value = f"{device}{weight}"
            add("blkio", file, value, field, ("blkio", f"blkio.bfq.{file}", value, f"linux.resources.{field}", False))

    add_weight("weight", "", block_io.get("weight"), "blockIO.weight")
    add("blkio", "leaf_weight", block_io.get("leafWeight") or None, "blockIO.leafWeight")
    for device, entry, field in _weight_devices(block_io):
        add_weight("weight_device", device, entry.get("weight"), f"{field}.weight")
        if entry.get("leafWeight"):
            add("blkio", "leaf_weight_device", f"{device}{entry['leafWeight']}", f"{field}.leafWeight")
    for file, _, device, rate, field in _throttles(block_io):
        most = _MOST_IOPS if "iops" in file else rate
        add("blkio", f"throttle.{file}", f"{device}{min(rate, most)}", field)


def limit_v2(block_io: BlockIO, add: Add) -> None:
    """Adds the settings of the io controller."""

    def add_weight(device: str, weight: int | None, field: str) -> None:
        if weight:
            other: Setting = ("io", "io.weight", f"{device}{io_weight(weight)}", f"linux.resources.{field}", False)
            add("io", "bfq.weight", f"{device}{weight}", field, other)

    add_weight("", block_io.get("weight"), "blockIO.weight")
    for device, entry, field in _weight_devices(block_io):
        add_weight(device, entry.get("weight"), f"{field}.weight")
    for _, key, device, rate, field in _throttles(block_io):
        add("io", "max", f"{device}{key}={rate or 'max'}", field)  # 0 lifts the limit, as on v1


def io_weight(weight: int) -> int:
    """io.weight (1 to 10000) for a weight of v1 (10 to 1000), as runc and crun convert it."""
    return 1 + (weight - LOWEST) * 9999 // (HIGHEST - LOWEST)


def _weight_devices(block_io: BlockIO) -> Iterator[tuple[str, WeightDevice, str]]:
    for index, entry in enumerate(block_io.get("weightDevice", ())):
        yield f"{entry['major']}:{entry['minor']} ", entry, f"blockIO.weightDevice[{index}]"


def _throttles(block_io: BlockIO) -> Iterator[tuple[str, str, str, int, str]]:
    """The file of v1, the key in v2's io.max, the device, the rate, and the field of each."""
    for name, entries, file, key in (
        ("throttleReadBpsDevice", block_io.get("throttleReadBpsDevice"), "read_bps_device", "rbps"),
        ("throttleWriteBpsDevice", block_io.get("throttleWriteBpsDevice"), "write_bps_device", "wbps"),
        ("throttleReadIOPSDevice", block_io.get("throttleReadIOPSDevice"), "read_iops_device", "riops"),
        ("throttleWriteIOPSDevice", block_io.get("throttleWriteIOPSDevice"), "write_iops_device", "wiops"),
    ):
        for index, entry in enumerate(entries or ()):
            yield file, key, f"{entry['major']}:{entry['minor']} ", entry["rate"], f"blockIO.{name}[{index}]"
