"""The kernel's verdicts on device accesses are what the list of rules says, on v1 and on v2, for any list."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import random
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sampan import _linux
from sampan.cgroups import device_program, devices, v1
from sampan.cgroups.devices import ANY, EVERY_ACCESS, MKNOD, READ, WRITE, Rule
from sampan.cgroups.layout import Layout
from sampan.errors import KernelError
from sampan.linux import bpf

ALLOW_ALL = Rule(True, "a", ANY, ANY, EVERY_ACCESS)
DENY_ALL = Rule(False, "a", ANY, ANY, EVERY_ACCESS)
DRIVEN = 1  # the major number of null (3), zero (5), and others that its driver does not have (ENXIO)
MAJORS, MINORS = (DRIVEN, 3900), (3, 5, 200)
MODES = {os.O_RDONLY: READ, os.O_WRONLY: WRITE, os.O_RDWR: READ | WRITE}
ACCESS_MODES = {os.O_RDONLY: os.R_OK, os.O_WRONLY: os.W_OK, os.O_RDWR: os.R_OK | os.W_OK}
ANSWERS = {errno.EPERM: "no", errno.ENXIO: "yes"}

Nodes = dict[tuple[str, int, int], str]


@pytest.fixture
def nodes(tmp_path: Path) -> Nodes:
    """Device nodes on disk."""
    made = {}
    for kind, mode, majors in (("c", stat.S_IFCHR, MAJORS), ("b", stat.S_IFBLK, (3900,))):
        for major in majors:
            for minor in MINORS:
                path = tmp_path / f"{kind}{major}.{minor}"
                os.mknod(path, mode | 0o600, os.makedev(major, minor))
                made[kind, major, minor] = str(path)
    return made


@pytest.fixture
def make_cgroup() -> Iterator[Callable[[str], str]]:
    """Makes a cgroup of ours below a directory; it is removed after the test."""
    made: list[str] = []

    def make(parent: str) -> str:
        made.append(f"{parent}/sampan-test-{os.getpid()}-devices")
        os.mkdir(made[-1])
        return made[-1]

    yield make
    for directory in reversed(made):
        os.rmdir(directory)


@pytest.fixture
def on_v1(host: Layout, make_cgroup: Callable[[str], str]) -> str:
    if "devices" not in host.mounts:
        pytest.skip("no v1 hierarchy has the controller devices")
    return make_cgroup(host.mounts["devices"])


@pytest.fixture
def on_v2(host: Layout, make_cgroup: Callable[[str], str]) -> str:
    if not host.unified:
        pytest.skip("no v2 hierarchy is mounted")
    return make_cgroup(host.unified)


def apply(directory: str, rules: list[Rule]) -> None:
    """As a v2 cgroup gets them."""
    bpf.attach_device_program(directory, device_program.assemble(rules))


def random_rules(chance: random.Random) -> list[Rule]:
    rules = [
        Rule(
            chance.random() < 0.5,
            chance.choice("abcc"),
            chance.choice((ANY, *MAJORS)),
            chance.choice((ANY, *MINORS)),
            chance.randint(1, EVERY_ACCESS),
        )
        for _ in range(chance.randint(0, 6))
    ]
    return [chance.choice((ALLOW_ALL, DENY_ALL)), *rules]


def meant(rules: list[Rule], nodes: Nodes) -> list[str]:
    """What the kernel should say, in the words of `verdicts`."""
    return [
        f"{key} {access}: {'yes' if devices.is_allowed(rules, *key, access) else 'no'}"
        for key in nodes
        for access in (*MODES.values(), MKNOD)
    ]


def verdicts(directory: str, nodes: Nodes) -> list[str]:
    """What the kernel says to a process of the cgroup that opens each node in each mode, and makes another like it."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            Path(directory, "cgroup.procs").write_text("0")
            os.write(write, "\n".join(answer for key in nodes for answer in ask(key, nodes[key])).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read) as said:
        lines = said.read().splitlines()
    os.waitpid(pid, 0)
    return lines


def ask(key: tuple[str, int, int], path: str) -> Iterator[str]:
    for mode, access in MODES.items():
        yield f"{key} {access}: {answer(try_to_open, path, mode, key)}"
    yield f"{key} {MKNOD}: {answer(try_to_make, f'{path}-new', key)}"


def answer(attempt: Callable[..., None], *arguments: object) -> str:
    try:
        attempt(*arguments)
    except OSError as error:
        return ANSWERS.get(error.errno or 0, str(error))
    return "yes"


def try_to_open(path: str, mode: int, key: tuple[str, int, int]) -> None:
    if key[1] == DRIVEN:
        os.close(os.open(path, mode | os.O_NONBLOCK))
    elif not os.access(path, ACCESS_MODES[mode]):  # open(2) would have the kernel look for a driver's module each time
        raise PermissionError(errno.EPERM, "access")


def try_to_make(path: str, key: tuple[str, int, int]) -> None:
    os.mknod(path, (stat.S_IFCHR if key[0] == "c" else stat.S_IFBLK) | 0o600, os.makedev(*key[1:]))
    os.unlink(path)


def test_random_lists_on_v1(on_v1: str, nodes: Nodes) -> None:
    """Of a new cgroup, and of one that has other rules already: each list is written over the last."""
    chance = random.Random(1)
    tried = {True: 0, False: 0}
    while min(tried.values()) < 100:
        rules = random_rules(chance)
        try:
            policy = devices.policy(rules)
        except devices.HoleError:
            continue
        v1.write_devices(on_v1, rules, new=not any(tried.values()))
        assert verdicts(on_v1, nodes) == meant(rules, nodes), rules
        tried[policy.allow] += 1


def test_random_lists_on_v2(on_v2: str, nodes: Nodes) -> None:
    chance = random.Random(2)
    for _ in range(200):
        rules = random_rules(chance)
        apply(on_v2, rules)
        assert verdicts(on_v2, nodes) == meant(rules, nodes), rules


def test_a_hole_in_what_is_allowed_on_v1(on_v1: str, nodes: Nodes) -> None:
    """allow c *:*, deny c 1:3: v1 denies block devices and 1:3, and allows what is left"""
    rules = [Rule(True, "c", ANY, ANY, EVERY_ACCESS), Rule(False, "c", 1, 3, EVERY_ACCESS)]
    v1.write_devices(on_v1, rules, new=True)
    assert verdicts(on_v1, nodes) == meant(rules, nodes)


def test_what_is_denied_above_stays_denied_below_on_v1(
    on_v1: str, make_cgroup: Callable[[str], str], nodes: Nodes
) -> None:
    above = [ALLOW_ALL, Rule(False, "c", 1, 3, WRITE)]
    v1.write_devices(on_v1, above, new=True)
    inner = make_cgroup(on_v1)
    below = [ALLOW_ALL, Rule(False, "c", 1, ANY, READ)]
    v1.write_devices(inner, below, new=True)
    assert verdicts(inner, nodes) == both(meant(above, nodes), meant(below, nodes))
    with pytest.raises(KernelError, match="the parent cgroup does not allow that itself"):
        v1.write_devices(inner, [Rule(True, "c", 1, 3, WRITE)], new=False)


def test_what_is_denied_above_stays_denied_below_on_v2(
    on_v2: str, make_cgroup: Callable[[str], str], nodes: Nodes
) -> None:
    above = [ALLOW_ALL, Rule(False, "c", 1, 3, WRITE)]
    apply(on_v2, above)
    inner = make_cgroup(on_v2)
    below = [ALLOW_ALL, Rule(False, "c", 1, ANY, READ)]
    apply(inner, below)
    assert verdicts(inner, nodes) == both(meant(above, nodes), meant(below, nodes))


def both(one: list[str], other: list[str]) -> list[str]:
    return [min(pair) for pair in zip(one, other, strict=True)]  # "no" comes before "yes"


def test_a_thousand_rules_on_v2(on_v2: str, nodes: Nodes) -> None:
    """The kernel's verifier looks at no more than 1,000,000 instructions, counting each path through a program."""
    chance = random.Random(3)
    others = [
        Rule(chance.random() < 0.5, chance.choice("abc"), chance.randrange(4, 4000), number, chance.randint(1, 7))
        for number in range(1000)
    ]
    rules = [*others, Rule(True, "c", 1, 3, READ)]
    apply(on_v2, rules)
    assert verdicts(on_v2, nodes) == meant(rules, nodes)


def test_a_thousand_rules_on_v1(on_v1: str, nodes: Nodes) -> None:
    rules = [*(Rule(True, "c", 1000 + number, ANY, READ) for number in range(1000)), Rule(True, "c", 1, 3, READ)]
    v1.write_devices(on_v1, rules, new=True)
    assert verdicts(on_v1, nodes) == meant(rules, nodes)


class Attributes(ctypes.Structure):
    """union bpf_attr, for BPF_PROG_QUERY, BPF_PROG_ATTACH."""

    _fields_ = (("words", ctypes.c_uint32 * 4), ("pointer", ctypes.c_uint64), ("count", ctypes.c_uint32))


def call_bpf(command: int, attributes: Attributes) -> None:
    number = {"x86_64": 321, "aarch64": 280}[platform.machine()]
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.syscall(number, command, ctypes.byref(attributes), ctypes.sizeof(attributes)) == 0, ctypes.get_errno()


def attached(directory: str) -> list[int]:
    """The ids of the device programs of this very cgroup."""
    ids = (ctypes.c_uint32 * 64)()
    fd = os.open(directory, os.O_RDONLY)
    attributes = Attributes((fd, 6), ctypes.addressof(ids), 64)  # BPF_CGROUP_DEVICE
    call_bpf(16, attributes)  # BPF_PROG_QUERY
    os.close(fd)
    return list(ids)[: attributes.count]


def attach_another(directory: str, rules: list[Rule], flags: int) -> None:
    """A program that somebody else attaches."""
    program = _linux.bpf_load_device(device_program.assemble(rules))
    fd = os.open(directory, os.O_RDONLY)
    call_bpf(8, Attributes((fd, program, 6, flags)))  # BPF_PROG_ATTACH
    os.close(fd)
    os.close(program)


MULTI = 2  # BPF_F_ALLOW_MULTI


@pytest.mark.parametrize("flags", [(), (MULTI,), (MULTI, MULTI, MULTI), (0,), (1,)], ids=str)
def test_the_last_list_is_the_only_one_on_v2(on_v2: str, nodes: Nodes, flags: tuple[int, ...]) -> None:
    """Programs add up to the strictest of them: any that is left from before would deny what the list allows."""
    for kind in flags:
        attach_another(on_v2, [DENY_ALL], kind)
    assert len(attached(on_v2)) == len(flags)
    for rules in ([ALLOW_ALL], [Rule(True, "c", 1, ANY, EVERY_ACCESS)]):
        before = attached(on_v2)
        apply(on_v2, rules)
        after = attached(on_v2)
        assert len(after) == 1
        assert after[0] not in before
        assert verdicts(on_v2, nodes) == meant(rules, nodes)


def test_a_list_that_cannot_be_attached_leaves_the_last_in_force(on_v2: str, nodes: Nodes) -> None:
    rules = [Rule(True, "c", 1, 3, READ)]
    apply(on_v2, rules)
    with pytest.raises(KernelError, match="load a device program for"):
        bpf.attach_device_program(on_v2, device_program.assemble([ALLOW_ALL])[:-8])
    assert verdicts(on_v2, nodes) == meant(rules, nodes)
