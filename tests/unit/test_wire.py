"""The wire format of plans: what plan/wire.py writes is what native/init reads, and init refuses everything else."""

from __future__ import annotations

import errno
import os
import re
import runpy
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan import _linux
from sampan.engine.launch import FAILED, receive
from sampan.errors import SampanError
from sampan.plan import wire
from sampan.plan.operations import Operation, Plan

REPOSITORY = Path(__file__).resolve().parents[2]
NATIVE = REPOSITORY / "src" / "sampan" / "native"
FUZZ = REPOSITORY / "tests" / "fuzz"
INIT = Path(_linux.__file__).parent / "init"
PLANS = runpy.run_path(str(FUZZ / "seeds.py"))["PLANS"]

Argument = int | bytes


def table() -> list[tuple[str, str]]:
    """Names and signatures of native/operations.h, in order."""
    rows = re.findall(r'X\((\w+), "(\w*)"\)', (NATIVE / "operations.h").read_text())
    assert rows, "native/operations.h has no table any more"
    return rows


def constant(name: str) -> int:
    found = re.search(rf"#define {name} \(?(0x)?([0-9a-f]+)u(?: << (\d+))?", (NATIVE / "decode.h").read_text())
    assert found, f"native/decode.h does not define {name}"
    return int(found[2], 16 if found[1] else 10) << int(found[3] or 0)


def decode(data: bytes) -> Iterator[tuple[int, list[Argument]]]:
    """The operations of a plan, by the format in native/decode.h; what that does not allow is an AssertionError."""
    at = 0

    def u32() -> int:
        nonlocal at
        at += 4
        assert at <= len(data)
        return int.from_bytes(data[at - 4 : at], "little")

    def argument() -> Argument:
        nonlocal at
        kind, length = u32(), u32()
        start = at
        if kind == 0:
            assert length == 8
            at += 8
            return int.from_bytes(data[start:at], "little", signed=True)
        assert kind == 1
        at += (length + 8) // 8 * 8
        assert at <= len(data)
        assert not any(data[start + length : at]), "a text ends with NUL, and its padding is NUL, too"
        return data[start : start + length]

    assert (u32(), u32()) == (constant("PLAN_MAGIC"), constant("PLAN_VERSION"))
    count = u32()
    assert u32() == len(data)
    for _ in range(count):
        code, arguments = u32(), u32()
        assert arguments <= constant("MAX_ARGUMENTS")
        yield code, [argument() for _ in range(arguments)]
    assert at == len(data)


def check_signatures(data: bytes) -> None:
    rows = table()
    for code, arguments in decode(data):
        assert code < len(rows), f"init knows no operation {code}"
        name, signature = rows[code]
        kinds = ["n" if isinstance(argument, int) else "text" for argument in arguments]
        assert kinds == ["n" if kind == "n" else "text" for kind in signature], f"{name} does not fit {signature!r}"
        for kind, argument in zip(signature, arguments, strict=True):
            assert kind != "s" or b"\0" not in bytes(argument), f"{name}: a text must not contain NUL"


def plan_of(*operations: tuple[str, tuple[int | str | bytes, ...]]) -> Plan:
    plan = Plan()
    plan.operations = [Operation(name, args, "", "") for name, args in operations]
    return plan


def test_init_and_the_compiler_know_the_same_operations_in_the_same_order() -> None:
    assert [name for name, _ in table()] == list(wire.OPERATIONS)


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_fits_the_signatures_of_init(name: str) -> None:
    check_signatures(wire.encode(PLANS[name]()))


def test_the_plans_of_these_tests_come_to_every_operation() -> None:
    used = {operation.name for make in PLANS.values() for operation in make().operations}
    assert used == set(wire.OPERATIONS), "tests/fuzz/seeds.py needs a configuration for an operation"


def test_a_plan_comes_back_as_it_was_written() -> None:
    plan = plan_of(("await", (-1,)), ("hostname", ("é\udcff",)), ("groups", (b"\0\1",)), ("bounding", (2**64 - 1,)))
    arguments = [arguments for _, arguments in decode(wire.encode(plan))]
    assert arguments == [[-1], ["é".encode() + b"\xff"], [b"\0\1"], [-1]]


@pytest.mark.parametrize("length", range(18))
def test_a_text_of_any_length_is_padded(length: int) -> None:
    data = wire.encode(plan_of(("hostname", ("x" * length,))))
    assert len(data) % 8 == 0
    assert list(decode(data)) == [(wire.OPERATIONS.index("hostname"), [b"x" * length])]


def test_a_plan_that_could_wrap_a_length_is_refused() -> None:
    plan = plan_of(("execute", (b"x" * wire.MAX_SIZE, b"")))
    with pytest.raises(SampanError, match=f"at most {wire.MAX_SIZE} are allowed"):
        wire.encode(plan)


def test_a_plan_of_more_operations_than_init_takes_is_refused() -> None:
    """By name: init would only say that the message is bad."""
    with pytest.raises(SampanError, match=f"has {wire.MAX_OPERATIONS + 1} operations; at most {wire.MAX_OPERATIONS}"):
        wire.encode(plan_of(*[("umask", (0,))] * (wire.MAX_OPERATIONS + 1)))


def test_init_takes_as_large_a_plan_as_the_compiler_makes() -> None:
    assert constant("MAX_PLAN") == wire.MAX_SIZE
    assert constant("MAX_OPERATIONS") == wire.MAX_OPERATIONS


@pytest.mark.parametrize("path", sorted((FUZZ / "corpus" / "decode").iterdir()), ids=lambda path: path.name)
def test_the_seeds_of_the_fuzzer_are_plans_or_broken_ones(path: Path) -> None:
    if path.name.startswith("broken-"):
        with pytest.raises(AssertionError):
            check_signatures(path.read_bytes())
        return
    try:
        check_signatures(path.read_bytes())
    except AssertionError as error:
        pytest.fail(f"{error}: write them anew with `python tests/fuzz/seeds.py tests/fuzz/corpus/decode`")


# init itself, outside of any namespace: these plans fail before they do anything, or do nothing


def run_init(data: bytes) -> tuple[int, tuple[int, int, int, str, str]]:
    """The exit status of init with these bytes for a plan, and its message."""
    ours, theirs = _linux.socket_pair()
    init, plan = os.open(INIT, os.O_RDONLY | os.O_CLOEXEC), _linux.sealed_memfd("plan", data)
    pid, pidfd = _linux.spawn(init, (0, 1, 2), (plan, theirs), 3, 0, -1)
    for fd in (init, plan, theirs, pidfd):
        os.close(fd)
    message = receive(ours)
    os.close(ours)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), message


def header(operations: int, size: int, magic: bytes = wire.MAGIC, version: int = wire.VERSION) -> bytes:
    return magic + b"".join(number.to_bytes(4, "little") for number in (version, operations, size))


GOOD = wire.encode(plan_of(("directory", ("/x",))))
BROKEN = {
    "an empty file has no pages to map": b"",
    "half a header": GOOD[:9],
    "another magic": header(1, len(GOOD), magic=b"ELF\x7f") + GOOD[16:],
    "another version": header(1, len(GOOD), version=2) + GOOD[16:],
    "a size that is not the file's": header(1, len(GOOD) + 8) + GOOD[16:],
    "fewer operations than promised": header(2, len(GOOD)) + GOOD[16:],
    "something after the last operation": header(0, len(GOOD)) + GOOD[16:],
    "an argument that is cut off": header(1, len(GOOD) - 4) + GOOD[16:-4],
    "an unknown operation": header(1, 24) + b"\xff\xff\0\0" + bytes(4),
    "too few arguments": wire.encode(plan_of(("directory", ()))),
    "too many arguments": wire.encode(plan_of(("directory", ("/x", "/y")))),
    "more arguments than any operation has": wire.encode(plan_of(("directory", ("/x",) * 17))),
    "a number for a text": wire.encode(plan_of(("directory", (1,)))),
    "a text for a number": wire.encode(plan_of(("umask", ("022",)))),
    "NUL in a text": wire.encode(plan_of(("directory", ("/x\0/y",)))),
    "a good operation before a bad one": wire.encode(plan_of(("await", (1,)), ("directory", (1,)))),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_init_refuses_a_broken_plan_before_it_does_any_of_it(broken: str) -> None:
    status, (kind, _, error, _, _) = run_init(BROKEN[broken])
    assert (kind, status) == (FAILED, 255)
    assert error == (errno.EBADMSG if BROKEN[broken] else errno.EINVAL)


def test_init_ends_well_with_a_plan_that_asks_for_nothing() -> None:
    assert run_init(wire.encode(plan_of())) == (0, (0, 0, 0, "", ""))


def test_init_names_the_operation_and_the_call_that_failed() -> None:
    status, message = run_init(wire.encode(plan_of(("umask", (0o22,)), ("chroot", ("/not/there",)))))
    assert (status, message) == (255, (FAILED, 1, errno.ENOENT, "chroot", ""))


@pytest.mark.parametrize("arguments", [[], ["3", "4"]], ids=["none", "too many"])
def test_init_is_no_command_for_people(arguments: list[str]) -> None:
    assert subprocess.run([INIT, *arguments], check=False).returncode == 64


# what init is made of


def segments() -> list[tuple[str, str]]:
    """(type, flags) of every segment of init."""
    try:
        output = subprocess.run(["readelf", "-lW", INIT], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("readelf is not installed (Debian: binutils)")
    return re.findall(r"^  ([A-Z_]+) +(?:0x[0-9a-f]+ ){5}([RWE ]{3}) ", output, re.MULTILINE)


def test_init_is_small() -> None:
    assert INIT.stat().st_size < 64 << 10


def test_init_is_static() -> None:
    kinds = [kind for kind, _ in segments()]
    assert "LOAD" in kinds
    assert not {"INTERP", "DYNAMIC"} & set(kinds)


def test_no_memory_of_init_is_writable_and_executable() -> None:
    found = segments()
    assert ("GNU_STACK", "RW ") in found
    assert not [kind for kind, flags in found if "W" in flags and "E" in flags]
