"""config.md, Process: what hinders the runtime itself on the way to the program, and what it must refuse."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from .bundle import Bundle
from .container import Container
from .procfs import Process
from .test_exec import process_file

# what the runtime's last steps and a busybox need; all others end the process
NEEDED = (
    "arch_prctl brk capget capset chdir clone close close_range connect dup dup2 dup3 epoll_create1 epoll_ctl "
    "epoll_pwait execve exit exit_group faccessat2 fchdir fcntl fstat futex getcwd getdents64 getpid getppid getrandom "
    "gettid getuid ioctl lseek madvise mmap mprotect munmap nanosleep newfstatat clock_nanosleep openat prctl "
    "prlimit64 pread64 read readlink readlinkat rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity "
    "sched_yield set_robust_list set_tid_address setgid setgroups setuid sigaltstack stat statfs tgkill umask uname "
    "write"
).split()


class TestOomScore:
    def test_lowering_it_without_the_right_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'If oomScoreAdj is set, the runtime MUST set oom_score_adj to the given value.'"""
        if "CAP_SYS_RESOURCE" in Process().capabilities("Eff"):
            pytest.skip("this machine has CAP_SYS_RESOURCE")
        bundle.set("process.oomScoreAdj", int(Process().read("oom_score_adj")) - 1)
        message = container.fails("create").stderr
        if container.runtime.is_sampan:
            assert "process.oomScoreAdj" in message
            assert "CAP_SYS_RESOURCE" in message

    def test_a_further_process_has_the_container_s(self, container: Container, bundle: Bundle) -> None:
        """'oomScoreAdj adjusts the oom-killer score': of the process object, of which a further one has a copy"""
        bundle.set("process.oomScoreAdj", 300).args("sleep", "1000")
        container.launch()
        assert container.exec("cat", "/proc/self/oom_score_adj").checked().output == "300"

    def test_a_further_process_without_one_has_the_caller_s(self, container: Container, bundle: Bundle) -> None:
        """'If oomScoreAdj is not set, the runtime MUST NOT change the value of oom_score_adj.'"""
        bundle.args("sleep", "1000")
        container.launch()
        mine = Process().read("oom_score_adj").strip()
        path = process_file(container, args=["cat", "/proc/self/oom_score_adj"])
        assert container.exec("--process", path, "--").checked().output == mine


class TestHindrances:
    """All of these stand in the way of the runtime's own last steps; the container is made all the same."""

    @pytest.mark.parametrize(
        "fields",
        [
            {"oomScoreAdj": 1000},
            {"user": {"uid": 0, "gid": 0, "umask": 0o777}},
            {"user": {"uid": 65534, "gid": 65534}, "capabilities": {}},
            {"capabilities": {}},
            {"env": [], "args": ["/bin/sleep", "1000"]},
            {"env": ["PATH="], "args": ["/bin/sleep", "1000"]},
            {"rlimits": [{"type": "RLIMIT_NPROC", "soft": 1, "hard": 1}]},
        ],
        ids=["oom score", "umask", "nobody", "no capabilities", "no environment", "empty path", "one process"],
    )
    def test_it_runs(self, container: Container, bundle: Bundle, fields: dict[str, Any]) -> None:
        """'This operation MUST run the user-specified program as specified by process.'"""
        bundle.args("sleep", "1000")
        for name, value in fields.items():
            bundle.set(f"process.{name}", value)
        assert container.launch().process.arguments()[-1] == "1000"

    @pytest.mark.parametrize("no_new_privileges", [True, False])
    def test_a_filter_of_nearly_everything(self, container: Container, bundle: Bundle, no_new_privileges: bool) -> None:
        """'the default action for seccomp': of what a runtime must do after it has loaded the filter there is little"""
        rule = {"names": NEEDED, "action": "SCMP_ACT_ALLOW"}
        bundle.set("linux.seccomp", {"defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [rule]})
        bundle.set("process.noNewPrivileges", no_new_privileges).args("sleep", "1000")
        assert container.launch().process.arguments() == ["sleep", "1000"]
        assert container.exec("echo", "in").checked().output == "in"

    def test_files_made_with_a_mask_of_everything(self, container: Container, bundle: Bundle) -> None:
        """'umask (int, OPTIONAL) specifies the umask of the user.': the program's, not that of what is made for it"""
        bundle.user(0, 0, umask=0o777).set("process.cwd", "/made/for/it").mount("/data", "tmpfs", "tmpfs")
        container.output("touch /file")
        assert stat.S_IMODE((bundle.rootfs / "file").stat().st_mode) == 0
        assert stat.S_IMODE((bundle.rootfs / "made/for/it").stat().st_mode) == 0o755

    def test_the_caller_s_mask_of_everything(self, container: Container, bundle: Bundle) -> None:
        """'the umask should not be changed from the calling process' umask': it hinders the runtime, too"""
        bundle.user(0, 0, umask=0o022).args("sleep", "1000").write()
        before = os.umask(0o777)
        try:
            container.create()
        finally:
            os.umask(before)
        container.start()
        assert container.process.status("Umask") == "0022"


class TestUser:
    def test_a_user_name_of_another_platform_is_ignored(self, container: Container, bundle: Bundle) -> None:
        """'For Windows based systems the user structure has the following fields: username'"""
        bundle.user(1000, 1000, username="containeradministrator")
        assert container.output("id -u") == "1000"

    @pytest.mark.parametrize(
        "field, value",
        [
            ("umask", 0o1000),
            ("umask", -1),
            ("gid", -1),
            ("gid", 1 << 32),
            ("additionalGids", [-1]),
            ("additionalGids", [1 << 32]),
            ("additionalGids", ["wheel"]),
            ("additionalGids", 5),
        ],
    )
    def test_what_is_out_of_range_is_an_error(
        self, container: Container, bundle: Bundle, field: str, value: Any
    ) -> None:
        """'Runtimes MUST generate an error when invalid or unsupported values are encountered.'"""
        bundle.set("process.user", {"uid": 0, "gid": 0, field: value})
        message = container.fails("create").stderr
        if container.runtime.is_sampan:
            assert f"process.user.{field}" in message

    def test_ids_that_the_user_namespace_does_not_map_are_an_error(self, container: Container, bundle: Bundle) -> None:
        """'uid (int, REQUIRED) specifies the user ID in the container namespace'"""
        bundle.user_namespace(size=1000).user(1000, 0)
        message = container.fails("create").stderr
        if container.runtime.is_sampan:
            assert "process.user" in message

    def test_many_groups(self, container: Container, bundle: Bundle) -> None:
        """'additionalGids (array of ints, OPTIONAL)': as many as the kernel takes"""
        groups = list(range(100, 1100))
        bundle.user(1000, 1000, additionalGids=groups)
        assert [int(group) for group in container.launch().process.status("Groups").split()] == groups

    def test_the_same_group_twice(self, container: Container, bundle: Bundle) -> None:
        """'additionalGids specifies additional group IDs ... to be added to the process'"""
        bundle.user(1000, 1000, additionalGids=[5, 5, 1000])
        assert set(container.launch().process.status("Groups").split()) == {"5", "1000"}


class TestRights:
    def test_ambient_without_inheritable_is_no_error(self, container: Container, bundle: Bundle) -> None:
        """'Any value which ... cannot be granted otherwise MUST be logged as a warning'; capabilities(7): 'no
        capability can ever be ambient if it is not both permitted and inheritable'"""
        sets = {name: ["CAP_KILL"] for name in ("bounding", "permitted", "effective", "ambient")}
        bundle.set("process.capabilities", sets)
        assert container.launch().process.capabilities("Amb") == set()

    def test_effective_without_permitted_is_no_error(self, container: Container, bundle: Bundle) -> None:
        """'Any value which ... cannot be granted otherwise MUST be logged as a warning'"""
        bundle.set("process.capabilities", {"effective": ["CAP_KILL"], "bounding": ["CAP_KILL"]})
        container.output("true")

    def test_inheritable_beyond_the_bounding_set_is_no_error(self, container: Container, bundle: Bundle) -> None:
        """'Any value which ... cannot be granted otherwise MUST be logged as a warning'; capset(2): the inheritable set
        gains nothing beyond the bounding one"""
        lists = {"inheritable": ["CAP_KILL", "CAP_CHOWN"], "ambient": ["CAP_KILL", "CAP_CHOWN"]}
        both = {"permitted": ["CAP_KILL", "CAP_CHOWN"], "effective": ["CAP_CHOWN"], "bounding": ["CAP_CHOWN"]}
        bundle.user(1000, 1000).set("process.capabilities", lists | both)
        process = container.launch().process
        assert process.capabilities("Inh") == process.capabilities("Amb") == {"CAP_CHOWN"}

    @pytest.mark.parametrize(
        "field, value, there",
        [
            ("apparmorProfile", "docker-default", "/sys/module/apparmor/parameters/enabled"),
            ("selinuxLabel", "system_u:system_r:svirt_lxc_net_t:s0:c124,c675", "/sys/fs/selinux/enforce"),
        ],
    )
    @pytest.mark.parametrize("verb", ["create", "exec"])
    def test_labels_of_a_module_that_is_not_there_are_an_error(
        self, container: Container, bundle: Bundle, verb: str, field: str, value: str, there: str
    ) -> None:
        """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error'"""
        if Path(there).exists():
            pytest.skip("this machine has the module")
        if verb == "create":
            bundle.set(f"process.{field}", value)
            message = container.fails("create").stderr
        else:
            bundle.args("sleep", "1000")
            container.launch()
            result = container.exec("--process", process_file(container, args=["true"], **{field: value}), "--")
            assert result.status != 0
            message = result.stderr
        if container.runtime.is_sampan:
            assert f"process.{field}" in message

    def test_unconfined_is_no_label(self, container: Container, bundle: Bundle) -> None:
        """engines say so of privileged containers, on every machine"""
        bundle.set("process.apparmorProfile", "unconfined")
        container.output("true")
