"""examples/ci_runner: on a terminal, in a pipe, and when it is interrupted."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .readme import EXAMPLES, copy_of, environment, follow
from .sandboxes import nothing_is_left

pytestmark = pytest.mark.skipif(not os.access("/usr/bin/python3", os.X_OK), reason="jobs use /usr/bin/python3")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_of("ci_runner", tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="limits of memory need root")
def test_the_readme_is_true(project: Path) -> None:
    follow(project)


def ci(project: Path, pipeline: str, at_once: int = 2) -> tuple[int, str]:
    (project / "jobs.toml").write_text(pipeline)
    command = [sys.executable, "ci.py", "jobs.toml", f"--at-once={at_once}"]
    done = subprocess.run(command, cwd=project, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "pipeline, message",
    [
        ("", "there are no jobs"),
        ("jobs.a = {run = ['true'], when = 'later'}", "jobs.a.when: there is no such field"),
        ("jobs.a = {run = 'true'}", "jobs.a.run: must be a list of texts"),
        ("jobs.a = {needs = ['b'], run = ['true']}", "jobs.a.needs: there is no job b"),
        ("jobs.a = {run = ['true'], limits = {memory = 'much'}}", "jobs.a.limits: memory must be"),
        ("jobs.a = {run = ['true'], limits = {colour = 1}}", "jobs.a.limits: "),
        ("jobs.a = {run = ['true'], artifacts = ['../x']}", "jobs.a.artifacts: ../x is not below"),
        ("jobs.'../a' = {run = ['true']}", "jobs.../a: a name has"),
        (
            "jobs.a = {needs = ['b'], run = ['true']}\njobs.b = {needs = ['a'], run = ['true']}",
            "these jobs wait for each other: ",
        ),
    ],
)
def test_mistakes_in_the_file(pipeline: str, message: str, tmp_path: Path, example: None) -> None:
    import pipeline as example_pipeline

    file = tmp_path / "jobs.toml"
    file.write_text(pipeline)
    with pytest.raises(example_pipeline.PipelineError) as caught:
        example_pipeline.load(file)
    assert message in str(caught.value)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES / "ci_runner"))


@pytest.mark.parametrize("at_once", [1, 2])
def test_jobs_are_strangers_and_at_the_same_time(project: Path, at_once: int) -> None:
    """Each takes a second, in which the other has begun if there is room, and counts the files that it sees of both."""
    job = "run = ['touch mine-$NAME; sleep 1; test $(ls | grep -c mine) = 1']"
    jobs = f"[jobs.a]\n{job}\nlimits.env.NAME = 'a'\n[jobs.b]\n{job}\nlimits.env.NAME = 'b'"
    code, printed = ci(project, jobs, at_once)
    assert code == 0, printed
    states = [line.split()[1] for line in printed.splitlines() if line[1:3] == ": "]
    assert states == {1: ["running", "passed"] * 2, 2: ["running"] * 2 + ["passed"] * 2}[at_once]


def test_artifacts_that_are_not_there_or_no_files(project: Path) -> None:
    code, printed = ci(
        project,
        "jobs.a = {run = ['true'], artifacts = ['none']}\n"
        "jobs.b = {run = ['mkdir out; ln -s /etc/shadow out/link'], artifacts = ['out']}",
    )
    assert code == 1
    assert "no such file" in printed.lower()
    assert "out/link" in printed.replace("\n", "")
    assert not (project / "artifacts/b/out").exists()


def test_a_log_does_nothing_to_the_terminal(project: Path) -> None:
    attack = r"printf 'a\033]0;title\007b\033[2J\302\2332Jc'; exit 1"
    code, printed = ci(project, f"jobs.a = {{run = [{json.dumps(attack)}]}}")
    assert code == 1
    assert "a\ufffd]0;title\ufffdb\ufffd[2J\ufffd2Jc" in printed


def test_interrupted(project: Path) -> None:
    """Ctrl-C on a terminal, which then has its cursor back; no sandbox stays."""
    (project / "jobs.toml").write_text("".join(f"[jobs.{name}]\nrun = ['sleep 1000']\n" for name in "abc"))
    near, far = pty.openpty()
    command = [sys.executable, "ci.py", "jobs.toml", "--at-once", "2"]
    env = {**environment(), "TERM": "xterm"}
    shown = b""
    with nothing_is_left():
        process = subprocess.Popen(command, cwd=project, env=env, stdin=far, stdout=far, stderr=far)
        os.close(far)
        try:
            while shown.count(b"sleep 1000") < 2:
                shown += _read(near) or pytest.fail(shown.decode())
            process.send_signal(signal.SIGINT)
            while piece := _read(near):
                shown += piece
            assert process.wait(timeout=60) == 130, shown
        finally:
            process.kill()
            process.wait()
    os.close(near)
    assert b"\xe2\x94\x81" in shown  # a bar
    assert b"cancelled; all sandboxes are gone" in shown
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody has the other side any more
        return b""
