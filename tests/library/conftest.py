"""Fixtures: a bundle of busybox, and ids of containers of which nothing may be there in the end: no record, cgroup,
child or descriptor of this process.
"""

from __future__ import annotations

import ctypes
import gc
import itertools
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TOKEN = f"sampanlib{uuid.uuid4().hex[:8]}"
APPLETS = "cat dd echo false head id kill md5sum pwd sh sleep stty test touch true wc".split()
NAMESPACES = ("pid", "network", "ipc", "uts", "mount")
PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER = 36, 37
_numbers = itertools.count()
_others: set[int] = set()

Config = dict[str, Any]


class Place:
    """What a test makes containers with: `sampan.create(place.id(), **place.of("sleep", "100"))`."""

    def __init__(self, bundle: Path, root: Path) -> None:
        self.bundle = bundle
        self.root = root

    def id(self) -> str:
        return f"{TOKEN}-{next(_numbers)}"

    def of(self, *args: str, **process: Any) -> dict[str, Any]:
        """The arguments for a container that runs ``args``."""
        return {"bundle": self.bundle, "root": self.root, "config": config(*args, **process)}


def config(*args: str, **process: Any) -> Config:
    return {
        "ociVersion": "1.0.2",
        "root": {"path": "rootfs"},
        "hostname": "library",
        "process": {
            "cwd": "/",
            "args": list(args),
            "env": ["PATH=/bin"],
            "user": {"uid": 0, "gid": 0},
            "noNewPrivileges": True,
            **process,
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance"]},
        ],
        "linux": {"namespaces": [{"type": name} for name in NAMESPACES]},
    }


@pytest.fixture(scope="session")
def bundle() -> Iterator[Path]:
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("needs a static busybox: apt-get install busybox-static")
    directory = Path(tempfile.mkdtemp(prefix=f"{TOKEN}-"))
    directory.chmod(0o755)
    for name in ("bin", "dev", "proc", "sys", "tmp"):
        (directory / "rootfs" / name).mkdir(parents=True)
    shutil.copy(busybox, directory / "rootfs/bin/busybox")
    for applet in APPLETS:
        (directory / "rootfs/bin" / applet).symlink_to("busybox")
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Other tests may have left children, and have made this process the parent of orphans: it is none here."""
    libc, was = ctypes.CDLL(None), ctypes.c_int()
    libc.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(was))
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0)
    _others.update(children())
    yield
    _others.clear()
    libc.prctl(PR_SET_CHILD_SUBREAPER, was.value)


@pytest.fixture
def place(bundle: Path) -> Iterator[Place]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    root = Path(tempfile.mkdtemp(prefix=f"{TOKEN}-state-", dir="/run"))
    before = descriptors()
    yield Place(bundle, root)
    gc.collect()
    states = [path.name for path in root.iterdir()]
    shutil.rmtree(root)
    assert states == [], "containers are left"
    assert children() == set(), "children are left"
    assert descriptors() == before, "descriptors are left"
    assert cgroups() == [], "cgroups are left"


def descriptors() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # that of the listing itself
    return found


def children() -> set[int]:
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()} - _others


def cgroups() -> list[Path]:
    mount = Path("/sys/fs/cgroup")
    tops = [mount, *(path for path in mount.iterdir() if path.is_dir())]
    return [path for top in tops for path in top.glob(f"{TOKEN}*")]
