"""What a host can do for containers, as a table for people. Pure."""

from __future__ import annotations

import textwrap
from itertools import groupby
from typing import TYPE_CHECKING

from sampan.audit.text import plain
from sampan.doctor.examination import AREAS
from sampan.doctor.row import LIMITED, NO, OK, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.doctor.examination import Examination
    from sampan.doctor.row import Row

WIDTH = 100
_COLORS = {OK: "32", LIMITED: "33", NO: "31", UNKNOWN: "36"}  # SGR
_BOLD = "1"
_INDENT = "  "
_STATE, _NAME = 9, 27  # widths of columns


def table(examination: Examination, version: str, *, color: bool = False) -> str:
    """The rows under their areas, then what they come to."""
    host = examination.host
    who = "root" if host.is_privileged else f"the user {host.user}"
    lines = [plain(f"sampan {version} on Linux {host.release} ({host.machine}), as {who}")]
    for area, rows in groupby(examination.rows, lambda row: row.area):
        lines += ["", _colored(AREAS[area][1], _BOLD, color=color)]
        for row in rows:
            lines += _row(row, color=color)
    lines += ["", *_verdict(examination, color=color)]
    return "\n".join(lines) + "\n"


def _row(row: Row, *, color: bool) -> Iterator[str]:
    """What is copied, paths and commands, stays in one line."""
    state = _colored(row.state.ljust(_STATE), _COLORS[row.state], color=color)
    found = row.found or (f"since Linux {row.needs}" if row.needs and row.state == OK else "")
    yield f"{_INDENT}{state}{plain(row.name).ljust(_NAME)} {plain(found)}".rstrip()
    below = f"{_INDENT}{' ' * _STATE}"
    if row.state != OK:
        yield from textwrap.wrap(
            plain(row.why),
            WIDTH,
            initial_indent=f"{below}why  ",
            subsequent_indent=f"{below}     ",
            break_on_hyphens=False,
            break_long_words=False,
        )
    if row.fix:
        yield f"{below}fix  {plain(row.fix)}"


def _verdict(examination: Examination, *, color: bool) -> Iterator[str]:
    counts = ", ".join(f"{count} {state}" for state, count in examination.counts.items() if count)
    if not examination.forbids:
        yield f"{counts}: {_colored('sampan can run containers here', _COLORS[OK], color=color)}"
        return
    yield f"{counts}: {_colored('sampan cannot run containers here', _COLORS[NO], color=color)}, for want of:"
    yield from (f"{_INDENT}{plain(row.name)} ({row.id})" for row in examination.forbids)


def _colored(words: str, code: str, *, color: bool) -> str:
    return f"\x1b[{code}m{words}\x1b[0m" if color else words
