"""The end of a "run" in the foreground: what the program that waited for the process becomes. Hot path.

Not a verb for people, and not in their help: it deletes the container that `run` made, and ends as its process did.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments, Table
    from sampan.cli.settings import Settings

SUMMARY = "delete the container that a run has made"
OPERANDS = ("ID", "CREATED", "STATUS")
OPTIONS: Table = ()


def run(settings: Settings, arguments: Arguments) -> int:
    """Delete the container, unless it is another of the same name by now; the status is that of its process."""
    from sampan.engine.run import finish
    from sampan.engine.store import Store

    container_id = arguments.container_id()
    _, created, status = arguments.operands
    finish(Store(settings.root()), container_id, created, settings.log.warning)
    return int(status)
