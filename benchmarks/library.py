#!/usr/bin/env python3
"""What a container costs a Python program by `import sampan`, beside `run` of other runtimes: interleaved.

    python benchmarks/library.py [--runs N] [--json FILE] [--cgroup-view host|v1|v2]

Of the same bundle as run_true.py: `sampan.run`, and create, start, wait, delete one by one, in this process; runc and
crun as whole commands, as a program without the library would call them. README.md says how to read the numbers. Needs
root, and sampan in the interpreter that runs this.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from run_true import cgroup_view, identify, make_bundle, scratch, wall

import sampan

if TYPE_CHECKING:
    from collections.abc import Callable

REFERENCES = ("crun", "runc")


class Ways:
    """The ways to run /bin/true; each gives milliseconds."""

    def __init__(self, bundle: Path, roots: Path) -> None:
        self._bundle = bundle
        self._roots = roots
        self._number = 0

    def run(self) -> float:
        begun = time.perf_counter_ns()
        done = sampan.run(bundle=self._bundle, root=self._roots / "sampan")
        ended = time.perf_counter_ns()
        done.check()
        return (ended - begun) / 1e6

    def step_by_step(self) -> float:
        begun = time.perf_counter_ns()
        container = sampan.create(self._name(), bundle=self._bundle, root=self._roots / "sampan")
        container.start()
        status = container.wait()
        container.delete()
        container.close()
        ended = time.perf_counter_ns()
        if not status.success:
            raise RuntimeError(str(status))
        return (ended - begun) / 1e6

    def of_runtime(self, name: str, path: str) -> Callable[[], float]:
        def run() -> float:
            root = str(self._roots / name)
            milliseconds, status = wall([path, "--root", root, "run", "--bundle", str(self._bundle), self._name()])
            if status != 0:
                raise RuntimeError(f"{name}: status {status}")
            return milliseconds

        return run

    def _name(self) -> str:
        self._number += 1
        return f"bench-{os.getpid()}-{self._number}"


def measure(ways: dict[str, Callable[[], float]], runs: int, warmups: int = 3) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(runs + warmups):
        for turn in range(len(names)):
            name = names[(turn + number) % len(names)]  # nobody always follows the same neighbour
            milliseconds = ways[name]()
            if number >= warmups:
                found[name].append(milliseconds)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=50, help="measured rounds (default 50)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    parser.add_argument(
        "--cgroup-view", choices=("host", "v1", "v2"), default="host", help="for crun on hybrid hosts: v1"
    )
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("library.py: needs root")
    with cgroup_view(arguments.cgroup_view), scratch() as directory, scratch("/run") as roots:
        ways = Ways(make_bundle(directory / "bundle"), roots)
        all_of_them: dict[str, Callable[[], float]] = {
            "sampan.run": ways.run,
            "create, start, wait, delete": ways.step_by_step,
        }
        for name in REFERENCES:
            if (found := identify(name)) is not None:
                all_of_them[f"{name} {found.version}"] = ways.of_runtime(name, found.path)
        numbers = measure(all_of_them, arguments.runs)
    medians = {name: statistics.median(values) for name, values in numbers.items()}
    references = [name for name in medians if name.startswith(REFERENCES)]
    print(f"/bin/true, {arguments.runs} rounds, interleaved; Linux {platform.release()}, {os.cpu_count()} CPUs")
    print(f"{'way':<30}{'median ms':>10}{'min ms':>9}" + "".join(f"{'to ' + name:>16}" for name in references))
    for name, median in medians.items():
        ratios = "".join(f"{median / medians[reference]:>16.2f}" for reference in references)
        print(f"{name:<30}{median:>10.2f}{min(numbers[name]):>9.2f}{ratios}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"benchmark": "library", "ms": numbers}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
