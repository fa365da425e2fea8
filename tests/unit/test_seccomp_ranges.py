"""A filter with ranges decides all calls as the one that it is made of, and is shorter."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan import _seccomp
from sampan.errors import ConfigError, KernelError
from sampan.linux import seccomp_profile
from sampan.linux.seccomp_ranges import shorten

PROFILE = Path("/usr/share/containers/seccomp.json")
ARCHITECTURES = (0xC000003E, 0x40000003, 0xC00000B7, 0)
ACTIONS = ["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_LOG", "SCMP_ACT_TRAP"]
NAMES = ["read", "write", "open", "close", "stat", "fstat", "poll", "lseek", "mmap", "socket", "clone", "personality"]
VALUES = [0, 1, 2, 0x20000, 0x7E020000, 2**32 - 1, 2**32, 2**40 + 3, 2**64 - 1]
OPERATORS = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"]

RETURN, LOAD, EQUAL, GREATER, AT_LEAST, ANY_BIT, ALWAYS, AND = 0x06, 0x20, 0x15, 0x25, 0x35, 0x45, 0x05, 0x54
Instruction = tuple[int, int, int, int]


def decided(program: bytes, architecture: int, number: int, arguments: tuple[int, ...] = (0,) * 6) -> int:
    """What the program returns: classic BPF, as far as there are instructions for it here."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, *arguments)
    code = list(struct.iter_unpack("=HBBI", program))
    value = at = 0
    while True:
        operation, on_true, on_false, operand = code[at]
        at += 1
        if operation == RETURN:
            return int(operand)
        if operation == LOAD:
            (value,) = struct.unpack_from("=I", data, operand)
        elif operation == AND:
            value &= operand
        elif operation == ALWAYS:
            at += operand
        else:
            compared = {EQUAL: value == operand, GREATER: value > operand, AT_LEAST: value >= operand}
            at += on_true if compared.get(operation, bool(value & operand)) else on_false


@st.composite
def programs(draw: st.DrawFn) -> bytes:
    """Any loads and jumps, as long as they end."""
    count = draw(st.integers(2, 60))
    code: list[Instruction] = []
    for at in range(count):
        beyond = count - at - 1  # how far a jump can go: returns follow
        kind = draw(st.sampled_from([LOAD, EQUAL, EQUAL, EQUAL, GREATER, AT_LEAST, ANY_BIT, ALWAYS, AND]))
        near = st.integers(0, min(beyond, 255))
        if kind == LOAD:
            code.append((LOAD, 0, 0, draw(st.sampled_from([0, 0, 4, 16, 20]))))
        elif kind == ALWAYS:
            code.append((ALWAYS, 0, 0, draw(st.integers(0, beyond))))
        else:
            jumps = (0, 0) if kind == AND else (draw(near), draw(near))
            code.append((kind, *jumps, draw(st.integers(0, 12) | st.just(2**32 - 1))))
    code.extend((RETURN, 0, 0, draw(st.integers(0, 3))) for _ in range(2))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


@given(programs())
def test_any_program_decides_as_before(program: bytes) -> None:
    shorter = shorten(program)
    assert len(shorter) <= len(program)
    for number in (*range(14), 2**32 - 2, 2**32 - 1):
        for other in (0, 5, 2**32 - 1):
            call = other, number, (other, *[number] * 5)
            assert decided(shorter, *call) == decided(program, *call)


def comparisons() -> st.SearchStrategy[list[dict[str, object]]]:
    fields = {"index": st.integers(0, 5), "op": st.sampled_from(OPERATORS).map("SCMP_CMP_{}".format)}
    values = {"value": st.sampled_from(VALUES), "valueTwo": st.sampled_from(VALUES)}
    return st.lists(st.fixed_dictionaries(fields | values), max_size=3, unique_by=lambda one: one["index"])


def rules() -> st.SearchStrategy[list[dict[str, object]]]:
    names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=8, unique=True)
    return st.lists(
        st.fixed_dictionaries({"names": names, "action": st.sampled_from(ACTIONS), "args": comparisons()}), max_size=40
    )


def both(profile: object) -> tuple[bytes, bytes]:
    """The program as libseccomp makes it, and the one that is used."""
    with mock.patch.object(seccomp_profile, "shorten", lambda program: program):
        before = seccomp_profile.translate(profile).program  # type: ignore[arg-type]
    return before, seccomp_profile.translate(profile).program  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(ACTIONS), rules())
def test_any_profile_decides_as_before(default: str, listed: list[dict[str, object]]) -> None:
    profile = {"defaultAction": default, "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": listed}
    try:
        before, after = both(profile)
    except (ConfigError, KernelError):
        return  # rules that contradict each other
    for architecture in ARCHITECTURES:
        for number in (*range(24), 41, 56, 120, 135, 136, 500, 2**30, 2**30 + 1, 2**32 - 1):
            for first in VALUES:
                call = architecture, number, (first, *VALUES[:5])
                assert decided(after, *call) == decided(before, *call)


@pytest.mark.skipif(not PROFILE.exists(), reason=f"there is no {PROFILE} (Debian: golang-github-containers-common)")
def test_the_profile_of_engines_is_a_third_as_long() -> None:
    source = json.loads(PROFILE.read_text())
    listed = [{"names": one["names"], "action": one["action"]} for one in source["syscalls"]]
    listed = [one for one in listed if one["action"] == "SCMP_ACT_ALLOW"]
    names = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    if _seccomp.native_architecture() != ARCHITECTURES[0]:
        names = ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    before, after = both({"defaultAction": "SCMP_ACT_ERRNO", "architectures": names, "syscalls": listed})
    assert len(after) < len(before) / 3
    for architecture in ARCHITECTURES:
        for number in (*range(600), *range(2**30, 2**30 + 600), 2**32 - 1):
            assert decided(after, architecture, number) == decided(before, architecture, number)


def test_what_is_too_deep_stays_as_it_is() -> None:
    """Each load leads to the next one: more than Python's stack holds."""
    step = struct.pack("=HBBI", LOAD, 0, 0, 16) + struct.pack("=HBBI", EQUAL, 1, 0, 7)
    step += struct.pack("=HBBI", RETURN, 0, 0, 1)
    program = step * 1300 + struct.pack("=HBBI", RETURN, 0, 0, 0)
    assert shorten(program) == program
