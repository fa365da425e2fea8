"""The verb "events": prints a container's statistics and OOM notifications as runc does, one JSON object a line."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings

SUMMARY = "print statistics and out-of-memory events of a container as JSON"
OPERANDS = ("ID",)
OPTIONS = (
    ("interval", "", "DURATION", "how often statistics are printed: 5s (the default), 100ms, 1m30s"),
    ("stats", "", "", "print the statistics once, and end"),
)
DETAILS = 'Ends when the container does. "sampan stats" prints more, for people and for Prometheus.'


def run(settings: Settings, arguments: Arguments) -> int:
    """Print the events."""
    from sampan._linux import json_dumps
    from sampan.cli.output import write
    from sampan.engine.events import statistics, stream
    from sampan.engine.store import Store

    def emit(event: dict[str, object]) -> None:
        write(json_dumps(event).decode() + "\n")

    store, container_id = Store(settings.root()), arguments.container_id()
    if arguments.flag("stats"):
        emit(statistics(store, container_id))
    else:
        from sampan.cli.durations import interval

        for event in stream(store, container_id, interval(arguments, "5s"), settings.log.warning):
            emit(event)
    return 0
