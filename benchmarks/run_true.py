#!/usr/bin/env python3
"""How long `run` of /bin/true takes, and what a created container weighs: runtimes side by side, interleaved.

    python benchmarks/run_true.py [--runs N] [--json FILE] [--cgroup-view host|v1|v2] [runtime ...]

The bundle is `runc spec`'s default (terminal false) on a static busybox. Every round runs every runtime once, so that
whatever else the machine does meets all of them. README.md says how to read the numbers. Needs root.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_RUNTIMES = ("sampan", "runc", "crun")
REFERENCE = "runc"


@dataclass
class Measured:
    """One runtime's numbers."""

    name: str
    version: str
    path: str
    walls_ms: list[float] = field(default_factory=list)
    init_private_kib: int | None = None
    init_resident_kib: int | None = None
    problem: str = ""

    @property
    def median_ms(self) -> float:
        return statistics.median(self.walls_ms)

    @property
    def min_ms(self) -> float:
        return min(self.walls_ms)


def spawn(command: list[str], stdout: int | None = None) -> int:
    """posix_spawn(3): vfork and exec, so that this program's own size is not measured. Errors go to our stderr."""
    actions: list[tuple[object, ...]] = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]
    if stdout is not None:
        actions.append((os.POSIX_SPAWN_DUP2, stdout, 1))
    return os.posix_spawn(command[0], command, os.environ, file_actions=actions)


def wall(command: list[str]) -> tuple[float, int]:
    """Milliseconds from before the spawn until the process has been waited for; and its exit status."""
    start = time.perf_counter_ns()
    _, status, _ = os.wait4(spawn(command), 0)
    return (time.perf_counter_ns() - start) / 1e6, os.waitstatus_to_exitcode(status)


def output_of(command: list[str]) -> tuple[str, int]:
    with tempfile.TemporaryFile() as stream:
        _, status, _ = os.wait4(spawn(command, stream.fileno()), 0)
        stream.seek(0)
        return stream.read().decode(), os.waitstatus_to_exitcode(status)


def make_bundle(directory: Path) -> Path:
    """The default of `runc spec`, written out: the same for all, also where runc is not installed."""
    busybox = shutil.which("busybox")
    if busybox is None:
        sys.exit("run_true.py: needs a static busybox (apt-get install busybox-static)")
    for name in ("bin", "dev", "proc", "sys"):
        (directory / "rootfs" / name).mkdir(parents=True)
    shutil.copy(busybox, directory / "rootfs/bin/busybox")
    (directory / "rootfs/bin/true").symlink_to("busybox")
    config = json.loads((Path(__file__).parent / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config))
    return directory


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
        command = self.command(runtime, "run", self.new_id(), "--bundle", str(self.bundle))
        milliseconds, status = wall(command)
        if status != 0:
            raise RuntimeError(f"{' '.join(command)}: status {status}")
        return milliseconds

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


def identify(program: str) -> Measured | None:
    path = shutil.which(program)
    if path is None:
        return None
    text, _ = output_of([path, "--version"])
    words = text.split()
    return Measured(name=Path(program).name, version=words[2] if len(words) > 2 else "?", path=os.path.abspath(path))


def measure(bench: Bench, runtimes: list[Measured], runs: int, warmups: int) -> None:
    for number in range(warmups + runs):
        for turn in range(len(runtimes)):
            runtime = runtimes[(turn + number) % len(runtimes)]  # nobody always follows the same neighbour
            if runtime.problem:
                continue
            try:
                milliseconds = bench.run_once(runtime)
            except RuntimeError as error:
                runtime.problem = str(error)
                continue
            if number >= warmups:
                runtime.walls_ms.append(milliseconds)
    for runtime in runtimes:
        if not runtime.problem:
            bench.weigh(runtime)


def table(runtimes: list[Measured]) -> Iterator[str]:
    reference = next((entry for entry in runtimes if entry.name == REFERENCE and not entry.problem), None)
    numbers = f"{'median ms':>10}{'min ms':>9}{'to ' + REFERENCE:>9}{'init private':>15}{'resident':>11}"
    yield f"{'runtime':<14}{'version':<16}{numbers}"
    for entry in runtimes:
        if entry.problem:
            yield f"{entry.name:<14}{entry.version:<16}cannot run here: {entry.problem}"
            continue
        ratio = f"{entry.median_ms / reference.median_ms:.2f}" if reference else "-"
        private = "-" if entry.init_private_kib is None else f"{entry.init_private_kib} KiB"
        resident = "-" if entry.init_resident_kib is None else f"{entry.init_resident_kib} KiB"
        times = f"{entry.median_ms:>10.2f}{entry.min_ms:>9.2f}{ratio:>9}"
        yield f"{entry.name:<14}{entry.version:<16}{times}{private:>15}{resident:>11}"


def document(runtimes: list[Measured], runs: int) -> dict[str, object]:
    host = {"kernel": platform.release(), "machine": platform.machine(), "cpus": os.cpu_count()}
    entries = []
    for entry in runtimes:
        found = asdict(entry)
        if entry.walls_ms:
            found |= {"median_ms": entry.median_ms, "min_ms": entry.min_ms}
        entries.append(found)
    return {"benchmark": "run /bin/true", "runs": runs, "host": host, "runtimes": entries}


@contextmanager
def scratch(parent: str | None = None) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="sampan-bench-", dir=parent))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def cgroup_view(name: str) -> AbstractContextManager[None]:
    """The host's cgroups as they are, or one of the private views that the tests use (crun refuses hybrid hosts)."""
    if name == "host":
        return nullcontext()
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    view: AbstractContextManager[None] = importlib.import_module("runtime.views").private_view(name)
    return view


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
        sys.exit("run_true.py: needs root")
    wanted = arguments.runtimes or DEFAULT_RUNTIMES
    found = {name: identify(name) for name in wanted}
    for name, runtime in found.items():
        if runtime is None:
            print(f"{name}: not in PATH, left out", file=sys.stderr)
    runtimes = [runtime for runtime in found.values() if runtime is not None]
    # The states are kept where runtimes keep them by default, which is a tmpfs on most hosts.
    with cgroup_view(arguments.cgroup_view), scratch() as directory, scratch("/run") as roots:
        bench = Bench(make_bundle(directory / "bundle"), roots)
        measure(bench, runtimes, arguments.runs, arguments.warmups)
    print(f"run of /bin/true, {arguments.runs} rounds, interleaved; Linux {platform.release()}, {os.cpu_count()} CPUs")
    print("\n".join(table(runtimes)))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(document(runtimes, arguments.runs), indent=2) + "\n")
    asked_for = runtimes if arguments.runtimes else runtimes[:1]
    return 0 if all(not runtime.problem for runtime in asked_for) else 1


if __name__ == "__main__":
    sys.exit(main())
