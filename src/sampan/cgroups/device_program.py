"""Compiles device rules into the eBPF program that decides on them in a v2 cgroup. Pure.

The kernel runs the program (BPF_PROG_TYPE_CGROUP_DEVICE) each time a process of the cgroup opens or makes a device
node; what it returns, 1 or 0, is the verdict. The program walks the rules from the last to the first. A denial of any
access that is still undecided ends it; an allowed access is decided, and when nothing is left undecided the verdict is
"allowed".
"""

from __future__ import annotations

from sampan.cgroups import devices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.cgroups.devices import Rule

# Registers: the verdict, the context that the kernel passes, and what is read from it.
_R0, _CONTEXT, _KIND, _ACCESS, _MAJOR, _MINOR, _SCRATCH = range(7)
_KINDS = {"b": 1, "c": 2}  # BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR
# Instructions (linux/bpf_common.h, linux/bpf.h). Comparisons are of 32 bits: an immediate of 64 would be sign-extended.
_LOAD_WORD = 0x61  # BPF_LDX | BPF_MEM | BPF_W
_MOVE = 0xBC  # BPF_ALU | BPF_MOV | BPF_X
_MOVE_NUMBER = 0xB4  # BPF_ALU | BPF_MOV | BPF_K
_AND_NUMBER = 0x54  # BPF_ALU | BPF_AND | BPF_K
_SHIFT_RIGHT = 0x74  # BPF_ALU | BPF_RSH | BPF_K
_JUMP_IF_EQUAL = 0x16  # BPF_JMP32 | BPF_JEQ | BPF_K
_JUMP_UNLESS_EQUAL = 0x56  # BPF_JMP32 | BPF_JNE | BPF_K
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
    ]
    for rule in reversed(rules[start:]):
        program.extend(_block(rule))
    program.extend(_verdict(allow))
    return b"".join(program)


def _block(rule: Rule) -> list[bytes]:
    """The instructions of one rule: what does not match jumps behind them."""
    tests: list[tuple[int, int, int]] = []
    if rule.kind != "a":
        tests.append((_JUMP_UNLESS_EQUAL, _KIND, _KINDS[rule.kind]))
    if rule.major != devices.ANY:
        tests.append((_JUMP_UNLESS_EQUAL, _MAJOR, rule.major))
    if rule.minor != devices.ANY:
        tests.append((_JUMP_UNLESS_EQUAL, _MINOR, rule.minor))
    if rule.access == devices.EVERY_ACCESS:
        action = _verdict(rule.allow)
    elif rule.allow:
        action = [
            _instruction(_AND_NUMBER, _ACCESS, number=~rule.access & devices.EVERY_ACCESS),
            _instruction(_JUMP_UNLESS_EQUAL, _ACCESS, offset=2, number=0),
            *_verdict(True),
        ]
    else:
        action = [
            _instruction(_MOVE, _SCRATCH, _ACCESS),
            _instruction(_AND_NUMBER, _SCRATCH, number=rule.access),
            _instruction(_JUMP_IF_EQUAL, _SCRATCH, offset=2, number=0),
            *_verdict(False),
        ]
    size = len(tests) + len(action)
    jumps = [
        _instruction(code, register, offset=size - position - 1, number=number)
        for position, (code, register, number) in enumerate(tests)
    ]
    return jumps + action


def _verdict(allow: bool) -> list[bytes]:
    return [_instruction(_MOVE_NUMBER, _R0, number=int(allow)), _instruction(_EXIT)]


def _instruction(code: int, target: int = 0, source: int = 0, offset: int = 0, number: int = 0) -> bytes:
    """One ``struct bpf_insn``; x86_64 and aarch64 are both little-endian."""
    registers = source << 4 | target
    return bytes((code, registers)) + offset.to_bytes(2, "little") + (number & 0xFFFFFFFF).to_bytes(4, "little")
