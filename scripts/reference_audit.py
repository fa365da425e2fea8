"""docs/audit.md, made of the rules themselves."""

import re

from sampan.audit.report import LEAVES
from sampan.audit.rule import Rule, Severity
from sampan.audit.table import GROUPS, RULES

ABOUT = """\
# What a container could do to its host

<!-- Made by scripts/make-reference of the rules in src/sampan/audit. -->

    sampan audit [--format text|json|sarif|html] [--fail-on critical|high|medium|low] [BUNDLE]

`sampan audit` reads a bundle's `config.json` and the plan made of it, and makes nothing. It works as an ordinary user,
and where the root filesystem is missing. It says what an attacker who controls the container's process could do to the
host and to its neighbours, and for each finding what to change.

| format | what it is |
|---|---|
| `text` | for a person; colored on a terminal, unless `NO_COLOR` is set |
| `json` | for a program; each finding has the change as a patch (RFC 6902) of the configuration as it was judged |
| `sarif` | SARIF 2.1.0, as code hosts and editors show results of static analysis |
| `html` | one page without scripts and external parts, with the plan; dark or light as its reader's system is |

With `--fail-on SEVERITY` the exit status is 2 if there is a finding at least so severe; 1 is for errors, such as a
configuration that is not valid.

It judges the configuration, as root would run it, and not the image, the kernel or other programs. A high score means
that little of what is known to be dangerous is there, not that there is no danger.

## Severities and the score

| severity | what it means | leaves of the score |
|---|---|---|
{severities}

The score begins at 100, and each finding leaves so much of it; it is rounded down. So one more finding never makes a
score better, and the worst weigh most: 100 with nothing above info, 50 with one critical finding, 3 with five.

In a user namespace that does not map the host's root, much of what root may do is no danger to the host: the column
"confined" has the severity there, and "-" where the rule finds nothing then. What needs something else first is one
step less severe: a capability that the process could only get by a set-user-ID program, a device that may be opened but
has no node, a call for which a capability is missing. Files that an id-mapped mount shows, and those below /home in a
rootless container, are as severe in a user namespace as without one.

`sampan spec --profile hardened` writes a configuration in which nothing above low is found.

## Rules

"""

MEANINGS = {
    Severity.CRITICAL: "root of the host, with what is there alone",
    Severity.HIGH: "root of the host with one thing more, or harm to all of the host",
    Severity.MEDIUM: "a large part of the kernel or of the host is open to attack, or can be used up",
    Severity.LOW: "a wall less; matters when another one falls",
    Severity.INFO: "worth knowing",
}


def text() -> str:
    """The whole document."""
    rows = [f"| {severity.word} | {MEANINGS[severity]} | {LEAVES[severity]} % |" for severity in LEAVES]
    parts = [ABOUT.format(severities="\n".join(rows))]
    parts.append(f"There are {len(RULES)}. Words in *italics* stand for what was found.\n")
    for group, rules in GROUPS.items():
        parts.append(f"\n### {group}\n\n| rule | severity | confined | field |\n|---|---|---|---|\n")
        parts += [row(rule) for rule in rules]
        parts.append("\n")
        parts += [entry(rule) for rule in rules]
    return "".join(parts)


def row(rule: Rule) -> str:
    """A rule in the table of its group."""
    confined = rule.severity_in(confined=True)
    fields = ", ".join(f"`{field}`" for field in rule.field.split(", "))
    return f"| [`{rule.id}`](#{rule.id}) | {rule.severity.word} | {confined.word if confined else '-'} | {fields} |\n"


def entry(rule: Rule) -> str:
    """All of a rule."""
    return (
        f"#### {rule.id}\n\n{said(rule.title)[:1].upper()}{said(rule.title)[1:]}.\n\n"
        f"- What an attacker gains: {said(rule.gain)}\n- What to change: {said(rule.change)}\n\n"
    )


def said(template: str) -> str:
    """A template with its places in italics, and what is code set as code."""
    named = re.sub(r"(?<!\{)\{(\w+)\}(?!\})", r"*\1*", template)
    plain = re.sub(r"(\{\{.*?\}\})", r"`\1`", named).replace("{{", "{").replace("}}", "}")
    return plain.replace("<", "&lt;")
