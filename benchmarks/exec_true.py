#!/usr/bin/env python3
"""How long `exec` of /bin/true in a running container takes: runtimes side by side, interleaved.

    python benchmarks/exec_true.py [--runs N] [--json FILE] [--cgroup-view host|v1|v2] [runtime ...]

Each runtime has one container, of the same bundle as in run_true.py, whose process sleeps. README.md says how to read
the numbers. Needs root.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from run_true import DEFAULT_RUNTIMES, REFERENCE, Measured, cgroup_view, document, identify, make_bundle, scratch, wall

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

    def exec_once(self) -> None:
        """One more measurement, or the reason why there is none."""
        command = [*self._command, "exec", self.id, "/bin/true"]
        milliseconds, status = wall(command)
        if status == 0:
            self.runtime.walls_ms.append(milliseconds)
        else:
            self.runtime.problem = f"{' '.join(command)}: status {status}"

    def end(self) -> None:
        wall([*self._command, "delete", "--force", self.id])


def sleeping_bundle(directory: Path) -> Path:
    bundle = make_bundle(directory)
    config = json.loads((bundle / "config.json").read_text())
    config["process"]["args"] = ["/bin/busybox", "sleep", "100000"]
    (bundle / "config.json").write_text(json.dumps(config))
    return bundle


def measure(containers: list[Sleeping], runs: int, warmups: int) -> None:
    for number in range(warmups + runs):
        if number == warmups:
            for container in containers:
                container.runtime.walls_ms.clear()
        for turn in range(len(containers)):
            container = containers[(turn + number) % len(containers)]  # nobody always follows the same neighbour
            if not container.runtime.problem:
                container.exec_once()


def table(runtimes: list[Measured]) -> Iterator[str]:
    reference = next((entry for entry in runtimes if entry.name == REFERENCE and not entry.problem), None)
    yield f"{'runtime':<14}{'version':<16}{'median ms':>10}{'min ms':>9}{'to ' + REFERENCE:>9}"
    for entry in runtimes:
        if entry.problem:
            yield f"{entry.name:<14}{entry.version:<16}cannot run here: {entry.problem}"
            continue
        ratio = f"{entry.median_ms / reference.median_ms:.2f}" if reference else "-"
        yield f"{entry.name:<14}{entry.version:<16}{entry.median_ms:>10.2f}{entry.min_ms:>9.2f}{ratio:>9}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runtimes", nargs="*", metavar="runtime", help="names or paths; default: sampan runc crun")
    parser.add_argument("--runs", type=int, default=50, help="measured rounds (default 50)")
    parser.add_argument("--warmups", type=int, default=5, help="rounds before that (default 5)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    parser.add_argument(
        "--cgroup-view", choices=("host", "v1", "v2"), default="host", help="for crun on hybrid hosts: v1"
    )
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("exec_true.py: needs root")
    found = [identify(name) for name in arguments.runtimes or DEFAULT_RUNTIMES]
    runtimes = [runtime for runtime in found if runtime is not None]
    with cgroup_view(arguments.cgroup_view), scratch() as directory, scratch("/run") as roots, ExitStack() as stack:
        bundle = sleeping_bundle(directory / "bundle")
        containers = [Sleeping(runtime, bundle, roots / runtime.name) for runtime in runtimes]
        for container in containers:
            stack.callback(container.end)
        measure(containers, arguments.runs, arguments.warmups)
    print(f"exec of /bin/true, {arguments.runs} rounds, interleaved; Linux {platform.release()}, {os.cpu_count()} CPUs")
    print("\n".join(table(runtimes)))
    if arguments.json:
        numbers = document(runtimes, arguments.runs) | {"benchmark": "exec /bin/true"}
        Path(arguments.json).write_text(json.dumps(numbers, indent=2) + "\n")
    asked_for = runtimes if arguments.runtimes else runtimes[:1]
    return 0 if all(not runtime.problem for runtime in asked_for) else 1


if __name__ == "__main__":
    sys.exit(main())
