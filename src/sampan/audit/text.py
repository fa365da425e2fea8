"""A report for a person at a terminal."""

from __future__ import annotations

import textwrap
from itertools import groupby
from typing import TYPE_CHECKING

from sampan.audit.rule import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.audit.report import Finding, Report

WIDTH = 100
_LONGEST = 160  # of a value to set: a whole seccomp profile is in the JSON report
_INDENT = " " * 4
_COLORS = {  # SGR
    Severity.CRITICAL: "1;97;41",
    Severity.HIGH: "1;31",
    Severity.MEDIUM: "1;33",
    Severity.LOW: "1;36",
    Severity.INFO: "1;2",
}
_NOTHING = "nothing was found"


def text(report: Report, *, color: bool = False, width: int = WIDTH) -> str:
    """The report: the score, then all findings, the worst first."""
    lines = [f"{plain(report.bundle)}: score {report.score} of 100, {summary(report)}"]
    for severity, findings in groupby(report.findings, lambda finding: finding.severity):
        heading = severity.word.upper()
        lines += ["", f"\x1b[{_COLORS[severity]}m{heading}\x1b[0m" if color else heading]
        for index, finding in enumerate(findings):
            lines += [""] if index else []
            lines += _paragraph(finding, width, color=color)
    if report.no_plan:
        lines += ["", *_wrapped("", f"There is no plan on this machine: {report.no_plan}", width)]
    return "\n".join(lines) + "\n"


def summary(report: Report) -> str:
    """How many findings of each severity there are: "1 critical, 2 low"."""
    counts = [f"{count} {severity.word}" for severity, count in report.counts.items() if count]
    return ", ".join(counts) or _NOTHING


def shortened(edit: object) -> str:
    """An edit in words, without the middle of a long value."""
    words = str(edit)
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 4]} ..."


def plain(words: str) -> str:
    """Without what would steer a terminal: values come from a file that nobody trusts."""
    return "".join(sign if sign.isprintable() else "?" for sign in words)


def _paragraph(finding: Finding, width: int, *, color: bool) -> Iterator[str]:
    title = plain(finding.title)
    yield f"  \x1b[1m{title}\x1b[0m" if color else f"  {title}"
    yield f"{_INDENT}{'at':<8}{plain(finding.field)}  ({finding.rule})"
    yield from _wrapped("gain", finding.gain, width)
    yield from _wrapped("change", finding.change, width)
    for edit in finding.edits:
        yield from _wrapped("", f"- {shortened(edit)}", width)


def _wrapped(label: str, words: str, width: int) -> list[str]:
    first = f"{_INDENT}{label:<8}"
    return textwrap.wrap(
        plain(words), width, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
    )
