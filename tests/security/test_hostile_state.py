"""A state directory that somebody else has made, changed or broken: 'an error; never a signal to a process that is not
the container's'."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime import cgroupfs
from runtime.container import Container, eventually
from runtime.driver import Result
from runtime.procfs import Process

from .conftest import NewContainer, Without
from .defences import CHECKED_OWNER, EXCLUSIVE_PID_FILE, NEW_PID_FILE, REGULAR_RECORD, START_TIME, START_TIME_IN_STATUS

VERBS = (
    ["state"],
    ["kill", "KILL"],
    ["kill", "--all", "KILL"],
    ["start"],
    ["exec", "true"],
    ["pause"],
    ["resume"],
    ["update", "--pids-limit=5"],
    ["ps"],
    ["events", "--stats"],
    ["delete"],
    ["delete", "--force"],
)
NOT_IDS = ["", ".", "..", "../x", "a/b", "/etc", "a/../b", "x\n", "x y", "\x1b[31m", "x" * 2000]


def call(container: Container, verb: list[str]) -> Result:
    """Any verb; killed where it hangs."""
    name, *rest = verb
    options = [word for word in rest if word.startswith("-")]
    operands = [word for word in rest if not word.startswith("-")]
    command = container.runtime.command(container.root, name, *options, container.id, *operands)
    return container.runtime.call(["timeout", "--signal=KILL", "3", *command])


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the host. It must live."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process
        process.kill()


def started(pid: int) -> int:
    return int(Process(pid).read("stat").rpartition(")")[2].split()[19])


def made(container: Container) -> Path:
    """The directory of a container that was made and has ended, so that a test can change it."""
    container.bundle.args("true")
    container.launch().wait()
    return container.root / container.id


def rewrite(directory: Path, **changes: Any) -> None:
    record = json.loads((directory / "state.json").read_text())
    (directory / "state.json").write_text(json.dumps(record | changes))


def remove(container: Container, directory: Path) -> None:
    """What sampan refuses to touch."""
    subprocess.run(["rm", "-rf", str(directory)], check=True)
    for cgroup in cgroupfs.walk(container.id):
        cgroup.rmdir()


class TestARecord:
    @pytest.mark.parametrize("kind", ["link", "FIFO", "device", "directory", "empty", "truncated", "deep", "foreign"])
    def test_that_is_broken(self, container: Container, victim: Path, kind: str) -> None:
        directory = made(container)
        record = directory / "state.json"
        content = record.read_text()
        record.unlink()
        match kind:
            case "link":
                (victim / "state.json").write_text(content)
                record.symlink_to(victim / "state.json")
            case "FIFO":
                os.mkfifo(record)
            case "device":
                os.mknod(record, 0o20666, os.makedev(1, 5))
            case "directory":
                record.mkdir()
            case "empty":
                record.write_text("")
            case "truncated":
                record.write_text(content[: len(content) // 2])
            case "deep":
                record.write_text("[" * 1_000_000)
            case _:
                record.write_text(content.replace(container.id, "another"))
        for verb in VERBS:
            result = call(container, verb)
            assert result.status in (1, 255), str(result)
            assert container.id in result.stderr
            assert "unexpected" not in result.stderr
        remove(container, directory)

    def test_that_is_a_fifo_would_be_waited_for(self, without: Without) -> None:
        container = without(REGULAR_RECORD)
        directory = made(container)
        (directory / "state.json").unlink()
        os.mkfifo(directory / "state.json")
        assert call(container, ["state"]).status not in (0, 1)
        remove(container, directory)

    def test_does_not_hide_the_others(self, container: Container, new_container: NewContainer) -> None:
        directory = made(container)
        (directory / "state.json").write_text("{")
        listed = container.runtime.call(container.runtime.command(container.root, "list", "--quiet"))
        assert (listed.status, listed.stdout) == (0, "")
        remove(container, directory)


class TestAPid:
    def test_that_was_used_again(self, container: Container, bystander: subprocess.Popen[bytes]) -> None:
        """It is another process's by now, which has another start time."""
        directory = made(container)
        rewrite(directory, pid=bystander.pid)
        for verb in VERBS[:-2]:
            call(container, verb)
            assert bystander.poll() is None, verb
        container.delete()
        assert bystander.poll() is None

    def test_that_was_used_again_would_be_killed(self, without: Without, bystander: subprocess.Popen[bytes]) -> None:
        container = without(START_TIME, START_TIME_IN_STATUS)
        directory = made(container)
        rewrite(directory, pid=bystander.pid)
        call(container, ["kill", "KILL"])
        eventually(lambda: bystander.poll() is not None, "the end of the bystander")


class TestADirectoryOfSomebodyElse:
    """Root who works in a directory of others must not be led by their records."""

    def prepare(self, container: Container, bystander: subprocess.Popen[bytes], how: str) -> Path:
        directory = made(container)
        hook = {"path": "/bin/sh", "args": ["sh", "-c", f"touch {container.bundle.path}/ran"]}
        rewrite(directory, pid=bystander.pid, started=started(bystander.pid), hooks={"poststop": [hook]})
        if how == "of another user":
            os.chown(directory, 1000, 1000)
        elif how == "that others may write":
            directory.chmod(0o777)
        else:
            directory.rename(container.bundle.path / "moved")
            directory.symlink_to(container.bundle.path / "moved")
        return directory

    @pytest.mark.parametrize("how", ["of another user", "that others may write", "behind a link"])
    def test_is_refused(self, container: Container, bystander: subprocess.Popen[bytes], how: str) -> None:
        directory = self.prepare(container, bystander, how)
        for verb in VERBS:
            result = call(container, verb)
            assert bystander.poll() is None, verb
            assert not (container.bundle.path / "ran").exists(), verb
            if not (how == "behind a link" and verb == ["delete", "--force"]):  # which is content that there is none
                assert result.status in (1, 255), str(result)
        remove(container, directory)

    def test_would_have_its_way(self, without: Without, bystander: subprocess.Popen[bytes]) -> None:
        container = without(CHECKED_OWNER)
        self.prepare(container, bystander, "of another user")
        call(container, ["delete", "--force"])
        eventually(lambda: bystander.poll() is not None, "the end of the bystander")
        assert (container.bundle.path / "ran").exists()


class TestIds:
    """'an id with / or ..'"""

    @pytest.mark.parametrize("name", NOT_IDS, ids=[repr(name)[:12] for name in NOT_IDS])
    def test_what_is_no_id_is_refused(self, container: Container, name: str) -> None:
        container.bundle.write()
        for verb in ("create", "state", "delete", "kill", "exec", "start"):
            options = ["--bundle", str(container.bundle.path)] if verb == "create" else []
            more = ["true"] if verb == "exec" else []
            command = container.runtime.command(container.root, verb, *options, "--", name, *more)
            result = container.runtime.call(command)
            assert result.status in (1, 255), str(result)
            assert "\x1b" not in result.stderr
        assert not list(container.directory.glob("**/state.json"))


class TestThePidFile:
    """It may be in a directory that others may write, too, such as /tmp."""

    def attack(self, container: Container, victim: Path) -> str:
        directory = container.bundle.aside("shared")
        for name in ("pid", ".pid.sampan"):
            (directory / name).symlink_to(victim / "secret")
        container.bundle.args("sleep", "1000")
        container.call("create", "--pid-file", str(directory / "pid"))
        return (victim / "secret").read_text()

    def test_is_not_written_through_a_link(self, container: Container, victim: Path) -> None:
        assert self.attack(container, victim) == "the host's secret"
        assert int((container.bundle.path / "shared/pid").read_text()) == container.pid
        container.delete("--force")

    def test_would_be_written_through_a_link(self, without: Without, victim: Path) -> None:
        container = without(NEW_PID_FILE, EXCLUSIVE_PID_FILE)
        assert self.attack(container, victim) != "the host's secret"
        container.delete("--force")


def test_the_state_and_a_kill_wait_for_nobody(container: Container) -> None:
    """Whoever holds the lock"""
    container.launch()
    directory = container.root / container.id
    with subprocess.Popen(["flock", str(directory), "sleep", "1000"]) as holder:
        try:
            eventually(lambda: subprocess.run(["flock", "-n", directory, "true"]).returncode != 0, "the lock")
            assert call(container, ["state"]).status == 0
            assert call(container, ["kill", "KILL"]).status == 0
        finally:
            for pid in Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split():
                os.kill(int(pid), 9)
            holder.kill()
