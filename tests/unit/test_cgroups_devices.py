"""Device rules mean the same on v1, whose files hold a default and exceptions, and on v2, where a program decides.

Both are compared with the meaning of the list: v1 by a model of the kernel's devices controller, v2 by an interpreter.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from sampan.cgroups import device_program, devices
from sampan.cgroups.devices import ANY, EVERY_ACCESS, MKNOD, READ, WRITE, Policy, Rule

# Of a rule: numbers that devices have, and some that no device has.
MAJORS = some.sampled_from([ANY, 0, 1, 3, 4095, 4096, 0xFFFFFFFF])
MINORS = some.sampled_from([ANY, 0, 1, 3, (1 << 20) - 1, 1 << 20, 0xFFFFFFFF])
RULES = some.lists(
    some.builds(Rule, some.booleans(), some.sampled_from("abc"), MAJORS, MINORS, some.integers(1, EVERY_ACCESS)),
    max_size=8,
)
OTHER = 9  # a number that no rule has
MAJORS_OF_DEVICES, MINORS_OF_DEVICES = (0, 1, 3, 4095, OTHER), (0, 1, 3, (1 << 20) - 1, OTHER)
EVERYTHING = [(kind, major, minor) for kind in "bc" for major in MAJORS_OF_DEVICES for minor in MINORS_OF_DEVICES]
ACCESSES = (READ, WRITE, READ | WRITE, MKNOD)  # all that the kernel ever asks for
STAR = 0xFFFFFFFF  # how the kernel keeps a "*"


class KernelV1:
    """security/device_cgroup.c of Linux 6.18, for a cgroup whose parent allows everything."""

    def __init__(self) -> None:
        self.allow = True
        self.exceptions: dict[tuple[str, int, int], set[str]] = {}

    def write(self, file: str, line: str) -> None:
        if line == "a":
            self.allow = file == "devices.allow"
            self.exceptions.clear()
            return
        kind, numbers, letters = line.split()
        major, minor = (STAR if number == "*" else int(number) for number in numbers.split(":"))
        key = (kind, major, minor)
        if (file == "devices.allow") == self.allow:
            left = self.exceptions.get(key, set()) - set(letters)  # dev_exception_rm: only this very device
            self.exceptions.pop(key, None)
            if left:
                self.exceptions[key] = left
        else:
            self.exceptions.setdefault(key, set()).update(letters)  # dev_exception_add

    def is_allowed(self, kind: str, major: int, minor: int, access: int) -> bool:
        asked = {letter for letter, bit in (("r", READ), ("w", WRITE), ("m", MKNOD)) if access & bit}
        matching = [
            letters
            for (its_kind, its_major, its_minor), letters in self.exceptions.items()
            if its_kind == kind and its_major in (STAR, major) and its_minor in (STAR, minor)
        ]
        if self.allow:  # match_exception_partial
            return not any(asked & letters for letters in matching)
        return any(asked <= letters for letters in matching)  # match_exception: one must have it all


def write(policy: Policy) -> KernelV1:
    """The kernel after the writes of `v1.write_devices`."""
    kernel = KernelV1()
    kernel.write("devices.allow" if policy.allow else "devices.deny", "a")
    for line in devices.lines(policy):
        kernel.write("devices.deny" if policy.allow else "devices.allow", line)
    return kernel


# Each of the program's instructions: the register's new value from (its value, that of the other, the number).
INSTRUCTIONS: dict[int, Callable[[int, int, int], int]] = {
    0xBC: lambda _, other, __: other,
    0xB4: lambda _, __, number: number,
    0x5C: lambda mine, other, _: mine & other,
    0x54: lambda mine, _, number: mine & number,
    0x4C: lambda mine, other, _: mine | other,
    0x44: lambda mine, _, number: mine | number,
    0xAC: lambda mine, other, _: mine ^ other,
    0xA4: lambda mine, _, number: mine ^ number,
    0x74: lambda mine, _, number: (mine & 0xFFFFFFFF) >> number,
    0x07: lambda mine, _, number: mine + number,
    0x77: lambda mine, _, number: mine >> number,
}
LOAD, EXIT = 0x61, 0x95
WIDE = (0x07, 0x77)  # of 64 bits; the others clear the upper half


def interpret(program: bytes, kind: str, major: int, minor: int, access: int) -> bool:
    """What the kernel does with the program's few kinds of instructions."""
    context = [access << 16 | {"b": 1, "c": 2}[kind], major, minor]
    registers = [0] * 11
    for code, pair, offset, number in struct.iter_unpack("<BBhi", program):
        target, source = pair & 15, pair >> 4
        if code == EXIT:
            break
        if code == LOAD:
            registers[target] = context[offset // 4]
        else:
            result = INSTRUCTIONS[code](registers[target], registers[source], number)
            registers[target] = result & (0xFFFFFFFFFFFFFFFF if code in WIDE else 0xFFFFFFFF)
    else:
        raise AssertionError("it does not end")
    return registers[0] == 1


@settings(max_examples=200, deadline=None)
@given(RULES)
def test_the_program_of_v2_decides_what_the_list_says(rules: list[Rule]) -> None:
    program = device_program.assemble(rules)
    for kind, major, minor in EVERYTHING:
        for access in range(1, EVERY_ACCESS + 1):
            meant = devices.is_allowed(rules, kind, major, minor, access)
            assert interpret(program, kind, major, minor, access) == meant, (kind, major, minor, access)


@settings(max_examples=600, deadline=None)
@given(RULES)
def test_the_files_of_v1_decide_what_the_list_says_or_the_list_is_refused(rules: list[Rule]) -> None:
    try:
        policy = devices.policy(rules)
    except devices.HoleError:
        return
    kernel = write(policy)
    for kind, major, minor in EVERYTHING:
        for access in ACCESSES:
            meant = devices.is_allowed(rules, kind, major, minor, access)
            assert kernel.is_allowed(kind, major, minor, access) == meant, (kind, major, minor, access)


@settings(max_examples=600, deadline=None)
@given(RULES)
def test_a_list_is_refused_on_v1_only_if_no_default_and_no_exceptions_can_express_it(rules: list[Rule]) -> None:
    expressible = any(
        all(is_union_of_boxes(rules, kind, access, allow) for kind in "bc" for access in (READ, WRITE, MKNOD))
        for allow in (True, False)
    )
    if expressible:
        devices.policy(rules)
    else:
        with pytest.raises(devices.HoleError):
            devices.policy(rules)


def is_union_of_boxes(rules: list[Rule], kind: str, access: int, allowed: bool) -> bool:
    """Can exceptions, with a number or "*" as major and as minor, name just the devices with this verdict?"""
    wanted = {
        (major, minor)
        for major in MAJORS_OF_DEVICES
        for minor in MINORS_OF_DEVICES
        if devices.is_allowed(rules, kind, major, minor, access) == allowed
    }
    named: set[tuple[int, int]] = set()
    # OTHER stands for all numbers that no rule has: no exception can name it but "*"
    for majors in (MAJORS_OF_DEVICES, *((major,) for major in MAJORS_OF_DEVICES if major != OTHER)):
        for minors in (MINORS_OF_DEVICES, *((minor,) for minor in MINORS_OF_DEVICES if minor != OTHER)):
            box = {(major, minor) for major in majors for minor in minors}
            if box <= wanted:
                named |= box
    return named == wanted


C_ALL = Rule(True, "c", ANY, ANY, EVERY_ACCESS)


def test_a_hole_in_what_is_allowed_is_a_list_of_what_is_denied_on_v1() -> None:
    policy = devices.policy([C_ALL, Rule(False, "c", 1, 3, EVERY_ACCESS)])
    assert policy.allow
    assert devices.lines(policy) == ["b *:* rwm", "c 1:3 rwm"]


def test_a_hole_in_what_is_denied_is_a_list_of_what_is_allowed_on_v1() -> None:
    rules = [Rule(True, "a", ANY, ANY, EVERY_ACCESS), Rule(False, "a", ANY, ANY, READ | WRITE)]
    policy = devices.policy([*rules, Rule(True, "c", 1, 3, READ)])
    assert not policy.allow
    assert devices.lines(policy) == ["b *:* m", "c *:* m", "c 1:3 rm"]


@pytest.mark.parametrize(
    ("rules", "position", "wider"),
    [
        (
            [C_ALL, Rule(False, "c", 10, 200, EVERY_ACCESS), Rule(True, "b", 8, 0, READ)],
            1,
            "allow c *:* rwm",
        ),
        (
            [C_ALL, Rule(False, "c", 1, 3, WRITE), Rule(False, "c", 10, ANY, READ), Rule(True, "c", 10, 200, READ)],
            1,
            "allow c *:* rwm",
        ),
        (
            [
                Rule(True, "a", ANY, ANY, EVERY_ACCESS),
                Rule(False, "c", 10, ANY, EVERY_ACCESS),
                Rule(True, "c", 10, 200, EVERY_ACCESS),
            ],
            2,
            "deny c 10:* rwm",
        ),
    ],
)
def test_a_list_that_needs_both_is_refused_on_v1_with_the_entry_that_does_not_fit(
    rules: list[Rule], position: int, wider: str
) -> None:
    with pytest.raises(devices.HoleError) as caught:
        devices.policy(rules)
    assert (caught.value.position, caught.value.wider) == (position, wider)


def test_the_refusal_names_the_field() -> None:
    entries: list[dict[str, object]] = [{"allow": True, "type": "c", "access": "rwm"}]
    entries += [{"allow": False, "type": "c", "major": 10, "access": "r"}]
    entries += [{"allow": True, "type": "b", "major": 8, "access": "r"}]
    rules, _ = devices.parse(entries)
    with pytest.raises(devices.HoleError) as caught:
        devices.policy(rules)
    said = str(devices.hole(caught.value, entries))
    assert said.startswith("linux.resources.devices[1]: cannot be expressed with cgroup v1, ")
    assert "this entry takes back a part of 'allow c *:* rwm'" in said


def test_the_refusal_of_a_list_that_the_default_devices_do_not_fit_into_names_the_list() -> None:
    entries: list[dict[str, object]] = [{"allow": True, "access": "rwm"}]
    entries += [{"allow": False, "type": "c", "major": 1, "access": "rw"}]
    rules, _ = devices.parse(entries)
    with pytest.raises(devices.HoleError) as caught:
        devices.policy(rules + devices.defaults())
    said = str(devices.hole(caught.value, entries))
    assert said.startswith("linux.resources.devices: cannot be expressed with cgroup v1, ")
    assert "a device that every container has takes back a part of 'deny c 1:* rw'" in said


def test_a_number_that_no_device_has_is_not_taken_for_all_on_v1() -> None:
    """The kernel keeps "*" as the largest number of 32 bits, and takes that number for "*"."""
    rules, problems = devices.parse([{"allow": True, "type": "c", "major": 0xFFFFFFFF, "minor": 3, "access": "rwm"}])
    assert not problems
    assert not write(devices.policy(rules)).is_allowed("c", 1, 3, READ)


def test_hundreds_of_rules_are_judged_in_no_time_on_v1() -> None:
    rules = [Rule(True, "c", number, ANY, READ) for number in range(300)]
    rules += [Rule(True, "c", ANY, number, WRITE) for number in range(300)]
    began = time.monotonic()
    policy = devices.policy(rules)
    assert time.monotonic() - began < 5
    assert policy.exceptions["c", 299, 299] == READ | WRITE


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
