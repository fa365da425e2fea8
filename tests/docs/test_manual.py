"""The manual pages and completions that the build makes of the tables: they are installed, sound, and complete."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.cli.completion import SHELLS, script
from sampan.cli.verbs import GLOBAL, all_verbs

COMPLETIONS = {
    "bash": "bash-completion/completions/sampan",
    "zsh": "zsh/site-functions/_sampan",
    "fish": "fish/vendor_completions.d/sampan.fish",
}
NAMES = ["sampan", *(f"sampan-{verb.name}" for verb in all_verbs())]


@pytest.fixture(scope="module")
def share() -> Path:
    """Where the installed command has its data."""
    command = shutil.which("sampan")
    assert command, "sampan is not in PATH"
    return Path(command).resolve().parent.parent / "share"


@pytest.fixture(params=NAMES)
def page(share: Path, request: pytest.FixtureRequest) -> Path:
    return share / "man" / "man8" / f"{request.param}.8"


def run(*command: str) -> tuple[str, str]:
    """What a program that must succeed writes to its two streams."""
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    environment = {"PATH": "/usr/bin:/bin", "MANWIDTH": "200", "MANPAGER": "cat", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done
    return done.stdout, done.stderr


def test_no_page_is_missing_and_none_is_old(share: Path) -> None:
    assert {path.stem for path in (share / "man" / "man8").glob("sampan*")} == set(NAMES)


def test_man_has_no_warning(page: Path) -> None:
    assert run("man", "--warnings", "-Tutf8", "-Z", "-l", str(page))[1] == ""


def test_groff_has_no_warning(page: Path) -> None:
    assert run("groff", "-man", "-ww", "-z", "-Tutf8", str(page)) == ("", "")


def test_mandoc_has_no_warning(page: Path) -> None:
    assert run("mandoc", "-T", "lint", "-W", "warning", str(page)) == ("", "")


def options_of(name: str) -> Iterator[tuple[str, str]]:
    tables = {"sampan": GLOBAL, **{f"sampan-{verb.name}": verb.options for verb in all_verbs()}}
    for option, _, value, _ in tables[name]:
        yield option, value


def test_every_option_is_on_its_page_as_it_is_typed(page: Path) -> None:
    text = run("man", "-l", str(page))[0]
    for option, value in options_of(page.stem):
        assert re.search(rf"^ +--{option}(, -\w)?( {re.escape(value)})?( +[A-Z].*)?$", text, re.MULTILINE), option
    assert re.search(rf"^ +{page.stem} - \w", text, re.MULTILINE), "what apropos(1) shows"


def test_every_command_is_on_the_page_of_the_whole(share: Path) -> None:
    text = run("man", "-l", str(share / "man" / "man8" / "sampan.8"))[0]
    for verb in all_verbs():
        assert f"sampan-{verb.name}(8)" in text
        assert verb.summary[1:] in " ".join(text.split())


@pytest.mark.parametrize("shell", SHELLS)
def test_the_completion_that_is_installed_is_the_one_that_is_printed(share: Path, shell: str) -> None:
    assert (share / COMPLETIONS[shell]).read_text() == script(shell)
