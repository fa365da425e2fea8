"""Fixtures: a bundle, and a container of it whose name, state directory and cgroup are nobody else's.

`SAMPAN_FAULTS=fine` in the environment kills at every system call and every quarter of a millisecond (minutes); without
it at the system calls that change something, which takes less than a minute.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import machine

TOKEN = f"sampanfault{uuid.uuid4().hex[:8]}"
NAMESPACES = ("pid", "network", "ipc", "uts", "mount")
CONFIG: dict[str, Any] = {
    "ociVersion": "1.0.2",
    "root": {"path": "rootfs"},
    "hostname": "fault",
    "process": {
        "cwd": "/",
        "args": ["sleep", "1000"],
        "env": ["PATH=/bin"],
        "user": {"uid": 0, "gid": 0},
        "noNewPrivileges": True,
    },
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]},
    ],
    "linux": {
        "namespaces": [{"type": name} for name in NAMESPACES],
        "resources": {"pids": {"limit": 64}},
        "maskedPaths": ["/proc/kcore"],
    },
}
_numbers = itertools.count()


class Container:
    """One container by the command line; nothing of it may be there in the end."""

    def __init__(self, program: str, directory: Path, template: Path) -> None:
        self.id = f"{TOKEN}-{next(_numbers)}"
        self.program = program
        self.root = directory / "state"
        self.bundle = directory / "bundle"
        self.rootfs = self.bundle / "rootfs"
        shutil.copytree(template, self.rootfs, symlinks=True, copy_function=os.link)
        self.config = copy.deepcopy(CONFIG)
        self.config["linux"]["cgroupsPath"] = f"/{self.id}"
        self.before = machine.Before.now()

    def command(self, verb: str, *options: str) -> list[str]:
        """The words of the command, after the container's config.json has been written."""
        (self.bundle / "config.json").write_text(json.dumps(self.config))
        bundle = ["--bundle", str(self.bundle)] if verb in ("create", "run") else []
        return [self.program, "--root", str(self.root), verb, *bundle, *options, self.id]

    def call(self, verb: str, *options: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end; ``before`` is put before the command."""
        return run([*before, *self.command(verb, *options)])

    def must(self, verb: str, *options: str) -> None:
        done = self.call(verb, *options)
        assert done.returncode == 0, f"{verb} failed: {done.stderr}"

    def status(self) -> str:
        done = self.call("state")
        return str(json.loads(done.stdout)["status"]) if done.returncode == 0 else "absent"

    def traces(self) -> machine.Traces:
        directories = [self.root] if self.root.exists() else []
        return self.before.traces(self.id, directories)

    def assert_gone(self, when: str) -> None:
        """Fails with what is left; removes that, so that the next test begins clean."""
        found = self.traces()
        if found:
            message = f"{when}: left behind: {found}"
            found.remove()
            raise AssertionError(message)


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    # not pipes: a container that lives on would hold them open
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, timeout=30)
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(
            words, done.returncode, output.read().decode(), errors.read().decode(errors="replace")
        )


def is_fine() -> bool:
    return os.environ.get("SAMPAN_FAULTS", "") == "fine"


@pytest.fixture(scope="session")
def program(request: pytest.FixtureRequest) -> str:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    name = (request.config.getoption("--runtime", None) or ["sampan"])[0].split(",")[0]
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed: run `make install`, or give --runtime=PATH", pytrace=False)
    return str(os.path.abspath(found))


@pytest.fixture(scope="session")
def workspace(program: str) -> Iterator[Path]:
    machine.become_subreaper()
    directory = Path(tempfile.mkdtemp(prefix=f"{TOKEN}-"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def template(workspace: Path) -> Path:
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("needs a static busybox: apt-get install busybox-static")
    directory = workspace / "template"
    for name in ("bin", "proc", "dev", "sys", "etc"):
        (directory / name).mkdir(parents=True)
    shutil.copy(busybox, directory / "bin/busybox")
    for applet in ("sh", "true", "false", "sleep"):
        os.link(directory / "bin/busybox", directory / "bin" / applet)
    return directory


@pytest.fixture
def container(program: str, workspace: Path, template: Path) -> Iterator[Container]:
    """At the end it is deleted; what is there even then fails the test."""
    directory = workspace / f"case-{next(_numbers)}"
    directory.mkdir()
    made = Container(program, directory, template)
    yield made
    made.call("delete", "--force")
    made.assert_gone("after the test and `delete --force`")
