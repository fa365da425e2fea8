"""The verb "plan": prints the operations that a container would be made of, and makes nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings
    from sampan.plan.operations import Plan

SUMMARY = "print the operations that a container would be made of, without making it"
OPERANDS = ("[BUNDLE]",)
OPTIONS = (("format", "f", "text|json", "for people (the default), or for programs"),)

_IDENTIFIER = "ID"  # stands in paths for the id that the container would have


def run(settings: Settings, arguments: Arguments) -> int:
    """Print the plan of the bundle, for this host."""
    from sampan.cli.output import write
    from sampan.plan.describe import document, text

    form = arguments.choice("format", ("text", "json"))
    (bundle,) = arguments.operands or ["."]
    plan = _plan_of(bundle, settings.cgroup_manager)
    if form == "json":
        from sampan._linux import json_dumps

        write(json_dumps(document(plan), 2).decode() + "\n")
    else:
        write(text(plan))
    return 0


def _plan_of(bundle: str, cgroup_manager: str) -> Plan:
    from sampan.cgroups.layout import detect
    from sampan.engine.creation import load_config, read_config
    from sampan.engine.facts import compile_seccomp, find_out
    from sampan.engine.share import locate_cgroup
    from sampan.linux import files
    from sampan.plan.compile import compile_plan
    from sampan.plan.host import Host

    path = files.absolute(bundle)
    config = load_config(read_config(path))
    host = Host(_IDENTIFIER, path)
    host.wait_for_start = True
    find_out(config, host, locate_cgroup(config, _IDENTIFIER, detect(), cgroup_manager))
    compile_seccomp(config, host, None)
    return compile_plan(config, host)
