#!/usr/bin/env python3
"""How long a container takes that an engine runs, with each runtime below it: side by side, interleaved.

    python benchmarks/engines.py [--engine podman|docker|ctr] [--runs N] [--json FILE] [runtime ...]
    python benchmarks/engines.py --cgroup-view v1     # for crun, on hybrid hosts

`podman run --rm`, `docker run --rm` and `ctr run --rm` of busybox's `true`, without a network, in a private view of the
machine that the tests of engines use, too. README.md says how to read the numbers. Needs root, and the engines that are
asked for (default: those that are installed).
"""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import replace
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
    from_tests,
    identify_all,
    interleave,
    parse,
    parser,
    ratio,
    reference_of,
    scratch,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

IMAGE = "localhost/busybox:1"


class Engine(ABC):
    """An engine in the view, with an image."""

    name: str
    needs: tuple[str, ...]

    def __init__(self, site: Site, archive: Path) -> None:
        self.site = site
        self.start()
        site.view.run(*self.load(archive)).checked()

    @abstractmethod
    def start(self) -> None:
        """Its daemon, where it has one."""

    @abstractmethod
    def load(self, archive: Path) -> list[str]:
        """The command that brings the image in."""

    @abstractmethod
    def run(self, runtime: Measured) -> list[str]:
        """The command that is measured."""

    def run_once(self, runtime: Measured) -> float:
        command = self.run(runtime)
        begun = time.perf_counter_ns()
        done = self.site.view.run(*command)
        milliseconds = (time.perf_counter_ns() - begun) / 1e6
        if done.status != 0:
            reason = done.stderr.strip().partition("\n")[0]
            raise RuntimeError(f"{' '.join(command)}: status {done.status}: {reason}")
        return milliseconds

    def start_daemon(self, *command: str, answers: list[str]) -> None:
        self.site.view.start_daemon(command, self.site.directory / f"{self.name}.log", answers)


class Podman(Engine):
    name = "podman"
    needs = ("podman", "conmon")

    def start(self) -> None:
        """It has none."""

    def load(self, archive: Path) -> list[str]:
        return ["podman", "load", "--input", str(archive)]

    def run(self, runtime: Measured) -> list[str]:
        return ["podman", "--runtime", runtime.name, "run", "--rm", "--network", "none", IMAGE, "true"]


class Docker(Engine):
    name = "docker"
    needs = ("docker", "dockerd", "containerd", "containerd-shim-runc-v2")

    def start(self) -> None:
        directory = self.site.directory
        known = {name: {"path": path} for name, path in self.site.runtimes.items() if name != REFERENCE}
        setting = {
            "runtimes": known,
            "data-root": f"{directory}/docker",
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "bridge": "none",
            "iptables": False,
        }
        (directory / "daemon.json").write_text(json.dumps(setting))
        command = ("dockerd", "--config-file", f"{directory}/daemon.json")
        self.start_daemon(*command, answers=["docker", "version"])

    def load(self, archive: Path) -> list[str]:
        return ["docker", "load", "--input", str(archive)]

    def run(self, runtime: Measured) -> list[str]:
        return ["docker", "run", "--rm", "--runtime", runtime.name, "--network", "none", IMAGE, "true"]


class Containerd(Engine):
    name = "ctr"
    needs = ("ctr", "containerd", "containerd-shim-runc-v2")

    def start(self) -> None:
        self._numbers = itertools.count()
        directory = self.site.directory
        (directory / "config.toml").write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        command = ("containerd", f"--config={directory}/config.toml", f"--root={directory}/containerd")
        self.start_daemon(*command, answers=["ctr", "version"])

    def load(self, archive: Path) -> list[str]:
        return ["ctr", "images", "import", str(archive)]

    def run(self, runtime: Measured) -> list[str]:
        container = f"bench-{next(self._numbers)}"
        return ["ctr", "run", "--rm", "--runc-binary", runtime.path, IMAGE, container, "true"]


ENGINES = {engine.name: engine for engine in (Podman, Docker, Containerd)}


class Site:
    """The view, with podman's configuration in it."""

    def __init__(self, directory: Path, runtimes: Sequence[Measured]) -> None:
        self.directory = directory
        self.runtimes = {runtime.name: runtime.path for runtime in runtimes}
        self._opened = from_tests("engines.podman").Site(directory, self.runtimes)
        self.view = self._opened.view
        for number, top in enumerate(("/etc", "/opt", "/var/lib")):  # daemons write there
            layers = [directory / f"{kind}-{number}" for kind in ("upper", "work")]
            for layer in layers:
                layer.mkdir(mode=0o755)
            options = f"lowerdir={top},upperdir={layers[0]},workdir={layers[1]}"
            self.view.run("mount", "-t", "overlay", "-o", options, "overlay", top).checked()

    def close(self) -> None:
        self._opened.close()


def measure(entries: dict[str, list[Measured]], runs: int, warmups: int) -> None:
    """Engine after engine, the runtimes below each interleaved."""
    busybox = shutil.which("busybox") or sys.exit("engines.py: needs a static busybox (apt-get install busybox-static)")
    with scratch() as directory:
        archive = directory / "busybox.tar"
        from_tests("engines.image").write_archive(busybox, archive, IMAGE)
        site = Site(directory, next(iter(entries.values())))
        try:
            for name, runtimes in entries.items():
                engine = ENGINES[name](site, archive)
                interleave([(one, partial(engine.run_once, one)) for one in runtimes], runs, warmups)
        finally:
            site.close()


def table(entries: dict[str, list[Measured]]) -> Iterator[str]:
    yield f"{'engine':<10}{'runtime':<10}{'version':<16}{'median ms':>10}{'min ms':>9}{'to ' + REFERENCE:>9}"
    for engine, runtimes in entries.items():
        for entry in runtimes:
            title = f"{engine:<10}{entry.name:<10}{entry.version:<16}"
            if entry.problem:
                yield f"{title}cannot run here: {entry.problem}"
                continue
            yield f"{title}{entry.median_ms:>10.1f}{entry.min_ms:>9.1f}{ratio(entry, reference_of(runtimes)):>9}"


def installed(engine: str) -> bool:
    missing = [program for program in ENGINES[engine].needs if shutil.which(program) is None]
    if missing:
        print(f"{engine}: not in PATH: {', '.join(missing)}; left out", file=sys.stderr)
    return not missing


def main() -> int:
    options = parser(__doc__, runs=20, warmups=2)
    options.add_argument("runtimes", nargs="*", metavar="runtime", help="names or paths; default: sampan runc crun")
    options.add_argument("--engine", action="append", choices=ENGINES, help="repeated for more (default: all)")
    arguments = parse(options)
    runtimes = identify_all(arguments.runtimes or DEFAULT_RUNTIMES)
    engines = [engine for engine in arguments.engine or ENGINES if installed(engine)]
    entries = {engine: [replace(runtime, walls_ms=[]) for runtime in runtimes] for engine in engines}
    with cgroup_view(arguments.cgroup_view):
        measure(entries, arguments.runs, arguments.warmups)
    print(conditions("run --rm of true", arguments.runs))
    print("\n".join(table(entries)))
    if arguments.json:
        numbers = {engine: document(f"{engine} run --rm", found, arguments.runs) for engine, found in entries.items()}
        Path(arguments.json).write_text(json.dumps(numbers, indent=2) + "\n")
    asked_for = runtimes if arguments.runtimes else runtimes[:1]
    names = [runtime.name for runtime in asked_for]
    return 0 if all(not one.problem for found in entries.values() for one in found if one.name in names) else 1


if __name__ == "__main__":
    sys.exit(main())
