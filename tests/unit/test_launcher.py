"""The one command that the launcher answers without an interpreter, and all those like it that it must not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SAMPAN = shutil.which("sampan", path=str(Path(sys.executable).parent)) or ""
SHIM = ["--root", "ROOT", "--log", "/no/such/log.json", "--log-format", "json"]  # how containerd's shim begins

pytestmark = pytest.mark.skipif(not SAMPAN, reason="the command sampan is not installed beside this Python")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir(mode=0o700)
    (root / "file").write_text("")
    (root / "link").symlink_to("nowhere")
    (root / "empty").mkdir(mode=0o700)
    return root


def words_of(root: Path, words: list[str]) -> list[str]:
    return [word.replace("ROOT", str(root)) for word in words]


def programs_of(command: list[str], trace: Path) -> list[str]:
    """The programs that a command becomes or starts; it has to succeed without a word."""
    if shutil.which("strace") is None:
        pytest.skip("not installed: strace")
    done = subprocess.run(["strace", "-f", "-e", "trace=execve", "-o", trace, *command], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return [line.split('"')[1] for line in trace.read_text().splitlines() if "execve(" in line and line.endswith("= 0")]


@pytest.mark.parametrize(
    "words",
    [
        ["--root", "ROOT", "delete", "--force", "none"],
        [*SHIM, "delete", "--force", "0123456789abcdef"],
        [*SHIM, "--systemd-cgroup", "delete", "--force", "a_b+c-d.e"],
        ["--root", "ROOT/missing", "delete", "--force", "none"],
    ],
    ids=" ".join,
)
def test_to_delete_by_force_what_does_not_exist_takes_no_interpreter(
    words: list[str], root: Path, tmp_path: Path
) -> None:
    assert programs_of([SAMPAN, *words_of(root, words)], tmp_path / "trace") == [SAMPAN]


def test_a_container_that_exists_is_deleted(root: Path, tmp_path: Path) -> None:
    """One whose creation was killed at its first step."""
    programs = programs_of([SAMPAN, *words_of(root, [*SHIM, "delete", "--force", "empty"])], tmp_path / "trace")
    assert len(programs) == 2
    assert not (root / "empty").exists()


@pytest.mark.parametrize(
    "words",
    [
        [*SHIM, "delete", "none"],
        [*SHIM, "delete", "--force", "file"],
        [*SHIM, "delete", "--force", "link"],
        [*SHIM, "delete", "--force", "../root/none"],
        [*SHIM, "delete", "--force", "a:b"],
        [*SHIM, "delete", "--force", "."],
        [*SHIM, "delete", "--force", ""],
        [*SHIM, "delete", "--force", "--none"],
        [*SHIM, "delete", "--force", "none", "two"],
        [*SHIM, "delete", "--force"],
        [*SHIM, "delete", "--force", "n" * 300],
        [*SHIM, "kill", "none"],
        [*SHIM, "--no-such-option", "delete", "--force", "none"],
        [*SHIM, "--log"],
        [*SHIM],
        ["--root", "ROOT/file", "delete", "--force", "none"],
        ["--root", "ROOT", "--log", "journald:", "delete", "--force", "none"],
        ["--root", "ROOT", "--log-format", "xml", "delete", "--force", "none"],
        ["--root"],
    ],
    ids=" ".join,
)
def test_all_else_is_judged_by_the_interpreter(words: list[str], root: Path) -> None:
    words = words_of(root, words)
    ends = []
    for command in ([SAMPAN], [sys.executable, "-m", "sampan.cli"]):
        done = subprocess.run([*command, *words], capture_output=True, text=True)
        ends.append((done.returncode, done.stdout, done.stderr))
    assert ends[0] == ends[1]
