#!/usr/bin/env python3
"""What reading statistics costs: `stats` of many running containers, and `events` beside runc's, interleaved.

    python benchmarks/stats.py [--containers N] [--runs N] [--json FILE] [--cgroup-view host|v1|v2] [--sampan PATH]

README.md says how to read the numbers. Needs root, sampan and, to compare with, runc.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from side_by_side import Measured, cgroup_view, identify, make_bundle, scratch, wall

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FORMATS = ("json", "openmetrics", "table")
STREAM_INTERVAL = "10ms"
STREAM_LINES = 300
STREAM_ROUNDS = 5

Numbers = dict[str, list[float]]


class Containers:
    """Running containers of one runtime, all of the same bundle."""

    def __init__(self, runtime: Measured, bundle: Path, root: Path) -> None:
        self.runtime = runtime
        self.ids: list[str] = []
        self._bundle = bundle
        self._root = root

    def command(self, *words: str) -> list[str]:
        return [self.runtime.path, "--root", str(self._root), *words]

    def start(self, number: int) -> None:
        ids = [f"bench-{os.getpid()}-{self.runtime.name}-{index}" for index in range(number)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self._start, ids))

    def _start(self, container_id: str) -> None:
        self.ids.append(container_id)
        command = self.command("run", "--detach", "--bundle", str(self._bundle), container_id)
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def end(self) -> None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda name: wall(self.command("delete", "--force", name)), self.ids))


@contextmanager
def running(runtime: Measured, bundle: Path, root: Path, number: int) -> Iterator[Containers]:
    containers = Containers(runtime, bundle, root)
    try:
        containers.start(number)
        yield containers
    finally:
        containers.end()


def sleeping_bundle(directory: Path) -> Path:
    bundle = make_bundle(directory)
    (bundle / "rootfs/bin/sleep").symlink_to("busybox")
    path = bundle / "config.json"
    config = json.loads(path.read_text())
    config["process"]["args"] = ["sleep", "100000"]
    path.write_text(json.dumps(config))
    return bundle


def timed(command: list[str]) -> float:
    output = os.open("/dev/null", os.O_WRONLY)
    saved = os.dup(1)
    os.dup2(output, 1)
    try:
        milliseconds, status = wall(command)
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(output)
    if status != 0:
        raise RuntimeError(f"{' '.join(command)}: status {status}")
    return milliseconds


def measure_stats(containers: Containers, runs: int) -> Numbers:
    """Milliseconds of the whole command, by format."""
    found: Numbers = {name: [] for name in FORMATS}
    for number in range(runs + 1):
        for name in FORMATS:
            milliseconds = timed(containers.command("stats", "--no-stream", "--format", name))
            if number > 0:  # the first warms up
                found[name].append(milliseconds)
    return found


def measure_events(peers: Sequence[Containers], runs: int) -> Numbers:
    """Milliseconds of `events --stats`, by runtime; interleaved."""
    found: Numbers = {peer.runtime.name: [] for peer in peers}
    for number in range(runs + 1):
        for turn in range(len(peers)):
            peer = peers[(turn + number) % len(peers)]
            milliseconds = timed(peer.command("events", "--stats", peer.ids[0]))
            if number > 0:
                found[peer.runtime.name].append(milliseconds)
    return found


def measure_stream(peers: Sequence[Containers]) -> Numbers:
    """Milliseconds of processor time that a line of `events` costs once it is at work, by runtime; interleaved.

    Without the memory controller runc has no stream.
    """
    found: Numbers = {peer.runtime.name: [] for peer in peers}
    for _ in range(STREAM_ROUNDS):
        for peer in peers:
            command = peer.command("events", "--interval", STREAM_INTERVAL, peer.ids[0])
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
                assert process.stdout is not None
                if process.stdout.readline():
                    before = processor_time(process.pid)
                    for _ in range(STREAM_LINES):
                        process.stdout.readline()
                    found[peer.runtime.name].append((processor_time(process.pid) - before) / STREAM_LINES)
                process.kill()
    return found


def processor_time(pid: int) -> float:
    """Milliseconds, of all its threads, in whole ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def lines(title: str, numbers: Numbers, reference: str = "") -> Iterator[str]:
    yield f"{title:<44}{'median ms':>10}{'min ms':>9}" + (f"{'to ' + reference:>9}" if reference else "")
    for name, values in numbers.items():
        if not values:
            yield f"  {name:<42}{'cannot run here':>19}"
            continue
        ratio = ""
        if numbers.get(reference):
            ratio = f"{statistics.median(values) / statistics.median(numbers[reference]):>9.2f}"
        yield f"  {name:<42}{statistics.median(values):>10.2f}{min(values):>9.2f}{ratio}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--containers", type=int, default=200, help="how many `stats` reads (default 200)")
    parser.add_argument("--runs", type=int, default=30, help="measured rounds (default 30)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    parser.add_argument("--cgroup-view", choices=("host", "v1", "v2"), default="host")
    parser.add_argument("--sampan", metavar="PATH", default="sampan", help="the program (default: sampan in PATH)")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("stats.py: needs root")
    sampan, runc = identify(arguments.sampan), identify("runc")
    if sampan is None:
        sys.exit(f"stats.py: {arguments.sampan} is not in PATH")
    sampan.name = "sampan"
    results: dict[str, Numbers] = {}
    with cgroup_view(arguments.cgroup_view), scratch() as directory, scratch("/run") as roots:
        bundle = sleeping_bundle(directory / "bundle")
        with running(sampan, bundle, roots / "many", arguments.containers) as containers:
            results["stats"] = measure_stats(containers, arguments.runs)
        with ExitStack() as stack:
            peers = [stack.enter_context(running(one, bundle, roots / one.name, 1)) for one in (sampan, runc) if one]
            results |= {"events": measure_events(peers, arguments.runs), "stream": measure_stream(peers)}
    reference = "runc" if runc is not None else ""
    print(f"Linux {platform.release()}, {os.cpu_count()} CPUs; sampan {sampan.version}, runc {runc and runc.version}")
    print("\n".join(lines(f"stats of {arguments.containers} containers, whole command", results["stats"])))
    print("\n".join(lines("events --stats, whole command", results["events"], reference)))
    print("\n".join(lines("events: processor time of a line", results["stream"], reference)))
    if arguments.json:
        host = {"kernel": platform.release(), "machine": platform.machine(), "cpus": os.cpu_count()}
        document = {"benchmark": "statistics", "containers": arguments.containers, "host": host, "ms": results}
        Path(arguments.json).write_text(json.dumps(document, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
