#!/usr/bin/env python3
"""What a container costs a Python program by `import sampan`, beside `run` of other runtimes: interleaved.

    python benchmarks/library.py [--runs N] [--json FILE] [--cgroup-view host|v1|v2]

Of the same bundle as run_true.py: `sampan.run`, and create, start, wait, delete one by one, in this process; runc and
crun as whole commands, as a program without the library would call them. README.md says how to read the numbers. Needs
root, and sampan in the interpreter that runs this.
"""

from __future__ import annotations

import json
import os
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
    own = [Measured(name, version="", path="") for name in ("sampan.run", "create, start, wait, delete")]
    with cgroup_view(arguments.cgroup_view), scratch() as directory, scratch("/run") as roots:
        ways = Ways(make_bundle(directory / "bundle"), roots)
        of_library = list(zip(own, (ways.run, ways.step_by_step), strict=True))
        of_runtimes = [(runtime, partial(ways.of_runtime, runtime)) for runtime in references]
        interleave([*of_library, *of_runtimes], arguments.runs, arguments.warmups)
    entries = [*own, *references]
    print(conditions("/bin/true", arguments.runs))
    print("\n".join(table(entries, references)))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(document("library", entries, arguments.runs), indent=2) + "\n")
    return 0 if all(not entry.problem for entry in own) else 1


if __name__ == "__main__":
    sys.exit(main())
