"""Where a reference implementation differs from the specification, by the specification's own words.

A test that a reference implementation fails is wrong until the specification's text says otherwise; then it stands, and
the difference is listed here. Listed tests are expected to fail, strictly: a difference that vanished is an error too.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Difference:
    """`test` is FILE::TEST, or FILE::TEST[PARAMETERS], without the runtime's name; `*` stands for anything."""

    runtime: str
    test: str
    reason: str
    before: tuple[int, ...] = (999,)  # the first version that behaves as specified, if there is one
    sometimes: bool = False  # a race, or only something left behind: the test may pass

    def is_about(self, runtime: str, version: tuple[int, ...], test: str) -> bool:
        return runtime == self.runtime and version < self.before and fnmatchcase(test, self.test)


def _of(runtime: str, *entries: tuple[str, str], before: tuple[int, ...] = (999,), sometimes: bool = False) -> list[Difference]:
    """`entries` are pairs of what the specification says and the tests that say it, separated by blanks."""
    return [
        Difference(runtime, test.replace("~", " "), reason, before, sometimes)
        for reason, tests in entries
        for test in tests.split()
    ]


def known(runtime: str, version: tuple[int, ...], test: str) -> Difference | None:
    for difference in DIFFERENCES:
        if difference.is_about(runtime, version, test):
            return difference
    return None
