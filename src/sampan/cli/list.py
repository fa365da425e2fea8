"""The verb "list": the containers below the root directory, in runc's table or as JSON. Hot path."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings

SUMMARY = "list the containers"
OPERANDS = ()
OPTIONS = (
    ("format", "f", "table|json", "for people (the default), or for programs"),
    ("quiet", "q", "", "print only ids"),
)

_COLUMNS = ("id", "pid", "status", "bundle", "created", "owner")


def run(settings: Settings, arguments: Arguments) -> int:
    """Print the list."""
    from sampan.cli.output import write
    from sampan.engine.query import containers
    from sampan.engine.store import Store

    form = arguments.choice("format", ("table", "json"))
    found = containers(Store(settings.root()))
    if arguments.flag("quiet"):
        write("".join(f"{container['id']}\n" for container in found))
    elif form == "json":
        from sampan._linux import json_dumps

        write(json_dumps(found).decode() + "\n")
    else:
        rows = [tuple(str(container.get(column, "")) for column in _COLUMNS) for container in found]
        write(table((tuple(column.upper() for column in _COLUMNS), *rows)))
    return 0


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """The rows in columns as runc's tabwriter sets them: three spaces between, and none narrower than 12."""
    widths = [max(12, 3 + max(map(len, cells))) for cells in zip(*rows, strict=True)]
    widths[-1] = 0
    return "".join("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + "\n" for row in rows)
