"""The verb "resume": let the processes of a paused container go on."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments, Table
    from sampan.cli.settings import Settings

SUMMARY = "let the processes of a paused container go on"
OPERANDS = ("ID",)
OPTIONS: Table = ()


def run(settings: Settings, arguments: Arguments) -> int:
    """Resume the container."""
    from sampan.engine.pause import resume
    from sampan.engine.store import Store

    resume(Store(settings.root()), arguments.container_id())
    return 0
