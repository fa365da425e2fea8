"""The verb "plan": prints the operations that a container would be made of, and makes nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings
    from sampan.plan.operations import Plan

SUMMARY = "print the operations that a container would be made of, without making it"
OPERANDS = ("[BUNDLE]",)
OPTIONS = (("format", "f", "FORMAT", "text (the default) or json"),)

_IDENTIFIER = "ID"  # stands in paths for the id that the container would have


def run(_settings: Settings, arguments: Arguments) -> int:
    """Print the plan of the bundle, for this host."""
    from sampan.cli.output import write
    from sampan.plan.describe import document, text

    form = arguments.choice("format", ("text", "json"))
    (bundle,) = arguments.operands or ["."]
    plan = _plan_of(bundle)
    if form == "json":
        from sampan._linux import json_dumps

        write(json_dumps(document(plan), 2).decode() + "\n")
    else:
        write(text(plan))
    return 0


def _plan_of(bundle: str) -> Plan:
    from os.path import realpath

    from sampan.cgroups.cgroup import locate
    from sampan.cgroups.layout import detect
    from sampan.engine.facts import compile_seccomp, find_out
    from sampan.linux import files
    from sampan.plan.compile import compile_plan
    from sampan.plan.host import Host
    from sampan.spec.config import load

    path = realpath(bundle)
    config = load(files.read(f"{path}/config.json"), f"{path}/config.json")
    host = Host(_IDENTIFIER, path)
    find_out(config, host, locate(detect(), config.get("linux", {}).get("cgroupsPath"), _IDENTIFIER))
    compile_seccomp(config, host, "")
    return compile_plan(config, host)
