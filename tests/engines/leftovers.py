"""What containers that are gone have left in a private view: processes, mounts, cgroups, states of the runtime."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from .view import View

PATIENCE = 3.0  # seconds: conmon's clean-up, or a shim's, may still be running
PASSED = pytest.StashKey[bool]()  # of a test: what fails may leave things behind

# Mounts of the engines themselves: podman's on its storage, which comes and goes; its directory of network namespaces,
# and docker's namespace for none, which they make when they first need them and keep.
_KEPT = ("/storage/overlay", "/run/netns", "/netns/default")
_DAEMONS = ("dockerd", "containerd")  # which tests may start anew
# podman names cgroups libpod-ID (and conmon's libpod-conmon-ID), docker docker/ID; their parents stay.
_CONTAINER_S = re.compile(r"/libpod-|/docker/[0-9a-f]{64}")


def check(request: pytest.FixtureRequest, view: View, states: Sequence[str], before: set[str]) -> None:
    """Fails a test that has passed, but has left something in the view."""
    found = settle(view, states, before)
    if found and request.node.stash.get(PASSED, False):
        pytest.fail("left behind:\n" + "\n".join(found), pytrace=False)


def settle(view: View, states: Sequence[str], before: set[str]) -> list[str]:
    """Waits for new things to be gone; what is still there after a while."""
    deadline = time.monotonic() + PATIENCE
    while any(thing not in before for thing in _things(view, states)):
        if time.monotonic() > deadline:
            return sorted(traces(view, states) - before)
        time.sleep(0.05)
    return []


def traces(view: View, states: Sequence[str]) -> set[str]:
    """All that there is in the view now, one line for each thing. ``states``: the runtimes' directories for them."""
    return set(_things(view, states))


def _things(view: View, states: Sequence[str]) -> Iterator[str]:
    """The cheap ones first: mostly one of them is still there when any is."""
    root = Path(f"/proc/{view.first_pid}/root")
    for directory in states:
        yield from (f"state {path.name} in {directory}" for path in (root / directory.lstrip("/")).glob("[!.]*"))
    for pid in descendants(view.first_pid):
        words = arguments(pid)
        if words and words.split()[0] not in _DAEMONS:  # an ended process has none
            yield f"process {pid}: {words}"
    yield from (f"mount {target}" for target in mounts_of(view))
    yield from (f"cgroup {path}" for path in view.cgroups.below() if _CONTAINER_S.search(str(path)))


def mounts_of(view: View) -> set[str]:
    """The targets of all mounts in the view, but those that engines keep."""
    lines = Path(f"/proc/{view.first_pid}/mountinfo").read_text().splitlines()
    return {target for line in lines if not (target := line.split()[4]).endswith(_KEPT)}


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
