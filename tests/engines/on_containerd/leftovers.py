"""What a test has left in containerd's view: compared with what was there before it, for the daemon stays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from ..leftovers import arguments, descendants, mounts_of
from ..view import View
from .site import STATES

PATIENCE = 10.0  # seconds: a shim ends after its last container
PARENTS = ("default", "kubepods")  # of the cgroups of tasks and of pods: they are not a runtime's to remove


def things_in(view: View) -> set[str]:
    """All that containers consist of, one line for each thing."""
    return set(_things(view))


def settle(view: View, before: set[str]) -> list[str]:
    """Waits for what was not there before to go; what is still there after a while."""
    deadline = time.monotonic() + PATIENCE
    while (found := things_in(view) - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    return sorted(found)


def _things(view: View) -> Iterator[str]:
    for pid in descendants(view.first_pid):
        words = arguments(pid)  # an ended process has none
        if words and not words.startswith("containerd "):
            yield f"process {pid}: {words}"
    yield from (f"mount {target}" for target in mounts_of(view))
    yield from (f"cgroup {path}" for path in view.cgroups.below() if path.name not in PARENTS)
    root = Path(f"/proc/{view.first_pid}/root")
    for directory in (f"{STATES}/*", "/run/containerd/io.containerd.runtime.v2.task/*", "/run/sampan", "/run/runc"):
        yield from (f"state {path}" for path in root.glob(f"{directory.lstrip('/')}/[!.]*"))
