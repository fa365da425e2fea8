#!/usr/bin/env python3
"""How long `exec` of /bin/true in a running container takes: runtimes side by side, interleaved.

    python benchmarks/exec_true.py [--runs N] [--json FILE] [--cgroup-view host|v1|v2] [runtime ...]

Each runtime has one container, of the same bundle as in run_true.py, whose process sleeps. README.md says how to read
the numbers. Needs root.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
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


class Sleeping:
    """A container of one runtime that does nothing."""

    def __init__(self, runtime: Measured, bundle: Path, root: Path) -> None:
        self.runtime = runtime
        self.id = f"bench-{os.getpid()}-{runtime.name}"
        self._command = [runtime.path, "--root", str(root)]
        _, status = wall([*self._command, "run", "--detach", "--bundle", str(bundle), self.id])
        if status != 0:
            runtime.problem = f"run --detach: status {status}"

    def exec_once(self) -> float:
        return succeeded([*self._command, "exec", self.id, "/bin/true"])

    def end(self) -> None:
        wall([*self._command, "delete", "--force", self.id])


def sleeping_bundle(directory: Path) -> Path:
    bundle = make_bundle(directory)
    config = json.loads((bundle / "config.json").read_text())
    config["process"]["args"] = ["/bin/busybox", "sleep", "100000"]
    (bundle / "config.json").write_text(json.dumps(config))
    return bundle


def table(runtimes: list[Measured]) -> Iterator[str]:
    yield f"{'runtime':<14}{'version':<16}{'median ms':>10}{'min ms':>9}{'to ' + REFERENCE:>9}"
    for entry in runtimes:
        if entry.problem:
            yield f"{entry.name:<14}{entry.version:<16}cannot run here: {entry.problem}"
            continue
        times = f"{entry.median_ms:>10.2f}{entry.min_ms:>9.2f}{ratio(entry, reference_of(runtimes)):>9}"
        yield f"{entry.name:<14}{entry.version:<16}{times}"


def main() -> int:
    options = parser(__doc__)
    options.add_argument("runtimes", nargs="*", metavar="runtime", help="names or paths; default: sampan runc crun")
    arguments = parse(options)
    runtimes = identify_all(arguments.runtimes or DEFAULT_RUNTIMES)
    with cgroup_view(arguments.cgroup_view), scratch() as directory, scratch("/run") as roots, ExitStack() as stack:
        bundle = sleeping_bundle(directory / "bundle")
        containers = [Sleeping(runtime, bundle, roots / runtime.name) for runtime in runtimes]
        for container in containers:
            stack.callback(container.end)
        ways = [(container.runtime, container.exec_once) for container in containers]
        interleave(ways, arguments.runs, arguments.warmups)
    print(conditions("exec of /bin/true", arguments.runs))
    print("\n".join(table(runtimes)))
    if arguments.json:
        numbers = document("exec /bin/true", runtimes, arguments.runs)
        Path(arguments.json).write_text(json.dumps(numbers, indent=2) + "\n")
    asked_for = runtimes if arguments.runtimes else runtimes[:1]
    return 0 if all(not runtime.problem for runtime in asked_for) else 1


if __name__ == "__main__":
    sys.exit(main())
