"""What each shell makes of a command line by the script that `sampan completion` prints for it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sampan.cli.completion import SHELLS
from sampan.cli.main import VERBS, main
from sampan.cli.verbs import all_verbs

from .terminal import Terminal

Complete = Callable[[str], str]

# Typed, and what the last word becomes.
CASES = [
    ("sampan ki", "kill"),
    ("sampan --log-format j", "json"),
    ("sampan --log-format=j", "json"),
    ("sampan --cgroup-manager s", "systemd"),
    ("sampan --debug --log a-file --root a-directory ki", "kill"),
    ("sampan --systemd-c", "--systemd-cgroup"),
    ("sampan kill --al", "--all"),
    ("sampan kill w", "web"),
    ("sampan kill --all w", "web"),
    ("sampan kill web WIN", "WINCH"),
    ("sampan delete --force d", "db"),
    ("sampan stats web d", "db"),
    ("sampan ps --format=j", "json"),
    ("sampan ps -f j", "json"),
    ("sampan stats --format o", "openmetrics"),
    ("sampan create --bundle a-d", "a-directory/"),
    ("sampan create -b a-d", "a-directory/"),
    ("sampan create --bundle a-directory --pid-file a-f", "a-file"),
    ("sampan update --memory 1g w", "web"),
    ("sampan update --memory-r", "--memory-reservation"),
    ("sampan update --resources a-f", "a-file"),
    ("sampan exec --env A=b w", "web"),
    ("sampan exec --de", "--detach"),
    ("sampan plan a-d", "a-directory/"),
    ("sampan spec --rootfs h", "host"),
    ("sampan completion z", "zsh"),
]
# Nothing is offered here: a new name, what is in the container, and what is of the shell's own.
NOTHING = [
    "sampan create w",
    "sampan run w",
    "sampan exec web --de",
    "sampan exec web a-f",
    "sampan create --preserve-fds a-f",
    "sampan kill web TERM w",
    "sampan features a-f",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory to complete in: some files, the scripts, and a `sampan` that lists two containers."""
    directory = tmp_path_factory.mktemp("shell")
    (directory / "a-directory").mkdir()
    (directory / "a-file").touch()
    (directory / "bin").mkdir()
    program = directory / "bin" / "sampan"
    program.write_text(f'#!/bin/sh\necho "$*" >>{directory}/calls\nprintf "web\\ndb\\n"\n')
    program.chmod(0o755)
    return directory


def script(shell: str, place: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    assert main(["completion", shell]) == 0
    path = place / f"script.{shell}"
    path.write_text(capfd.readouterr().out)
    return path


def fish(place: Path, path: Path, line: str) -> str:
    """fish tells what it would offer without a terminal."""
    command = ["fish", "--no-config", "-c", f"source {path}; complete -C (string collect -- $argv)", line]
    environment = {"PATH": f"{place}/bin:/usr/bin:/bin", "HOME": str(place), "TERM": "dumb"}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    offered = [entry.split("\t")[0].rpartition("=")[2] for entry in done.stdout.splitlines()]
    return offered[0] if len(offered) == 1 else line.rpartition(" ")[2] if not offered else f"one of {offered}"


@pytest.fixture(scope="module")
def terminals() -> Iterator[dict[str, Terminal]]:
    """Shells, by name: each is started once, since they take their time."""
    found: dict[str, Terminal] = {}
    yield found
    for terminal in found.values():
        terminal.close()


@pytest.fixture(params=SHELLS)
def complete(
    request: pytest.FixtureRequest, place: Path, terminals: dict[str, Terminal], capfd: pytest.CaptureFixture[str]
) -> Complete:
    """The last word of a line, after tab has been pressed in this shell."""
    shell: str = request.param
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    path = script(shell, place, capfd)
    if shell == "fish":
        return lambda line: fish(place, path, line)
    if shell not in terminals:
        terminals[shell] = Terminal(shell, place, path)
    return lambda line: terminals[shell].complete(line).rstrip(" =").rpartition(" ")[2].rpartition("=")[2]


@pytest.mark.parametrize("line, word", CASES)
def test_a_word_is_completed(complete: Complete, line: str, word: str) -> None:
    assert complete(line) == word


@pytest.mark.parametrize("line", NOTHING)
def test_nothing_is_offered(complete: Complete, line: str) -> None:
    assert complete(line) == line.rpartition(" ")[2]


@pytest.mark.parametrize("root", ["--root a-directory", "--root=a-directory"])
@pytest.mark.parametrize("verb", [verb.name for verb in all_verbs() if verb.operands[:1] == ("ID",)])
def test_containers_are_those_below_the_root_that_is_given(
    complete: Complete, place: Path, verb: str, root: str
) -> None:
    calls = place / "calls"
    calls.unlink(missing_ok=True)
    offered = complete(f"sampan {root} {verb} w")
    if verb in {"create", "run"}:
        assert offered == "w"
        assert not calls.exists()
        return
    assert offered == "web"
    (call,) = set(calls.read_text().splitlines())
    assert call == "--root a-directory list --quiet"


def test_containers_are_asked_for_as_the_command_line_has_it(tmp_path: Path) -> None:
    assert main(["--root", str(tmp_path), "list", "--quiet"]) == 0


@pytest.mark.parametrize("shell", SHELLS)
def test_every_verb_and_option_is_in_the_script(shell: str, place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = script(shell, place, capfd).read_text()
    for verb in all_verbs():
        assert verb.name in text
        for name, *_ in verb.options:
            assert (f"-l {name} " if shell == "fish" else f"--{name}") in text
    assert len(all_verbs()) == len(VERBS)


def test_another_shell_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "csh"]) == 1
    assert 'there is no completion for "csh", only for bash, zsh, fish' in capfd.readouterr().err
