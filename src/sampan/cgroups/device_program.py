"""Compiles device rules into the eBPF program that decides on them in a v2 cgroup. Pure.

The kernel runs the program (BPF_PROG_TYPE_CGROUP_DEVICE) each time a process of the cgroup opens or makes a device
node; what it returns, 1 or 0, is the verdict. The program does what ``devices.is_allowed`` does: it takes the rules in
their order and keeps what is granted so far, one bit an access.

It never jumps. The verifier follows every branch, with what it knows of the registers on each: a comparison for each of
1,000 rules is more than it is willing to look at. A straight line costs it one look, and the processor nanoseconds.
"""

from __future__ import annotations

from sampan.cgroups import devices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.cgroups.devices import Rule

# Registers: the verdict, the context that the kernel passes, what is read from it, the accesses granted so far, and
# what distinguishes the device from those that a rule names.
_VERDICT, _CONTEXT, _KIND, _ACCESS, _MAJOR, _MINOR, _GRANTED, _DIFFERENCE, _SCRATCH = range(9)
_KINDS = {"b": 1, "c": 2}  # BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR
# Instructions (linux/bpf_common.h, linux/bpf.h), of 32 bits, which clear the upper half of the register, but for two.
_LOAD_WORD = 0x61  # BPF_LDX | BPF_MEM | BPF_W
_MOVE = 0xBC  # BPF_ALU | BPF_MOV | BPF_X
_MOVE_NUMBER = 0xB4  # BPF_ALU | BPF_MOV | BPF_K
_AND = 0x5C  # BPF_ALU | BPF_AND | BPF_X
_AND_NUMBER = 0x54  # BPF_ALU | BPF_AND | BPF_K
_OR = 0x4C  # BPF_ALU | BPF_OR | BPF_X
_OR_NUMBER = 0x44  # BPF_ALU | BPF_OR | BPF_K
_XOR = 0xAC  # BPF_ALU | BPF_XOR | BPF_X
_XOR_NUMBER = 0xA4  # BPF_ALU | BPF_XOR | BPF_K
_SHIFT_RIGHT = 0x74  # BPF_ALU | BPF_RSH | BPF_K
_ADD_NUMBER_64 = 0x07  # BPF_ALU64 | BPF_ADD | BPF_K
_SHIFT_RIGHT_64 = 0x77  # BPF_ALU64 | BPF_RSH | BPF_K
_EXIT = 0x95  # BPF_JMP | BPF_EXIT


def assemble(rules: Sequence[Rule]) -> bytes:
    """The program, as an array of ``struct bpf_insn``."""
    allow, start = devices.effective(rules)
    program = [
        _instruction(_LOAD_WORD, _KIND, _CONTEXT, 0),  # struct bpf_cgroup_dev_ctx: (access << 16) | kind
        _instruction(_MOVE, _ACCESS, _KIND),
        _instruction(_AND_NUMBER, _KIND, number=0xFFFF),
        _instruction(_SHIFT_RIGHT, _ACCESS, number=16),
        _instruction(_LOAD_WORD, _MAJOR, _CONTEXT, 4),
        _instruction(_LOAD_WORD, _MINOR, _CONTEXT, 8),
        _instruction(_MOVE_NUMBER, _GRANTED, number=devices.EVERY_ACCESS if allow else 0),
    ]
    for rule in rules[start:]:
        program += _one(rule)
    program += [
        _instruction(_MOVE, _VERDICT, _GRANTED),
        _instruction(_XOR_NUMBER, _VERDICT, number=-1),
        _instruction(_AND, _VERDICT, _ACCESS),  # what is asked for and not granted
        _instruction(_ADD_NUMBER_64, _VERDICT, number=-1),
        _instruction(_SHIFT_RIGHT_64, _VERDICT, number=63),  # was it nothing?
        _instruction(_EXIT),
    ]
    return b"".join(program)


def _one(rule: Rule) -> list[bytes]:
    """The instructions of one rule: they change what is granted if the device is one of those that the rule names."""
    named = []
    if rule.kind != "a":
        named.append((_KIND, _KINDS[rule.kind]))
    if rule.major != devices.ANY:
        named.append((_MAJOR, rule.major))
    if rule.minor != devices.ANY:
        named.append((_MINOR, rule.minor))
    if not named:
        change = (_OR_NUMBER, rule.access) if rule.allow else (_AND_NUMBER, ~rule.access)
        return [_instruction(change[0], _GRANTED, number=change[1])]
    program = _compare(_DIFFERENCE, *named[0])
    for register, number in named[1:]:
        program += [*_compare(_SCRATCH, register, number), _instruction(_OR, _DIFFERENCE, _SCRATCH)]
    program += [
        _instruction(_ADD_NUMBER_64, _DIFFERENCE, number=-1),  # sets the upper half if there was none, and only then
        _instruction(_SHIFT_RIGHT_64, _DIFFERENCE, number=32),
        _instruction(_AND_NUMBER, _DIFFERENCE, number=rule.access),
        _instruction(_OR, _GRANTED, _DIFFERENCE),
    ]
    if not rule.allow:
        program.append(_instruction(_XOR, _GRANTED, _DIFFERENCE))
    return program


def _compare(target: int, register: int, number: int) -> list[bytes]:
    """``target`` becomes 0 if ``register`` holds ``number``."""
    return [_instruction(_MOVE, target, register), _instruction(_XOR_NUMBER, target, number=number)]


def _instruction(code: int, target: int = 0, source: int = 0, offset: int = 0, number: int = 0) -> bytes:
    """One ``struct bpf_insn``; x86_64 and aarch64 are both little-endian."""
    return bytes((code, source << 4 | target, offset, 0)) + (number & 0xFFFFFFFF).to_bytes(4, "little")
