"""The verb "start": lets the process of a created container run. Hot path."""

from __future__ import annotations

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments, Table
    from sampan.cli.settings import Settings

SUMMARY = "run the process of a created container"
OPERANDS = ("ID",)
OPTIONS: Table = ()


def run(settings: Settings, arguments: Arguments) -> int:
    """Start the container."""
    from sampan.engine.start import start
    from sampan.engine.store import Store

    notify_socket = posix.environ.get(b"NOTIFY_SOCKET", b"").decode(errors="surrogateescape")
    start(Store(settings.root()), arguments.container_id(), notify_socket, warn=settings.log.warning)
    return 0
