"""What containers that are gone have left in a private view: processes, mounts, cgroups, states of the runtime."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from .view import View

PATIENCE = 3.0  # seconds: conmon's clean-up may still be running


def settle(view: View, mounts: set[str]) -> list[str]:
    """Waits for the view to be empty; what is still there after a while, one line for each thing."""
    deadline = time.monotonic() + PATIENCE
    while (found := list(_things(view, mounts))) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def mounts_of(view: View) -> set[str]:
    """The targets of all mounts in the view, but not podman's own: on its storage, which comes and goes, and on the
    directory of network namespaces, which it makes at the first one and leaves."""
    lines = Path(f"/proc/{view.first_pid}/mountinfo").read_text().splitlines()
    return {line.split()[4] for line in lines if not line.split()[4].endswith(("/storage/overlay", "/run/netns"))}


def _things(view: View, mounts: set[str]) -> Iterator[str]:
    for pid in descendants(view.first_pid):
        if words := arguments(pid):  # an ended process has none
            yield f"process {pid}: {words}"
    yield from (f"mount {target}" for target in sorted(mounts_of(view) - mounts))
    yield from (f"cgroup {path}" for path in view.cgroups.below() if _is_container_s(path))
    root = Path(f"/proc/{view.first_pid}/root")
    for states in (root / "run/sampan", root / "run/runc"):
        if states.is_dir():
            yield from (f"state {path.name} in /run/{states.name}" for path in states.glob("[!.]*"))


def _is_container_s(cgroup: Path) -> bool:
    """podman names them libpod-ID (and conmon's libpod-conmon-ID); their parent, libpod_parent, stays."""
    return any(name.startswith("libpod-") for name in cgroup.parts)


def descendants(pid: int) -> Iterator[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in map(int, children):
        yield child
        yield from descendants(child)


def arguments(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
