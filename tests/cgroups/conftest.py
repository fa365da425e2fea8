"""Cgroups with names of our own, programs to run in them, and scripts to run where /sys/fs/cgroup is pure v2."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sampan.cgroups import cgroup, layout
from sampan.cgroups.cgroup import Cgroup
from sampan.cgroups.layout import Layout

TESTS = Path(__file__).resolve().parent.parent
_WAIT = "import sys; sys.stdin.readline()\n"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this directory changes cgroups."""
    if os.geteuid() == 0:
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="needs root: it makes cgroups"))


@pytest.fixture(scope="session")
def host() -> Layout:
    """The hierarchies of this machine."""
    return layout.detect()


@pytest.fixture
def needs(host: Layout) -> Callable[..., None]:
    """Skips the test where v1 has not all of these controllers."""

    def check(*controllers: str) -> None:
        if missing := set(controllers) - set(host.mounts):
            pytest.skip(f"no v1 hierarchy has the controllers {', '.join(sorted(missing))}")

    return check


@pytest.fixture
def locate(host: Layout) -> Iterator[Callable[..., Cgroup]]:
    """Finds the place of a cgroup with a name of ours, that is emptied and removed after the test."""
    groups: list[Cgroup] = []

    def new(name: str = "c", on: Layout | None = None) -> Cgroup:
        group = cgroup.locate(on or host, f"/sampan-test-{os.getpid()}-{name}", "unused")
        groups.append(group)
        return group

    yield new
    for group in groups:
        group.kill()
        group.remove()


class Program:
    """Python code in a process of its own, that begins when it has been moved into a cgroup."""

    def __init__(self, code: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WAIT + code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.pid = self.process.pid

    def run_in(self, group: Cgroup) -> str:
        """Its whole output."""
        group.enter(self.pid)
        return self.process.communicate("\n", timeout=30)[0]

    def begin_in(self, group: Cgroup) -> str:
        """Its first line; it goes on running."""
        group.enter(self.pid)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "it ended without a word"
        return line

    def end(self) -> None:
        """Kill it; what it has forked may live on, and hold its output open."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()


@pytest.fixture
def program() -> Iterator[Callable[[str], Program]]:
    """Starts a Program, and sees to its end."""
    programs: list[Program] = []

    def start(code: str) -> Program:
        programs.append(Program(code))
        return programs[-1]

    yield start
    for one in programs:
        one.end()


@pytest.fixture
def in_v2(tmp_path: Path) -> Callable[[str], str]:
    """Runs Python code where /sys/fs/cgroup is a pure v2 tree, with a directory of its own as argument; its output."""

    def run(code: str) -> str:
        command = [str(TESTS / "cgroup2-ns"), sys.executable, "-c", code, str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode == 99:
            pytest.skip("cgroup2 cannot be mounted here")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def remains(name: str) -> list[str]:
    """What is left anywhere below /sys/fs/cgroup of cgroups whose name begins so."""
    found = subprocess.run(
        ["find", "/sys/fs/cgroup", "-type", "d", "-name", f"{name}*"], capture_output=True, text=True
    )
    return found.stdout.split()
