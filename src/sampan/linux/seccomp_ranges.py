"""Makes a filter shorter without changing what it decides: numbers of system calls in a row become one range.

libseccomp asks for one number after the other, and the kernel reads, checks and compiles all of that at the start of
every container: 1,400 instructions for the profile that engines send, of which a third is enough.

The program is read as what it is: an instruction that loads a value, and jumps that compare it with constants. Together
those jumps are a map from ranges of the value to what comes after them, and that map is written anew as a search tree.
What is not such a jump stays as it is.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# linux/bpf_common.h
JUMP, RETURN = 0x05, 0x06  # classes
ALWAYS, EQUAL, GREATER, AT_LEAST = 0x05, 0x15, 0x25, 0x35  # jumps: JA, and JEQ, JGT, JGE with a constant
CLASS = 0x07
FAR = 255  # how many instructions a conditional jump can skip
END = 1 << 32
MOST_STEPS = 100_000

_INSTRUCTION = struct.Struct("=HBBI")

# What the jumps after a load lead to: the first value of each range, and where it goes (an index of the old program).
Ranges = list[tuple[int, int]]


class _TooLongError(Exception):
    """It would take longer than it is worth."""


def shorten(program: bytes) -> bytes:
    """The same decisions in fewer instructions; ``program`` itself where it is as short already, or very deep."""
    try:
        shorter = _Writer(list(_INSTRUCTION.iter_unpack(program))).written()
    except (_TooLongError, RecursionError):
        return program
    return shorter if len(shorter) < len(program) else program


class _Writer:
    """Writes the new program from its end to its beginning, for jumps only lead forwards.

    Places in the new program are counted from its end.
    """

    def __init__(self, old: list[tuple[int, int, int, int]]) -> None:
        self._old = old
        self._new: list[tuple[int, int, int, int]] = []
        self._places: dict[object, int] = {}  # of what has been written already
        self._relays: dict[int, int] = {}  # place -> that of the last jump that leads there

    def written(self) -> bytes:
        place = self._write(0)
        self._follow(place)
        return b"".join(_INSTRUCTION.pack(*instruction) for instruction in reversed(self._new))

    def _write(self, index: int) -> int:
        """The place of what the old program does from ``index`` on."""
        code, on_true, on_false, value = self._old[index]
        if code & CLASS == RETURN:
            return self._once((code, value), lambda: self._add(code, 0, 0, value))
        if code in (ALWAYS, EQUAL, GREATER, AT_LEAST):
            return self._once(index, lambda: self._search(_ranges(self._old, index)))
        if code & CLASS == JUMP:  # JSET: a comparison that makes no ranges
            targets = index + 1 + on_true, index + 1 + on_false
            return self._once(index, lambda: self._branch(code, value, *map(self._write, targets)))
        return self._once(index, lambda: self._load(code, value, index + 1))

    def _once(self, what: object, write: Callable[[], int]) -> int:
        place = self._places.get(what)
        if place is None:
            place = self._places[what] = write()
        return place

    def _load(self, code: int, value: int, following: int) -> int:
        self._follow(self._write(following))
        return self._add(code, 0, 0, value)

    def _search(self, ranges: Ranges) -> int:
        """A search tree, whose leaves are written first so that it stays together."""
        for _, target in ranges:
            self._write(target)
        return self._tree(ranges)

    def _tree(self, ranges: Ranges) -> int:
        if len(ranges) == 1:
            return self._write(ranges[0][1])
        if len(ranges) == 3 and ranges[0][1] == ranges[2][1] and ranges[2][0] == ranges[1][0] + 1:
            return self._branch(EQUAL, ranges[1][0], self._write(ranges[1][1]), self._write(ranges[0][1]))
        middle = len(ranges) // 2
        upper, lower = self._tree(ranges[middle:]), self._tree(ranges[:middle])
        return self._branch(AT_LEAST, ranges[middle][0], upper, lower)

    def _branch(self, code: int, value: int, on_true: int, on_false: int) -> int:
        if on_true == on_false:
            return on_true
        while True:
            true, false = self._near(on_true), self._near(on_false)
            here = len(self._new)
            if (
                max(here - true, here - false) <= FAR
            ):  # what made the second one near may have put the first out of reach
                return self._add(code, here - true, here - false, value)

    def _near(self, place: int) -> int:
        """A place in reach of a conditional jump that leads to ``place``."""
        for near in (place, self._relays.get(place, -FAR)):
            if len(self._new) - near <= FAR:
                return near
        self._relays[place] = self._jump(place)
        return self._relays[place]

    def _follow(self, place: int) -> None:
        """Let what is written next be followed by what is at ``place``."""
        if place != len(self._new):
            self._jump(place)

    def _jump(self, place: int) -> int:
        return self._add(ALWAYS, 0, 0, len(self._new) - place)

    def _add(self, code: int, on_true: int, on_false: int, value: int) -> int:
        self._new.append((code, on_true, on_false, value))
        return len(self._new)


def _ranges(program: list[tuple[int, int, int, int]], start: int) -> Ranges:
    """What the jumps from ``start`` on make of each value."""
    found: Ranges = []
    waiting = [(start, 0, END)]
    steps = 0
    while waiting:
        steps += 1
        if steps > MOST_STEPS:
            raise _TooLongError
        index, low, high = waiting.pop()
        code, on_true, on_false, value = program[index]
        true, false = index + 1 + on_true, index + 1 + on_false
        if low >= high:
            continue
        if code == ALWAYS:
            waiting.append((index + 1 + value, low, high))
        elif code == EQUAL:
            waiting.append((false, low, min(high, value)))
            waiting.append((true, max(low, value), min(high, value + 1)))
            waiting.append((false, max(low, value + 1), high))
        elif code in (GREATER, AT_LEAST):
            border = value + 1 if code == GREATER else value
            waiting.append((false, low, min(high, border)))
            waiting.append((true, max(low, border), high))
        else:
            found.append((low, index))
    found.sort()
    return [
        one
        for before, one in zip([None, *found], found, strict=False)
        if before is None or not _same(program, before[1], one[1])
    ]


def _same(program: list[tuple[int, int, int, int]], one: int, other: int) -> bool:
    """Whether two targets are one: the same instruction, or two that return the same."""
    return one == other or (program[one][0] & CLASS == RETURN and program[one] == program[other])
