"""The verb "pause": stop all processes of a container, until resume."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments, Table
    from sampan.cli.settings import Settings

SUMMARY = "stop all processes of a container, until resume"
OPERANDS = ("ID",)
OPTIONS: Table = ()


def run(settings: Settings, arguments: Arguments) -> int:
    """Pause the container."""
    from sampan.engine.pause import pause
    from sampan.engine.store import Store

    pause(Store(settings.root()), arguments.container_id())
    return 0
