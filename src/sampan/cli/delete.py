"""The verb "delete": removes all that there is of a container. Hot path."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings

SUMMARY = "remove a container whose process has ended"
OPERANDS = ("ID",)
OPTIONS = (
    ("force", "f", "", "kill its processes first; and no error where there is no such container"),
    ("regex", "r", "", "ID is a regular expression: delete all containers whose id it matches, in any part"),
)
DETAILS = "With --regex a container that cannot be deleted is a warning, and no error."


def run(settings: Settings, arguments: Arguments) -> int:
    """Delete the container, or with --regex all that match."""
    from sampan.engine.delete import delete
    from sampan.engine.store import Store

    store, force, warn = Store(settings.root()), arguments.flag("force"), settings.log.warning
    if arguments.flag("regex"):
        from sampan.cli.matching import for_each

        for_each(settings, arguments, store, lambda name: delete(store, name, force=force, warn=warn))
    else:
        delete(store, arguments.container_id(), force=force, warn=warn)
    return 0
