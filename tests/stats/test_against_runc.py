"""The numbers of one and the same container, as runc and as sampan read them: all of them equal, but for what this runc
does not read yet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups import event_data, layout
from sampan.linux import huge_pages

Data = dict[str, Any]

CGROUP2_NS = Path(__file__).resolve().parent.parent / "cgroup2-ns"
SCRIPT = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; cat /bin/busybox > /dev/null; sleep 1000 & echo ready; wait"
# What runc reads since 1.2, and 1.1 does not: of v2 pressure, the peak of memory, and reservations of huge pages.
NEWER = ("psi", "max")
ATTEMPTS = 100


class Resting:
    """A container of runc's that has worked and now rests."""

    def __init__(self, directory: Path) -> None:
        self._root = directory / "state"
        self._id = f"stats-{os.getpid()}-{directory.name}"
        bundle = directory / "bundle"
        (bundle / "rootfs/bin").mkdir(parents=True)
        (bundle / "rootfs/proc").mkdir()
        busybox = shutil.which("busybox")
        assert busybox
        shutil.copy(busybox, bundle / "rootfs/bin/busybox")
        for applet in ("sh", "sleep", "cat"):
            (bundle / "rootfs/bin" / applet).symlink_to("busybox")
        subprocess.run(["runc", "spec", "--bundle", str(bundle)], check=True)
        config = json.loads((bundle / "config.json").read_text())
        config["process"] |= {"terminal": False, "args": ["sh", "-c", SCRIPT]}
        config["process"].pop("rlimits", None)
        (bundle / "config.json").write_text(json.dumps(config))
        output = directory / "output"
        with output.open("w") as stdout:
            self._call("run", "--detach", "--bundle", str(bundle), stdout=stdout)
        deadline = time.monotonic() + 10
        while output.read_text() != "ready\n":
            assert time.monotonic() < deadline, "the container does not begin"
            time.sleep(0.01)

    def _call(self, verb: str, *options: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        command = ["runc", "--root", str(self._root), verb, *options, self._id]
        return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, **more)

    def directories(self) -> dict[str, str]:
        """Those of the hierarchies that runc uses."""
        found = layout.detect()
        state = json.loads(self._call("state", capture_output=True).stdout)
        own = layout.parse(
            Path("/proc/self/mountinfo").read_bytes(), Path(f"/proc/{state['pid']}/cgroup").read_bytes(), device
        ).own
        points = {"": found.unified} if found.mode == "v2" else found.mounts
        return {name: f"{point}{own[name]}" for name, point in points.items()}

    def runc(self) -> Data:
        event: Data = json.loads(self._call("events", "--stats", capture_output=True).stdout)
        data: Data = event["data"]
        return data

    def end(self) -> None:
        self._call("delete", "--force")


def device(path: str) -> str:
    number = os.stat(path).st_dev
    return f"{os.major(number)}:{os.minor(number)}"


def without(found: Any, names: tuple[str, ...]) -> Any:
    if isinstance(found, dict):
        return {name: without(value, names) for name, value in found.items() if name not in names}
    return [without(value, names) for value in found] if isinstance(found, list) else found


def compare(directory: Path) -> str:
    """What differs in the end. Memory of a container that rests is still given back by the kernel for a while."""
    container = Resting(directory)
    try:
        directories = container.directories()
        on_v2 = "" in directories
        names = NEWER if on_v2 else ()
        ours, theirs = event_data.read(directories, huge_pages.sizes()), container.runc()
        for _ in range(ATTEMPTS):
            if without(ours, names) == without(theirs, names):
                assert list(ours) == list(theirs)
                return "equal"
            time.sleep(0.02)
            ours, theirs = event_data.read(directories, huge_pages.sizes()), container.runc()
        return f"sampan: {json.dumps(ours, sort_keys=True)}\nrunc:   {json.dumps(theirs, sort_keys=True)}"
    finally:
        container.end()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    if os.geteuid() != 0:
        pytest.skip("needs root: it makes a container")
    for program in ("runc", "busybox"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    tmp_path.chmod(0o755)
    return tmp_path


def test_here(directory: Path) -> None:
    assert compare(directory) == "equal"


def test_on_pure_v2(directory: Path) -> None:
    code = "import sys, pathlib, stats.test_against_runc as t; print(t.compare(pathlib.Path(sys.argv[1])), end='')"
    command = [str(CGROUP2_NS), sys.executable, "-c", code, str(directory)]
    tests = str(Path(__file__).resolve().parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([tests, *filter(None, sys.path)])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 99:
        pytest.skip("cgroup2 cannot be mounted here")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "equal"
