#!/usr/bin/env python3
"""What a container costs a Python program by `import sampan`, beside `run` of other runtimes: interleaved.

    python benchmarks/library.py [--runs N] [--json FILE] [--cgroup-view host|v1|v2]

Of the same bundle as run_true.py: `sampan.run`, and create, start, wait, delete one by one, in this process; runc and
crun as whole commands, as a program without the library would call them. Of a `sampan.Sandbox` with all its defaults
(hardened, limited, the host's programs): a run in one that is there, the same by a program that holds 1 GiB, a run and
a reset, and one sandbox for one run. README.md says how to read the numbers. Needs root, and sampan in the interpreter
that runs this.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from side_by_side import (
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
    scratch,
    succeeded,
)

import sampan

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCES = ("crun", "runc")
OWN = (
    "sampan.run",
    "create, start, wait, delete",
    "Sandbox.run",
    "Sandbox.run, by 1 GiB",
    "Sandbox.run and reset",
    "a Sandbox for one run",
)
BALLAST = 1 << 30  # bytes

# A program of its own, which says how many milliseconds each run took that it is asked for.
LARGE = """
import sys, time
import sampan
ballast = bytearray(int(sys.argv[2]))
for place in range(0, len(ballast), 4096): ballast[place] = 1
with sampan.Sandbox(root=sys.argv[1]) as sandbox:
    sandbox.run(["/bin/true"], check=True)
    print(flush=True)
    for _ in sys.stdin:
        begun = time.perf_counter_ns()
        result = sandbox.run(["/bin/true"])
        print((time.perf_counter_ns() - begun) / 1e6, flush=True)
        result.check()
"""


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

    def of_runtime(self, runtime: Measured) -> float:
        root = str(self._roots / runtime.name)
        return succeeded([runtime.path, "--root", root, "run", "--bundle", str(self._bundle), self._name()])

    def _name(self) -> str:
        self._number += 1
        return f"bench-{os.getpid()}-{self._number}"


class Sandboxes:
    """The ways to run /bin/true in a sandbox; each gives milliseconds."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._sandbox = sampan.Sandbox(root=root)
        self._large = subprocess.Popen(
            [sys.executable, "-c", LARGE, str(root), str(BALLAST)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._large.stdout is not None
        self._large.stdout.readline()

    def run(self) -> float:
        begun = time.perf_counter_ns()
        result = self._sandbox.run(["/bin/true"])
        ended = time.perf_counter_ns()
        result.check()
        return (ended - begun) / 1e6

    def large(self) -> float:
        assert self._large.stdin is not None
        assert self._large.stdout is not None
        self._large.stdin.write("\n")
        self._large.stdin.flush()
        return float(self._large.stdout.readline())

    def run_and_reset(self) -> float:
        begun = time.perf_counter_ns()
        self._sandbox.run(["/bin/true"])
        self._sandbox.reset()
        return (time.perf_counter_ns() - begun) / 1e6

    def one_for_one(self) -> float:
        begun = time.perf_counter_ns()
        with sampan.Sandbox(root=self._root) as sandbox:
            sandbox.run(["/bin/true"])
        return (time.perf_counter_ns() - begun) / 1e6

    def close(self) -> None:
        self._sandbox.close()
        self._large.communicate()


def table(entries: list[Measured], references: list[Measured]) -> Iterator[str]:
    columns = "".join(f"{f'to {one.name} {one.version}':>18}" for one in references if not one.problem)
    yield f"{'way':<30}{'median ms':>10}{'min ms':>9}{columns}"
    for entry in entries:
        title = f"{entry.name} {entry.version}".rstrip()
        if entry.problem:
            yield f"{title:<30}cannot run here: {entry.problem}"
            continue
        ratios = "".join(f"{ratio(entry, one):>18}" for one in references if not one.problem)
        yield f"{title:<30}{entry.median_ms:>10.2f}{entry.min_ms:>9.2f}{ratios}"


def main() -> int:
    arguments = parse(parser(__doc__, warmups=3))
    references = identify_all(REFERENCES)
    own = [Measured(name, version="", path="") for name in OWN]
    with cgroup_view(arguments.cgroup_view), scratch() as directory, scratch("/run") as roots:
        ways = Ways(make_bundle(directory / "bundle"), roots)
        of_runtimes = [(runtime, partial(ways.of_runtime, runtime)) for runtime in references]
        with contextlib.closing(Sandboxes(roots / "sandboxes")) as sandboxes:
            of_sandboxes = (sandboxes.run, sandboxes.large, sandboxes.run_and_reset, sandboxes.one_for_one)
            of_library = list(zip(own, (ways.run, ways.step_by_step, *of_sandboxes), strict=True))
            interleave([*of_library, *of_runtimes], arguments.runs, arguments.warmups)
    entries = [*own, *references]
    print(conditions("/bin/true", arguments.runs))
    print("\n".join(table(entries, references)))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(document("library", entries, arguments.runs), indent=2) + "\n")
    return 0 if all(not entry.problem for entry in own) else 1


if __name__ == "__main__":
    sys.exit(main())
