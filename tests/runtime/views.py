"""What the runtime under test sees at /sys/fs/cgroup: the host's own tree, or privately a pure v1 or a pure v2 one.

Every view is a mount namespace of its own, also the host's: no mount that a broken runtime leaves behind outlives the
tests, and no mount that others make meanwhile is taken for the runtime's. The host's own mounts are never changed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import kernel

CGROUPS = "/sys/fs/cgroup"


@contextmanager
def private_view(view: str) -> Iterator[None]:
    """Moves this process into a new mount namespace that looks like `view`, and back at the end."""
    home = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    directory = os.getcwd()
    try:
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
        {"host": _nothing, "v1": _show_v1, "v2": _show_v2}[view]()
        yield
    finally:
        kernel.setns(home, kernel.CLONE_NEWNS)
        os.chdir(directory)  # setns(2) moved this process to the namespace's root
        os.close(home)


def controllers() -> set[str]:
    """The controllers that a runtime in this view can use, v1's or v2's; `unified` when there is a v2 hierarchy."""
    found = set()
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        kind, _, options = rest.split()[:3]
        if kind == "cgroup":
            found |= {option.removeprefix("name=") for option in options.split(",")} - {"rw"}
        elif kind == "cgroup2":
            found.add("unified")
            if (mounted := fields.split()[4]) == CGROUPS:  # on a hybrid host the v1 hierarchies have them
                found |= set(Path(mounted, "cgroup.controllers").read_text().split())
    return found


def is_pure_v2() -> bool:
    return os.path.exists(f"{CGROUPS}/cgroup.controllers")


def _nothing() -> None:
    """The host's own view."""


def _show_v1() -> None:
    """A fresh tmpfs with each v1 hierarchy bound into it under its own name, `unified` left out."""
    names = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        target = fields.split()[4]
        if rest.startswith("cgroup ") and target.startswith(f"{CGROUPS}/"):
            names.append(target.removeprefix(f"{CGROUPS}/"))
    if not names:
        raise OSError("this host has no cgroup v1 hierarchy: a view of pure v1 cannot be made")
    with tempfile.TemporaryDirectory() as fresh:
        kernel.mount("cgroups", fresh, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC, "mode=755")
        for name in names:
            os.mkdir(f"{fresh}/{name}")
            kernel.mount(f"{CGROUPS}/{name}", f"{fresh}/{name}", flags=kernel.MS_BIND)
        kernel.umount(CGROUPS, kernel.MNT_DETACH)
        kernel.mount(fresh, CGROUPS, flags=kernel.MS_MOVE)


def _show_v2() -> None:
    """The v2 hierarchy alone. It has only the controllers that no v1 hierarchy holds."""
    if is_pure_v2():
        return
    kernel.umount(CGROUPS, kernel.MNT_DETACH)
    kernel.mount("cgroup2", CGROUPS, "cgroup2")
