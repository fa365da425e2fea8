"""sampan in a container of sampan: the outer one shows the host's programs, and may nest as far as the kernel lets."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from runtime.driver import Result

from .container import eventually
from .land import Land, User

# of a root that makes containers; the last one to map a range that holds root
CAPABILITIES = [
    f"CAP_{name}"
    for name in "CHOWN DAC_OVERRIDE FOWNER NET_ADMIN SETGID SETUID SETPCAP SYS_ADMIN SYS_CHROOT MKNOD SETFCAP".split()
]
INNER = r"""
set -e
cd /tmp
mkdir bundle
sampan spec %s --rootfs host bundle -- sh -c 'echo inner $(id -u); exec sleep 100'
sampan run --detach --bundle bundle/ inner </dev/null >output
test -d "$XDG_RUNTIME_DIR/sampan/inner"
sampan list
sampan exec inner sh -c 'echo exec $(id -u) $(cat /proc/self/uid_map)'
sampan ps inner
sampan kill inner KILL
until sampan delete inner 2>/dev/null; do sleep 0.05; done
cat output
sampan list --quiet
"""

pytestmark = pytest.mark.usefixtures("_sampan_alone")


class Outer:
    """A container of the host's programs, and of sampan's, whose maker is `user` or, for None, root."""

    def __init__(self, land: Land, program: str, user: User | None) -> None:
        self.land, self.program, self.user = land, program, user
        self.bundle = (user.home if user else land.directory) / "outer"
        (self._as_maker(program, "spec", "--rootfs", "host", str(self.bundle), "--", "sh", "/inner")).checked()
        self.config: dict[str, Any] = json.loads((self.bundle / "config.json").read_text())
        for path in (sys.base_prefix, os.path.dirname(os.path.dirname(program))):
            bind = {"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]}
            self.config["mounts"].append(bind)
        path = f"{os.path.dirname(program)}:/usr/sbin:/usr/bin:/sbin:/bin"
        self.config["process"]["env"] = [f"PATH={path}", "HOME=/tmp", "XDG_RUNTIME_DIR=/tmp"]
        self.root = ["--root", str(land.directory / "outer-state")] if user is None else []

    def _as_maker(self, *words: str) -> Result:
        return self.user.run(*words) if self.user else self.land.run(*words)

    def map_range(self, first: int) -> Outer:
        linux = self.config["linux"]
        own = [] if self.user is None else [{"containerID": 0, "hostID": self.user.uid, "size": 1}]
        rest = {"containerID": len(own), "hostID": first, "size": 65536}
        linux["uidMappings"] = linux["gidMappings"] = [*own, rest]
        if {"type": "user"} not in linux["namespaces"]:
            linux["namespaces"].append({"type": "user"})
        return self

    def with_capabilities(self) -> Outer:
        kinds = ("bounding", "effective", "permitted", "inheritable", "ambient")
        self.config["process"]["capabilities"] = dict.fromkeys(kinds, CAPABILITIES)
        self.config["process"]["noNewPrivileges"] = False
        return self

    def unmasked(self) -> Outer:
        self.config["linux"]["maskedPaths"] = self.config["linux"]["readonlyPaths"] = []
        return self

    def run(self, *options: str) -> Result:
        inner = self.bundle / "rootfs/inner"
        inner.write_text(INNER % " ".join(options))
        inner.chmod(0o644)
        (self.bundle / "config.json").write_text(json.dumps(self.config))
        return self._as_maker(self.program, *self.root, "run", "--bundle", str(self.bundle), "outer-test")

    def clean_up(self) -> None:
        self._as_maker(self.program, *self.root, "delete", "--force", "outer-test")
        shutil.rmtree(self.bundle)
        shutil.rmtree(self.land.directory / "outer-state", ignore_errors=True)
        eventually(lambda: not self.land.processes(), "the end of all processes")


@pytest.fixture
def of_alice(land: Land, program: str, alice: User) -> Iterator[Outer]:
    outer = Outer(land, program, alice)
    yield outer
    outer.clean_up()


@pytest.fixture
def of_root(land: Land, program: str) -> Iterator[Outer]:
    outer = Outer(land, program, None)
    outer.config["linux"].pop("resources", None)
    yield outer
    outer.clean_up()


def check(result: Result) -> list[str]:
    """The whole life went well; the words that exec said of the inner one."""
    result.checked()
    *_, last = result.output.splitlines()
    assert last == "inner 0"
    assert "sleep 100" in result.output
    (said,) = [line for line in result.output.splitlines() if line.startswith("exec 0 ")]
    return said.split()[2:]


def test_rootless_in_rootless(of_alice: Outer, alice: User) -> None:
    """Root of the outer one is the user, and makes a user namespace in its own."""
    of_alice.map_range(alice.first_id).with_capabilities().unmasked()
    assert check(of_alice.run("--rootless")) == ["0", "0", "1"]


def test_without_another_user_namespace(of_alice: Outer, alice: User) -> None:
    """As podman makes a user's containers: the runtime is root of a namespace that is the user's. A masked /proc does
    not matter to who stays in it."""
    of_alice.map_range(alice.first_id).with_capabilities()
    assert check(of_alice.run("")) == ["0", str(alice.uid), "1", "1", str(alice.first_id), "65536"]


def test_a_user_in_a_container_of_root(of_root: Outer) -> None:
    """Without any capability."""
    of_root.unmasked().config["process"]["user"] = {"uid": 1000, "gid": 1000}
    assert check(of_root.run("--rootless")) == ["0", "1000", "1"]


def test_root_of_a_user_namespace_that_root_made(of_root: Outer) -> None:
    first = 1300000
    for path in [*of_root.bundle.rglob("*"), of_root.bundle]:
        os.lchown(path, first, first)
    of_root.map_range(first).with_capabilities().unmasked()
    assert check(of_root.run("--rootless")) == ["0", "0", "1"]


def test_a_masked_proc_is_explained(of_alice: Outer, alice: User) -> None:
    """The kernel shows no user namespace more of /proc than is there already (mount_too_revealing)."""
    result = of_alice.map_range(alice.first_id).with_capabilities().run("--rootless")
    assert result.status == 1
    assert "mounts[0]" in result.stderr
    assert "linux.maskedPaths" in result.stderr


def test_missing_capabilities_are_explained(of_alice: Outer) -> None:
    """A root that may not do anything cannot map its own 0."""
    result = of_alice.unmasked().run("--rootless")
    assert result.status == 1
    assert "linux.uidMappings" in result.stderr
    assert "CAP_SETFCAP" in result.stderr
