"""Durations on the command line, as Go's time.ParseDuration reads them, for runc's users write them so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.cli.durations import interval, nanoseconds
from sampan.cli.options import Arguments
from sampan.errors import UsageError

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("5s", 5 * SECOND),
        ("100ms", SECOND // 10),
        ("1m30s", 90 * SECOND),
        ("1.5h", 5400 * SECOND),
        ("1h2m3s4ms5us6ns", 3723 * SECOND + 4_005_006),
        ("7µs", 7000),
        ("7μs", 7000),
        (".5s", SECOND // 2),
        ("1.s", SECOND),
        ("+5s", 5 * SECOND),
        ("-5s", -5 * SECOND),
        ("0", 0),
        ("-0", 0),
        ("0s", 0),
        ("0.9ns", 0),
    ],
)
def test_what_go_reads(text: str, found: int) -> None:
    assert nanoseconds(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "s",
        "-",
        "+",
        ".s",
        "-.s",
        "1.2.3s",
        "5 s",
        " 5s",
        "5s ",
        "5S",
        "5d",
        "--5s",
        "5s-3s",
        "٣s",
        "1e3s",
        "1" * 5000 + "s",
    ],
)
def test_what_go_does_not_read(text: str) -> None:
    assert nanoseconds(text) is None


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    assert nanoseconds(text) is None or isinstance(nanoseconds(text), int)


@given(st.integers(0, 2**40), st.integers(0, 59), st.integers(0, 999))
def test_parts_add_up(hours: int, minutes: int, milliseconds: int) -> None:
    text = f"{hours}h{minutes}m{milliseconds}ms"
    assert nanoseconds(text) == ((hours * 60 + minutes) * 60 * 1000 + milliseconds) * 1_000_000


def arguments(text: str | None) -> Arguments:
    given = Arguments("sampan events")
    if text is not None:
        given.options["interval"] = text
    return given


def test_the_default() -> None:
    assert interval(arguments(None), "5s") == 5 * SECOND
    assert interval(arguments("1s"), "5s") == SECOND


@pytest.mark.parametrize("text", ["0", "0s", "-1s"])
def test_an_interval_is_more_than_nothing(text: str) -> None:
    """runc's words."""
    with pytest.raises(UsageError, match=r"^duration interval must be greater than 0$"):
        interval(arguments(text), "5s")


def test_a_mistake_is_told_with_examples() -> None:
    with pytest.raises(UsageError, match=r'^--interval must be a duration like 5s, 100ms or 1m30s, not "soon"; see'):
        interval(arguments("soon"), "5s")
