"""One thing that a host has, or lacks. Rows are data: the table and the document are made of nothing else."""

from __future__ import annotations

from dataclasses import dataclass

OK = "ok"
LIMITED = "limited"  # it works, but not in all ways
NO = "no"
UNKNOWN = "unknown"  # it cannot be found out by this user, or from here
STATES = (OK, LIMITED, NO, UNKNOWN)


@dataclass(frozen=True)
class Row:
    """One check.

    A row that is not ok says why, and one that says NO or LIMITED says what to do about it.
    """

    id: str  # AREA.NAME: stable from release to release
    name: str  # for people
    state: str
    found: str = ""  # what is there: a version, a mode, a list
    why: str = ""
    fix: str = ""
    needs: str = ""  # the first release of Linux that has it: "5.12"
    required: bool = False  # can no container be made without it?

    def __post_init__(self) -> None:
        """Raises ValueError where a row leaves its reader without help."""
        if self.state not in STATES:
            raise ValueError(f"{self.id}: {self.state!r} is no state")
        if self.state != OK and not self.why:
            raise ValueError(f"{self.id}: says {self.state}, but not why")
        if self.state in (NO, LIMITED) and not self.fix:
            raise ValueError(f"{self.id}: says {self.state}, but not what to do")

    @property
    def area(self) -> str:
        """What stands before the dot."""
        return self.id.partition(".")[0]

    @property
    def forbids(self) -> bool:
        """Does this alone keep sampan from making any container?"""
        return self.required and self.state == NO
