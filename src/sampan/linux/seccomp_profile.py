"""The translation of linux.seccomp into libseccomp's numbers; where the specification is silent, with runc's meaning.

Loaded only when a profile is not in the cache (seccomp.py). Never weakens a profile: what libseccomp cannot do is an
error that names the field. Except system calls that it does not know, which profiles for many kernels are full of.
"""

from __future__ import annotations

import sys
from errno import EDOM, EEXIST, ENOSYS, EPERM

from sampan import _seccomp
from sampan.errors import ConfigError, KernelError, Problem
from sampan.linux.seccomp import Filter
from sampan.linux.seccomp_ranges import shorten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.spec.types import Seccomp, SeccompArgument, SeccompSyscall

    Comparison = tuple[int, int, int, int]
    Rule = tuple[str, int, int, tuple[Comparison, ...]]

SECTION = "config-linux.md#seccomp"

# seccomp(2): the action is in the upper half of the filter's verdict, its data (an errno) in the lower half.
ACTIONS = {
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": 0x00050000,
    "SCMP_ACT_NOTIFY": 0x7FC00000,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
}
NOTIFY = ACTIONS["SCMP_ACT_NOTIFY"]
# The largest errnoRet: the kernel's MAX_ERRNO, to which it would lower others; a tracer gets all of the lower half.
LARGEST_ERRNO = {"SCMP_ACT_ERRNO": 4095, "SCMP_ACT_TRACE": 0xFFFF}
# A system call that falls to one of these can still succeed. Tracers and agents are expected to know about new ones.
PERMISSIVE = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_NOTIFY")

OPERATORS = {
    "SCMP_CMP_NE": 1,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}
ARGUMENTS = 6

FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": 1 << 0,
    "SECCOMP_FILTER_FLAG_LOG": 1 << 1,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 1 << 2,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": 1 << 5,
}
NEW_LISTENER = 1 << 3

# What libseccomp means by the errors that say something else to everyone else.
REASONS = {
    EEXIST: "another rule for the same call and arguments has another action",
    EDOM: "its byte order is not this machine's",
}

# Beyond this many rules a binary tree of system call numbers is faster than libseccomp's list (runc's number).
TREE_FROM = 32
LARGEST_PROGRAM = 4096  # BPF_MAXINSNS

# linux/bpf_common.h and the layout of struct seccomp_data
LOAD, JUMP, JUMP_EQUAL, JUMP_GREATER, JUMP_NOT_LESS, RETURN = 0x20, 0x05, 0x15, 0x25, 0x35, 0x06
NUMBER, ARCHITECTURE = 0, 4
AUDIT_ARCH_X86_64 = 0xC000003E
X32_BIT = 0x40000000  # in the number of a system call of the x32 ABI, which has x86_64's AUDIT_ARCH


def translate(profile: Seccomp) -> Filter:
    """The filter of ``profile``. Raises ConfigError, and KernelError for what libseccomp refuses."""
    translation = _Translation(profile)
    if translation.problems:
        raise ConfigError("config.json", translation.problems)
    rules = translation.rules
    try:
        program = _seccomp.build(translation.default, translation.architectures, rules, len(rules) > TREE_FROM)
    except OSError as error:
        field = error.filename or "linux.seccomp"
        reason = REASONS.get(error.errno or 0, f"libseccomp {_version()}")
        raise KernelError("compile", "the seccomp filter", error.errno or 0, field, reason) from None
    if profile["defaultAction"] not in PERMISSIVE and translation.default != ACTIONS["SCMP_ACT_ERRNO"] | ENOSYS:
        program = _unknown_calls(translation) + program
    program = shorten(program)
    if len(program) // 8 > LARGEST_PROGRAM:
        rule = f"makes a filter of {len(program) // 8} instructions: the kernel takes {LARGEST_PROGRAM} at most"
        raise ConfigError("config.json", [Problem("linux.seccomp.syscalls", None, rule, "")])
    return Filter(program, translation.flags, translation.notify, translation.warnings)


def architecture_token(name: str) -> int:
    """libseccomp's token of an architecture in the specification's spelling; 0 where it does not know it."""
    return _seccomp.architecture(name[10:].lower()) if name.startswith("SCMP_ARCH_") else 0


def _version() -> str:
    return ".".join(map(str, _seccomp.version()))


class _Translation:
    """The numbers of a profile, and what is wrong with it."""

    def __init__(self, profile: Seccomp) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.native = _seccomp.native_architecture()
        self.names: set[str] = set()  # of the system calls that the profile mentions
        self.rules: list[Rule] = []
        self.notify = profile["defaultAction"] == "SCMP_ACT_NOTIFY"
        self.default = self.action(
            (profile["defaultAction"], "linux.seccomp.defaultAction"),
            (profile.get("defaultErrnoRet"), "linux.seccomp.defaultErrnoRet"),
        )
        self.architectures = [
            (f"linux.seccomp.architectures[{index}]", self.architecture(index, name))
            for index, name in enumerate(profile.get("architectures", []))
        ]
        for index, entry in enumerate(profile.get("syscalls", [])):
            self.add_rules(f"linux.seccomp.syscalls[{index}]", entry)
        self.flags = self.combine_flags(profile.get("flags"))

    def problem(self, field: str, value: object, rule: str) -> None:
        self.problems.append(Problem(field, value, rule, SECTION))

    def action(self, name_and_field: tuple[str, str], errno_and_field: tuple[int | None, str]) -> int:
        """The verdict that an action and its errno stand for; -1 with a problem."""
        name, field = name_and_field
        errno, errno_field = errno_and_field
        if name not in ACTIONS:
            self.problem(field, name, "is no action of seccomp")
            return -1
        largest = LARGEST_ERRNO.get(name)
        if largest is None:
            if errno is not None:
                self.problem(errno_field, errno, f"must not be set: {name} has no errno")
            return ACTIONS[name]
        if errno is not None and not 0 <= errno <= largest:
            self.problem(errno_field, errno, f"must be from 0 to {largest}")
            return -1
        return ACTIONS[name] | (EPERM if errno is None else errno)

    def architecture(self, index: int, name: str) -> int:
        token = architecture_token(name)
        if not token:
            rule = f"is no architecture that libseccomp {_version()} knows"
            self.problem(f"linux.seccomp.architectures[{index}]", name, rule)
        return token

    def add_rules(self, field: str, entry: SeccompSyscall) -> None:
        action = self.action((entry["action"], f"{field}.action"), (entry.get("errnoRet"), f"{field}.errnoRet"))
        comparisons = [
            self.comparison(f"{field}.args[{i}]", argument) for i, argument in enumerate(entry.get("args", []))
        ]
        self.notify = self.notify or action == NOTIFY
        indexes = [comparison[0] for comparison in comparisons]
        # All comparisons of a rule must hold, but libseccomp takes one for each argument. As runc does, and as
        # profiles expect since docker's first one: if an argument is compared twice, each comparison is a rule by
        # itself, and any of them is enough.
        any_of = len(set(indexes)) < len(indexes)
        alternatives = [(comparison,) for comparison in comparisons] if any_of else [tuple(comparisons)]
        for position, name in enumerate(entry["names"]):
            where = f"{field}.names[{position}]"
            self.names.add(name)
            number = self.system_call(where, name)
            if number is None:
                continue
            if action != self.default:  # else there is nothing to add, and libseccomp refuses to
                self.rules.extend((where, number, action, alternative) for alternative in alternatives)

    def system_call(self, field: str, name: str) -> int | None:
        if not name or "\0" in name:
            self.problem(field, name, "must be the name of a system call")
            return None
        number = _seccomp.syscall(self.native, name)
        if number == -1:
            self.warnings.append(f"{field}: system call {name} is unknown to libseccomp and left out")
            return None
        return number

    def comparison(self, field: str, argument: SeccompArgument) -> Comparison:
        operator = OPERATORS.get(argument["op"])
        if operator is None:
            self.problem(f"{field}.op", argument["op"], "is no operator of seccomp")
        if not 0 <= argument["index"] < ARGUMENTS:
            self.problem(f"{field}.index", argument["index"], f"must be from 0 to {ARGUMENTS - 1}")
        # for SCMP_CMP_MASKED_EQ: the mask, and what the masked argument must equal; else the second has no meaning
        return argument["index"], operator or 0, argument["value"], argument.get("valueTwo", 0)

    def combine_flags(self, names: list[str] | None) -> int:
        if names is None:
            # as runc does: without it, every process with a filter runs without speculative store bypass, much slower
            names = ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]
        flags = NEW_LISTENER if self.notify else 0
        for index, name in enumerate(names):
            field = f"linux.seccomp.flags[{index}]"
            if name not in FLAGS:
                self.problem(field, name, "is no flag of seccomp")
            elif name == "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" and not self.notify:
                self.problem(field, name, "needs a system call with the action SCMP_ACT_NOTIFY")
            else:
                flags |= FLAGS[name]
        if self.notify:
            # It is for the threads of the one process that loads the filter: for init's second one, which must not have
            # it (native/notify.c), and is gone before the user's program begins. Without agent there is no second one.
            flags &= ~FLAGS["SECCOMP_FILTER_FLAG_TSYNC"]
        return flags


def _unknown_calls(translation: _Translation) -> bytes:
    """A prologue for the program that answers ENOSYS to the system calls which are newer than the profile.

    A C library that finds a new system call missing (ENOSYS) does with an older one; told EPERM, it takes that for the
    answer and fails. A profile that forbids what it does not mention says EPERM, or kills, for calls that its author
    could not know. So, as runc does: what has a greater number than all that the profile mentions, to allow or to
    forbid it, does not exist. Nothing is allowed by this that was not before.
    """
    newest: dict[int, dict[bool, int]] = {}  # AUDIT_ARCH -> is it x32's -> the greatest number
    for token in {translation.native, *(token for _, token in translation.architectures)}:
        # calls of other architectures have numbers below zero
        largest = max((_seccomp.syscall(token, name) for name in translation.names), default=-1)
        is_x32 = token == _seccomp.architecture("x32")
        if largest >= 0:
            newest.setdefault(AUDIT_ARCH_X86_64 if is_x32 else token, {})[is_x32] = largest
    sections: list[bytes] = []
    for audit_architecture, numbers in sorted(newest.items(), reverse=True):
        # made from the last to the first, since each must know how far it is to libseccomp's program behind them
        sections.insert(0, _section(audit_architecture, numbers, rest=sum(map(len, sections)) // 8))
    return _instruction(LOAD, ARCHITECTURE) + b"".join(sections) if sections else b""


def _section(audit_architecture: int, numbers: dict[bool, int], rest: int) -> bytes:
    """The part of the prologue for one AUDIT_ARCH; ``rest`` instructions of other parts follow it."""
    if True in numbers and False in numbers:
        checks = [
            _instruction(JUMP_NOT_LESS, X32_BIT, 0, 1),
            _instruction(JUMP_GREATER, numbers[True], 1, 2),
            _instruction(JUMP_GREATER, numbers[False], 0, 1),
        ]
    else:
        checks = [_instruction(JUMP_GREATER, max(numbers.values()), 0, 1)]
    body = [
        _instruction(LOAD, NUMBER),
        *checks,
        _instruction(RETURN, ACTIONS["SCMP_ACT_ERRNO"] | ENOSYS),
        _instruction(JUMP, rest),
    ]
    return b"".join([_instruction(JUMP_EQUAL, audit_architecture, 0, len(body)), *body])


def _instruction(code: int, operand: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
    """struct sock_filter; the jumps say how many instructions to skip."""
    return code.to_bytes(2, sys.byteorder) + bytes((jump_true, jump_false)) + operand.to_bytes(4, sys.byteorder)
