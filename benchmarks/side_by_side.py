"""What the benchmarks share: runtimes measured side by side, interleaved, in one run.

Every round measures every one once, so that whatever else the machine does meets all of them. What cannot run here is
left out of the numbers, with a line that says so.
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
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

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
        sys.exit(f"{Path(sys.argv[0]).name}: needs a static busybox (apt-get install busybox-static)")
    for name in ("bin", "dev", "proc", "sys"):
        (directory / "rootfs" / name).mkdir(parents=True)
    shutil.copy(busybox, directory / "rootfs/bin/busybox")
    (directory / "rootfs/bin/true").symlink_to("busybox")
    config = json.loads((Path(__file__).parent / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def identify(program: str) -> Measured | None:
    path = shutil.which(program)
    if path is None:
        return None
    text, _ = output_of([path, "--version"])
    words = text.split()
    return Measured(name=Path(program).name, version=words[2] if len(words) > 2 else "?", path=os.path.abspath(path))


def identify_all(programs: Sequence[str]) -> list[Measured]:
    """Those that are installed; a line for each of the others."""
    found = {program: identify(program) for program in programs}
    for program, runtime in found.items():
        if runtime is None:
            print(f"{program}: not in PATH, left out", file=sys.stderr)
    return [runtime for runtime in found.values() if runtime is not None]


def interleave(ways: Sequence[tuple[Measured, Callable[[], float]]], runs: int, warmups: int) -> None:
    """Measures each way ``runs`` times, in turning order. One that raises RuntimeError is not asked again."""
    for number in range(warmups + runs):
        for turn in range(len(ways)):
            entry, milliseconds_of = ways[(turn + number) % len(ways)]  # nobody always follows the same neighbour
            if entry.problem:
                continue
            try:
                milliseconds = milliseconds_of()
            except RuntimeError as error:
                entry.problem = str(error)
                continue
            if number >= warmups:
                entry.walls_ms.append(milliseconds)


def succeeded(command: list[str]) -> float:
    """Milliseconds of a whole command; RuntimeError if it failed."""
    milliseconds, status = wall(command)
    if status != 0:
        raise RuntimeError(f"{' '.join(command)}: status {status}")
    return milliseconds


def ratio(entry: Measured, reference: Measured | None) -> str:
    """How many times as long as the reference of the same run."""
    return "-" if reference is None or reference.problem else f"{entry.median_ms / reference.median_ms:.2f}"


def reference_of(entries: Sequence[Measured]) -> Measured | None:
    return next((entry for entry in entries if entry.name == REFERENCE), None)


def conditions(what: str, runs: int) -> str:
    """The line above a table."""
    return f"{what}, {runs} rounds, interleaved; Linux {platform.release()}, {os.cpu_count()} CPUs"


def parser(description: str | None, runs: int = 50, warmups: int = 5) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    made = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    made.add_argument("--runs", type=int, default=runs, help=f"measured rounds (default {runs})")
    made.add_argument("--warmups", type=int, default=warmups, help=f"rounds before that (default {warmups})")
    made.add_argument("--json", metavar="FILE", help="write all numbers there")
    made.add_argument(
        "--cgroup-view", choices=("host", "v1", "v2"), default="host", help="for crun on hybrid hosts: v1"
    )
    return made


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The command line, as root."""
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit(f"{Path(sys.argv[0]).name}: needs root")
    return arguments


def document(benchmark: str, runtimes: Sequence[Measured], runs: int) -> dict[str, object]:
    host = {"kernel": platform.release(), "machine": platform.machine(), "cpus": os.cpu_count()}
    entries = []
    for entry in runtimes:
        found = asdict(entry)
        if entry.walls_ms:
            found |= {"median_ms": entry.median_ms, "min_ms": entry.min_ms}
        entries.append(found)
    return {"benchmark": benchmark, "runs": runs, "host": host, "runtimes": entries}


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
    view: AbstractContextManager[None] = from_tests("runtime.views").private_view(name)
    return view


def from_tests(module: str) -> ModuleType:
    """A module of the tests, which know how to keep to a view of the machine."""
    if (tests := str(Path(__file__).parent.parent / "tests")) not in sys.path:
        sys.path.insert(0, tests)
    return importlib.import_module(module)
