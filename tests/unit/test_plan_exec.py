"""The plan of a further process in a container."""

from __future__ import annotations

from typing import Any

import pytest

from sampan.plan import operations as op
from sampan.plan.exec import cpu_mask, exec_plan
from sampan.plan.host import Host
from sampan.plan.operations import Plan
from sampan.spec.check import listed_numbers
from sampan.spec.names import KEEP_ORIGINAL_GROUPS


def plan_of(*namespaces: str, tasks: tuple[str, ...] = (), full: bool = False, **process: Any) -> Plan:
    host = Host("web", "/bundle")
    host.cgroup_tasks = tasks
    host.cgroup_full = full
    config: Any = {
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "linux": {"namespaces": [{"type": kind} for kind in namespaces]},
    }
    wanted: Any = {"cwd": "/", "args": ["id"], **process}
    return exec_plan(config, wanted, host)


def names(plan: Plan) -> list[str]:
    return [operation.name for operation in plan.operations]


def test_all_namespaces_are_joined_at_once_through_the_container_s_process() -> None:
    plan = plan_of("pid", "mount", "user")
    (join,) = (operation for operation in plan.operations if operation.name == "join")
    assert join.args == (0, op.NEWPID | op.NEWNS | op.NEWUSER, 0)
    assert plan.descriptors[0].kind == "process"


def test_it_is_closed_to_other_eyes_before_it_joins() -> None:
    """CVE-2016-9962: a process of the container must not trace the one that joins."""
    order = names(plan_of("pid", "mount"))
    assert order.index("undumpable") < order.index("join") < order.index("fork") < order.index("find_executable")


@pytest.mark.parametrize(("annotated", "flags", "dropped"), [({}, 1, True), ({KEEP_ORIGINAL_GROUPS: "1"}, 3, False)])
def test_groups_are_dropped_unless_they_are_to_be_kept(annotated: dict[str, str], flags: int, dropped: bool) -> None:
    config: Any = {
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "annotations": annotated,
        "linux": {"namespaces": [{"type": "user"}]},
    }
    plan = exec_plan(config, {"cwd": "/", "args": ["id"]}, Host("web", "/bundle"))
    assert [operation.args for operation in plan.operations if operation.name == "become_root"] == [(flags,)]
    assert ("groups" in names(plan)) is dropped


def test_cgroups_are_entered_by_the_host_s_paths_so_before_the_namespaces() -> None:
    plan = plan_of("mount", tasks=("/sys/fs/cgroup/pids/web/tasks",))
    order = names(plan)
    assert order.index("enter_cgroup") < order.index("join")
    assert plan.descriptors[1].path == "/sys/fs/cgroup/pids/web/tasks"


def test_a_full_cgroup_is_entered_after_the_fork_that_it_would_refuse() -> None:
    plan = plan_of("pid", "user", tasks=("/sys/fs/cgroup/pids/web/tasks",), full=True)
    order = names(plan)
    assert order.index("fork") < order.index("enter_cgroup") < order.index("become_root")
    assert order.count("enter_cgroup") == 1


def test_nobody_waits_for_start() -> None:
    assert not {"await", "await_start"} & set(names(plan_of("mount")))


@pytest.mark.parametrize(("kind", "forks"), [("pid", True), ("user", True), ("time", True), ("network", False)])
def test_a_child_is_born_only_where_a_namespace_needs_one(kind: str, forks: bool) -> None:
    assert ("fork" in names(plan_of("mount", kind))) == forks


def test_without_a_mount_namespace_the_root_is_the_directory() -> None:
    assert "chroot" in names(plan_of("pid"))
    assert "chroot" not in names(plan_of("mount"))


def test_the_adjustment_of_oom_scores_is_written_while_the_process_is_open_to_its_owner() -> None:
    order = names(plan_of("mount", oomScoreAdj=5))
    assert order.index("private_proc") < order.index("write_proc") < order.index("undumpable")


def test_a_terminal_of_a_further_process_is_not_the_console() -> None:
    plan = plan_of("mount", terminal=True, consoleSize={"width": 80, "height": 25})
    (terminal,) = (operation for operation in plan.operations if operation.name == "terminal")
    assert terminal.args == (1, 80, 25, 0)


def test_the_final_affinity_is_set_in_the_cgroup() -> None:
    """config.md, process: "final (string, OPTIONAL) is a list of CPUs the process will be run on after the transition
    to container's cgroup." """
    plan = plan_of("mount", tasks=("/tasks",), execCPUAffinity={"final": "0,2-3"})
    order = names(plan)
    assert order.index("enter_cgroup") < order.index("affinity") < order.index("join")
    assert next(o for o in plan.operations if o.name == "affinity").args == (b"\x0d" + bytes(7),)


def test_lists_of_processors() -> None:
    assert listed_numbers("0-2, 7") == [0, 1, 2, 7]
    assert listed_numbers(" ") == []


def test_a_list_that_names_its_processors_many_times_is_no_longer_for_it() -> None:
    """A document of 700 kB asked for 800 million numbers."""
    assert listed_numbers(",".join(["0-8191"] * 100_000)) == list(range(8192))
    assert cpu_mask([64]) == bytes(8) + b"\1" + bytes(7)
