"""The verb "plan": prints the operations that a container would be made of, and makes nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings

SUMMARY = "print the operations that a container would be made of, without making it"
OPERANDS = ("[BUNDLE]",)
OPTIONS = (("format", "f", "text|json", "for people (the default), or for programs"),)


def run(settings: Settings, arguments: Arguments) -> int:
    """Print the plan of the bundle, for this host."""
    from sampan.cli.output import write
    from sampan.engine.creation import load_config, read_config
    from sampan.engine.preview import plan_of
    from sampan.linux.files import absolute
    from sampan.plan.describe import document, text

    form = arguments.choice("format", ("text", "json"))
    bundle = absolute((arguments.operands or ["."])[0])
    plan = plan_of(load_config(read_config(bundle)), bundle, settings.cgroup_manager)
    if form == "json":
        from sampan._linux import json_dumps

        write(json_dumps(document(plan), 2).decode() + "\n")
    else:
        write(text(plan))
    return 0
