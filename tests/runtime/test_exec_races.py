"""`exec` while the container is killed or deleted by somebody else: it ends in time, says why, and leaves nothing.

Two commands on one container at the same time are as if one came after the other: a process either was in the container
and was killed with it, or was never made.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from .bundle import Bundle
from .container import Container, eventually
from .driver import Runtime
from .procfs import children, is_zombie

AT_ONCE = 5  # execs for each end of a container
PATIENCE = 20.0  # seconds
KILLED = 128 + signal.SIGKILL
# What an exec may say that came too late, or whose container ended while it was on its way into it.
REASONS = ("not running", "does not exist", "process already finished", "has stopped", "stopped container")

Exec = subprocess.Popen[str]


def containers(runtime: Runtime) -> int:
    """How many are made for one test: 4 tests of 25 containers and 5 execs are 500; others show what they do sooner."""
    return 25 if runtime.is_sampan else 4


@contextlib.contextmanager
def execs(container: Container) -> Iterator[list[Exec]]:
    """`true` and `sleep`, in turn."""
    commands = [("true",) if number % 2 else ("sleep", "1000") for number in range(AT_ONCE)]
    begun = [
        subprocess.Popen(
            container.runtime.command(container.root, "exec", container.id, *command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    try:
        yield begun
    finally:
        for process in begun:
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                assert stream is not None
                stream.close()  # not read to its end: the process in the container may have it, too


def check(process: Exec) -> None:
    """It has ended as one of the two: done or killed, or refused for a reason."""
    try:
        output, message = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{process.args!r} hangs") from None
    assert output == ""
    if message:
        assert process.returncode == 255, (process.returncode, message)
        assert any(reason in message for reason in REASONS), message
    else:
        assert process.returncode in (0, KILLED), process.returncode


def reap(container: Container, before: set[int]) -> None:
    """The container's process is ours to wait for; there is no other, not even a dead one."""
    container.wait()
    left = set(children(os.getpid())) - before
    assert not left, [("zombie" if is_zombie(pid) else "process", pid) for pid in left]


@pytest.mark.parametrize("pid_namespace", ["its own", "the host's"])
@pytest.mark.parametrize("end", ["kill", "delete --force"])
def test_a_container_that_ends_meanwhile(
    runtime: Runtime, container: Container, bundle: Bundle, end: str, pid_namespace: str
) -> None:
    if pid_namespace == "the host's":
        bundle.without_namespace("pid")
    bundle.args("sleep", "1000")
    before = set(children(os.getpid()))
    for number in range(containers(runtime)):
        container.launch()
        with execs(container) as started:
            time.sleep(number % 25 * 0.004)  # at any point of their way
            if end == "kill":
                container.kill("KILL")
                eventually(lambda: container.status == "stopped", "the end")
            else:
                container.delete("--force")
            for process in started:
                check(process)
        if end == "kill":
            container.delete()
        reap(container, before)
        assert not container.exists


def test_a_container_that_is_made_anew_meanwhile(runtime: Runtime, container: Container, bundle: Bundle) -> None:
    """Of the same name, but another one: no process gets into a container that it was not meant for."""
    bundle.args("sleep", "1000")
    before = set(children(os.getpid()))
    for number in range(containers(runtime)):
        container.launch()
        with execs(container) as started:
            time.sleep(number % 25 * 0.004)
            first = container.pid
            container.delete("--force").create()
            container.delete("--force")
            for process in started:
                check(process)
        os.waitpid(first, 0)
        reap(container, before)


def test_the_process_of_an_exec_that_is_killed_itself(runtime: Runtime, container: Container, bundle: Bundle) -> None:
    """With SIGKILL nobody can pass the signal on: what it has started by then goes on, and is the container's."""
    bundle.args("sleep", "1000")
    before = set(children(os.getpid()))
    container.launch()
    for number in range(containers(runtime)):
        with execs(container):
            time.sleep(number % 25 * 0.004)
    assert container.exec("echo", "in").checked().output == "in"
    assert container.status == "running"
    # They are ours to wait for now, and the container's first process ends only after the last of them.
    for pid in set(children(os.getpid())) - before - {container.pid}:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    container.delete("--force")
    reap(container, before)
