"""Where podman with one runtime differs from podman with another, and why that is right.

Tests that are listed here are expected to fail with that runtime, strictly: a difference that vanished is an error too.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Difference:
    """`test` is FILE::TEST; `*` stands for anything."""

    runtime: str
    test: str
    reason: str


DIFFERENCES: tuple[Difference, ...] = ()


def known(runtime: str, test: str) -> str:
    """The reason why a test is expected to fail with a runtime; "" for tests that are expected to pass."""
    for difference in DIFFERENCES:
        if difference.runtime == runtime and fnmatchcase(test, difference.test):
            return difference.reason
    return ""
