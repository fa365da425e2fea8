"""Skips everything outside of the virtual machine, and runs commands as the user that has cgroups delegated."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FROM_THE_HOST = Path("/sys/firmware/qemu_fw_cfg/by_name/opt/sampan")  # tests/vm/run has put the commands there
CGROUPS = Path("/sys/fs/cgroup")
PATIENCE = 120  # seconds for one command


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if FROM_THE_HOST.exists() and (CGROUPS / "cgroup.controllers").exists():
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="needs the virtual machine with cgroup v2 alone: make test-vm"))


class User:
    """The user `tester`, who is not root; its systemd has controllers delegated."""

    uid = 1000
    cgroup = CGROUPS / f"user.slice/user-{uid}.slice/user@{uid}.service"

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """In a scope of the user's systemd."""
        return self._run("as-tester", *command)

    def run_undelegated(self, *command: str) -> subprocess.CompletedProcess[str]:
        """As the user, but in a cgroup of root's."""
        words = ["setpriv", "--reuid=tester", "--regid=tester", "--init-groups"]
        return self._run(*words, "env", f"XDG_RUNTIME_DIR=/run/user/{self.uid}", *command)

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.home, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL
        )

    def bundle(self, script: str, resources: dict[str, Any]) -> str:
        """The directory of a bundle with a shell script as its process; its cgroup is in the delegated one."""
        made = self.run("sampan", "spec", "--rootfs", "host", "bundle", "--", "sh", "-c", script)
        assert made.returncode == 0, made.stderr
        document = self.home / "bundle/config.json"
        config = json.loads(document.read_text())
        config["linux"]["resources"] = resources
        config["linux"]["cgroupsPath"] = f"/{(self.cgroup / 'of-a-test').relative_to(CGROUPS)}"
        document.write_text(json.dumps(config))
        return str(self.home / "bundle")


@pytest.fixture
def tester() -> Iterator[User]:
    home = Path("/home/tester/work")
    home.mkdir()
    os.chown(home, User.uid, User.uid)
    yield User(home)
    shutil.rmtree(home)


@pytest.fixture
def new_cgroup() -> Iterator[Callable[[], Path]]:
    """A cgroup of root's, with all controllers, that is empty again at the end of the test."""
    made = CGROUPS / "of-a-test"

    def make() -> Path:
        controllers = (CGROUPS / "cgroup.controllers").read_text().split()
        (CGROUPS / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers))
        made.mkdir()
        return made

    yield make
    made.rmdir()
