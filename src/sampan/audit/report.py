"""Applies the rules to a configuration: findings, the worst first, and one number for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sampan.audit.fields import field
from sampan.audit.lines import line_of
from sampan.audit.rule import Severity
from sampan.audit.table import GROUPS

if TYPE_CHECKING:
    from sampan.audit.fields import Edit
    from sampan.audit.rule import Match, Rule
    from sampan.audit.subject import Subject
    from sampan.plan.operations import Plan

BEST = 100
# What a finding leaves of the score, in percent.
LEAVES = {
    Severity.CRITICAL: 50,
    Severity.HIGH: 80,
    Severity.MEDIUM: 93,
    Severity.LOW: 99,
    Severity.INFO: 100,
}


@dataclass(frozen=True)
class Finding:
    """One rule at one place."""

    rule: str  # its id
    group: str
    severity: Severity
    field: str  # of config.json: "mounts[2].options"
    line: int  # of config.json, where it is or would be
    title: str
    gain: str
    change: str
    edits: tuple[Edit, ...]
    operations: tuple[int, ...]  # those of the plan that the field has caused, by their places


@dataclass(frozen=True)
class Report:
    """What was found, the worst first, of a bundle; and the plan, or why there is none on this machine."""

    bundle: str
    findings: tuple[Finding, ...]
    plan: Plan | None
    no_plan: str

    @property
    def score(self) -> int:
        """From 0 to 100: 100, of which each finding leaves so many percent as LEAVES says, rounded down."""
        left, whole = BEST, 1
        for finding in self.findings:
            left, whole = left * LEAVES[finding.severity], whole * 100
        return left // whole

    @property
    def counts(self) -> dict[Severity, int]:
        """How many findings of each severity there are, the worst first."""
        return {severity: sum(f.severity == severity for f in self.findings) for severity in LEAVES}

    def __str__(self) -> str:
        from sampan.audit.text import text

        return text(self)

    def at_least(self, severity: Severity) -> bool:
        """Whether anything so severe was found."""
        return any(finding.severity >= severity for finding in self.findings)


def judge(subject: Subject, source: str, plan: Plan | None = None, no_plan: str = "") -> Report:
    """Apply all rules. ``source`` is the text of config.json."""
    found = [
        finding
        for group, rules in GROUPS.items()
        for rule in rules
        for match in rule.find(subject)
        if "process" in subject.config or match.path[0] != "process"  # nothing runs without one
        if (finding := _finding(group, rule, match, subject, source, plan)).severity
    ]
    found.sort(key=lambda finding: -finding.severity)
    return Report(subject.bundle, tuple(found), plan, no_plan)


def _finding(group: str, rule: Rule, match: Match, subject: Subject, source: str, plan: Plan | None) -> Finding:
    severity = rule.severity_in(confined=subject.confined and not match.unconfined)
    place = field(match.path)
    return Finding(
        rule.id,
        group,
        severity.less() if match.indirect else severity,
        place,
        line_of(source, match.path),
        rule.title.format_map(match.words),
        rule.gain.format_map(match.words),
        rule.change.format_map(match.words),
        match.edits,
        _caused(place, plan),
    )


def _caused(place: str, plan: Plan | None) -> tuple[int, ...]:
    """The operations of the plan that the field, or a part of it, has caused."""
    if plan is None:
        return ()
    return tuple(
        index
        for index, operation in enumerate(plan.operations)
        if operation.cause
        and (
            operation.cause == place
            or operation.cause.startswith((f"{place}.", f"{place}["))
            or place.startswith((f"{operation.cause}.", f"{operation.cause}["))
        )
    )
