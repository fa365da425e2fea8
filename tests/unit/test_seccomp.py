"""linux.seccomp becomes a filter that does what the profile says: judged by the kernel, in a child, without root.

What this machine's kernel cannot be asked (other architectures) is judged by a small interpreter of BPF.
"""

import ctypes
import json
import mmap
import os
import platform
import signal
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sampan import _seccomp
from sampan.errors import ConfigError, KernelError
from sampan.linux.seccomp import Filter, compile_filter
from sampan.linux.seccomp_profile import ACTIONS

REPO = Path(__file__).parents[2]
CORPUS = REPO.parent / "shared" / "corpus" / "config"

EPERM, EBADF, ENOSYS, RULED = 1, 9, 38, 77
LOG, SPEC_ALLOW, NEW_LISTENER, TSYNC, WAIT_KILLABLE = 2, 4, 8, 1, 32
PR_SET_NO_NEW_PRIVS, SET_MODE_FILTER = 38, 1
NATIVE = _seccomp.native_architecture()
X86_64, X86, AARCH64, X32_BIT = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000000
on_x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="about the architectures of x86_64")

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def compiled(**profile: object) -> Filter:
    return compile_filter({"defaultAction": "SCMP_ACT_ALLOW", **profile}, cache_directory=None)  # type: ignore[typeddict-item]


def rule(*names: str, action: str = "SCMP_ACT_ERRNO", **more: object) -> dict[str, object]:
    return {"names": list(names), "action": action, **more}


def argument(index: int, op: str, value: int, second: int | None = None) -> dict[str, object]:
    return {"index": index, "op": f"SCMP_CMP_{op}", "value": value} | ({} if second is None else {"valueTwo": second})


def number(name: str) -> int:
    return _seccomp.syscall(NATIVE, name)


def system_call(number: int, *arguments: int) -> int:
    """0 or the errno."""
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_ulong(argument) for argument in arguments))
    return ctypes.get_errno() if result == -1 else 0


def load(bpf: Filter) -> int:
    """What seccomp(2) returns; the calling process has the filter then."""
    code = ctypes.create_string_buffer(bpf.program, len(bpf.program))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(bpf.program) // 8, ctypes.addressof(code)))
    libc.prctl(PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0)))
    result: int = libc.syscall(ctypes.c_long(number("seccomp")), SET_MODE_FILTER, bpf.flags, program)
    return result


def judged(bpf: Filter, *calls: Sequence[int]) -> list[int] | signal.Signals:
    """The errno of each call under the bpf, or the signal that ended the process.

    The child tells by shared memory and then spins until it is killed: no system call that the filter could forbid.
    """
    shared = mmap.mmap(-1, mmap.PAGESIZE)
    verdicts = (ctypes.c_int * (len(calls) + 2)).from_buffer(shared)
    verdicts[0] = -1
    child = os.fork()
    if child == 0:
        try:
            verdicts[0] = load(bpf)
            for index, call in enumerate(calls, 2):
                verdicts[index] = system_call(*call)
        finally:
            verdicts[1] = 1
            while True:
                pass
    deadline = time.monotonic() + 20
    while not verdicts[1] and time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return signal.Signals(os.WTERMSIG(status))
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert verdicts[1], "the child hangs"
    assert verdicts[0] >= 0, "the kernel refuses the filter"
    return list(verdicts[2:])


def interpreted(program: bytes, architecture: int, number: int, arguments: Sequence[int] = ()) -> int:
    """What the filter says about a call, on any architecture: classic BPF, as far as libseccomp uses it."""
    data = struct.pack(
        "iIQ6Q", number if number < 2**31 else number - 2**32, architecture, 0, *(*arguments, *[0] * 6)[:6]
    )
    code = list(struct.iter_unpack("HBBI", program))
    accumulator = at = 0
    while True:
        operation, if_true, if_false, operand = code[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("I", data, operand)
            case 0x54:
                accumulator &= operand
            case 0x05:
                at += operand
            case 0x15:
                at += if_true if accumulator == operand else if_false
            case 0x25:
                at += if_true if accumulator > operand else if_false
            case 0x35:
                at += if_true if accumulator >= operand else if_false
            case 0x06:
                return int(operand)
            case _:
                raise AssertionError(f"unknown instruction {operation:#x}")


def errno_action(errno: int) -> int:
    return ACTIONS["SCMP_ACT_ERRNO"] | errno


# lseek of no descriptor: EBADF where it is allowed, whatever the other arguments are
LSEEK = number("lseek")


def lseek(offset: int, whence: int = 0) -> tuple[int, int, int, int]:
    return LSEEK, 0xFFFFFFFF, offset, whence


# ---- actions ----


def test_errno_returns_the_rules_errno_and_eperm_without_one() -> None:
    bpf = compiled(syscalls=[rule("lseek", errnoRet=RULED), rule("getpriority")])
    assert judged(bpf, lseek(0), (number("getpriority"), 0, 0), (number("getpid"),)) == [RULED, EPERM, 0]


def test_errno_zero_makes_a_call_succeed_without_being_made() -> None:
    assert judged(compiled(syscalls=[rule("lseek", errnoRet=0)]), lseek(0)) == [0]


@pytest.mark.parametrize("action", ["KILL", "KILL_THREAD", "KILL_PROCESS", "TRAP"])
def test_kill_and_trap_end_in_sigsys(action: str) -> None:
    bpf = compiled(syscalls=[rule("lseek", action=f"SCMP_ACT_{action}")])
    assert judged(bpf, (number("getpid"),), lseek(0)) == signal.SIGSYS


def test_kill_is_libseccomps_kill_thread() -> None:
    bpf = compiled(syscalls=[rule("lseek", action="SCMP_ACT_KILL"), rule("getpid", action="SCMP_ACT_KILL_PROCESS")])
    assert interpreted(bpf.program, NATIVE, LSEEK) == 0
    assert interpreted(bpf.program, NATIVE, number("getpid")) == 0x80000000


def test_log_lets_the_call_through() -> None:
    assert judged(compiled(syscalls=[rule("lseek", action="SCMP_ACT_LOG")]), lseek(0)) == [EBADF]


def test_trace_without_a_tracer_is_enosys_and_carries_its_errno_to_one() -> None:
    bpf = compiled(syscalls=[rule("lseek", action="SCMP_ACT_TRACE", errnoRet=4242)])
    assert judged(bpf, lseek(0)) == [ENOSYS]
    assert interpreted(bpf.program, NATIVE, LSEEK) == 0x7FF00000 | 4242


def test_allow_is_an_exception_from_a_forbidding_default() -> None:
    bpf = compiled(
        defaultAction="SCMP_ACT_ERRNO",
        defaultErrnoRet=RULED,
        syscalls=[rule("lseek", "umask", action="SCMP_ACT_ALLOW")],
    )
    assert judged(bpf, lseek(0), (number("getpid"),)) == [EBADF, RULED]


def test_the_default_errno_is_eperm() -> None:
    bpf = compiled(defaultAction="SCMP_ACT_ERRNO", syscalls=[rule("umask", action="SCMP_ACT_ALLOW")])
    assert judged(bpf, (number("getpid"),)) == [EPERM]


def test_a_rule_with_the_default_action_changes_nothing() -> None:
    plain = compiled(defaultAction="SCMP_ACT_ERRNO", defaultErrnoRet=38)
    assert compiled(
        defaultAction="SCMP_ACT_ERRNO", defaultErrnoRet=38, syscalls=[rule("lseek", errnoRet=38)]
    ).program == (plain.program)


def test_notify_is_a_filter_with_a_listener() -> None:
    bpf = compiled(syscalls=[rule("lseek", action="SCMP_ACT_NOTIFY")])
    assert bpf.notify
    assert bpf.flags == NEW_LISTENER | SPEC_ALLOW
    assert interpreted(bpf.program, NATIVE, LSEEK) == 0x7FC00000
    assert judged(bpf, (number("getpid"),)) == [0]


@pytest.mark.parametrize("name", ["read", "write", "sendmsg", "close", "execve", "capset", "exit_group"])
def test_any_call_may_notify(name: str) -> None:
    """Nothing that the runtime does under the filter must come before the agent has the descriptor."""
    bpf = compiled(syscalls=[rule(name, action="SCMP_ACT_NOTIFY")])
    assert interpreted(bpf.program, NATIVE, number(name)) == 0x7FC00000


def test_all_calls_may_notify_also_those_that_are_newer_than_the_profile() -> None:
    """'Allowed values are the same as syscalls[].action.' The agent is asked about what its author did not know."""
    bpf = compiled(defaultAction="SCMP_ACT_NOTIFY", syscalls=[rule("lseek", action="SCMP_ACT_ALLOW")])
    assert bpf.notify
    assert interpreted(bpf.program, NATIVE, LSEEK) == 0x7FFF0000
    assert {interpreted(bpf.program, NATIVE, call) for call in (number("read"), 1000)} == {0x7FC00000}


def test_the_other_threads_of_init_do_not_get_a_filter_that_notifies() -> None:
    """One of them hands over its descriptor, and the filter would not let it."""
    bpf = compiled(syscalls=[rule("lseek", action="SCMP_ACT_NOTIFY")], flags=["SECCOMP_FILTER_FLAG_TSYNC"])
    assert bpf.flags == NEW_LISTENER


# ---- arguments ----


@pytest.mark.parametrize(
    ("op", "value", "second", "holds", "fails"),
    [
        ("EQ", 5, None, [5], [4, 6, 5 + 2**32]),
        ("NE", 5, None, [4, 6, 5 + 2**32], [5]),
        ("LT", 5, None, [0, 4], [5, 6, 2**63, 2**32]),
        ("LE", 5, None, [0, 4, 5], [6, 2**32 + 1]),
        ("GE", 5, None, [5, 6, 2**32, 2**64 - 1], [0, 4]),
        ("GT", 5, None, [6, 2**32, 2**64 - 1], [0, 5]),
        ("EQ", 2**64 - 1, None, [2**64 - 1], [2**32 - 1, 0]),
        ("MASKED_EQ", 0xF0, 0x20, [0x20, 0x2F, 0x12F], [0, 0x10, 0x30]),
        ("MASKED_EQ", 2**40, 2**40, [2**40, 2**40 + 5], [5, 2**41]),
        ("MASKED_EQ", 0x7E020000, 0, [0, 1], [0x20000]),
        ("MASKED_EQ", 0x1, None, [0, 2], [1, 3]),
    ],
)
def test_arguments_are_compared_as_64_bits(
    op: str, value: int, second: int | None, holds: list[int], fails: list[int]
) -> None:
    bpf = compiled(syscalls=[rule("lseek", errnoRet=RULED, args=[argument(1, op, value, second)])])
    calls = [lseek(offset) for offset in (*holds, *fails)]
    assert judged(bpf, *calls) == [RULED] * len(holds) + [EBADF] * len(fails)


def test_comparisons_of_different_arguments_must_all_hold() -> None:
    args = [argument(1, "EQ", 5), argument(2, "EQ", 1)]
    bpf = compiled(syscalls=[rule("lseek", errnoRet=RULED, args=args)])
    assert judged(bpf, lseek(5, 1), lseek(5, 0), lseek(6, 1)) == [RULED, EBADF, EBADF]


def test_of_comparisons_of_the_same_argument_any_is_enough() -> None:
    args = [argument(1, "EQ", 5), argument(1, "EQ", 6), argument(2, "EQ", 1)]
    bpf = compiled(syscalls=[rule("lseek", errnoRet=RULED, args=args)])
    assert judged(bpf, lseek(5), lseek(6), lseek(7), lseek(7, 1)) == [RULED, RULED, EBADF, RULED]


# ---- calls newer than the profile ----

FORBIDDING = ["ERRNO", "KILL", "KILL_PROCESS", "TRAP"]


@pytest.mark.parametrize("action", FORBIDDING)
def test_a_call_newer_than_a_forbidding_profile_does_not_exist(action: str) -> None:
    names = ["openat2", "lseek", "mmap", "munmap", "brk"]
    bpf = compiled(defaultAction=f"SCMP_ACT_{action}", syscalls=[rule(*names, action="SCMP_ACT_ALLOW")])
    assert judged(bpf, (number("openat2") + 1,), (9999,), lseek(0)) == [ENOSYS, ENOSYS, EBADF]
    assert interpreted(bpf.program, NATIVE, number("getpid")) == ACTIONS[f"SCMP_ACT_{action}"] | (action == "ERRNO")


def test_a_call_that_is_only_forbidden_counts_as_known() -> None:
    syscalls = [rule("lseek", action="SCMP_ACT_ALLOW"), rule("openat2")]
    bpf = compiled(defaultAction="SCMP_ACT_ERRNO", syscalls=syscalls)
    assert judged(bpf, (number("openat2"),), (number("openat2") + 1,)) == [EPERM, ENOSYS]


@pytest.mark.parametrize("action", ["ALLOW", "LOG", "TRACE"])
def test_a_permissive_profile_says_nothing_about_newer_calls(action: str) -> None:
    bpf = compiled(defaultAction=f"SCMP_ACT_{action}", syscalls=[rule("lseek", errnoRet=RULED)])
    assert interpreted(bpf.program, NATIVE, 9999) == ACTIONS[f"SCMP_ACT_{action}"] | (action == "TRACE")


@on_x86_64
def test_each_architecture_has_its_own_newest_call() -> None:
    bpf = compiled(
        defaultAction="SCMP_ACT_ERRNO",
        architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"],
        syscalls=[rule("fsync", "lseek", action="SCMP_ACT_ALLOW")],
    )
    allowed, forbidden, unknown = ACTIONS["SCMP_ACT_ALLOW"], errno_action(EPERM), errno_action(ENOSYS)
    for architecture, newest, between in ((X86_64, 74, 73), (X86, 118, 117), (AARCH64, 82, 81)):
        assert interpreted(bpf.program, architecture, newest) == allowed
        assert interpreted(bpf.program, architecture, between) == forbidden
        assert interpreted(bpf.program, architecture, newest + 1) == unknown
    assert interpreted(bpf.program, X86_64, X32_BIT + 74) == allowed
    assert interpreted(bpf.program, X86_64, X32_BIT + 73) == forbidden
    assert interpreted(bpf.program, X86_64, X32_BIT + 75) == unknown
    assert judged(bpf, lseek(0), (73,), (75,), (X32_BIT + 75,)) == [EBADF, EPERM, ENOSYS, ENOSYS]


@on_x86_64
def test_the_call_that_stands_for_several_on_32_bits_is_as_known_as_they_are() -> None:
    syscalls = [rule("socket", "lseek", action="SCMP_ACT_ALLOW")]
    bpf = compiled(defaultAction="SCMP_ACT_ERRNO", architectures=["SCMP_ARCH_X86"], syscalls=syscalls)
    socketcall, socket, bind = 102, 1, 2
    assert interpreted(bpf.program, X86, socketcall, [socket]) == ACTIONS["SCMP_ACT_ALLOW"]
    assert interpreted(bpf.program, X86, socketcall, [bind]) == errno_action(EPERM)


# ---- architectures ----


@on_x86_64
def test_an_architecture_that_is_not_listed_is_killed_and_the_native_one_is_always_there() -> None:
    syscalls = [rule("lseek", errnoRet=RULED)]
    native, with_x86 = compiled(syscalls=syscalls), compiled(syscalls=syscalls, architectures=["SCMP_ARCH_X86"])
    assert interpreted(native.program, X86, 19) == ACTIONS["SCMP_ACT_KILL"]
    assert interpreted(with_x86.program, X86, 19) == errno_action(RULED)
    assert interpreted(with_x86.program, X86_64, LSEEK) == errno_action(RULED)
    assert interpreted(with_x86.program, X86_64, X32_BIT + 8) == ACTIONS["SCMP_ACT_KILL"]
    assert judged(with_x86, lseek(0)) == [RULED]


def test_the_native_architecture_may_be_listed() -> None:
    name = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}[platform.machine()]
    assert compiled(architectures=[name]).program == compiled().program


@on_x86_64
def test_an_architecture_of_another_byte_order_is_an_error_that_names_the_field() -> None:
    with pytest.raises(KernelError, match=r"linux\.seccomp\.architectures\[1\].*byte order"):
        compiled(architectures=["SCMP_ARCH_X86", "SCMP_ARCH_S390X"])


# ---- flags ----


@pytest.mark.parametrize(
    ("flags", "bits"),
    [
        ({}, SPEC_ALLOW),
        ({"flags": []}, 0),
        ({"flags": ["SECCOMP_FILTER_FLAG_LOG"]}, LOG),
        ({"flags": ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]}, TSYNC | SPEC_ALLOW),
    ],
)
def test_flags_are_the_ones_of_the_profile_and_without_any_runcs_default(flags: dict[str, Any], bits: int) -> None:
    bpf = compiled(syscalls=[rule("lseek")], **flags)
    assert (bpf.flags, bpf.notify) == (bits, False)
    assert judged(bpf, lseek(0)) == [EPERM]


def test_waiting_killably_is_for_a_listener() -> None:
    flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]
    bpf = compiled(flags=flags, syscalls=[rule("lseek", action="SCMP_ACT_NOTIFY")])
    assert bpf.flags == WAIT_KILLABLE | NEW_LISTENER


# ---- names and errors ----


def test_calls_that_libseccomp_does_not_know_are_left_out_with_a_warning() -> None:
    bpf = compiled(syscalls=[rule("lseek", "call_of_the_future", errnoRet=RULED)])
    assert bpf.warnings == [
        "linux.seccomp.syscalls[0].names[1]: system call call_of_the_future is unknown to libseccomp and left out"
    ]
    assert judged(bpf, lseek(0)) == [RULED]


@on_x86_64
def test_calls_of_other_architectures_are_no_warning() -> None:
    assert compiled(syscalls=[rule("socketcall", "sync_file_range2")]).warnings == []


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        ({"defaultAction": "SCMP_ACT_DENY"}, "defaultAction"),
        ({"defaultErrnoRet": 1}, "defaultErrnoRet"),
        ({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096}, "defaultErrnoRet"),
        ({"architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_VAX"]}, "architectures[1]"),
        ({"architectures": ["x86"]}, "architectures[0]"),
        ({"flags": ["SECCOMP_FILTER_FLAG_NEW_LISTENER"]}, "flags[0]"),
        ({"flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]}, "flags[0]"),
        ({"syscalls": [rule("read"), rule("read", action="ALLOW")]}, "syscalls[1].action"),
        ({"syscalls": [rule("read", action="SCMP_ACT_KILL", errnoRet=1)]}, "syscalls[0].errnoRet"),
        ({"syscalls": [rule("read", action="SCMP_ACT_TRACE", errnoRet=65536)]}, "syscalls[0].errnoRet"),
        ({"syscalls": [rule("read", "")]}, "syscalls[0].names[1]"),
        ({"syscalls": [rule("read\0write")]}, "syscalls[0].names[0]"),
        ({"syscalls": [rule("read", args=[argument(0, "EQ", 1), argument(1, "IS", 1)])]}, "syscalls[0].args[1].op"),
        ({"syscalls": [rule("read", args=[argument(6, "EQ", 1)])]}, "syscalls[0].args[0].index"),
    ],
)
def test_what_is_wrong_is_an_error_that_names_the_field(profile: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compiled(**profile)
    assert [problem.field for problem in caught.value.problems] == [f"linux.seccomp.{field}"]


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        compiled(defaultAction="DENY", flags=["FLAG"], syscalls=[rule("read", action="ALLOW")])
    assert len(caught.value.problems) == 3


def test_rules_that_contradict_each_other_are_an_error_that_names_the_field() -> None:
    same = [argument(1, "EQ", 5)]
    with pytest.raises(KernelError, match=r"linux\.seccomp\.syscalls\[1\]\.names\[0\].*another rule"):
        compiled(syscalls=[rule("lseek", args=same), rule("lseek", errnoRet=RULED, args=same)])


def test_a_filter_larger_than_the_kernel_takes_is_an_error() -> None:
    rules = [rule("lseek", errnoRet=value % 4000 + 1, args=[argument(1, "EQ", value << 33)]) for value in range(2000)]
    with pytest.raises(ConfigError, match="the kernel takes 4096 at most"):
        compiled(syscalls=rules)


# ---- profiles of engines ----


def corpus() -> list[Path]:
    return sorted(CORPUS.glob("*.json"))


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no corpus of configurations in {CORPUS}")
def test_the_profiles_of_engines_compile_and_load() -> None:
    profiles = {}
    for path in corpus():
        profile = json.loads(path.read_bytes()).get("linux", {}).get("seccomp")
        if profile:
            profiles[json.dumps(profile)] = profile
    assert profiles
    for profile in profiles.values():
        bpf = compile_filter(profile, cache_directory=None)
        assert judged(bpf, (number("getpid"),), (9999,)) == [0, ENOSYS]
