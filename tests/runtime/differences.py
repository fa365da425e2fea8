"""Where a reference implementation differs from the specification, by the specification's own words.

A test that a reference implementation fails is wrong until the specification's text says otherwise; then it stands, and
the difference is listed: differences_runc.py, differences_crun.py. Listed tests are expected to fail, strictly: that a
difference has vanished is an error too. sampan has no list.
"""

from __future__ import annotations

from dataclasses import dataclass

from .differences_crun import CRUN
from .differences_runc import RUNC
from .known_difference import Difference

LISTS: dict[str, tuple[Difference, ...]] = {"runc": RUNC, "crun": CRUN}


@dataclass(frozen=True)
class Known:
    """What pytest is told about one test."""

    reason: str
    strict: bool


def known(runtime: str, version: tuple[int, ...], test: str) -> Known | None:
    """`test` is FILE::TEST, or FILE::TEST[PARAMETERS], without the runtime's name among the parameters."""
    for difference in LISTS.get(runtime, ()):
        if difference.is_about(version, test):
            return Known(difference.reason, strict=not difference.sometimes)
    return None
