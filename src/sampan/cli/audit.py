"""The verb "audit": says what a bundle's container could do to its host, and what to change. Not on the hot path."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.audit.report import Report
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings

SUMMARY = "say what a container could do to its host, and what to change, without making it"
OPERANDS = ("[BUNDLE]",)
OPTIONS = (
    ("format", "f", "text|json|sarif|html", "for people (the default), for programs, or one page for a browser"),
    (
        "fail-on",
        "",
        "never|critical|high|medium|low",
        "end with status 2 if there is a finding at least so severe (default: never)",
    ),
)
DETAILS = """
Reads the bundle's config.json and the plan made of it, and nothing is changed. A report has a score from 0 to 100 and
findings, each with the field, what an attacker in the container gains, and what removes it.

It judges the configuration alone, as root will run it: not the image, the kernel or other programs of the host. It
works without being root, and where the bundle's root filesystem is missing.
"""

FOUND = 2  # 1 is for errors


def run(settings: Settings, arguments: Arguments) -> int:
    """Print the report."""
    from sampan.audit.rule import Severity
    from sampan.cli.output import write
    from sampan.engine.creation import load_config, read_config
    from sampan.engine.judging import report_of
    from sampan.linux.files import absolute

    form = arguments.choice("format", ("text", "json", "sarif", "html"))
    limit = arguments.choice("fail-on", ("never", "critical", "high", "medium", "low"))
    bundle = absolute((arguments.operands or ["."])[0])
    data = read_config(bundle)
    report = report_of(load_config(data), data.decode(errors="replace"), bundle, settings.cgroup_manager)
    write(_written(report, form))
    return FOUND if limit != "never" and report.at_least(Severity[limit.upper()]) else 0


def _written(report: Report, form: str) -> str:
    import json
    import os

    from sampan.audit import document, page, text

    if form == "html":
        return page.page(report)
    if form == "text":
        colored = os.isatty(1) and not os.environ.get("NO_COLOR")
        return text.text(report, color=colored)
    if form == "json":
        value = document.document(report)
    else:
        from sampan import __version__

        value = document.sarif(report, __version__)
    return json.dumps(value, indent=2) + "\n"
