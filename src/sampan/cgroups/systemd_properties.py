"""What the files of a cgroup say, as properties of a systemd unit. Pure.

systemd writes its properties into the cgroup again whenever it reloads its configuration: a limit that stood in a file
alone would be gone then. So what is limited by files is told to systemd as well, in its own words, by this table.
A property is (its name, (its D-Bus signature, its value)).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Variant = tuple[str, object]
    Property = tuple[str, Variant]

INFINITY = 2**64 - 1  # systemd's "no limit"
_MOST = 2**63 - 2**12  # what v1 shows where there is no limit of memory, within a page
_PERCENT = 10_000  # microseconds of CPU a second: systemd keeps a quota in whole percents
_DEFAULT_PERIOD = 100_000  # microseconds
_BFQ_DEFAULT, _BFQ_STEP = 100, 11  # weights of bfq above the default are an eleventh of those of systemd

# file -> property, for files of one number
_AMOUNTS = {
    "memory.min": "MemoryMin",
    "memory.low": "MemoryLow",
    "memory.high": "MemoryHigh",
    "memory.max": "MemoryMax",
    "memory.swap.max": "MemorySwapMax",
    "memory.zswap.max": "MemoryZSwapMax",
    "pids.max": "TasksMax",
    "memory.limit_in_bytes": "MemoryLimit",
    "cpu.shares": "CPUShares",
}
_SETS = {"cpuset.cpus": "AllowedCPUs", "cpuset.mems": "AllowedMemoryNodes"}
_DEVICE_RATES = {
    "rbps": "IOReadBandwidthMax",
    "wbps": "IOWriteBandwidthMax",
    "riops": "IOReadIOPSMax",
    "wiops": "IOWriteIOPSMax",
}
_DEVICE_RATES_V1 = {
    "blkio.throttle.read_bps_device": "BlockIOReadBandwidth",
    "blkio.throttle.write_bps_device": "BlockIOWriteBandwidth",
}
_WEIGHTS = {
    "io.weight": ("IOWeight", "IODeviceWeight"),
    "io.bfq.weight": ("IOWeight", "IODeviceWeight"),
    "blkio.weight": ("BlockIOWeight", ""),
    "blkio.bfq.weight": ("BlockIOWeight", ""),
    "blkio.weight_device": ("", "BlockIODeviceWeight"),
}
# What an older systemd neither has a property for nor touches.
_SINCE = {"memory.zswap.max": 253, "cpu.idle": 252}
_NOT_ON_V1 = (*_SETS, "cpu.idle")
_TOGETHER = (("cpu.cfs_quota_us", "cpu.cfs_period_us"), ("cpu.weight", "cpu.idle"), ("cpu.max",))


def is_of_devices(file: str) -> bool:
    """Does systemd know this file, and has it, or can it have, a line for each device?"""
    return file in _WEIGHTS or file in _DEVICE_RATES_V1 or file in ("io.max", "io.latency")


def related(file: str) -> tuple[str, ...]:
    """The files that one property sums up together with this one; none where systemd does not know it."""
    for group in _TOGETHER:
        if file in group:
            return group
    return (file,) if file in _AMOUNTS or file in _SETS else ()


def of_files(values: Mapping[str, str], version: Callable[[], int], *, on_v1: bool = False) -> list[Property]:
    """The properties that say what ``values`` (file -> content) say. Raises ValueError for what it cannot read.

    ``on_v1``: systemd's controllers are in v1's hierarchies, where it knows fewer files. ``version`` is asked for only
    where the answer depends on it.
    """
    known = {file: text for file, text in values.items() if file not in _SINCE or version() >= _SINCE[file]}
    if on_v1:
        known = {file: text for file, text in known.items() if file not in _NOT_ON_V1}
    found: list[Property] = []
    for file, text in known.items():
        if file in _AMOUNTS:
            found.append((_AMOUNTS[file], ("t", _amount(text))))
        elif file in _SETS:
            found.append((_SETS[file], ("ay", bitmask(text))))
        elif file in _WEIGHTS:
            found += _weights(file, text)
        elif file in _DEVICE_RATES_V1:
            rates = [(path, "max" if rate == "0" else rate) for path, rate in _lines(text)]
            found.append((_DEVICE_RATES_V1[file], _of_devices(rates)))
        elif file == "io.max":
            found += _rates(text)
        elif file == "io.latency":
            targets = [(path, rest.removeprefix("target=")) for path, rest in _lines(text)]
            found.append(("IODeviceLatencyTargetUSec", _of_devices(targets)))
    return found + _cpu(known)


def bitmask(ranges: str) -> bytes:
    """ "0-2,8" as systemd takes it: bit N of the bytes is the CPU or memory node N."""
    bits = 0
    for part in filter(None, ranges.strip().split(",")):
        first, _, last = part.partition("-")
        low, high = int(first), int(last or first)
        if not 0 <= low <= high < 1 << 16:
            raise ValueError(f"{part!r} is no range of CPUs or memory nodes")
        bits |= (1 << high + 1) - (1 << low)
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def quota(microseconds: int, period: int) -> int:
    """CPUQuotaPerSecUSec for a quota in each period: rounded up to a whole percent, since systemd would round down."""
    if microseconds <= 0:
        return INFINITY
    per_second = microseconds * 1_000_000 // period
    return min(max(-(-per_second // _PERCENT), 1) * _PERCENT, INFINITY)


def _cpu(values: Mapping[str, str]) -> list[Property]:
    found: list[Property] = []
    if values.get("cpu.idle", "").strip() == "1":
        found.append(("CPUWeight", ("t", 0)))  # which is "idle", and takes no other weight beside it
    elif "cpu.weight" in values:
        found.append(("CPUWeight", ("t", _number(values["cpu.weight"]))))
    elif "cpu.idle" in values:
        found.append(("CPUWeight", ("t", INFINITY)))  # not set: the default
    if "cpu.max" in values:
        limit, _, length = values["cpu.max"].strip().partition(" ")
    elif "cpu.cfs_quota_us" in values or "cpu.cfs_period_us" in values:
        limit, length = values.get("cpu.cfs_quota_us", "max"), values.get("cpu.cfs_period_us", "")
    else:
        return found
    period = _number(length or str(_DEFAULT_PERIOD))
    if period == 0:
        raise ValueError("a period of 0")
    found.append(("CPUQuotaPeriodUSec", ("t", period)))
    found.append(("CPUQuotaPerSecUSec", ("t", quota(-1 if limit == "max" else int(limit), period))))
    return found


def _number(text: str) -> int:
    number = int(text)
    if not 0 <= number <= INFINITY:
        raise ValueError(f"{number} is no number of 64 bits")
    return number


def _amount(text: str) -> int:
    number = INFINITY if text.strip() == "max" else int(text)
    return INFINITY if number < 0 or number >= _MOST else number


def _weights(file: str, text: str) -> list[Property]:
    of_all, of_each = _WEIGHTS[file]
    found: list[Property] = []
    devices = []
    for line in text.splitlines():
        key, _, weight = line.rpartition(" ")
        number = INFINITY if weight == "default" else int(weight)
        if file == "io.bfq.weight":
            number = _from_bfq(number)
        if ":" in key:
            devices.append((_device(key), number))
        elif of_all:
            found.append((of_all, ("t", number)))
    if devices and of_each:
        found.append((of_each, ("a(st)", devices)))
    return found


def _from_bfq(weight: int) -> int:
    """The IOWeight from which systemd reckons this weight of bfq."""
    if weight <= _BFQ_DEFAULT or weight == INFINITY:
        return weight
    return _BFQ_DEFAULT + (weight - _BFQ_DEFAULT) * _BFQ_STEP


def _rates(text: str) -> list[Property]:
    limits: dict[str, list[tuple[str, str]]] = {}
    for path, rest in _lines(text):
        for rate in rest.split():
            key, _, value = rate.partition("=")
            limits.setdefault(_DEVICE_RATES[key], []).append((path, value))
    return [(name, _of_devices(entries)) for name, entries in limits.items()]


def _lines(text: str) -> list[tuple[str, str]]:
    """Lines of "MAJOR:MINOR REST" as (path of the device, REST)."""
    pairs = [line.split(" ", 1) for line in text.splitlines() if line]
    return [(_device(device), rest) for device, rest in pairs]


def _of_devices(entries: Iterable[tuple[str, str]]) -> Variant:
    return "a(st)", [(path, _amount(value)) for path, value in entries]


def _device(numbers: str) -> str:
    return f"/dev/block/{numbers}"
