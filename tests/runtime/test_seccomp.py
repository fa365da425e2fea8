"""config-linux.md, Seccomp: what the filter does to a program."""

from __future__ import annotations

import errno
import signal
from typing import Any

import pytest

from .bundle import Bundle
from .container import Container

MKDIR = ["mkdir", "mkdirat"]


def deny(bundle: Bundle, names: list[str], action: str = "SCMP_ACT_ERRNO", **more: Any) -> Bundle:
    """A filter that allows everything but these."""
    rule = {"names": names, "action": action, **more}
    return bundle.set("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]})


def test_a_denied_call_is_eperm_by_default(container: Container, bundle: Bundle) -> None:
    """'The default is EPERM.'"""
    deny(bundle, MKDIR).args("mkdir", "/made")
    assert "Operation not permitted" in container.run().stderr


@pytest.mark.parametrize(
    ("number", "message"), [(errno.ENOSYS, "Function not implemented"), (errno.EXDEV, "Invalid cross-device link")]
)
def test_the_errno_is_the_configured_one(container: Container, bundle: Bundle, number: int, message: str) -> None:
    """'errnoRet (uint, OPTIONAL) - the errno return code to use.'"""
    deny(bundle, MKDIR, errnoRet=number).args("mkdir", "/made")
    assert message in container.run().stderr


@pytest.mark.parametrize("action", ["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD"])
def test_killed(container: Container, bundle: Bundle, action: str) -> None:
    """'action (string, REQUIRED) - the action for seccomp rules.'"""
    deny(bundle, MKDIR, action).sh("mkdir /made; echo $?")
    assert container.run().output == str(128 + signal.SIGSYS)


def test_trapped(container: Container, bundle: Bundle) -> None:
    """SCMP_ACT_TRAP sends SIGSYS"""
    deny(bundle, MKDIR, "SCMP_ACT_TRAP").sh("mkdir /made; echo $?")
    assert container.run().output == str(128 + signal.SIGSYS)


def test_logged_calls_go_on(container: Container, bundle: Bundle) -> None:
    """SCMP_ACT_LOG allows, and logs"""
    deny(bundle, MKDIR, "SCMP_ACT_LOG")
    container.output("mkdir /made")


NEEDED = (
    "access arch_prctl brk capget capset chdir clone clone3 close close_range dup dup2 dup3 epoll_create1 epoll_ctl "
    "epoll_pwait eventfd2 execve execveat exit exit_group faccessat faccessat2 fchdir fchmod fchown fcntl fork fstat "
    "fstatfs futex getcwd getdents64 getegid geteuid getgid getpgrp getpid getppid getrandom gettid getuid ioctl kill"
    " lseek lstat madvise mmap mprotect munmap nanosleep newfstatat open openat openat2 pipe pipe2 poll ppoll prctl "
    "pread64 prlimit64 read readlink readlinkat recvfrom recvmsg rseq rt_sigaction rt_sigprocmask rt_sigreturn "
    "sched_getaffinity sched_yield sendmsg sendto set_robust_list set_tid_address setgid setgroups setresgid "
    "setresuid setuid sigaltstack stat statfs statx tgkill umask uname vfork wait4 write writev"
).split()


@pytest.mark.parametrize(("number", "message"), [(None, "Operation not permitted"), (errno.EIO, "Input/output error")])
def test_a_default_action_with_exceptions(
    container: Container, bundle: Bundle, number: int | None, message: str
) -> None:
    """'defaultAction - the default action for seccomp.' 'defaultErrnoRet - the errno return code to use. ... The
    default is EPERM.'"""
    rule = {"names": NEEDED, "action": "SCMP_ACT_ALLOW"}
    bundle.set("linux.seccomp", {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [rule]})
    if number is not None:
        bundle.set("linux.seccomp.defaultErrnoRet", number)
    bundle.args("mkdir", "/made")
    assert message in container.run().stderr


class TestArguments:
    """'args - the specific syscall in seccomp.' The mode of mkdir(2) and the flags of unshare(2) are looked at."""

    def rule(self, op: str, value: int, two: int = 0, index: int = 0) -> dict[str, Any]:
        return {"index": index, "value": value, "valueTwo": two, "op": op}

    @pytest.mark.parametrize(
        ("op", "value", "denied"),
        [
            ("SCMP_CMP_EQ", 9, True),
            ("SCMP_CMP_EQ", 10, False),
            ("SCMP_CMP_NE", 9, False),
            ("SCMP_CMP_NE", 10, True),
            ("SCMP_CMP_LT", 10, True),
            ("SCMP_CMP_LT", 9, False),
            ("SCMP_CMP_LE", 9, True),
            ("SCMP_CMP_LE", 8, False),
            ("SCMP_CMP_GT", 8, True),
            ("SCMP_CMP_GT", 9, False),
            ("SCMP_CMP_GE", 9, True),
            ("SCMP_CMP_GE", 10, False),
        ],
    )
    def test_each_operator(self, container: Container, bundle: Bundle, op: str, value: int, denied: bool) -> None:
        """'op (string, REQUIRED) - the operator for syscall arguments in seccomp.': `kill -9` of a child"""
        deny(bundle, ["kill"], args=[self.rule(op, value, index=1)])
        bundle.sh("sleep 1000 & kill -9 $! 2>/dev/null && echo allowed || echo denied; kill $!")
        assert container.run().output == ("denied" if denied else "allowed")

    @pytest.mark.parametrize(("mask", "value", "denied"), [(1, 1, True), (8, 8, True), (2, 2, False)])
    def test_masked_equality(self, container: Container, bundle: Bundle, mask: int, value: int, denied: bool) -> None:
        """SCMP_CMP_MASKED_EQ: `value` is the mask, `valueTwo` what is compared with: 9 is 1001 in binary"""
        deny(bundle, ["kill"], args=[self.rule("SCMP_CMP_MASKED_EQ", mask, value, index=1)])
        bundle.sh("sleep 1000 & kill -9 $! 2>/dev/null && echo allowed || echo denied; kill $!")
        assert container.run().output == ("denied" if denied else "allowed")

    def test_all_arguments_of_a_rule_must_match(self, container: Container, bundle: Bundle) -> None:
        """seccomp_rule_add(3): 'all of the argument comparisons must be true for the rule to match'"""
        both = [self.rule("SCMP_CMP_EQ", 9, index=1), self.rule("SCMP_CMP_EQ", 1, index=0)]
        deny(bundle, ["kill"], args=both)
        bundle.sh("sleep 1000 & kill -9 $! && echo allowed")
        assert container.run().output == "allowed"


def test_an_unknown_call_is_no_error(container: Container, bundle: Bundle) -> None:
    """Profiles of engines name calls that only some kernels and architectures have"""
    deny(bundle, ["no_such_call", *MKDIR]).args("mkdir", "/made")
    assert "Operation not permitted" in container.run().stderr


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("linux.seccomp.defaultAction", "SCMP_ACT_FORGIVE"),
        ("linux.seccomp.architectures", ["SCMP_ARCH_PDP11"]),
        ("linux.seccomp.syscalls.0.action", "SCMP_ACT_FORGIVE"),
        ("linux.seccomp.syscalls.0.args", [{"index": 0, "value": 1, "op": "SCMP_CMP_ROUGHLY"}]),
        ("linux.seccomp.flags", ["SECCOMP_FILTER_FLAG_NONE_SUCH"]),
    ],
)
def test_an_unknown_word_is_an_error(container: Container, bundle: Bundle, field: str, value: Any) -> None:
    """'A valid list of constants as of libseccomp v2.6.0 is shown below.'"""
    deny(bundle, MKDIR).set(field, value)
    container.fails("create")


def test_an_errno_for_an_action_without_is_an_error(container: Container, bundle: Bundle) -> None:
    """'When the action doesn't support an errno, the runtime MUST print and error and fail.'"""
    deny(bundle, MKDIR, "SCMP_ACT_KILL", errnoRet=5)
    container.fails("create")


@pytest.mark.parametrize("privileged", [False, True], ids=["no new privileges", "privileged"])
def test_the_filter_is_on(container: Container, bundle: Bundle, privileged: bool) -> None:
    """With noNewPrivileges and without (then it is loaded while the process still has CAP_SYS_ADMIN)"""
    deny(bundle, MKDIR).set("process.noNewPrivileges", not privileged)
    assert container.launch().process.status("Seccomp") == "2"


def test_no_filter_is_on_unasked(container: Container) -> None:
    """'seccomp (object, OPTIONAL)'"""
    assert container.launch().process.status("Seccomp") == "0"


def test_it_does_not_hinder_the_runtime(container: Container, bundle: Bundle) -> None:
    """A filter that denies what a runtime itself does to make the container is applied last"""
    names = ["mount", "umount2", "pivot_root", "setuid", "setgroups", "capset", "mknod", "mknodat", "unshare", "setns"]
    deny(bundle, names).user(1000, 1000, additionalGids=[5])
    assert container.output("id -u") == "1000"
