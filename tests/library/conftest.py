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

import sampan
from sampan.api.sandboxing import life
from sampan.api.sandboxing.template import PREFIX

from .sandboxes import traces

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


@pytest.fixture
def states(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory for states; afterwards no cgroup of a sandbox is left, and no directory that shows the host.

    Others may have sandboxes, too, so those of this program have names of their own.
    """
    prefix = f"{PREFIX}{TOKEN}-"
    tmp_path_factory.getbasetemp()  # pytest's own shall be elsewhere
    with tempfile.TemporaryDirectory(prefix=f"{TOKEN}-") as directory:
        os.chmod(directory, 0o755)
        monkeypatch.setattr(life, "PREFIX", prefix)
        monkeypatch.setattr(tempfile, "tempdir", directory)
        monkeypatch.setenv("TMPDIR", directory)  # of programs that a test starts
        yield place.root
        gc.collect()
        assert os.listdir(directory) == []
    assert traces(prefix) == [], "something is left of a sandbox"


@pytest.fixture
def sandbox(states: Path) -> Iterator[sampan.Sandbox]:
    with sampan.Sandbox(root=states) as found:
        yield found


@pytest.fixture
def python() -> str:
    path = "/usr/bin/python3"
    if not os.access(path, os.X_OK):
        pytest.skip(f"needs {path}, which a sandbox sees")
    return path


def descriptors() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # that of the listing itself
    return found


def children() -> set[int]:
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            found.update(map(int, (task / "children").read_text().split()))
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that has just ended
    return found - _others


def cgroups() -> list[Path]:
    mount = Path("/sys/fs/cgroup")
    tops = [mount, *(path for path in mount.iterdir() if path.is_dir())]
    return [path for top in tops for path in top.glob(f"{TOKEN}*")]
