"""The verb "delete": removes all that there is of a container. Hot path."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings

SUMMARY = "remove a container whose process has ended"
OPERANDS = ("ID",)
OPTIONS = (("force", "f", "", "kill its processes first; and no error where there is no such container"),)


def run(settings: Settings, arguments: Arguments) -> int:
    """Delete the container."""
    from sampan.engine.delete import delete
    from sampan.engine.store import Store

    delete(Store(settings.root()), arguments.container_id(), force=arguments.flag("force"), warn=settings.log.warning)
    return 0
