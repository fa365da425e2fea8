#!/usr/bin/env python3
"""How long `run` of /bin/true takes, and what a created container weighs: runtimes side by side, interleaved.

    python benchmarks/run_true.py [--runs N] [--json FILE] [--cgroup-view host|v1|v2] [runtime ...]

The bundle is `runc spec`'s default (terminal false) on a static busybox. README.md says how to read the numbers. Needs
root.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from side_by_side import (
    DEFAULT_RUNTIMES,
    REFERENCE,
    Measured,
    cgroup_view,
    conditions,
    document,
    identify_all,
    interleave,
    make_bundle,
    parse,
    parser,
    ratio,
    reference_of,
    scratch,
    succeeded,
    wall,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class Bench:
    def __init__(self, bundle: Path, roots: Path) -> None:
        self.bundle = bundle
        self.roots = roots
        self._count = 0

    def command(self, runtime: Measured, verb: str, name: str, *options: str) -> list[str]:
        return [runtime.path, "--root", str(self.roots / runtime.name), verb, *options, name]

    def new_id(self) -> str:
        self._count += 1
        return f"bench-{os.getpid()}-{self._count}"

    def run_once(self, runtime: Measured) -> float:
        return succeeded(self.command(runtime, "run", self.new_id(), "--bundle", str(self.bundle)))

    def weigh(self, runtime: Measured) -> None:
        """The private and resident memory of the process that waits between create and start."""
        name = self.new_id()
        pid_file = self.roots / f"{name}.pid"
        options = ("--bundle", str(self.bundle), "--pid-file", str(pid_file))
        _, status = wall(self.command(runtime, "create", name, *options))
        if status != 0:
            return
        memory = smaps_rollup(int(pid_file.read_text()))
        runtime.init_private_kib = memory["Private_Clean"] + memory["Private_Dirty"]
        runtime.init_resident_kib = memory["Rss"]
        wall(self.command(runtime, "delete", name, "--force"))


def smaps_rollup(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}


def table(runtimes: list[Measured]) -> Iterator[str]:
    numbers = f"{'median ms':>10}{'min ms':>9}{'to ' + REFERENCE:>9}{'init private':>15}{'resident':>11}"
    yield f"{'runtime':<14}{'version':<16}{numbers}"
    for entry in runtimes:
        if entry.problem:
            yield f"{entry.name:<14}{entry.version:<16}cannot run here: {entry.problem}"
            continue
        private = "-" if entry.init_private_kib is None else f"{entry.init_private_kib} KiB"
        resident = "-" if entry.init_resident_kib is None else f"{entry.init_resident_kib} KiB"
        times = f"{entry.median_ms:>10.2f}{entry.min_ms:>9.2f}{ratio(entry, reference_of(runtimes)):>9}"
        yield f"{entry.name:<14}{entry.version:<16}{times}{private:>15}{resident:>11}"


def main() -> int:
    options = parser(__doc__)
    options.add_argument("runtimes", nargs="*", metavar="runtime", help="names or paths; default: sampan runc crun")
    arguments = parse(options)
    runtimes = identify_all(arguments.runtimes or DEFAULT_RUNTIMES)
    # The states are kept where runtimes keep them by default, which is a tmpfs on most hosts.
    with cgroup_view(arguments.cgroup_view), scratch() as directory, scratch("/run") as roots:
        bench = Bench(make_bundle(directory / "bundle"), roots)
        ways = [(runtime, partial(bench.run_once, runtime)) for runtime in runtimes]
        interleave(ways, arguments.runs, arguments.warmups)
        for runtime in runtimes:
            if not runtime.problem:
                bench.weigh(runtime)
    print(conditions("run of /bin/true", arguments.runs))
    print("\n".join(table(runtimes)))
    if arguments.json:
        numbers = document("run /bin/true", runtimes, arguments.runs)
        Path(arguments.json).write_text(json.dumps(numbers, indent=2) + "\n")
    asked_for = runtimes if arguments.runtimes else runtimes[:1]
    return 0 if all(not runtime.problem for runtime in asked_for) else 1


if __name__ == "__main__":
    sys.exit(main())
