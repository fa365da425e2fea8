"""How a command line is read: options as runc and Go's flag package write them, operands, ids, signals."""

from __future__ import annotations

import pytest

from sampan.cli.options import Arguments, parse
from sampan.cli.signals import number_of
from sampan.errors import UsageError

TABLE = (
    ("bundle", "b", "DIR", "the bundle"),
    ("preserve-fds", "", "N", "descriptors"),
    ("no-subreaper", "", "", "a flag"),
    ("force", "f", "", "another"),
)


def read(*words: str) -> Arguments:
    return parse("sampan test", TABLE, words)


@pytest.mark.parametrize(
    "words",
    [
        ["--bundle", "dir", "web"],
        ["--bundle=dir", "web"],
        ["-b", "dir", "web"],
        ["-b=dir", "web"],
        ["-bundle", "dir", "web"],
        ["-bundle=dir", "web"],
        ["web", "--bundle", "dir"],
        ["--bundle", "dir", "--", "web"],
    ],
)
def test_an_option_can_be_written_in_every_way_that_runc_takes(words: list[str]) -> None:
    arguments = read(*words)
    assert arguments.text("bundle") == "dir"
    assert arguments.operands == ["web"]


def test_a_single_dash_is_enough_for_a_long_flag() -> None:
    assert read("-no-subreaper").flag("no-subreaper")


@pytest.mark.parametrize(
    ("word", "value"), [("--force", True), ("-f=true", True), ("--force=0", False), ("-f=F", False)]
)
def test_a_flag_takes_a_truth_value_only_after_an_equals_sign(word: str, value: bool) -> None:
    arguments = read(word, "true")
    assert arguments.flag("force") is value
    assert arguments.operands == ["true"]


def test_a_value_may_look_like_an_option_or_be_a_dash() -> None:
    assert read("--bundle", "-f").text("bundle") == "-f"
    assert read("--bundle=-").text("bundle") == "-"
    assert read("-").operands == ["-"]


def test_the_last_of_equal_options_counts() -> None:
    assert read("-b", "one", "--bundle=two").text("bundle") == "two"


def test_everything_after_two_dashes_is_an_operand() -> None:
    arguments = read("web", "--", "--force", "--")
    assert arguments.operands == ["web", "--force", "--"]
    assert not arguments.flag("force")


def test_global_options_end_at_the_verb() -> None:
    arguments = parse("sampan", TABLE, ["--force", "run", "--bundle", "x"], stop_at_operand=True)
    assert arguments.operands == ["run", "--bundle", "x"]
    assert "bundle" not in arguments.options


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nothing=1"], 'unknown option "--nothing"; see "sampan test --help"'),
        (["-fb"], 'unknown option "-fb"'),
        (["--=x"], 'unknown option "--"'),
        (["--bundle"], "--bundle needs a value: DIR"),
        (["--force=perhaps"], '"--force=perhaps": a flag can only be true or false'),
    ],
)
def test_what_cannot_be_read_is_named(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(*words)
    assert message in str(caught.value)


@pytest.mark.parametrize("value", ["-1", "1.5", "x", "", "٣", "1" * 5000])
def test_a_number_is_whole_and_not_negative(value: str) -> None:
    with pytest.raises(UsageError, match="--preserve-fds must be a whole number"):
        read(f"--preserve-fds={value}").number("preserve-fds")
    assert read("--preserve-fds=3").number("preserve-fds") == 3
    assert read().number("preserve-fds") == 0


@pytest.mark.parametrize(
    ("operands", "given", "message"),
    [
        (("ID",), [], "ID is missing"),
        (("ID",), ["a", "b"], 'unexpected argument "b"'),
        (("ID", "[SIGNAL]"), ["a", "b", "c"], 'unexpected argument "c"'),
        ((), ["a"], 'unexpected argument "a"'),
    ],
)
def test_operands_are_counted(operands: tuple[str, ...], given: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(*given).require(operands)
    assert message in str(caught.value)


def test_operands_in_brackets_can_be_left_out() -> None:
    read("a").require(("ID", "[SIGNAL]"))
    read("a", "b", "c").require(("[DIR]", "[ARG...]"))


@pytest.mark.parametrize("name", ["a", "web-1", "A_b+c.d", "...", "0" * 64])
def test_a_good_id_is_taken(name: str) -> None:
    assert read(name).container_id() == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a b", "a\n", "ä", "a,b", "a\0", "@"])
def test_an_id_that_is_no_plain_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a container's id"):
        read("--", name).container_id()


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("TERM", 15),
        ("SIGTERM", 15),
        ("sigkill", 9),
        ("15", 15),
        ("0", 0),
        ("64", 64),
        ("IOT", 6),
        ("RTMIN", 34),
        ("SIGRTMIN+3", 37),
        ("RTMAX-1", 63),
        ("RTMIN+30", 64),
    ],
)
def test_a_signal_has_a_name_or_a_number(name: str, number: int) -> None:
    assert number_of(name) == number


@pytest.mark.parametrize(
    "name",
    [
        "",
        "SIG",
        "NOPE",
        "65",
        "-9",
        "RTMIN+31",
        "RTMIN-1",
        "RTMAX+1",
        "RTMIN+",
        "TERM+1",
        "९",
        "9" * 5000,
        "RTMIN+" + "9" * 5000,
    ],
)
def test_what_is_no_signal_is_refused(name: str) -> None:
    assert number_of(name) is None
