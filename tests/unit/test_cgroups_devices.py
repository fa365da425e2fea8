"""Device rules mean the same on v1, whose files hold a default and exceptions, and on v2, where a program decides.

Both are compared with the meaning of the list: v1 by a model of the kernel's devices controller, v2 by an interpreter.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as some

from sampan.cgroups import device_program, devices
from sampan.cgroups.devices import ANY, EVERY_ACCESS, MKNOD, READ, WRITE, Rule

NUMBERS = some.sampled_from([0, 1, 3, 0x80000000, 0xFFFFFFFF])
RULES = some.lists(
    some.builds(
        Rule,
        some.booleans(),
        some.sampled_from("abc"),
        NUMBERS | some.just(ANY),
        NUMBERS | some.just(ANY),
        some.integers(1, EVERY_ACCESS),
    ),
    max_size=8,
)
ACCESSES = (READ, WRITE, READ | WRITE, MKNOD)  # all that the kernel ever asks for
EVERYTHING = [
    (kind, major, minor) for kind in "bc" for major in (0, 1, 3, 1 << 31, 9) for minor in (0, 1, 3, 0xFFFFFFFF)
]


class KernelV1:
    """security/device_cgroup.c of Linux 6.18, for a cgroup whose parent allows everything."""

    def __init__(self) -> None:
        self.allow = True
        self.exceptions: dict[tuple[str, str, str], set[str]] = {}

    def write(self, file: str, line: str) -> None:
        if line == "a":
            self.allow = file == "devices.allow"
            self.exceptions.clear()
            return
        kind, numbers, letters = line.split()
        major, minor = numbers.split(":")
        key = (kind, major, minor)
        if (file == "devices.allow") == self.allow:
            left = self.exceptions.get(key, set()) - set(letters)  # dev_exception_rm: only this very device
            self.exceptions.pop(key, None)
            if left:
                self.exceptions[key] = left
        else:
            self.exceptions.setdefault(key, set()).update(letters)

    def is_allowed(self, kind: str, major: int, minor: int, access: int) -> bool:
        asked = {letter for letter, bit in (("r", READ), ("w", WRITE), ("m", MKNOD)) if access & bit}
        matching = [
            letters
            for (its_kind, its_major, its_minor), letters in self.exceptions.items()
            if its_kind == kind and its_major in ("*", str(major)) and its_minor in ("*", str(minor))
        ]
        if self.allow:  # match_exception_partial
            return not any(asked & letters for letters in matching)
        return any(asked <= letters for letters in matching)  # match_exception: one must have it all


def interpret(program: bytes, kind: str, major: int, minor: int, access: int) -> bool:
    """What the kernel does with the program's few kinds of instructions."""
    context = [access << 16 | {"b": 1, "c": 2}[kind], major, minor]
    registers = [0] * 11
    at = 0
    while True:
        code, pair = program[at * 8], program[at * 8 + 1]
        target, source = pair & 15, pair >> 4
        offset = int.from_bytes(program[at * 8 + 2 : at * 8 + 4], "little", signed=True)
        number = int.from_bytes(program[at * 8 + 4 : at * 8 + 8], "little")
        at += 1
        match code:
            case 0x61:
                registers[target] = context[offset // 4]
            case 0xBC:
                registers[target] = registers[source]
            case 0xB4:
                registers[target] = number
            case 0x54:
                registers[target] &= number
            case 0x74:
                registers[target] >>= number
            case 0x16:
                at += offset if registers[target] == number else 0
            case 0x56:
                at += offset if registers[target] != number else 0
            case 0x95:
                return registers[0] == 1
            case _:
                raise AssertionError(f"instruction {code:#x} is not expected")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(RULES)
def test_the_program_of_v2_decides_what_the_list_says(rules: list[Rule]) -> None:
    program = device_program.assemble(rules)
    for kind, major, minor in EVERYTHING:
        for access in range(1, EVERY_ACCESS + 1):
            meant = devices.is_allowed(rules, kind, major, minor, access)
            assert interpret(program, kind, major, minor, access) == meant, (kind, major, minor, access)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(RULES)
def test_the_files_of_v1_decide_what_the_list_says_or_the_list_is_refused(rules: list[Rule]) -> None:
    try:
        policy = devices.policy(rules)
    except devices.HoleError:
        return
    kernel = KernelV1()
    kernel.write("devices.allow" if policy.allow else "devices.deny", "a")
    for line in devices.lines(policy):
        kernel.write("devices.deny" if policy.allow else "devices.allow", line)
    for kind, major, minor in EVERYTHING:
        for access in ACCESSES:
            meant = devices.is_allowed(rules, kind, major, minor, access)
            assert kernel.is_allowed(kind, major, minor, access) == meant, (kind, major, minor, access)


@given(RULES)
def test_a_v1_list_is_refused_only_if_a_rule_takes_away_a_part_of_an_earlier_one(rules: list[Rule]) -> None:
    position = hole_in(rules)
    assume(position is not None)
    assert position is not None
    taking = rules[position]
    _, start = devices.effective(rules)
    before = [rule for rule in rules[start:position] if rule.allow != taking.allow and rule.access & taking.access]
    assert before, "nothing was taken away"


def hole_in(rules: list[Rule]) -> int | None:
    try:
        devices.policy(rules)
    except devices.HoleError as error:
        return error.position
    return None


def test_a_hole_in_a_wildcard_is_refused_on_v1_and_made_on_v2() -> None:
    rules = [Rule(True, "c", 10, ANY, EVERY_ACCESS), Rule(False, "c", 10, 200, EVERY_ACCESS)]
    with pytest.raises(devices.HoleError, match=r"c 10:\* rwm"):
        devices.policy(rules)
    program = device_program.assemble(rules)
    assert interpret(program, "c", 10, 199, READ)
    assert not interpret(program, "c", 10, 200, READ)


def test_an_exception_has_the_accesses_of_the_wider_ones_since_the_kernel_does_not_add_them_up() -> None:
    rules = [Rule(True, "c", 1, ANY, READ), Rule(True, "c", ANY, 3, WRITE)]
    assert devices.policy(rules).exceptions["c", 1, 3] == READ | WRITE


def test_everything_is_denied_before_the_first_rule() -> None:
    assert not devices.is_allowed([], "c", 1, 3, READ)
    assert not interpret(device_program.assemble([]), "c", 1, 3, READ)
    assert (devices.policy([]).allow, devices.policy([]).exceptions) == (False, {})


def test_the_devices_of_every_container_are_allowed_and_any_node_may_be_made() -> None:
    rules = [Rule(False, "a", ANY, ANY, EVERY_ACCESS), *devices.defaults()]
    for major, minor in ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (136, 17)):
        assert devices.is_allowed(rules, "c", major, minor, EVERY_ACCESS)
    assert devices.is_allowed(rules, "b", 8, 0, MKNOD)
    assert not devices.is_allowed(rules, "b", 8, 0, READ)
    assert not devices.is_allowed(rules, "c", 5, 1, READ), "the host's console is not a container's"


def test_a_type_a_rule_is_bound_by_its_numbers_and_accesses() -> None:
    rules, problems = devices.parse(
        [{"allow": True, "access": "r"}, {"allow": True, "type": "a", "major": 8, "access": "w"}]
    )
    assert not problems
    assert devices.lines(devices.policy(rules)) == ["b *:* r", "c *:* r", "b 8:* rw", "c 8:* rw"]


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"allow": True, "type": "p", "access": "r"}, "type"),
        ({"allow": True, "type": "c"}, "access"),
        ({"allow": True, "type": "c", "access": "rx"}, "access"),
        ({"allow": True, "type": "c", "access": "r", "major": -2}, "major"),
        ({"allow": True, "type": "c", "access": "r", "minor": 1 << 32}, "minor"),
    ],
)
def test_a_broken_rule_is_named(entry: dict[str, object], field: str) -> None:
    _, problems = devices.parse([{"allow": False, "access": "rwm"}, entry])
    assert [problem.field for problem in problems] == [f"linux.resources.devices[1].{field}"]


def test_the_list_of_a_v1_cgroup_is_read_back() -> None:
    assert devices.parse_list("a *:* rwm\n").allow
    policy = devices.policy([Rule(False, "a", ANY, ANY, EVERY_ACCESS), *devices.defaults()])
    assert devices.parse_list("\n".join(devices.lines(policy)) + "\n").exceptions == policy.exceptions
