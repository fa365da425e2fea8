"""config-linux.md, Offset for time namespace: both clocks, in both directions. Further ones are in test_namespaces.py."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from .bundle import Bundle
from .container import Container
from .holder import Holder
from .procfs import Process

DAY = 86400


def with_offsets(container: Container, **offsets: dict[str, Any]) -> Bundle:
    if not container.runtime.admits("linux", "namespaces", "time"):
        pytest.skip(f"{container.runtime.name} does not list the time namespace among its features")
    return container.bundle.namespace("time").set("linux.timeOffsets", offsets)


def offsets_in(process: Process) -> dict[str, tuple[int, int]]:
    lines = (line.split() for line in process.read("timens_offsets").splitlines())
    return {clock: (int(seconds), int(nanoseconds)) for clock, seconds, nanoseconds in lines}


def uptime(container: Container) -> float:
    """The clock CLOCK_BOOTTIME, as a process in the container sees it."""
    return float(container.exec("cat", "/proc/uptime").checked().output.split()[0])


def test_both_clocks(container: Container) -> None:
    """'The name of the clock is the entry key.'"""
    with_offsets(
        container, monotonic={"secs": 2 * DAY, "nanosecs": 7}, boottime={"secs": 3 * DAY, "nanosecs": 999_999_999}
    )
    found = offsets_in(container.launch().process)
    assert found == {"monotonic": (2 * DAY, 7), "boottime": (3 * DAY, 999_999_999)}


def test_back_in_time(container: Container) -> None:
    """'secs (int64, OPTIONAL) - is the offset of clock (in seconds) in the container': negative, too"""
    back = -int(time.clock_gettime(time.CLOCK_BOOTTIME) / 2)
    with_offsets(container, boottime={"secs": back}).args("sleep", "1000")
    assert offsets_in(container.launch().process)["boottime"] == (back, 0)
    assert uptime(container) < time.clock_gettime(time.CLOCK_BOOTTIME) + back + 10


@pytest.mark.parametrize("offset", [{}, {"secs": 0}, {"nanosecs": 0}])
def test_no_offset_is_none(container: Container, offset: dict[str, int]) -> None:
    """'secs (int64, OPTIONAL)', 'nanosecs (uint32, OPTIONAL)'"""
    with_offsets(container, boottime=offset)
    assert offsets_in(container.launch().process)["boottime"] == (0, 0)


def test_a_namespace_without_offsets(container: Container, bundle: Bundle) -> None:
    """'timeOffsets (object, OPTIONAL)'"""
    with_offsets(container)
    bundle.drop("linux.timeOffsets")
    process = container.launch().process
    assert process.namespace("time") != Process().namespace("time")
    assert set(offsets_in(process).values()) == {(0, 0)}


def test_the_host_s_clock_stays(container: Container) -> None:
    """'is the offset of clock (in seconds) in the container'"""
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    with_offsets(container, boottime={"secs": 100 * DAY})
    container.launch()
    assert time.clock_gettime(time.CLOCK_BOOTTIME) - before < DAY


def test_with_a_user_namespace(container: Container, bundle: Bundle) -> None:
    """time_namespaces(7): 'the writer must have the CAP_SYS_TIME capability in the user namespace that owns it'"""
    with_offsets(container, boottime={"secs": DAY}).user_namespace().args("sleep", "1000")
    container.launch()
    assert offsets_in(container.process)["boottime"] == (DAY, 0)
    assert uptime(container) > DAY


def test_with_a_joined_user_namespace(container: Container, hold: Callable[..., Holder]) -> None:
    """'If path is not specified, the runtime MUST create a new container namespace of type type', whatever others are
    joined"""
    bundle = with_offsets(container, boottime={"secs": DAY}).user_namespace().args("sleep", "1000")
    bundle.namespace("user", hold("user").path("user"))
    container.launch()
    assert offsets_in(container.process)["boottime"] == (DAY, 0)
    assert uptime(container) > DAY


def test_a_further_process_has_the_same_time(container: Container) -> None:
    """The clocks are the namespace's"""
    with_offsets(container, boottime={"secs": 50 * DAY}).args("sleep", "1000")
    container.launch()
    assert uptime(container) > 50 * DAY
    pid = container.exec_in_background("sleep", "1000")
    assert Process(pid).namespace("time") == container.process.namespace("time")


class TestErrors:
    def test_without_a_time_namespace(self, container: Container, bundle: Bundle) -> None:
        """'timeOffsets (object, OPTIONAL) sets the offset for Time Namespace': there must be one"""
        with_offsets(container, boottime={"secs": DAY}).without_namespace("time")
        message = container.fails("create").stderr
        if container.runtime.is_sampan:
            assert "linux.timeOffsets" in message and "time namespace" in message

    def test_with_a_joined_one(self, container: Container, hold: Callable[..., Holder]) -> None:
        """time_namespaces(7): offsets can only be written before a process is in the namespace"""
        bundle = with_offsets(container, boottime={"secs": DAY})
        bundle.namespace("time", hold("time").path("time"))
        message = container.fails("create").stderr
        if container.runtime.is_sampan:
            assert "linux.timeOffsets" in message

    @pytest.mark.parametrize("clock", ["realtime", "CLOCK_BOOTTIME", ""])
    def test_other_clocks(self, container: Container, clock: str) -> None:
        """time_namespaces(7): 'monotonic' and 'boottime' are the clocks that have an offset"""
        with_offsets(container, **{clock: {"secs": 1}})
        message = container.fails("create").stderr
        if container.runtime.is_sampan:
            assert "linux.timeOffsets" in message

    @pytest.mark.parametrize(
        "offset",
        [
            {"nanosecs": 1_000_000_000},
            {"nanosecs": -1},
            {"secs": 1 << 63},
            {"secs": "1"},
            {"secs": -(1 << 40)},
            {"secs": 1 << 40},
        ],
    )
    def test_what_is_out_of_range(self, container: Container, offset: dict[str, Any]) -> None:
        """'secs (int64, OPTIONAL)', 'nanosecs (uint32, OPTIONAL)'; time_namespaces(7): no clock may be negative, nor
        beyond half of what the kernel can count"""
        with_offsets(container, boottime=offset)
        message = container.fails("create").stderr
        if container.runtime.is_sampan:
            assert "linux.timeOffsets" in message or "number out of range" in message
