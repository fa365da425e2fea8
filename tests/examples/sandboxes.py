"""What programs must not leave behind."""

from __future__ import annotations

import contextlib
import glob
import time
from collections.abc import Iterator

PATIENCE = 60  # seconds


def sandboxes() -> set[str]:
    """The cgroups of all sandboxes of this machine."""
    return {*glob.glob("/sys/fs/cgroup/*/sandbox-*"), *glob.glob("/sys/fs/cgroup/sandbox-*")}


@contextlib.contextmanager
def nothing_is_left() -> Iterator[None]:
    """None that is there after the block stays, but those from before: of other programs, which end by themselves."""
    before = sandboxes()
    yield
    left = sandboxes() - before
    deadline = time.monotonic() + PATIENCE
    while left := left & sandboxes():
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
