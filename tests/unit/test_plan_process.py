"""config.md#process as operations: rights, limits, identity, scheduling, and the program; and hooks' own plans."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

from sampan.errors import ConfigError
from sampan.plan.compile import compile_plan
from sampan.plan.hook import container_hook_plan
from sampan.plan.host import Host
from sampan.plan.operations import NEWNS, NEWPID, NEWUSER, Operation, Plan
from sampan.plan.process import search_path
from sampan.spec.config import load
from sampan.spec.names import CAPABILITIES, RLIMITS
from sampan.spec.types import Config, Hook

FILTER = b"\x06\x00\x00\x00\x00\x00\xff\x7f"
CHOWN, KILL, SYS_ADMIN = 1 << 0, 1 << 5, 1 << 21
ALL = (1 << 41) - 1


def config(linux: dict[str, Any] | None = None, **process: Any) -> Config:
    document = {
        "ociVersion": "1.0.0",
        "root": {"path": "rootfs"},
        "process": {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}} | process,
        "linux": {"namespaces": [{"type": "mount"}]} | (linux or {}),
    }
    return load(json.dumps(document).encode())


def compiled(*, host: Host | None = None, linux: dict[str, Any] | None = None, **process: Any) -> Plan:
    return compile_plan(config(linux, **process), host or Host("web", "/bundle"))


def host_with(**facts: Any) -> Host:
    host = Host("web", "/bundle")
    for name, value in facts.items():
        setattr(host, name, value)
    return host


def names(plan: Plan) -> list[str]:
    return [operation.name for operation in plan.operations]


def one(plan: Plan, name: str) -> Operation:
    (found,) = [operation for operation in plan.operations if operation.name == name]
    return found


class TestOrder:
    def test_rights_are_given_up_last_and_seccomp_after_everything(self) -> None:
        """Every later system call must pass the filter; with no_new_privs, loading it needs no capability."""
        plan = compiled(host=host_with(seccomp_filter=FILTER), noNewPrivileges=True)
        assert names(plan)[-6:] == [
            "capabilities",
            "no_new_privileges",
            "find_executable",
            "await_start",
            "seccomp",
            "execute",
        ]

    def test_a_filter_without_no_new_privs_is_loaded_while_cap_sys_admin_is_there(self) -> None:
        plan = compiled(host=host_with(seccomp_filter=FILTER))
        assert names(plan)[-4:] == ["await_start", "seccomp", "capabilities", "execute"]
        assert "no_new_privileges" not in names(plan)

    def test_without_a_filter_all_rights_are_gone_before_the_wait(self) -> None:
        assert names(compiled())[-4:] == ["capabilities", "find_executable", "await_start", "execute"]

    def test_groups_and_bounding_set_come_before_the_user_and_the_directory_after(self) -> None:
        order = names(compiled(user={"uid": 5, "gid": 6}, cwd="/srv"))
        for earlier in ("groups", "bounding", "home"):
            assert order.index(earlier) < order.index("user")
        assert order.index("pivot") < order.index("user") < order.index("working_directory")

    def test_limits_come_before_the_user_that_may_not_raise_them(self) -> None:
        order = names(compiled(rlimits=[{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]))
        assert order.index("rlimit") < order.index("user")


class TestCapabilities:
    def test_each_set_has_its_place(self) -> None:
        sets = {
            "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"],
            "permitted": ["CAP_CHOWN", "CAP_KILL"],
            "effective": ["CAP_CHOWN"],
            "inheritable": ["CAP_KILL"],
            "ambient": ["CAP_KILL"],
        }
        plan = compiled(capabilities=sets)
        assert one(plan, "bounding").args == (CHOWN | KILL | SYS_ADMIN,)
        assert one(plan, "capabilities").args == (CHOWN, CHOWN | KILL, KILL, KILL)
        assert plan.warnings == []

    def test_without_the_field_there_are_none(self) -> None:
        assert one(compiled(), "capabilities").args == (0, 0, 0, 0)
        assert one(compiled(), "bounding").args == (0,)

    def test_each_has_the_kernels_number(self) -> None:
        every = list(CAPABILITIES)
        plan = compiled(capabilities={"bounding": every, "permitted": every, "effective": every})
        assert one(plan, "bounding").args == (ALL,)

    def test_what_cannot_be_granted_is_a_warning_and_left_out(self) -> None:
        """ "Any value which cannot be mapped to a relevant kernel interface, or cannot be granted otherwise MUST be
        logged as a warning by the runtime. Runtimes SHOULD NOT fail" """
        asked = {"bounding": ["CAP_CHOWN", "CAP_SYS_ADMIN"], "permitted": ["CAP_CHOWN", "CAP_SYS_ADMIN"]}
        plan = compiled(host=host_with(capabilities=CHOWN), capabilities=asked)
        assert one(plan, "bounding").args == (CHOWN,)
        assert plan.warnings == [
            "process.capabilities.bounding: cannot be granted here, left out: CAP_SYS_ADMIN",
            "process.capabilities.permitted: cannot be granted here, left out: CAP_SYS_ADMIN",
        ]

    def test_a_name_that_nobody_knows_is_a_warning_and_left_out(self) -> None:
        plan = compiled(capabilities={"bounding": ["CAP_CHOWN", "CAP_FUTURE"]})
        assert one(plan, "bounding").args == (CHOWN,)
        assert len(plan.warnings) == 1
        assert "process.capabilities.bounding" in plan.warnings[0]
        assert "CAP_FUTURE" in plan.warnings[0]

    def test_effective_needs_permitted_and_ambient_both_permitted_and_inheritable(self) -> None:
        """capabilities(7); the kernel would refuse it with EPERM."""
        plan = compiled(capabilities={"effective": ["CAP_KILL"]})
        assert one(plan, "capabilities").args == (0, 0, 0, 0)
        plan = compiled(capabilities={"permitted": ["CAP_KILL"], "ambient": ["CAP_KILL"]})
        assert one(plan, "capabilities").args == (0, KILL, 0, 0)
        assert plan.warnings == ["process.capabilities.ambient: cannot be granted here, left out: CAP_KILL"]


class TestIdentity:
    def test_user_groups_and_umask(self) -> None:
        plan = compiled(user={"uid": 1000, "gid": 1001, "umask": 0o27, "additionalGids": [5, 4294967294]})
        assert one(plan, "user").args == (1000, 1001)
        assert one(plan, "umask").args == (0o27,)
        assert one(plan, "groups").args == ((5).to_bytes(4, "little") + (4294967294).to_bytes(4, "little"),)

    def test_the_callers_groups_never_stay(self) -> None:
        assert one(compiled(), "groups").args == (b"",)

    def test_without_a_umask_the_callers_is_kept(self) -> None:
        assert one(compiled(), "umask").args == (-1,)

    def test_home_is_looked_up_unless_the_environment_has_it(self) -> None:
        assert one(compiled(user={"uid": 7, "gid": 7}, env=["HOMER=x"]), "home").args == (7,)
        assert "home" not in names(compiled(env=["A=b", "HOME=/srv"]))
        assert "home" not in names(compiled(env=["HOME="]))


class TestProgram:
    def test_arguments_and_environment_are_passed_whole(self) -> None:
        plan = compiled(args=["sh", "", "ä b"], env=["A=1", "B="])
        assert one(plan, "execute").args == ("sh\0\0ä b\0".encode(), b"A=1\0B=\0")

    @pytest.mark.parametrize(
        "environment, expected",
        [
            ([], "/bin:/usr/bin"),
            (["PATH=/opt/bin"], "/opt/bin"),
            (["PATH=/one", "PATH=/two"], "/two"),
            (["PATH="], ""),
            (["MYPATH=/no"], "/bin:/usr/bin"),
        ],
    )
    def test_the_program_is_searched_in_the_containers_path(self, environment: list[str], expected: str) -> None:
        assert search_path(environment) == expected
        assert one(compiled(env=environment), "find_executable").args == ("sh", expected)


class TestLimits:
    def test_little_room_for_files_comes_when_init_needs_none_any_more(self) -> None:
        """What needs a right is done while it is there: to raise the hard limit."""
        plan = compiled(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 3, "hard": 5000}])
        found = [operation for operation in plan.operations if operation.name == "rlimit"]
        assert [operation.args[1:] for operation in found] == [(5000, 5000), (3, 5000)]
        assert names(plan)[-3:] == ["await_start", "rlimit", "execute"]

    @pytest.mark.parametrize(("soft", "hard"), [(1024, 1024), (4096, 8192)])
    def test_enough_room_is_one_operation(self, soft: int, hard: int) -> None:
        plan = compiled(rlimits=[{"type": "RLIMIT_NOFILE", "soft": soft, "hard": hard}])
        assert one(plan, "rlimit").args == (RLIMITS["RLIMIT_NOFILE"], soft, hard)
        assert names(plan)[-2:] == ["await_start", "execute"]

    def test_a_filter_does_not_see_it(self) -> None:
        limits = [{"type": "RLIMIT_NOFILE", "soft": 3, "hard": 3}]
        order = names(compiled(host=host_with(seccomp_filter=FILTER), rlimits=limits))
        assert order.count("rlimit") == 1
        assert order.index("await_start") < order.index("rlimit") < order.index("seccomp")

    @pytest.mark.parametrize("name, number", RLIMITS.items())
    def test_a_limit_has_the_kernels_number(self, name: str, number: int) -> None:
        import resource

        known = getattr(resource, name, number)
        plan = compiled(rlimits=[{"type": name, "soft": 1024, "hard": 2**64 - 1}])
        assert one(plan, "rlimit").args == (known, 1024, 2**64 - 1)
        assert one(plan, "rlimit").cause == "process.rlimits[0]"


class TestScheduling:
    def test_a_scheduler_is_one_call_of_sched_setattr(self) -> None:
        scheduler = {
            "policy": "SCHED_DEADLINE",
            "flags": ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_DL_OVERRUN"],
            "runtime": 10000,
            "deadline": 20000,
            "period": 30000,
        }
        assert one(compiled(scheduler=scheduler), "scheduler").args == (6, 0x05, 0, 0, 10000, 20000, 30000)

    @pytest.mark.parametrize(
        "policy, number",
        [("SCHED_OTHER", 0), ("SCHED_FIFO", 1), ("SCHED_RR", 2), ("SCHED_BATCH", 3), ("SCHED_IDLE", 5)],
    )
    def test_the_numbers_of_policies(self, policy: str, number: int) -> None:
        """include/uapi/linux/sched.h"""
        scheduler = {"policy": policy, "nice": -5} if number in (0, 3) else {"policy": policy, "priority": 3}
        if number == 5:
            scheduler = {"policy": policy}
        assert one(compiled(scheduler=scheduler), "scheduler").args[0] == number

    @pytest.mark.parametrize(
        "name, expected", [("IOPRIO_CLASS_RT", 1 << 13), ("IOPRIO_CLASS_BE", 2 << 13), ("IOPRIO_CLASS_IDLE", 3 << 13)]
    )
    def test_an_io_priority_is_class_and_level_in_one_number(self, name: str, expected: int) -> None:
        plan = compiled(ioPriority={"class": name, "priority": 4})
        assert one(plan, "io_priority").args == (expected | 4,)

    @pytest.mark.parametrize("domain, number", [("LINUX", 0), ("LINUX32", 8)])
    def test_a_personality(self, domain: str, number: int) -> None:
        assert one(compiled(linux={"personality": {"domain": domain}}), "personality").args == (number,)

    def test_a_memory_policy_has_its_nodes_as_a_mask(self) -> None:
        policy = {"mode": "MPOL_BIND", "nodes": "0-2,65", "flags": ["MPOL_F_STATIC_NODES"]}
        mask = (0b111 | 1 << 65).to_bytes(16, "little")
        assert one(compiled(linux={"memoryPolicy": policy}), "memory_policy").args == (2 | 1 << 15, mask)

    def test_nodes_beyond_any_kernel_are_refused_and_not_counted_one_by_one(self) -> None:
        """A mask of a node number with eight digits has 12 MB; MAX_NUMNODES is at most 1024."""
        with pytest.raises(ConfigError, match=r"linux\.memoryPolicy\.nodes"):
            compiled(linux={"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-999999"}})


class TestLabels:
    def test_an_apparmor_profile_is_asked_for_at_execve(self) -> None:
        plan = compiled(host=host_with(apparmor=True), apparmorProfile="docker-default")
        written = [operation.args for operation in plan.operations if operation.name == "write_proc"]
        assert written == [("self/attr/apparmor/exec", "exec docker-default")]

    def test_an_selinux_label_is_asked_for_at_execve(self) -> None:
        plan = compiled(host=host_with(selinux=True), selinuxLabel="u:r:t:s0")
        written = [operation.args for operation in plan.operations if operation.name == "write_proc"]
        assert written == [("self/attr/exec", "u:r:t:s0")]

    @pytest.mark.parametrize("field", ["apparmorProfile", "selinuxLabel"])
    def test_what_the_kernel_has_not_is_an_error(self, field: str) -> None:
        values: dict[str, Any] = {field: "some"}
        with pytest.raises(ConfigError, match=rf"process\.{field}: cannot be applied"):
            compiled(**values)

    def test_unconfined_needs_no_apparmor(self) -> None:
        assert "write_proc" not in names(compiled(apparmorProfile="unconfined"))


class TestHookPlans:
    HOOK: ClassVar[Hook] = {"path": "/hooks/one", "args": ["one", "--all"], "env": ["A=b"]}

    def test_a_hook_of_the_container_joins_its_namespaces_and_is_a_child_there(self) -> None:
        plan = container_hook_plan(self.HOOK, NEWNS | NEWPID, None, Host("web", "/bundle"))
        assert names(plan) == ["undumpable", "join", "fork", "session", "find_executable", "execute"]
        assert plan.operations[1].args == (0, NEWNS | NEWPID, 0)
        assert one(plan, "find_executable").args == ("/hooks/one", "")
        assert one(plan, "execute").args == (b"one\0--all\0", b"A=b\0")

    def test_without_args_the_path_is_the_first(self) -> None:
        plan = container_hook_plan({"path": "/hooks/one"}, NEWNS, None, Host("web", "/bundle"))
        assert one(plan, "execute").args == (b"/hooks/one\0", b"")

    def test_it_enters_the_cgroups_and_becomes_root_of_the_user_namespace(self) -> None:
        host = host_with(cgroup_tasks=("/a/tasks", "/b/tasks"))
        plan = container_hook_plan(self.HOOK, NEWUSER | NEWNS, None, host)
        assert [operation.args for operation in plan.operations[:2]] == [(1,), (2,)]
        assert one(plan, "become_root").args == (1,)

    def test_a_hook_that_is_the_containers_own_file_is_confined_as_its_process(self) -> None:
        confined = config(
            noNewPrivileges=True,
            user={"uid": 1000, "gid": 1000},
            rlimits=[{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}],
            capabilities={"bounding": ["CAP_KILL"]},
        )
        plan = container_hook_plan(self.HOOK, NEWNS, confined, host_with(seccomp_filter=FILTER))
        confining = {"user", "groups", "bounding", "capabilities", "no_new_privileges", "seccomp", "rlimit"}
        assert confining <= set(names(plan))
        assert one(plan, "user").args == (1000, 1000)
        assert one(plan, "execute").args == (b"one\0--all\0", b"A=b\0")
        assert not {"await_start", "home"} & set(names(plan))
        assert names(plan).count("undumpable") == 1

    def test_nothing_but_execve_must_pass_the_filter(self) -> None:
        """As for the process: a filter that has no statx or faccessat2 must not keep the hook from being found."""
        host = host_with(seccomp_filter=FILTER)
        order = names(container_hook_plan(self.HOOK, NEWNS, config(noNewPrivileges=True), host))
        assert order.index("find_executable") < order.index("seccomp")
