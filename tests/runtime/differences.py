"""Where a reference implementation differs from the specification, by the specification's own words.

A test that a reference implementation fails is wrong until the specification's text says otherwise; then it stands, and
the difference is listed: differences_runc.py, differences_crun.py. Listed tests are expected to fail, strictly: that a
difference has vanished is an error too. sampan has no list.
"""

from __future__ import annotations

from dataclasses import dataclass

from .differences_crun import CRUN, CRUN_WAITS
from .differences_runc import RUNC, RUNC_WAITS
from .known_difference import Difference, matches

LISTS: dict[str, tuple[Difference, ...]] = {"runc": RUNC, "crun": CRUN}
# Listed tests in which the runtime keeps us waiting for what never comes. All together that takes minutes, so they are
# run only with --patiently.
WAITS: dict[str, tuple[str, ...]] = {"runc": RUNC_WAITS, "crun": CRUN_WAITS}


@dataclass(frozen=True)
class Known:
    """What pytest is told about one test."""

    reason: str
    strict: bool
    waits: bool


def known(runtime: str, version: tuple[int, ...], test: str) -> Known | None:
    """`test` is FILE::TEST, or FILE::TEST[PARAMETERS], without the runtime's name among the parameters."""
    for difference in LISTS.get(runtime, ()):
        if difference.is_about(version, test):
            waits = any(matches(pattern, test) for pattern in WAITS[runtime])
            return Known(difference.reason, strict=not difference.sometimes, waits=waits)
    return None
