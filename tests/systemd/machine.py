"""What systemd and the kernel say, seen without the runtime."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CGROUPS = Path("/sys/fs/cgroup")

# What v2 calls it -> v1's controller and name for it.
V1_FILES = {
    "memory.max": ("memory", "memory.limit_in_bytes"),
    "pids.max": ("pids", "pids.max"),
    "cpuset.cpus": ("cpuset", "cpuset.cpus"),
    "cgroup.procs": ("name=systemd", "cgroup.procs"),
}


def has_systemd() -> bool:
    """Is it process 1? It has a cgroup of its own then."""
    return "/init.scope" in Path("/proc/1/cgroup").read_text()


def is_v2() -> bool:
    return (CGROUPS / "cgroup.controllers").exists()


def needs_v2() -> str:
    """Why a test cannot run; "" if it can."""
    return "" if is_v2() else "systemd's controllers are in hierarchies of v1 on this machine"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100)


def systemctl(*words: str) -> str:
    """Its output; it must succeed."""
    done = run("systemctl", "--no-pager", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def show(unit: str, *options: str) -> dict[str, str]:
    """All properties of a unit."""
    lines = systemctl(*options, "show", "--all", unit).splitlines()
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition("=")
        found[name] = f"{found[name]} {value}" if name in found else value
    return found


def units(token: str, *options: str) -> list[str]:
    """The loaded units with this in their names, failed and dead ones included."""
    lines = systemctl(*options, "list-units", "--all", "--plain", "--no-legend", f"*{token}*").splitlines()
    return [line.split()[0] for line in lines]


def cgroups(token: str) -> list[Path]:
    """The cgroups with this in their names, in all hierarchies."""
    return [Path(path) for path in run("find", str(CGROUPS), "-type", "d", "-name", f"*{token}*").stdout.splitlines()]


def traces(token: str) -> list[str]:
    """The units and cgroups with this in their names."""
    return units(token) + [str(path) for path in cgroups(token)]


def memberships(pid: int) -> dict[str, str]:
    """controller ("" for v2) -> path."""
    found = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        found.update(dict.fromkeys(names.split(","), path))
    return found


def cgroup_file(pid: int, name: str) -> Path:
    """A file of the process's cgroup, by the name that v2 has for it."""
    if is_v2():
        return CGROUPS / memberships(pid)[""].lstrip("/") / name
    controller, file = V1_FILES[name]
    directory = controller.removeprefix("name=")
    return CGROUPS / directory / memberships(pid)[controller].lstrip("/") / file


def eventually(condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Waits until `condition` is true, and gives its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        time.sleep(0.02)
    return value
