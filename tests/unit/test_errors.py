"""What errors say, whatever the document that is wrong has in it."""

from __future__ import annotations

import pytest

from sampan.errors import ConfigError, Problem, printable


def test_a_problem_is_one_line_whatever_its_field_is_called() -> None:
    problem = Problem('linux.sysctl["a\nb"]', "\x1b[2J", "must not be \u202ethere", "config-linux.md#sysctl")
    told = r"""linux.sysctl["a\nb"]: must not be \u202ethere (found '\x1b[2J') [config-linux.md#sysctl]"""
    assert str(problem) == told
    assert str(ConfigError("config.json", [problem, problem])).splitlines()[1:] == [f"  {told}"] * 2


def test_text_that_can_be_printed_stays_as_it_is() -> None:
    assert printable("é \\n 漢 'x'") == "é \\n 漢 'x'"


@pytest.mark.parametrize("value", [10**5000, -(10**5000), [10**5000]], ids=["large", "negative", "inside"])
def test_a_number_that_python_does_not_write_is_told_of_all_the_same(value: object) -> None:
    """A program that embeds sampan may ask about what no JSON holds."""
    assert "(found a value of type" in str(Problem("hostname", value, "must be a string", ""))


def test_a_value_that_is_deeper_than_python_writes_is_told_of_all_the_same() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert "(found a value of type list that is too large to show)" in str(Problem("x", deep, "must be a string", ""))
