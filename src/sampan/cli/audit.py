"""The verb "audit": says what a bundle's container could do to its host, and what to change. Not on the hot path."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampan.audit.report import Report
    from sampan.audit.subject import Machine
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings
    from sampan.plan.operations import Plan
    from sampan.spec.types import Config

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
_PRIVILEGED_GROUPS = "adm disk docker incus-admin kmem kvm libvirt lxd podman shadow staff sudo systemd-journal wheel"


def run(settings: Settings, arguments: Arguments) -> int:
    """Print the report."""
    from sampan.audit.report import judge
    from sampan.audit.rule import Severity
    from sampan.audit.subject import Subject
    from sampan.cli.output import write
    from sampan.engine.creation import load_config, read_config
    from sampan.linux.files import absolute

    form = arguments.choice("format", ("text", "json", "sarif", "html"))
    limit = arguments.choice("fail-on", ("never", "critical", "high", "medium", "low"))
    bundle = absolute((arguments.operands or ["."])[0])
    data = read_config(bundle)
    config = load_config(data)
    subject = Subject(config, bundle, _machine(config, bundle))
    plan, reason = _plan(config, bundle, settings.cgroup_manager)
    report = judge(subject, data.decode(errors="replace"), plan, reason)
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


def _plan(config: Config, bundle: str, cgroup_manager: str) -> tuple[Plan | None, str]:
    """The plan, or why this machine has none: what can be judged is judged."""
    from sampan.engine.preview import plan_of
    from sampan.errors import SampanError

    try:
        return plan_of(config, bundle, cgroup_manager), ""
    except SampanError as error:
        return None, str(error)


def _machine(config: Config, bundle: str) -> Machine:
    import grp
    import os
    from pathlib import Path

    from sampan.audit.subject import Machine
    from sampan.plan.namespaces import root_path

    try:
        apparmor = Path("/sys/module/apparmor/parameters/enabled").read_text().startswith("Y")
    except OSError:
        apparmor = False
    return Machine(
        uid=os.geteuid(),
        apparmor=apparmor,
        selinux=Path("/sys/fs/selinux/enforce").exists(),
        root_is_link=os.path.islink(root_path(config, bundle).rstrip("/")),
        groups={group.gr_name: group.gr_gid for group in grp.getgrall() if group.gr_name in _PRIVILEGED_GROUPS.split()},
    )
