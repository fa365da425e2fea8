"""config.md, Linux Process: `scheduler` and `ioPriority`; config-linux.md: `personality`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from . import cgroupfs, views
from .bundle import Bundle
from .container import Container
from .test_exec import process_file

MILLISECOND = 1_000_000
DEADLINE = {"policy": "SCHED_DEADLINE", "runtime": MILLISECOND, "deadline": 10 * MILLISECOND}
NICE_POLICIES = {"SCHED_OTHER": os.SCHED_OTHER, "SCHED_BATCH": os.SCHED_BATCH}
REAL_TIME_POLICIES = {"SCHED_FIFO": os.SCHED_FIFO, "SCHED_RR": os.SCHED_RR}


def shown(pid: int, program: str, *options: str) -> str:
    """What chrt(1) or ionice(1) says of a process."""
    return subprocess.run([program, *options, "-p", str(pid)], capture_output=True, text=True, check=True).stdout


def scheduled(container: Container, **scheduler: Any) -> int:
    """The pid of a container's process with this scheduler."""
    container.bundle.set("process.scheduler", scheduler)
    return container.launch().pid


def with_real_time(bundle: Bundle) -> Bundle:
    """Gives the container's cgroup some of the time that a kernel with CONFIG_RT_GROUP_SCHED divides among them."""
    if "cpu" in views.controllers() and (cgroupfs.hierarchies().get("cpu", Path()) / "cpu.rt_runtime_us").exists():
        bundle.set("linux.resources.cpu", {"realtimeRuntime": 25000, "realtimePeriod": 500000})
    return bundle


class TestPolicies:
    @pytest.mark.parametrize("nice", [0, 1, 19, -1, -20])
    @pytest.mark.parametrize("policy", NICE_POLICIES)
    def test_with_a_nice_value(self, container: Container, policy: str, nice: int) -> None:
        """'nice (int32, OPTIONAL) is the nice value for the process, affecting its priority.'"""
        pid = scheduled(container, policy=policy, nice=nice)
        assert os.sched_getscheduler(pid) == NICE_POLICIES[policy]
        assert os.getpriority(os.PRIO_PROCESS, pid) == nice

    def test_without_a_nice_value_it_is_0(self, container: Container) -> None:
        """'If not set, the runtime must use the value 0': also where the caller has another"""
        before = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, 0, 5)
        try:
            pid = scheduled(container, policy="SCHED_OTHER")
        finally:
            os.setpriority(os.PRIO_PROCESS, 0, before)
        assert os.getpriority(os.PRIO_PROCESS, pid) == 0

    @pytest.mark.parametrize("priority", [1, 50, 99])
    @pytest.mark.parametrize("policy", REAL_TIME_POLICIES)
    def test_with_a_priority(self, container: Container, policy: str, priority: int) -> None:
        """'priority (int32, OPTIONAL) represents the static priority of the process, used by real-time policies like
        SCHED_FIFO and SCHED_RR.'"""
        with_real_time(container.bundle)
        pid = scheduled(container, policy=policy, priority=priority)
        assert os.sched_getscheduler(pid) == REAL_TIME_POLICIES[policy]
        assert os.sched_getparam(pid).sched_priority == priority

    def test_idle(self, container: Container) -> None:
        """'policy (string, REQUIRED) represents the scheduling policy.': the runtime must get through it, too"""
        assert os.sched_getscheduler(scheduled(container, policy="SCHED_IDLE")) == os.SCHED_IDLE

    @pytest.mark.parametrize(("period", "expected"), [(20 * MILLISECOND, "20000000"), (None, "10000000")])
    def test_deadline(self, container: Container, period: int | None, expected: str) -> None:
        """'runtime ... deadline ... period (uint64, OPTIONAL)'; sched(7): without a period it is the deadline"""
        pid = scheduled(container, **DEADLINE, **({"period": period} if period else {}))
        found = shown(pid, "chrt")
        assert "SCHED_DEADLINE" in found
        assert f"runtime/deadline/period parameters: 1000000/10000000/{expected}" in found

    def test_without_the_field_it_is_the_caller_s(self, container: Container) -> None:
        """'scheduler (object, OPTIONAL)'"""
        container.launch()
        assert os.sched_getscheduler(container.pid) == os.sched_getscheduler(0)
        assert os.getpriority(os.PRIO_PROCESS, container.pid) == os.getpriority(os.PRIO_PROCESS, 0)

    def test_children_inherit_it(self, container: Container, bundle: Bundle) -> None:
        """sched(7): 'Child processes inherit the scheduling policy and parameters across a fork(2).'"""
        bundle.set("process.scheduler", {"policy": "SCHED_BATCH", "nice": 7})
        assert container.output("cut -d' ' -f19,41 /proc/self/stat").split() == ["7", str(os.SCHED_BATCH)]


class TestFlags:
    def test_reset_on_fork(self, container: Container, bundle: Bundle) -> None:
        """'SCHED_FLAG_RESET_ON_FORK'; sched(7): children of a process that is nicer than others are not"""
        bundle.set("process.scheduler", {"policy": "SCHED_OTHER", "nice": -5, "flags": ["SCHED_FLAG_RESET_ON_FORK"]})
        assert container.output("cut -d' ' -f19 /proc/self/stat; cut -d' ' -f19 /proc/1/stat") == "0\n-5"

    @pytest.mark.parametrize("flag", ["SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN"])
    def test_flags_of_a_deadline(self, container: Container, flag: str) -> None:
        """'flags (array of strings, OPTIONAL) is an array of strings representing scheduling flags.'"""
        assert "SCHED_DEADLINE" in shown(scheduled(container, **DEADLINE, flags=[flag]), "chrt")

    def test_keeping_the_policy(self, container: Container) -> None:
        """'SCHED_FLAG_KEEP_POLICY': the nice value changes, and the policy stays the caller's"""
        pid = scheduled(container, policy="SCHED_IDLE", nice=3, flags=["SCHED_FLAG_KEEP_POLICY"])
        assert os.sched_getscheduler(pid) == os.SCHED_OTHER
        assert os.getpriority(os.PRIO_PROCESS, pid) == 3

    def test_keeping_the_parameters(self, container: Container) -> None:
        """'SCHED_FLAG_KEEP_PARAMS': the nice value stays the caller's"""
        pid = scheduled(container, policy="SCHED_OTHER", nice=3, flags=["SCHED_FLAG_KEEP_PARAMS"])
        assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0)

    @pytest.mark.parametrize("flag", ["SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"])
    def test_clamps_are_set_or_an_error(self, container: Container, bundle: Bundle, flag: str) -> None:
        """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error': a
        kernel without CONFIG_UCLAMP_TASK knows none"""
        bundle.set("process.scheduler", {"policy": "SCHED_OTHER", "flags": [flag]})
        result = container.call("create")
        assert result.status == 0 or "process.scheduler" in result.stderr


class TestRefusedSchedulers:
    @pytest.mark.parametrize(
        ("field", "scheduler"),
        [
            ("policy", {"nice": 1}),
            ("policy", {"policy": "SCHED_FAIR"}),
            ("nice", {"policy": "SCHED_OTHER", "nice": 20}),
            ("nice", {"policy": "SCHED_OTHER", "nice": -21}),
            ("priority", {"policy": "SCHED_OTHER", "priority": 1}),
            ("priority", {"policy": "SCHED_BATCH", "priority": 1}),
            ("priority", {"policy": "SCHED_IDLE", "priority": 1}),
            ("priority", {"policy": "SCHED_FIFO"}),
            ("priority", {"policy": "SCHED_RR", "priority": 100}),
            ("priority", DEADLINE | {"priority": 1}),
            ("runtime", {"policy": "SCHED_OTHER", "runtime": MILLISECOND}),
            ("runtime", {"policy": "SCHED_DEADLINE", "deadline": MILLISECOND}),
            ("runtime", DEADLINE | {"runtime": 100}),
            ("deadline", {"policy": "SCHED_FIFO", "priority": 1, "deadline": MILLISECOND}),
            ("deadline", DEADLINE | {"deadline": MILLISECOND // 2}),
            ("period", DEADLINE | {"period": MILLISECOND}),
            ("period", {"policy": "SCHED_RR", "priority": 1, "period": MILLISECOND}),
            ("flags", {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_FASTER"]}),
        ],
    )
    def test_it_is_an_error_that_names_the_field(
        self, container: Container, bundle: Bundle, field: str, scheduler: dict[str, Any]
    ) -> None:
        """'Runtimes MUST generate an error when invalid or unsupported values are encountered.'"""
        bundle.set("process.scheduler", scheduler)
        message = container.fails("create").stderr
        if container.runtime.is_sampan:
            assert f"process.scheduler.{field}" in message

    def test_the_policy_that_no_kernel_has_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error'"""
        bundle.set("process.scheduler", {"policy": "SCHED_ISO"})
        message = container.fails("create").stderr
        if container.runtime.is_sampan:
            assert "process.scheduler" in message and "SCHED_ISO" in message

    def test_a_deadline_for_some_processors_only_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error'"""
        if (before := os.sched_getaffinity(0)) == {0}:
            pytest.skip("this machine has one processor")
        bundle.set("process.scheduler", DEADLINE)
        os.sched_setaffinity(0, {0})
        try:
            message = container.fails("create").stderr
        finally:
            os.sched_setaffinity(0, before)
        if container.runtime.is_sampan:
            assert "process.scheduler" in message and "every processor" in message


class TestIOPriority:
    @pytest.mark.parametrize("priority", range(8))
    @pytest.mark.parametrize(("kind", "name"), [("IOPRIO_CLASS_RT", "realtime"), ("IOPRIO_CLASS_BE", "best-effort")])
    def test_class_and_priority(
        self, container: Container, bundle: Bundle, kind: str, name: str, priority: int
    ) -> None:
        """'class ... specifies the I/O scheduling class'; 'priority ... an integer ranging from 0 (highest) to 7'"""
        bundle.set("process.ioPriority", {"class": kind, "priority": priority})
        assert shown(container.launch().pid, "ionice") == f"{name}: prio {priority}\n"

    def test_idle_has_no_levels(self, container: Container, bundle: Bundle) -> None:
        """'IOPRIO_CLASS_IDLE', with the priority of the text's own example"""
        bundle.set("process.ioPriority", {"class": "IOPRIO_CLASS_IDLE", "priority": 4})
        assert shown(container.launch().pid, "ionice") == "idle\n"

    def test_it_is_that_of_all_processes_of_the_container(self, container: Container, bundle: Bundle) -> None:
        """'The I/O priority settings will be automatically applied to the entire process group, affecting all processes
        within the container.'"""
        bundle.set("process.ioPriority", {"class": "IOPRIO_CLASS_BE", "priority": 6}).args("sleep", "1000")
        container.launch()
        assert shown(container.exec_in_background("sleep", "1000"), "ionice") == "best-effort: prio 6\n"

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("class", {"priority": 1}),
            ("class", {"class": "IOPRIO_CLASS_NONE", "priority": 0}),
            ("priority", {"class": "IOPRIO_CLASS_BE"}),
            ("priority", {"class": "IOPRIO_CLASS_BE", "priority": 8}),
            ("priority", {"class": "IOPRIO_CLASS_BE", "priority": -1}),
        ],
    )
    def test_what_is_missing_or_out_of_range_is_an_error(
        self, container: Container, bundle: Bundle, field: str, value: dict[str, Any]
    ) -> None:
        """'class (string, REQUIRED)', 'priority (int, REQUIRED)'"""
        bundle.set("process.ioPriority", value)
        message = container.fails("create").stderr
        if container.runtime.is_sampan:
            assert f"process.ioPriority.{field}" in message


class TestExec:
    def test_a_further_process_is_scheduled_as_its_file_says(self, container: Container, bundle: Bundle) -> None:
        """'scheduler', 'ioPriority': of the process object, of which a file has another"""
        bundle.args("sleep", "1000")
        container.launch()
        path = process_file(
            container,
            args=["sleep", "1000"],
            scheduler={"policy": "SCHED_BATCH", "nice": 4},
            ioPriority={"class": "IOPRIO_CLASS_BE", "priority": 7},
        )
        pid = container.exec_in_background(options=("--process", path))
        assert os.sched_getscheduler(pid) == os.SCHED_BATCH
        assert os.getpriority(os.PRIO_PROCESS, pid) == 4
        assert shown(pid, "ionice") == "best-effort: prio 7\n"
        assert os.sched_getscheduler(container.pid) == os.SCHED_OTHER


class TestPersonality:
    def test_a_32_bit_machine_is_seen(self, container: Container, bundle: Bundle) -> None:
        """'LINUX32 will set the uname system call to show a 32 bit CPU type, such as i686.'"""
        bundle.set("linux.personality", {"domain": "LINUX32"})
        assert container.output("uname -m") in ("i686", "armv8l")

    def test_the_machine_s_own(self, container: Container, bundle: Bundle) -> None:
        """'The valid list of constants is shown below. ... LINUX'"""
        bundle.set("linux.personality", {"domain": "LINUX", "flags": []})
        assert container.output("uname -m") == os.uname().machine

    def test_a_further_process_sees_it_too(self, container: Container, bundle: Bundle) -> None:
        """'personality (object, OPTIONAL) sets the Linux execution personality': the container's"""
        bundle.set("linux.personality", {"domain": "LINUX32"}).args("sleep", "1000")
        container.launch()
        assert container.exec("uname", "-m").checked().output in ("i686", "armv8l")

    def test_flags_are_an_error(self, container: Container, bundle: Bundle) -> None:
        """'Currently no flag values are supported.'"""
        bundle.set("linux.personality", {"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]})
        message = container.fails("create").stderr
        if container.runtime.is_sampan:
            assert "linux.personality.flags" in message
