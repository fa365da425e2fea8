"""The verb "stats": what running containers use, for people (refreshed on a terminal), for programs, for Prometheus."""

from __future__ import annotations

from sampan.errors import NotFoundError, StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings
    from sampan.engine.store import Store
    from sampan.spec.statistics import Statistics

SUMMARY = "print what containers use of the machine"
OPERANDS = ("[ID...]",)
OPTIONS = (
    ("format", "f", "table|json|openmetrics", "for people (the default), for programs, or for Prometheus"),
    ("interval", "", "DURATION", "how often the table is refreshed on a terminal: 2s (the default), 500ms"),
    ("no-stream", "", "", "print the table once on a terminal, too"),
)
DETAILS = """Without ID: of all running containers. In other formats than table, and where the output is no terminal,
they are printed once. CPU % is that of the time between two refreshes, at first that since the start; 100 % is
one processor. MEM USAGE is without the page cache that is not in use."""

_HOME, _END_OF_LINE, _END_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


def run(settings: Settings, arguments: Arguments) -> int:
    """Print the statistics."""
    from os import isatty

    from sampan.cli.durations import interval
    from sampan.cli.output import write
    from sampan.engine.store import Store

    form = arguments.choice("format", ("table", "json", "openmetrics"))
    seconds = interval(arguments, "2s") / 1e9
    store, ids = Store(settings.root()), tuple(dict.fromkeys(arguments.operands))
    if form == "table" and isatty(1) and not arguments.flag("no-stream"):
        _refresh(store, ids, seconds)
    else:
        write(_text(form, _read(store, ids)))
    return 0


def _read(store: Store, ids: Sequence[str]) -> list[Statistics]:
    from sampan.engine import statistics

    return [statistics.read(store, container_id) for container_id in ids] if ids else statistics.read_all(store)


def _text(form: str, found: Sequence[Statistics]) -> str:
    if form == "json":
        from sampan._linux import json_dumps

        return json_dumps([entry.to_document() for entry in found]).decode() + "\n"
    if form == "openmetrics":
        from sampan.cli import openmetrics

        return openmetrics.text(found)
    return "".join(f"{line}\n" for line in _table(found, {}))


def _table(found: Sequence[Statistics], before: Mapping[str, Statistics]) -> list[str]:
    from os import sysconf

    from sampan.cli.stats_table import table

    return table(found, before, sysconf("SC_PHYS_PAGES") * sysconf("SC_PAGE_SIZE"))


def _refresh(store: Store, ids: Sequence[str], seconds: float) -> None:
    """The table again and again, in place, until it is interrupted or the containers that were named have ended."""
    import time

    from sampan.cli.output import write

    found = _read(store, ids)  # the first time, one that is not there is an error
    before: dict[str, Statistics] = {}
    write(_HOME + _END_OF_SCREEN)
    try:
        while found or not ids:
            write(_screen(_table(found, before)))
            before = {entry.id: entry for entry in found}
            time.sleep(seconds)
            found = _read_remaining(store, ids)
    except KeyboardInterrupt:  # the way to leave it
        write("\n")


def _read_remaining(store: Store, ids: Sequence[str]) -> list[Statistics]:
    found: list[Statistics] = []
    if not ids:
        return _read(store, ids)
    for container_id in ids:
        try:
            found += _read(store, (container_id,))
        except (NotFoundError, StateError):
            continue  # it has ended
    return found


def _screen(lines: Sequence[str]) -> str:
    """The lines from the top of the terminal on, as many and as much of them as fit."""
    from os import get_terminal_size

    size = get_terminal_size(1)
    columns, rows = size.columns or 80, size.lines or 24
    shown = "\n".join(line[:columns] + _END_OF_LINE for line in lines[: max(1, rows - 1)])
    return f"{_HOME}{shown}\n{_END_OF_SCREEN}"
