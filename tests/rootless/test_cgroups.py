"""A user's containers need no cgroup; with one that is delegated to the user they are limited and paused."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import NewContainer
from .container import Container
from .land import User

TOP = Path("/sys/fs/cgroup")
V2_FILES = ("cgroup.procs", "cgroup.threads", "cgroup.subtree_control")
DELEGATED_V1 = ("freezer", "pids")


class Delegated(Container):
    """Every command begins in a cgroup that is the user's."""

    directories: tuple[Path, ...] = ()

    def command(self, verb: str, *words: str) -> list[str]:
        script = 'until [ "$1" = -- ]; do echo $$ >"$1/cgroup.procs" || exit 99; shift; done; shift; exec "$@"'
        return ["sh", "-c", script, "sh", *map(str, self.directories), "--", *super().command(verb, *words)]


def is_v2(user: User) -> bool:
    return user.land.run("test", "-e", f"{TOP}/cgroup.controllers").status == 0


@pytest.fixture
def delegated(new_container: NewContainer, alice: User) -> Iterator[Delegated]:
    """On v2 a subtree, on v1 a cgroup of the freezer and one that counts processes."""
    token = f"rootless-test-{uuid.uuid4().hex[:8]}"
    container = new_container(alice)
    container.__class__ = Delegated
    assert isinstance(container, Delegated)
    if is_v2(alice):
        made = [TOP / token, TOP / token / "shell"]
        container.directories = (made[1],)
        files: tuple[str, ...] = V2_FILES
    else:
        made = [TOP / name / token for name in DELEGATED_V1]
        container.directories = tuple(made)
        files = ("cgroup.procs", "tasks")
    for path in made:
        owned = " ".join(f"{path}/{name}" for name in files)
        alice.land.run("sh", "-ec", f"mkdir {path}; chown {alice.uid} {path} {owned}").checked()
    if is_v2(alice):  # moving between two cgroups needs their common ancestor: root puts the shell there
        container.directories = ()
        container.user = _InShell(alice, made[1])
    yield container
    container.call("delete", "--force", container.id)
    for path in reversed(made):
        alice.land.run("sh", "-c", f"sleep 0.05; rmdir {path}").checked()


class _InShell(User):
    """The user, whose commands root starts in a cgroup."""

    def __init__(self, user: User, directory: Path) -> None:
        self.__dict__.update(user.__dict__)
        self._directory = directory

    def become(self, *arguments: object, **more: object) -> list[str]:
        script = f'echo $$ >{self._directory}/cgroup.procs; exec "$@"'
        return ["sh", "-ec", script, "sh", *super().become(*arguments, **more)]  # type: ignore[arg-type]


def test_none_is_made_and_none_is_missed(container: Container) -> None:
    """'cgroupsPath ... If not specified, ... the runtime MAY ... choose': none where this user may make none."""
    before = container.output("cat /proc/self/cgroup")
    own = container.user.run("cat", "/proc/self/cgroup").checked().output
    if "cgroup" not in [entry["type"] for entry in container.config["linux"]["namespaces"]]:
        assert before == own


@pytest.mark.usefixtures("_sampan_alone")
def test_without_one_pausing_is_an_error_that_says_what_is_missing(container: Container) -> None:
    said = container.launch().call("pause", container.id)
    assert said.status == 1
    assert "a user without root privileges needs one that is delegated" in said.stderr
    assert container.status == "running"


def test_with_one_it_is_paused_and_resumed(delegated: Delegated) -> None:
    delegated.launch()
    delegated.call("pause", delegated.id).checked()
    assert delegated.status == "paused"
    delegated.call("resume", delegated.id).checked()
    assert delegated.status == "running"
    delegated.end()


def test_with_one_limits_hold(delegated: Delegated, alice: User) -> None:
    if is_v2(alice) and not alice.land.run("grep", "-w", "pids", f"{TOP}/cgroup.controllers").stdout:
        pytest.skip("this machine's v2 hierarchy has no controller for pids")
    delegated.config["linux"]["resources"] = {"pids": {"limit": 5}}
    said = delegated.sh("for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; echo all").run()
    assert "can't fork" in said.stderr


def test_a_paused_one_is_deleted(delegated: Delegated) -> None:
    delegated.launch()
    delegated.call("pause", delegated.id).checked()
    delegated.call("delete", "--force", delegated.id).checked()
    assert delegated.ids() == []
    assert os.path.isdir(delegated.bundle)
