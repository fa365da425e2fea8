"""A report as one page of HTML that needs nothing else: no script, no font, no image, no network."""

from __future__ import annotations

from html import escape
from itertools import groupby
from string import Template
from typing import TYPE_CHECKING

from sampan.audit.page_style import STYLE
from sampan.audit.rule import Severity
from sampan.audit.table import GROUPS
from sampan.audit.text import shortened, summary
from sampan.plan.describe import describe

if TYPE_CHECKING:
    from sampan.audit.report import Finding, Report
    from sampan.plan.operations import Plan

# A page opened from a file must do nothing but show itself, whatever the configuration managed to put into it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

_PAGE = Template(
    """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Audit of $bundle</title>
<style>$style</style>
</head>
<body>
<header>
<div class="score" style="--score: $score"><span>$score</span><small>of 100</small></div>
<div>
<h1>What this container could do to its host</h1>
<p class="bundle">$bundle</p>
<p class="counts" aria-label="$summary">$counts</p>
</div>
</header>
<main>
$findings
$plan
</main>
<footer>Made by sampan audit. Each change is made on the configuration as it was judged; the JSON report has them as
patches (RFC 6902).</footer>
</body>
</html>
"""
)

_SECTION = Template(
    """\
<section>
<h2><span class="dot $severity"></span>$heading <small>$count</small></h2>
$findings
</section>
"""
)

_FINDING = Template(
    """\
<details class="finding $severity"$open>
<summary><span class="title">$title</span> <code>$field</code></summary>
<dl>
<dt>An attacker gains</dt><dd>$gain</dd>
<dt>To change</dt><dd>$change$edits</dd>
<dt>Where</dt><dd>$group; line $line of config.json$operations</dd>
<dt>Rule</dt><dd><code>$rule</code></dd>
</dl>
</details>
"""
)

_PLAN = Template(
    """\
<details class="plan">
<summary>The plan: $count operations that make this container</summary>
<table>
<thead><tr><th>#</th><th>operation</th><th>because of</th></tr></thead>
$groups
</table>
</details>
"""
)

_NOTHING = '<p class="nothing">Nothing was found.</p>'


def page(report: Report) -> str:
    """The page. Everything that comes from the configuration is escaped."""
    counts = "".join(
        f'<span class="count {severity.word}"><b>{count}</b> {severity.word}</span>'
        for severity, count in report.counts.items()
    )
    sections = [
        _section(severity, list(findings))
        for severity, findings in groupby(report.findings, lambda finding: finding.severity)
    ]
    return _PAGE.substitute(
        policy=escape(_POLICY),
        style=STYLE,
        bundle=_escaped(report.bundle),
        score=report.score,
        summary=escape(summary(report)),
        counts=counts,
        findings="".join(sections) or _NOTHING,
        plan=_plan(report.plan) if report.plan is not None else _no_plan(report.no_plan),
    )


def _section(severity: Severity, findings: list[Finding]) -> str:
    order = list(GROUPS)
    findings.sort(key=lambda finding: order.index(finding.group))
    return _SECTION.substitute(
        severity=severity.word,
        heading=severity.word.capitalize(),
        count=len(findings),
        findings="".join(map(_finding, findings)),
    )


def _finding(finding: Finding) -> str:
    edits = "".join(f"<li><code>{_escaped(shortened(edit))}</code></li>" for edit in finding.edits)
    operations = ", ".join(f'<a href="#operation-{number}">{number}</a>' for number in finding.operations)
    return _FINDING.substitute(
        severity=finding.severity.word,
        open=" open" if finding.severity == Severity.CRITICAL else "",
        title=_escaped(finding.title),
        field=_escaped(finding.field),
        gain=_escaped(finding.gain),
        change=_escaped(finding.change),
        edits=f"<ul>{edits}</ul>" if edits else "",
        group=escape(finding.group),
        line=finding.line,
        operations=f"; operations of the plan: {operations}" if operations else "",
        rule=escape(finding.rule),
    )


def _plan(plan: Plan) -> str:
    groups = []
    rows = list(enumerate(plan.operations))
    for name, members in groupby(rows, lambda row: row[1].group):
        lines = "".join(
            f'<tr id="operation-{number}"><td>{number}</td><td>{_escaped(describe(operation))}</td>'
            f"<td><code>{_escaped(operation.cause)}</code></td></tr>"
            for number, operation in members
        )
        groups.append(f'<tbody><tr><th colspan="3">{_escaped(name)}</th></tr>{lines}</tbody>')
    return _PLAN.substitute(count=len(rows), groups="\n".join(groups))


def _no_plan(reason: str) -> str:
    return f'<p class="nothing">There is no plan on this machine: {_escaped(reason)}</p>' if reason else ""


def _escaped(text: str) -> str:
    """Text that stands for itself in a page, also where it is of bytes that are no UTF-8."""
    return escape(text.encode(errors="replace").decode())
