"""Fixtures: containers made with --systemd-cgroup, of which nothing is left in the end: no unit, no cgroup, no file."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import machine

TOKEN = f"sdtest{uuid.uuid4().hex[:6]}"
MIB = 1 << 20
NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup")
APPLETS = "cat dd echo head id ls mkdir mknod sh sleep tail true usleep".split()
_numbers = itertools.count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = "" if machine.has_systemd() else "systemd is not process 1 here: run them by tests/vm/test tests/systemd"
    reason = reason or ("needs root" if os.geteuid() else "")
    for item in items:
        if Path(__file__).parent in item.path.parents and reason:
            item.add_marker(pytest.mark.skip(reason=reason))


class Container:
    """One container by the command line, in the unit `name` of a slice."""

    def __init__(self, program: str, directory: Path, template: Path) -> None:
        self.id = f"{TOKEN}-{next(_numbers)}"
        self.program = program
        self.directory = directory
        self.bundle = directory / "bundle"
        self.root = directory / "state"
        self.unit = f"libpod-{self.id}.scope"
        self.slice = "machine.slice"
        self.global_options: tuple[str, ...] = ("--systemd-cgroup",)
        shutil.copytree(template, self.bundle / "rootfs", symlinks=True, copy_function=os.link)
        self.config: dict[str, Any] = {
            "ociVersion": "1.0.2",
            "root": {"path": "rootfs"},
            "process": {
                "cwd": "/",
                "args": ["sleep", "1000"],
                "env": ["PATH=/bin"],
                "user": {"uid": 0, "gid": 0},
                "capabilities": {kind: ["CAP_MKNOD"] for kind in ("bounding", "effective", "permitted")},
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
            ],
            "linux": {
                "namespaces": [{"type": name} for name in NAMESPACES],
                "cgroupsPath": f"{self.slice}:libpod:{self.id}",
                "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            },
        }

    def limit(self, **resources: Any) -> Container:
        self.config["linux"]["resources"].update(resources)
        return self

    def sh(self, script: str) -> Container:
        self.config["process"]["args"] = ["sh", "-c", script]
        return self

    def command(self, *words: str) -> list[str]:
        return [self.program, "--root", str(self.root), *self.global_options, *words]

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return machine.run(*self.command(*words))

    def checked(self, *words: str) -> str:
        done = self.call(*words)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def write(self) -> None:
        (self.bundle / "config.json").write_text(json.dumps(self.config))

    def create_words(self) -> list[str]:
        return ["create", "--bundle", str(self.bundle), "--pid-file", str(self.directory / "pid"), self.id]

    def create(self) -> Container:
        """The container's output goes to a file, as the container lives on."""
        done = self.try_to_create()
        assert done == 0, self.output
        return self

    def try_to_create(self) -> int:
        self.write()
        with (self.directory / "output").open("a") as output:
            command = self.command(*self.create_words())
            return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output).returncode

    def start(self) -> Container:
        self.checked("start", self.id)
        return self

    def launch(self) -> Container:
        return self.create().start()

    def run(self) -> subprocess.CompletedProcess[str]:
        """In the foreground, to its end."""
        self.write()
        return self.call("run", "--bundle", str(self.bundle), self.id)

    def delete(self, *options: str) -> None:
        self.checked("delete", *options, self.id)

    @property
    def output(self) -> str:
        return (self.directory / "output").read_text()

    @property
    def pid(self) -> int:
        return int((self.directory / "pid").read_text())

    def wait(self) -> None:
        """For the end of its process."""
        machine.eventually(lambda: json.loads(self.checked("state", self.id))["status"] == "stopped", "its end")

    def properties(self) -> dict[str, str]:
        return machine.show(self.unit)

    def file(self, name: str) -> Path:
        return machine.cgroup_file(self.pid, name)

    def content(self, name: str) -> str:
        return self.file(name).read_text().strip()


@pytest.fixture(scope="session")
def workspace() -> Iterator[Path]:
    """On a real file system, and open to users in user namespaces."""
    directory = Path(tempfile.mkdtemp(prefix=f"{TOKEN}-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def template(workspace: Path) -> Path:
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("a static busybox is missing (Debian: busybox-static)")
    rootfs = workspace / "template"
    for name in ("bin", "proc", "dev", "tmp", "sys"):
        (rootfs / name).mkdir(parents=True)
    shutil.copy(busybox, rootfs / "bin/busybox")
    for applet in APPLETS:
        (rootfs / "bin" / applet).symlink_to("busybox")
    return rootfs


@pytest.fixture(scope="session")
def program(request: pytest.FixtureRequest) -> str:
    name: str = (request.config.getoption("--runtime") or ["sampan"])[0]
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not in PATH", pytrace=False)
    return os.path.abspath(found)


@pytest.fixture
def new_container(program: str, workspace: Path, template: Path) -> Iterator[Callable[[], Container]]:
    """Makes containers. In the end there is no trace of them, or the test fails."""
    made: list[Container] = []

    def new() -> Container:
        made.append(Container(program, Path(tempfile.mkdtemp(dir=workspace)), template))
        return made[-1]

    yield new
    for container in made:
        container.global_options = ()  # how its cgroup was made is written in its state
        container.call("delete", "--force", container.id)
    left = machine.traces(TOKEN)
    left += [str(path) for one in made if one.root.exists() for path in one.root.iterdir()]
    assert not left, f"left behind: {left}"


@pytest.fixture
def container(new_container: Callable[[], Container]) -> Container:
    return new_container()


@pytest.fixture
def on_v2() -> None:
    """Skips the test on v1."""
    if reason := machine.needs_v2():
        pytest.skip(reason)


def killed_after(command: list[str], seconds: float) -> None:
    """Start the command and kill it, by itself, that long after."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
