"""Runs one target of targets.py, as tests/fuzz/run does: `python tests/fuzz/run_target.py config 60`; without arguments
it prints the names of all. hypothesis makes what it finds small, and tries it again first at the next run.
"""

from __future__ import annotations

import functools
import resource
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from targets import TARGETS

FAILURES = Path(__file__).resolve().parents[2] / ".cache" / "fuzz"
MOST_MEMORY = 3 << 30  # bytes of address space


def options() -> settings:
    """Hypothesis for a fuzzer: it never complains about time, and keeps what it finds beside the sources."""
    database = DirectoryBasedExampleDatabase(FAILURES / "examples")
    return settings(deadline=None, database=database, suppress_health_check=list(HealthCheck), print_blob=True)


def run(name: str, seconds: float) -> int:
    """Run one target for so long; returns how many documents it has got. Raises what it finds."""
    function, strategies = TARGETS[name]
    executions = 0

    @functools.wraps(function)
    def counted(**values: object) -> None:
        nonlocal executions
        executions += 1
        function(**values)

    examples, end = 10, time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        settings(options(), max_examples=examples)(given(*strategies)(counted))()
        now = time.monotonic()
        examples = max(1, min(2000, examples * 2, int(examples * (end - now) / (now - began))))
    return executions


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    if len(sys.argv) == 1:
        sys.exit(print("\n".join(TARGETS)))
    name, seconds = sys.argv[1], float(sys.argv[2])
    began = time.monotonic()
    print(f"fuzz: {name}: {run(name, seconds)} documents in {time.monotonic() - began:.0f} seconds")
