"""What a seccomp profile lets through, as far as rules ask: a call with any arguments, and some calls with some."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.spec.types import Seccomp, SeccompArgument, SeccompSyscall

NEW_USER = 0x10000000  # CLONE_NEWUSER
_ANSWERS = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG")  # a call with these is carried out
_ALL_BITS = (1 << 64) - 1


class Filter:
    """A profile."""

    def __init__(self, profile: Seccomp) -> None:
        self.profile = profile
        self.allows_by_default = profile["defaultAction"] in _ANSWERS

    def rules_of(self, name: str) -> Iterator[tuple[int, SeccompSyscall]]:
        """The entries of `syscalls` that name the call, with their places."""
        for index, entry in enumerate(self.profile.get("syscalls", ())):
            if name in entry["names"]:
                yield index, entry

    def allows(self, name: str) -> bool:
        """Whether the call is carried out whatever its arguments are."""
        unconditional = [entry for _, entry in self.rules_of(name) if not entry.get("args")]
        if not unconditional:
            return self.allows_by_default
        return any(entry["action"] in _ANSWERS for entry in unconditional)

    def allows_flag(self, name: str, index: int, flag: int) -> bool:
        """Whether the call is carried out with ``flag`` set in the argument at ``index``, and perhaps others."""
        if self.allows(name):
            entries = [entry for _, entry in self.rules_of(name) if entry["action"] not in _ANSWERS]
            return not any(_is_about(entry, index, flag, set_=True) for entry in entries)
        for _, entry in self.rules_of(name):
            if entry["action"] in _ANSWERS and entry.get("args") and not _is_about(entry, index, flag, set_=False):
                return True
        return False

    def entries_that_allow(self, name: str) -> list[int]:
        """The places of the entries because of which the call is carried out, with any arguments first."""
        entries = [(index, entry) for index, entry in self.rules_of(name) if entry["action"] in _ANSWERS]
        return [index for index, entry in sorted(entries, key=lambda found: bool(found[1].get("args")))]


def _is_about(entry: SeccompSyscall, index: int, flag: int, *, set_: bool) -> bool:
    """Whether the entry speaks of calls with the flag set in the argument (or not set) alone."""
    arguments = [argument for argument in entry.get("args", ()) if argument["index"] == index]
    return any(_decides(argument, flag, set_=set_) for argument in arguments)


def _decides(argument: SeccompArgument, flag: int, *, set_: bool) -> bool:
    operator, value, second = argument["op"], argument["value"], argument.get("valueTwo", 0)
    if operator == "SCMP_CMP_EQ":
        operator, value, second = "SCMP_CMP_MASKED_EQ", _ALL_BITS, value
    if operator != "SCMP_CMP_MASKED_EQ" or not value & flag:
        return False
    return bool(second & flag) == set_
