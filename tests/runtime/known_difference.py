"""One difference between a runtime and the specification, and the tests that show it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    reason: str  # the specification's sentence, and what the runtime does instead
    tests: tuple[str, ...]  # FILE::TEST, all its parameters; or FILE::TEST[PARAMETERS]; a final * stands for anything
    before: tuple[int, ...] = (999,)  # the first version that behaves as specified, where that is known
    sometimes: bool = False  # a race, or only something left behind: the test may pass

    def is_about(self, version: tuple[int, ...], test: str) -> bool:
        return version < self.before and any(matches(pattern, test) for pattern in self.tests)


def matches(pattern: str, test: str) -> bool:
    if pattern.endswith("*"):
        return test.startswith(pattern[:-1])
    return pattern in (test, test.partition("[")[0])
