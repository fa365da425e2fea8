"""`sampan stats --format openmetrics`: Prometheus' own parser accepts it, and finds the right numbers."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sampan.cli.openmetrics import FAMILIES, PREFIX, text
from sampan.spec.statistics import (
    BlockDevice,
    Cpu,
    HugePages,
    Interface,
    Memory,
    Pids,
    Pressure,
    Pressures,
    RdmaDevice,
    RdmaResource,
    Reserved,
    Stall,
    Statistics,
    Swap,
    Throttling,
)

STALL = Stall(12.5, 3.25, 0.0, 1_500_000_000)
WAITING = Pressure(STALL, STALL)
WHOLE = Statistics(
    "web",
    1,
    2_500_000_000,
    Cpu(1_234_567_891, 1_000_000_000, 234_567_891, 0.5, 2, Throttling(10, 3, 1_000_000, 1, 500)),
    Memory(9, 10, 11, 8, 7, 6, 5, Swap(4, 3), 100, 1, 2, 3, 4),
    (BlockDevice("8:0", 1, 2, 3, 4, 5, 6), BlockDevice("8:16", 7, 8, 9, 10, 11, 12)),
    Pids(5, 100),
    {"2MB": HugePages(1, 2, 3, Reserved(4, 5, 6)), "1GB": HugePages(0)},
    {"mlx4_0": RdmaDevice(RdmaResource(1, 2), RdmaResource(3)), "mlx4_1": RdmaDevice(None, RdmaResource(4, 5))},
    Pressures(WAITING, WAITING, WAITING, Pressure(None, STALL)),
    (Interface("eth0", 1, 2, 3, 4, 5, 6, 7, 8), Interface("lo", 9, 9, 9, 9, 9, 9, 9, 9)),
)

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse(exposition: str) -> dict[str, Metric]:
    families: Iterable[Metric] = text_string_to_metric_families(exposition)  # type: ignore[no-untyped-call]
    return {family.name.removeprefix(PREFIX): family for family in families}


def samples(exposition: str) -> Samples:
    """(name without the prefix, labels) -> value."""
    return {
        (sample.name.removeprefix(PREFIX), frozenset(sample.labels.items())): sample.value
        for family in parse(exposition).values()
        for sample in family.samples
    }


def test_every_family_is_parsed_with_its_type_its_help_and_its_unit() -> None:
    families = parse(text([WHOLE]))
    assert list(families) == list(FAMILIES)
    for name, (kind, words) in FAMILIES.items():
        assert (families[name].type, families[name].documentation) == (kind, words)
        if families[name].unit:
            assert name.endswith(f"_{families[name].unit}")


@pytest.mark.parametrize("unit", ["bytes", "seconds", "ratio"])
def test_base_units_are_declared(unit: str) -> None:
    families = parse(text([WHOLE]))
    named = {name for name in families if name.endswith(f"_{unit}")}
    assert named
    assert named == {name for name, family in families.items() if family.unit == unit}


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("uptime_seconds", {}, 2.5),
        ("cpu_usage_seconds_total", {}, 1.234567891),
        ("cpu_system_seconds_total", {}, 0.234567891),
        ("cpu_limit", {}, 0.5),
        ("cpus", {}, 2),
        ("cpu_throttled_seconds_total", {}, 0.001),
        ("memory_working_set_bytes", {}, 8),
        ("memory_swap_bytes", {}, 4),
        ("memory_oom_kills_total", {}, 4),
        ("io_read_bytes_total", {"device": "8:16"}, 7),
        ("io_discards_total", {"device": "8:0"}, 6),
        ("pids", {}, 5),
        ("pids_limit", {}, 100),
        ("hugetlb_usage_bytes", {"page_size": "1GB"}, 0),
        ("hugetlb_reserved_limit_hits_total", {"page_size": "2MB"}, 6),
        ("rdma_hca_handles_limit", {"device": "mlx4_0"}, 2),
        ("rdma_hca_objects", {"device": "mlx4_0"}, 3),
        ("pressure_some_seconds_total", {"resource": "io"}, 1.5),
        ("pressure_full_ratio", {"resource": "irq", "window": "10s"}, 0.125),
        ("network_receive_bytes_total", {"interface": "eth0"}, 1),
        ("network_transmit_dropped_total", {"interface": "eth0"}, 8),
    ],
)
def test_a_number(name: str, labels: dict[str, str], value: float) -> None:
    assert samples(text([WHOLE]))[name, frozenset({"id": "web", **labels}.items())] == value


def test_what_is_not_known_is_no_sample() -> None:
    found = samples(text([WHOLE]))
    assert ("hugetlb_limit_bytes", frozenset({"id": "web", "page_size": "1GB"}.items())) not in found
    assert ("pressure_some_ratio", frozenset({"id": "web", "resource": "irq", "window": "10s"}.items())) not in found
    assert list(parse(text([Statistics("bare", 1, 2)]))) == ["uptime_seconds"]


def test_nothing_runs() -> None:
    assert text([]) == "# EOF\n"
    assert parse(text([])) == {}


def test_each_family_is_there_once_however_many_containers() -> None:
    exposition = text([WHOLE, Statistics("other", 1, 2, pids=Pids(1)), Statistics("third", 1, 2)])
    assert exposition.endswith("\n# EOF\n")
    assert exposition.count(f"# TYPE {PREFIX}pids gauge\n") == 1
    ids = [sample.labels["id"] for sample in parse(exposition)["pids"].samples]
    assert ids == ["web", "other"]


def test_counters_do_not_lose_nanoseconds() -> None:
    """A float would: two weeks of processor time have 16 digits."""
    long = Statistics("web", 1, 2, Cpu(1_209_600_123_456_789))
    assert f'{PREFIX}cpu_usage_seconds_total{{id="web"}} 1209600.123456789\n' in text([long])


@given(st.text(), st.text(), st.text())
def test_any_name_survives_as_a_label(container: str, interface: str, device: str) -> None:
    entry = Statistics(
        container,
        1,
        2,
        network=(Interface(interface, 1, 2, 3, 4, 5, 6, 7, 8),),
        rdma={device: RdmaDevice(RdmaResource(1))},
    )
    found = samples(text([entry]))
    assert found["network_receive_bytes_total", frozenset({"id": container, "interface": interface}.items())] == 1
    assert found["rdma_hca_handles", frozenset({"id": container, "device": device}.items())] == 1


def test_a_name_that_is_no_unicode_is_valid_text_all_the_same() -> None:
    found = samples(text([Statistics("a\udcffb", 1, 2)]))
    assert found["uptime_seconds", frozenset({("id", "a\\udcffb")})] == 2e-9
