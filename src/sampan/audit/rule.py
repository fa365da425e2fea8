"""What a rule is: a row of data, and a function that finds the places to which it applies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampan.audit.fields import Edit, Path
    from sampan.audit.subject import Subject


class Severity(IntEnum):
    """How bad it is. NONE is no finding: what a user namespace makes harmless."""

    NONE = 0
    """No finding."""
    INFO = 1
    """Worth knowing."""
    LOW = 2
    """A wall less; matters when another one falls."""
    MEDIUM = 3
    """A large part of the kernel or of the host is open to attack, or can be used up."""
    HIGH = 4
    """Root of the host with one thing more, or harm to all of the host."""
    CRITICAL = 5
    """Root of the host, with what is there alone."""

    @property
    def word(self) -> str:
        """As reports have it: "critical"."""
        return self.name.lower()

    def less(self) -> Severity:
        """One step less, but still told."""
        return Severity(max(self - 1, Severity.INFO)) if self else self


NONE, INFO, LOW, MEDIUM, HIGH, CRITICAL = Severity


@dataclass(frozen=True)
class Match:
    """One place to which a rule applies.

    ``edits`` remove the finding and are made on the configuration as it is. ``words`` fill the rule's texts.
    ``indirect``: the attacker needs something else first, so that it is one step less severe. ``unconfined``: a user
    namespace does not help here.
    """

    path: Path
    edits: tuple[Edit, ...] = ()
    words: Mapping[str, object] = field(default_factory=dict)
    indirect: bool = False
    unconfined: bool = False


Find = Callable[["Subject"], Iterable[Match]]


@dataclass(frozen=True)
class Rule:
    """One rule. Its texts are templates for `str.format`, filled with the words of a match.

    ``confined`` is the severity in a user namespace that maps no id of the host's root; None: the same.
    """

    id: str
    severity: Severity
    title: str
    field: str  # where it looks, for the documentation
    gain: str  # what an attacker in the container gains: a sentence
    change: str  # what removes it: a sentence
    find: Find
    confined: Severity | None = None

    def severity_in(self, *, confined: bool) -> Severity:
        return self.severity if self.confined is None or not confined else self.confined
