"""Files of a cgroup as properties of a unit, and device rules as DeviceAllow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.cgroups import devices, limits, systemd_devices, systemd_limits, systemd_properties
from sampan.cgroups.devices import ANY, EVERY_ACCESS, MKNOD, READ, WRITE, Rule
from sampan.cgroups.systemd_properties import INFINITY
from sampan.spec.types import Resources

V2 = {"": "/sys/fs/cgroup/x"}
V1 = {
    name: f"/sys/fs/cgroup/{name}/x" for name in ("cpu", "cpuset", "memory", "pids", "blkio", "devices", "name=systemd")
}


def version(number: int = 252) -> Any:
    return lambda: number


def properties(values: dict[str, str], number: int = 252, *, on_v1: bool = False) -> dict[str, Any]:
    found = systemd_properties.of_files(values, version(number), on_v1=on_v1)
    assert len(dict(found)) == len(found)
    return dict(found)


def of_resources(resources: Resources, directories: dict[str, str]) -> tuple[dict[str, Any], bool]:
    settings = limits.settings(resources, directories)
    found, complete = systemd_limits.of_resources(settings, version(), on_v1=systemd_limits.is_v1(directories))
    return dict(found), complete


@pytest.mark.parametrize(
    ("file", "content", "name", "value"),
    [
        ("memory.max", "67108864\n", "MemoryMax", 67108864),
        ("memory.max", "max\n", "MemoryMax", INFINITY),
        ("memory.high", "5", "MemoryHigh", 5),
        ("memory.low", "5", "MemoryLow", 5),
        ("memory.min", "0", "MemoryMin", 0),
        ("memory.swap.max", "0", "MemorySwapMax", 0),
        ("pids.max", "max", "TasksMax", INFINITY),
        ("cpu.weight", "39\n", "CPUWeight", 39),
        ("memory.limit_in_bytes", "-1", "MemoryLimit", INFINITY),
        ("memory.limit_in_bytes", "9223372036854771712\n", "MemoryLimit", INFINITY),
        ("cpu.shares", "512", "CPUShares", 512),
    ],
)
def test_files_of_one_number(file: str, content: str, name: str, value: int) -> None:
    assert properties({file: content}) == {name: ("t", value)}


@pytest.mark.parametrize(
    ("values", "period", "quota"),
    [
        ({"cpu.max": "50000 100000\n"}, 100_000, 500_000),
        ({"cpu.max": "max 200000\n"}, 200_000, INFINITY),
        ({"cpu.max": "12345"}, 100_000, 130_000),  # up to the next percent
        ({"cpu.max": "100 1000000"}, 1_000_000, 10_000),
        ({"cpu.max": "400000 100000"}, 100_000, 4_000_000),
        ({"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "50000"}, 50_000, 1_000_000),
        ({"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "50000"}, 50_000, INFINITY),
        ({"cpu.cfs_quota_us": "50000"}, 100_000, 500_000),
        ({"cpu.cfs_period_us": "50000"}, 50_000, INFINITY),
    ],
)
def test_a_quota_of_cpu_is_told_for_a_second(values: dict[str, str], period: int, quota: int) -> None:
    assert properties(values) == {"CPUQuotaPeriodUSec": ("t", period), "CPUQuotaPerSecUSec": ("t", quota)}


@given(st.integers(1, 10**9), st.integers(1000, 10**6))
def test_systemds_quota_is_never_less_and_less_than_a_percent_more(microseconds: int, period: int) -> None:
    told = systemd_properties.quota(microseconds, period)
    exact = microseconds * 1_000_000 // period
    assert told % 10_000 == 0
    assert exact <= told < exact + 10_000 or told == 10_000


@pytest.mark.parametrize(
    ("ranges", "mask"),
    [("0", b"\x01"), ("1-3", b"\x0e"), ("0,9", b"\x01\x02"), ("0-1,15-16\n", b"\x03\x80\x01"), ("\n", b""), ("", b"")],
)
def test_sets_of_cpus_are_bits_the_lowest_byte_first(ranges: str, mask: bytes) -> None:
    assert properties({"cpuset.cpus": ranges}) == {"AllowedCPUs": ("ay", mask)}
    assert properties({"cpuset.mems": ranges}) == {"AllowedMemoryNodes": ("ay", mask)}
    assert properties({"cpuset.cpus": ranges}, on_v1=True) == {}


@given(st.sets(st.integers(0, 300)))
def test_every_cpu_of_the_set_has_its_bit_and_no_other(cpus: set[int]) -> None:
    mask = systemd_properties.bitmask(",".join(str(cpu) for cpu in cpus))
    assert {8 * at + bit for at, byte in enumerate(mask) for bit in range(8) if byte >> bit & 1} == cpus


@pytest.mark.parametrize("ranges", ["3-1", "a", "-1", "99999999999"])
def test_what_is_no_set_of_cpus_is_told(ranges: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        systemd_properties.bitmask(ranges)


def test_a_quota_beyond_what_systemd_can_hold_is_none() -> None:
    assert systemd_properties.quota(2**63 - 1, 100_000) == systemd_properties.INFINITY


@pytest.mark.parametrize("cpu", [{"cpu.max": "100000 0"}, {"cpu.weight": "-5"}, {"cpu.weight": str(2**64)}])
def test_what_linux_resources_unified_says_wrongly_is_left_to_the_kernel_to_refuse(cpu: dict[str, str]) -> None:
    """A period of zero was divided by; a number that D-Bus cannot carry became another."""
    assert of_resources({"unified": cpu}, {"": "/sys/fs/cgroup/box"}) == ({}, False)


def test_idle_is_a_weight_of_zero_for_a_systemd_that_knows_it() -> None:
    assert properties({"cpu.idle": "1", "cpu.weight": "100"}) == {"CPUWeight": ("t", 0)}
    assert properties({"cpu.idle": "0", "cpu.weight": "200"}) == {"CPUWeight": ("t", 200)}
    assert properties({"cpu.idle": "1", "cpu.weight": "100"}, 251) == {"CPUWeight": ("t", 100)}
    assert properties({"cpu.idle": "0"}) == {"CPUWeight": ("t", INFINITY)}
    assert properties({"cpu.idle": "1", "cpu.shares": "2"}, on_v1=True) == {"CPUShares": ("t", 2)}


def test_zswap_is_told_to_a_systemd_that_knows_it() -> None:
    assert properties({"memory.zswap.max": "5"}, 253) == {"MemoryZSwapMax": ("t", 5)}
    assert properties({"memory.zswap.max": "5"}, 252) == {}


def test_what_systemd_does_not_know_stays_in_the_file() -> None:
    assert properties({"cpu.max.burst": "5", "hugetlb.2MB.max": "0", "memory.oom.group": "1"}) == {}


def test_weights_of_devices() -> None:
    found = properties({"io.weight": "default 50\n8:0 200\n8:16 default\n"})
    assert found == {
        "IOWeight": ("t", 50),
        "IODeviceWeight": ("a(st)", [("/dev/block/8:0", 200), ("/dev/block/8:16", INFINITY)]),
    }
    found = properties({"blkio.weight": "500", "blkio.weight_device": "8:0 200\n"}, on_v1=True)
    assert found == {"BlockIOWeight": ("t", 500), "BlockIODeviceWeight": ("a(st)", [("/dev/block/8:0", 200)])}


@pytest.mark.parametrize("bfq", [1, 99, 100, 101, 500, 1000])
def test_from_the_weight_that_is_told_systemd_reckons_the_weight_of_bfq(bfq: int) -> None:
    ((_, weight),) = properties({"io.bfq.weight": f"{bfq}\n"}).values()
    assert 1 <= weight <= 10_000
    # BFQ_WEIGHT() of systemd's basic/cgroup-util.h
    assert bfq == (weight if weight <= 100 else 100 + (weight - 100) * (1000 - 100) // (10_000 - 100))


def test_rates_of_devices() -> None:
    found = properties({"io.max": "8:0 rbps=1048576 wiops=max\n8:16 rbps=max wbps=5"})
    assert found == {
        "IOReadBandwidthMax": ("a(st)", [("/dev/block/8:0", 1048576), ("/dev/block/8:16", INFINITY)]),
        "IOWriteIOPSMax": ("a(st)", [("/dev/block/8:0", INFINITY)]),
        "IOWriteBandwidthMax": ("a(st)", [("/dev/block/8:16", 5)]),
    }
    found = properties({"blkio.throttle.read_bps_device": "8:0 5\n8:16 0"}, on_v1=True)
    assert found == {"BlockIOReadBandwidth": ("a(st)", [("/dev/block/8:0", 5), ("/dev/block/8:16", INFINITY)])}
    assert properties({"io.latency": "8:0 target=5000"}) == {
        "IODeviceLatencyTargetUSec": ("a(st)", [("/dev/block/8:0", 5000)])
    }


def test_the_limits_of_a_container_on_v2() -> None:
    resources: Resources = {
        "memory": {"limit": 64 << 20, "swap": 96 << 20, "reservation": 32 << 20},
        "cpu": {"shares": 1024, "quota": 5000, "period": 10000, "cpus": "0-1"},
        "pids": {"limit": 10},
    }
    assert of_resources(resources, V2) == (
        {
            "MemoryMax": ("t", 64 << 20),
            "MemorySwapMax": ("t", 32 << 20),
            "MemoryLow": ("t", 32 << 20),
            "CPUWeight": ("t", 100),
            "CPUQuotaPeriodUSec": ("t", 10000),
            "CPUQuotaPerSecUSec": ("t", 500_000),
            "AllowedCPUs": ("ay", b"\x03"),
            "TasksMax": ("t", 10),
        },
        True,
    )


def test_the_limits_of_a_container_on_v1() -> None:
    resources: Resources = {
        "memory": {"limit": 64 << 20, "swap": 96 << 20},
        "cpu": {"shares": 1024, "quota": 5000, "cpus": "0-1"},
        "pids": {"limit": -1},
    }
    assert of_resources(resources, V1) == (
        {
            "MemoryLimit": ("t", 64 << 20),
            "CPUShares": ("t", 1024),
            "CPUQuotaPeriodUSec": ("t", 100_000),
            "CPUQuotaPerSecUSec": ("t", 50_000),
            "TasksMax": ("t", INFINITY),
        },
        True,
    )


def test_unified_wins_over_what_says_the_same_in_other_words() -> None:
    resources: Resources = {"memory": {"limit": 5}, "unified": {"memory.max": "7", "memory.high": "6"}}
    assert of_resources(resources, V2) == ({"MemoryMax": ("t", 7), "MemoryHigh": ("t", 6)}, True)


def test_what_only_the_files_can_tell_is_told_later() -> None:
    assert of_resources({"unified": {"memory.max": "64M"}}, V2) == ({}, False)
    assert of_resources({"pids": {"limit": 5}, "blockIO": {"weight": 100}}, V2) == ({"TasksMax": ("t", 5)}, False)


def device_properties(rules: list[Rule], *, on_v1: bool) -> tuple[str, dict[str, str]]:
    found: dict[str, Any] = dict(systemd_devices.properties(rules, on_v1=on_v1))
    assert set(found) == {"DevicePolicy", "DeviceAllow"}
    assert found["DeviceAllow"][0] == "a(ss)"
    return found["DevicePolicy"][1], dict(found["DeviceAllow"][1])


DENY_ALL = Rule(False, "a", ANY, ANY, EVERY_ACCESS)


@pytest.mark.parametrize("on_v1", [True, False])
def test_device_rules(on_v1: bool) -> None:
    rules = [
        DENY_ALL,
        Rule(True, "c", 10, ANY, READ | WRITE),
        Rule(True, "b", 8, 1, READ),
        Rule(True, "b", 8, 1, MKNOD),
        *devices.defaults(),
    ]
    assert device_properties(rules, on_v1=on_v1) == (
        "strict",
        {
            "char-10": "rwm",  # with the right to make any node
            "/dev/block/8:1": "rm",
            "char-*": "m",
            "block-*": "m",
            **{f"/dev/char/{minor}": "rwm" for minor in ("1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:2")},
            "char-136": "rwm",
        }
        if on_v1
        else {
            "char-10": "rw",
            "/dev/block/8:1": "rm",
            "char-*": "m",
            "block-*": "m",
            **{f"/dev/char/{minor}": "rwm" for minor in ("1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:2")},
            "char-136": "rwm",
        },
    )


@pytest.mark.parametrize("on_v1", [True, False])
def test_to_who_may_use_all_devices_but_some_systemd_denies_none(on_v1: bool) -> None:
    rules = [Rule(True, "a", ANY, ANY, EVERY_ACCESS), Rule(False, "c", 10, 200, READ)]
    assert device_properties(rules, on_v1=on_v1) == ("strict", {"char-*": "rwm", "block-*": "rwm"})


def test_a_minor_number_of_every_major_is_less_on_v1_and_more_on_v2() -> None:
    rules = [DENY_ALL, Rule(True, "c", ANY, 5, READ), Rule(True, "c", 1, 3, READ)]
    assert device_properties(rules, on_v1=True)[1].keys() <= {"/dev/char/1:3", "/dev/char/1:5"}
    assert device_properties(rules, on_v1=False) == ("strict", {"char-*": "r", "/dev/char/1:3": "r"})


RULES = st.lists(
    st.builds(
        Rule, st.booleans(), st.sampled_from("abc"), st.sampled_from([ANY, 1, 8]), st.sampled_from([ANY, 3, 5]),
        st.integers(1, 7),
    ),
    max_size=5,
)  # fmt: skip


@given(RULES, st.sampled_from("bc"), st.sampled_from([1, 8, 9]), st.sampled_from([3, 5, 9]), st.sampled_from([1, 2, 4]))
def test_on_v2_systemd_never_denies_what_the_rules_allow(
    rules: list[Rule], kind: str, major: int, minor: int, access: int
) -> None:
    _, listed = device_properties([DENY_ALL, *rules], on_v1=False)
    name = {"b": "block", "c": "char"}[kind]
    letter = {MKNOD: "m", READ: "r", WRITE: "w"}[access]
    names = (f"/dev/{name}/{major}:{minor}", f"{name}-{major}", f"{name}-*")
    permitted = any(letter in listed.get(entry, "") for entry in names)
    assert permitted or not devices.is_allowed([DENY_ALL, *rules], kind, major, minor, access)
