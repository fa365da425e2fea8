#!/usr/bin/env python3
"""What a seccomp profile costs `run` of /bin/true: none, one of one rule, the default of engines, interleaved.

    python benchmarks/seccomp_cached.py [--runs N] [--json FILE] [--profile FILE] [--cgroup-view VIEW] [runtime ...]

The bundle is that of run_true.py. README.md says how to read the numbers. Needs root, and the profile that podman and
docker share (package golang-github-containers-common or containers-common).
"""

from __future__ import annotations

import json
import os
import platform
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from side_by_side import (
    Measured,
    cgroup_view,
    conditions,
    document,
    identify,
    interleave,
    make_bundle,
    parse,
    parser,
    scratch,
    succeeded,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_PROFILE = "/usr/share/containers/seccomp.json"
NONE, TINY, CACHED, NEW = "no filter", "one rule", "default profile", "default, never seen"
ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64 SCMP_ARCH_X86 SCMP_ARCH_X32", "aarch64": "SCMP_ARCH_AARCH64 SCMP_ARCH_ARM"}
GO_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}
KEPT = ("names", "action", "args", "errnoRet")


def engine_profile(path: Path) -> dict[str, Any]:
    """What an engine sends for a container without further capabilities, on this architecture."""
    source = json.loads(path.read_text())
    rules = [
        {name: rule[name] for name in KEPT if rule.get(name) not in (None, "")}
        for rule in source["syscalls"]
        if _applies(rule.get("includes") or {}, wanted=True) and _applies(rule.get("excludes") or {}, wanted=False)
    ]
    profile = {"defaultAction": source["defaultAction"], "architectures": ARCHITECTURES[platform.machine()].split()}
    errno = source.get("defaultErrnoRet")
    return profile | ({} if errno is None else {"defaultErrnoRet": errno}) | {"syscalls": rules}


def _applies(condition: dict[str, Any], *, wanted: bool) -> bool:
    """Whether what is said of architectures holds; the container has no capability that could be asked for."""
    if wanted and (condition.get("caps") or condition.get("minKernel")):
        return False
    architectures = condition.get("arches") or []
    return not architectures or (GO_NAMES[platform.machine()] in architectures) is wanted


def renewed(profile: dict[str, Any], number: int) -> dict[str, Any]:
    """The same, as no cache has seen it: with a rule for an argument that nobody passes."""
    argument = {"index": 2, "value": os.getpid() << 32 | number, "op": "SCMP_CMP_EQ"}
    rule = {"names": ["lookup_dcookie"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "args": [argument]}
    return profile | {"syscalls": [*profile["syscalls"], rule]}


def tiny() -> dict[str, Any]:
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["lookup_dcookie"], "action": "SCMP_ACT_ERRNO"}]}


class Bench:
    def __init__(self, directory: Path, roots: Path, profile: dict[str, Any]) -> None:
        self.bundle = make_bundle(directory)
        self.config: dict[str, Any] = json.loads((self.bundle / "config.json").read_text())
        self.roots = roots
        self.profile = profile
        self._count = 0

    def run_once(self, runtime: Measured, what: str) -> float:
        self._count += 1
        profiles = {NONE: None, TINY: tiny(), CACHED: self.profile, NEW: renewed(self.profile, self._count)}
        self.config["linux"]["seccomp"] = profiles[what]
        if profiles[what] is None:
            del self.config["linux"]["seccomp"]
        (self.bundle / "config.json").write_text(json.dumps(self.config))
        root, name = str(self.roots / runtime.name), f"bench-{os.getpid()}-{self._count}"
        return succeeded([runtime.path, "--root", root, "run", "--bundle", str(self.bundle), name])


def table(entries: list[tuple[Measured, str]]) -> Iterator[str]:
    yield f"{'runtime':<14}{'profile':<22}{'median ms':>10}{'min ms':>9}{'more than without':>19}"
    bare = {entry.name: entry for entry, what in entries if what == NONE}
    for entry, what in entries:
        if entry.problem:
            yield f"{entry.name:<14}{what:<22}cannot run here: {entry.problem}"
            continue
        times = f"{entry.median_ms:>10.2f}{entry.min_ms:>9.2f}"
        without = bare[entry.name]
        more = "-" if without.problem else f"{entry.median_ms - without.median_ms:>.2f}"
        yield f"{entry.name:<14}{what:<22}{times}{more:>19}"


def main() -> int:
    options = parser(__doc__)
    options.add_argument("runtimes", nargs="*", metavar="runtime", help="names or paths; default: sampan")
    options.add_argument("--profile", type=Path, default=Path(DEFAULT_PROFILE), help=f"default: {DEFAULT_PROFILE}")
    arguments = parse(options)
    if not arguments.profile.is_file():
        sys.exit(f"seccomp_cached.py: there is no profile {arguments.profile}; name another one with --profile")
    entries: list[tuple[Measured, str]] = []
    for name in arguments.runtimes or ["sampan"]:
        found = [(identify(name), what) for what in (NONE, TINY, CACHED, NEW)]
        entries += [(entry, what) for entry, what in found if entry is not None]
    with cgroup_view(arguments.cgroup_view), scratch() as directory, scratch("/run") as roots:
        bench = Bench(directory / "bundle", roots, engine_profile(arguments.profile))
        ways = [(entry, partial(bench.run_once, entry, what)) for entry, what in entries]
        interleave(ways, arguments.runs, arguments.warmups)
    print(conditions("run of /bin/true", arguments.runs))
    print("\n".join(table(entries)))
    if arguments.json:
        numbers = document("run /bin/true with seccomp", [entry for entry, _ in entries], arguments.runs)
        profiles = {"profiles": [what for _, what in entries]}
        Path(arguments.json).write_text(json.dumps(numbers | profiles, indent=2) + "\n")
    return 0 if entries and all(not entry.problem for entry, _ in entries) else 1


if __name__ == "__main__":
    sys.exit(main())
