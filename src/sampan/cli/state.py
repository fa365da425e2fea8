"""The verb "state": prints the state of a container, as runtime.md describes it. Hot path."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments, Table
    from sampan.cli.settings import Settings

SUMMARY = "print the state of a container as JSON"
OPERANDS = ("ID",)
OPTIONS: Table = ()


def run(settings: Settings, arguments: Arguments) -> int:
    """Print the state."""
    from sampan._linux import json_dumps
    from sampan.cli.output import write
    from sampan.engine.query import state
    from sampan.engine.store import Store

    document = state(Store(settings.root()), arguments.container_id())
    write(json_dumps(document, 2).decode() + "\n")
    return 0
