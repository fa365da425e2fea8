"""What the tests of sandboxes look at."""

from __future__ import annotations

import glob
import os

import sampan


def traces(prefix: str) -> list[str]:
    """The cgroups of sandboxes whose ids begin so."""
    top = "/sys/fs/cgroup"
    return [path for depth in ("", "*/", "*/*/", "*/*/*/") for path in glob.glob(f"{top}/{depth}{prefix}*")]


def processes(sandbox: sampan.Sandbox) -> list[str]:
    """The numbers of the processes in it, but for those that look."""
    seen = sandbox.run(["sh", "-c", "cd /proc; echo [0-9]*; echo $$"], text=True).stdout.split()
    return [number for number in seen[:-1] if number != seen[-1]]


def linux_version() -> tuple[int, ...]:
    return tuple(map(int, os.uname().release.split(".")[:2]))
