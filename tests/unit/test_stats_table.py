"""The table of `sampan stats`: the columns and units of docker and podman."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sampan.cli.stats_table import COLUMNS, amount, row, table
from sampan.spec.statistics import BlockDevice, Cpu, Interface, Memory, Pids, Statistics

GIB = 1 << 30
SECOND = 1_000_000_000
WEB = Statistics(
    "web",
    0,
    10 * SECOND,
    cpu=Cpu(5 * SECOND),
    memory=Memory(100 << 20, 256 << 20, working_set=64 << 20),
    io=(BlockDevice("8:0", 1_500_000, 2000, 0, 1, 1, 0), BlockDevice("8:16", 500_000, 0, 0, 1, 0, 0)),
    pids=Pids(7),
    network=(
        Interface("lo", 999, 9, 0, 0, 999, 9, 0, 0),
        Interface("eth0", 1200, 1, 0, 0, 34, 1, 0, 0),
        Interface("eth1", 34, 1, 0, 0, 0, 0, 0, 0),
    ),
)


def cells(entry: Statistics, before: Statistics | None = None, machine: int = GIB) -> dict[str, str]:
    return dict(zip(COLUMNS, row(entry, before, machine), strict=True))


def test_a_container() -> None:
    assert cells(WEB) == {
        "ID": "web",
        "CPU %": "50.00%",  # since its start
        "MEM USAGE / LIMIT": "64MiB / 256MiB",  # without the page cache that is not in use
        "MEM %": "25.00%",
        "NET I/O": "1.234kB / 34B",  # without lo
        "BLOCK I/O": "2MB / 2kB",
        "PIDS": "7",
    }


def test_processor_time_since_the_table_before() -> None:
    before = replace(WEB, uptime=8 * SECOND, cpu=Cpu(SECOND))
    assert cells(WEB, before)["CPU %"] == "200.00%"  # two processors, for two seconds


def test_a_container_that_was_made_anew_with_the_same_id() -> None:
    before = replace(WEB, uptime=100 * SECOND, cpu=Cpu(90 * SECOND))
    assert cells(WEB, before)["CPU %"] == "50.00%"


@pytest.mark.parametrize("limit", [None, 1 << 40])
def test_the_limit_is_the_machine_s_memory_where_there_is_no_smaller_one(limit: int | None) -> None:
    found = cells(replace(WEB, memory=Memory(GIB // 2, limit)))
    assert (found["MEM USAGE / LIMIT"], found["MEM %"]) == ("512MiB / 1GiB", "50.00%")


def test_what_is_not_known_is_shown_as_that() -> None:
    assert list(cells(Statistics("bare", 0, SECOND)).values()) == ["bare", *["--"] * 6]


def test_nothing_transferred_is_zero() -> None:
    found = cells(replace(WEB, io=(), network=()))
    assert (found["NET I/O"], found["BLOCK I/O"]) == ("0B / 0B", "0B / 0B")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1KiB"),
        (1_234_567, "1.177MiB"),
        (GIB, "1GiB"),
        (3 << 50, "3PiB"),
        (1 << 62, "4096PiB"),
    ],
)
def test_amounts(number: int, text: str) -> None:
    assert amount(number) == text


def test_columns_stand_below_their_titles() -> None:
    title, *lines = table([WEB, replace(WEB, id="a-much-longer-id")], {}, GIB)
    assert len(lines) == 2
    for column in COLUMNS[1:]:
        at = title.index(column)
        assert all(line[at - 1] == " " and line[at] != " " for line in lines)


def test_no_containers_are_a_table_too() -> None:
    assert table([], {}, GIB) == ["   ".join(COLUMNS)]


def test_an_id_cannot_command_the_terminal() -> None:
    assert cells(replace(WEB, id="a\x1b[2Jb\n"))["ID"] == "a?[2Jb?"
