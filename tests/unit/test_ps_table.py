"""`sampan ps`: the lines of ps(1) that are about a container's processes."""

from __future__ import annotations

import pytest

from sampan.cli.main import main
from sampan.cli.ps import only
from sampan.errors import SampanError

FULL = """\
UID        PID  PPID  C STIME TTY          TIME CMD
root         1     0  0 19:23 ?        00:00:00 /sbin/init
root      7005     1  0 19:23 ?        00:00:00 sh -c sleep 7010
root     17005     1  0 19:23 ?        00:00:00 sleep 7005
"""


def test_the_title_and_the_lines_of_the_pids() -> None:
    title, _, shell, _ = FULL.splitlines()
    assert only(FULL, {7005, 7010}) == f"{title}\n{shell}\n"


def test_the_column_may_stand_anywhere() -> None:
    assert only("TTY PID CMD\n? 5 a b\n? 6 c d\n", {6}) == "TTY PID CMD\n? 6 c d\n"


def test_a_pid_in_another_column_is_none_of_its() -> None:
    assert only(FULL, {0}) == FULL.splitlines()[0] + "\n"


def test_signs_that_end_a_line_elsewhere_do_not_here() -> None:
    output = "PID CMD\n5 a\x0bb\x85c\u2028d\n"
    assert only(output, {5}) == output


@pytest.mark.parametrize("output", ["", "\n", "COMMAND\nsh\n", "PPID CMD\n1 sh\n"])
def test_without_a_column_of_pids_it_is_an_error(output: str) -> None:
    with pytest.raises(SampanError, match="no column PID"):
        only(output, {1})


@pytest.mark.parametrize("line", ["sh -c true 5", "5"])
def test_a_pid_that_cannot_be_found_in_its_column_is_an_error(line: str) -> None:
    with pytest.raises(SampanError, match="put pid first"):
        only(f"COMMAND PID\n{line}\n", {5})


@pytest.mark.parametrize("words", [["ps", "-ef"], ["ps"], ["ps", "--format", "yaml", "x"], ["ps", "--forest", "x"]])
def test_options_before_the_id_are_sampan_s(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", "/nonexistent", *words]) == 1
    assert "sampan ps --help" in capfd.readouterr().err


def test_options_after_the_id_are_those_of_ps(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", "/nonexistent", "ps", "web", "--format", "yaml", "--forest", "-h"]) == 1
    assert capfd.readouterr().err == "sampan: container web does not exist\n"
