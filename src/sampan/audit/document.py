"""A report for programs: a JSON document of its own, and SARIF 2.1.0 for what shows results of static analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampan.audit.rule import Severity
from sampan.audit.table import RULES
from sampan.plan import describe

if TYPE_CHECKING:
    from sampan.audit.report import Finding, Report
    from sampan.audit.rule import Rule

SARIF_VERSION = "2.1.0"
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_BASE = "BUNDLE"
_DOCUMENT = "config.json"
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
# The number that GitHub and others sort by, from 0 to 10.
_NUMBERS = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.5",
    Severity.INFO: "0.0",
}


def document(report: Report) -> dict[str, Any]:
    """The report. Each finding's patch (RFC 6902) is made on the configuration as it was judged, without others."""
    return {
        "version": 1,
        "bundle": report.bundle,
        "score": report.score,
        "counts": {severity.word: count for severity, count in report.counts.items()},
        "findings": [_finding(finding) for finding in report.findings],
        "plan": None if report.plan is None else describe.document(report.plan),
        "noPlan": report.no_plan,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.word,
        "group": finding.group,
        "field": finding.field,
        "title": finding.title,
        "gain": finding.gain,
        "change": finding.change,
        "patch": [edit.document() for edit in finding.edits],
        "operations": list(finding.operations),
    }


def sarif(report: Report, version: str) -> dict[str, Any]:
    """The report as a SARIF log of one run. ``version`` is this program's."""
    places = {rule.id: index for index, rule in enumerate(RULES)}
    return {
        "$schema": SARIF_SCHEMA,
        "version": SARIF_VERSION,
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "sampan audit",
                        "semanticVersion": version,
                        "rules": [_rule(rule) for rule in RULES],
                    }
                },
                "originalUriBaseIds": {_BASE: {"uri": _uri(report.bundle)}},
                "artifacts": [{"location": {"uri": _DOCUMENT, "uriBaseId": _BASE}}],
                "results": [_result(finding, places[finding.rule]) for finding in report.findings],
                "columnKind": "unicodeCodePoints",
                "properties": {"score": report.score},
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.id.replace("-", " ")},
        "fullDescription": {"text": rule.gain},
        "help": {"text": rule.change},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"security-severity": _NUMBERS[rule.severity], "tags": ["security"]},
    }


def _result(finding: Finding, rule_index: int) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.field}: {finding.title}. {finding.gain} {finding.change}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _DOCUMENT, "uriBaseId": _BASE, "index": 0},
                    "region": {"startLine": finding.line},
                },
                "logicalLocations": [{"fullyQualifiedName": finding.field, "kind": "member"}],
            }
        ],
        "partialFingerprints": {"field/v1": f"{finding.rule}:{finding.field}"},
        "properties": {
            "severity": finding.severity.word,
            "security-severity": _NUMBERS[finding.severity],
            "patch": [edit.document() for edit in finding.edits],
        },
    }


def _uri(directory: str) -> str:
    from urllib.parse import quote

    return f"file://{quote(directory.rstrip('/'), errors='surrogateescape')}/"
