"""config.md, Linux Process: `execCPUAffinity`, on which processors a further process begins and stays."""

from __future__ import annotations

import os

import pytest

from .bundle import Bundle
from .container import Container
from .driver import Result
from .test_exec import process_file

SEVERAL = len(os.sched_getaffinity(0)) > 1
pytestmark = pytest.mark.skipif(not SEVERAL, reason="this machine has one processor")


@pytest.fixture
def running(container: Container, bundle: Bundle) -> Container:
    """A container with nothing of the kind in its own configuration."""
    bundle.args("sleep", "1000")
    return container.launch()


def affinity(container: Container, **wanted: str) -> set[int]:
    """The processors of a process of this `execCPUAffinity`."""
    path = process_file(container, args=["sleep", "1000"], execCPUAffinity=wanted)
    return os.sched_getaffinity(container.exec_in_background(options=("--process", path)))


def refused(container: Container, **wanted: str) -> Result:
    path = process_file(container, args=["true"], execCPUAffinity=wanted)
    result = container.exec("--process", path, "--")
    assert result.status != 0
    return result


@pytest.mark.parametrize(
    ("cpus", "expected"),
    [
        ("0", {0}),
        ("1", {1}),
        ("0-1", {0, 1}),
        ("0,1", {0, 1}),
        ("0, 1", {0, 1}),
        (" 1 ", {1}),
        ("1,1", {1}),
        ("1,900", {1}),
    ],
)
def test_the_final_one(running: Container, cpus: str, expected: set[int]) -> None:
    """'final is a list of CPUs the process will be run on after the transition to container's cgroup'; '0-3,7
    represents CPUs 0,1,2,3, and 7'"""
    assert affinity(running, final=cpus) == expected


def test_the_initial_one_does_not_replace_the_final_one(running: Container) -> None:
    """'initial is a list of CPUs a runtime parent process to be run on initially'; 'final ... after the transition'"""
    assert affinity(running, initial="0", final="1") == {1}


@pytest.mark.parametrize("cpus", ["", " "])
def test_an_empty_one_changes_nothing(running: Container, cpus: str) -> None:
    """'If omitted or empty, runtime SHOULD NOT change process' CPU affinity'"""
    assert affinity(running, initial=cpus, final=cpus) == os.sched_getaffinity(0)


def test_the_initial_one_is_no_error(running: Container) -> None:
    """'the final affinity is determined by the Linux kernel': by what the process has of the runtime, or of a cpuset"""
    assert affinity(running, initial="1") in ({1}, os.sched_getaffinity(0))


def test_the_container_s_own_is_for_further_processes_only(container: Container, bundle: Bundle) -> None:
    """'This setting is not applicable to the container's init process.'"""
    bundle.set("process.execCPUAffinity", {"final": "1"}).args("sleep", "1000")
    container.launch()
    assert os.sched_getaffinity(container.pid) == os.sched_getaffinity(0)
    assert os.sched_getaffinity(container.exec_in_background("sleep", "1000")) == {1}


@pytest.mark.parametrize("name", ["initial", "final"])
@pytest.mark.parametrize("cpus", ["a", "1-", "-1", "1-0", "0;1", "0x1", "99999999999999999999", "0-999999999"])
def test_what_is_no_list_of_processors_is_an_error(running: Container, name: str, cpus: str) -> None:
    """'This is a a comma-separated list, with dashes to represent ranges.'"""
    message = refused(running, **{name: cpus}).stderr
    if running.runtime.is_sampan:
        assert f"execCPUAffinity.{name}" in message


@pytest.mark.parametrize("name", ["initial", "final"])
def test_processors_that_are_not_there_are_an_error(running: Container, name: str) -> None:
    """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error'"""
    message = refused(running, **{name: "901"}).stderr
    if running.runtime.is_sampan:
        assert f"execCPUAffinity.{name}" in message
        assert "processors" in message


def test_what_a_config_says_of_it_is_checked(container: Container, bundle: Bundle) -> None:
    """'Runtimes MUST generate an error when invalid or unsupported values are encountered.'"""
    bundle.set("process.execCPUAffinity", {"final": "first"})
    message = container.fails("create").stderr
    if container.runtime.is_sampan:
        assert "process.execCPUAffinity.final" in message
