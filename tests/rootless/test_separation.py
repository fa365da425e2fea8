"""Users, and root, never act on what another user has written: a record says what is killed, removed and run."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.driver import Result

from .conftest import NewContainer
from .container import Container
from .land import Land, User

VERBS = ("state", "start", "kill", "delete", "exec")


def test_each_sees_only_the_own_containers(new_container: NewContainer, alice: User, bob: User) -> None:
    hers, his = new_container(alice).launch(), new_container(bob).launch()
    assert hers.ids() == [hers.id]
    assert his.ids() == [his.id]


def test_two_may_use_the_same_id(new_container: NewContainer, alice: User, bob: User) -> None:
    hers, his = new_container(alice), new_container(bob)
    his.id = hers.id
    hers.launch()
    his.launch().end()
    assert hers.status == "running"


@pytest.mark.parametrize("verb", VERBS)
def test_none_reaches_anothers_by_its_directory(new_container: NewContainer, alice: User, bob: User, verb: str) -> None:
    hers = new_container(alice).launch()
    state = alice.runtime_directory / os.path.basename(hers.program)
    words = {"kill": ["KILL"], "delete": [], "exec": ["true"]}.get(verb, [])
    options = [f"--{option}" for option in {"delete": ["force"]}.get(verb, [])]
    result = bob.run(hers.program, "--root", str(state), verb, *options, hers.id, *words)
    assert "denied" in result.stderr or result.status != 0, result
    assert hers.status == "running"


@pytest.fixture
def shared(land: Land) -> Iterator[Path]:
    """A directory for everybody, as /tmp is."""
    directory = land.directory / "shared"
    directory.mkdir()
    directory.chmod(0o1777)
    yield directory
    for path in sorted(directory.rglob("*"), reverse=True):
        path.unlink() if path.is_symlink() or not path.is_dir() else path.rmdir()
    directory.rmdir()


def sampan(container: Container, root: Path, *words: str) -> Result:
    """As root."""
    return container.user.land.run(container.program, "--root", str(root), *words)


@pytest.mark.usefixtures("_sampan_alone")
class TestForeignDirectories:
    """The refusals are sampan's: runc believes whatever it reads."""

    def test_in_a_shared_directory_each_has_the_own(
        self, shared: Path, new_container: NewContainer, alice: User, bob: User
    ) -> None:
        hers, his = new_container(alice), new_container(bob)
        hers.global_options = his.global_options = ("--root", str(shared))
        hers.launch()
        his.launch()
        assert hers.ids() == [hers.id]
        assert his.ids() == [his.id]
        for verb in ("state", "kill", "delete"):
            result = bob.run(hers.program, "--root", str(shared), verb, hers.id)
            assert result.status == 1
            assert "belongs to user alice" in result.stderr
        assert sampan(hers, shared, "list", "--quiet").stdout == ""

    def test_an_id_that_somebody_has_taken_there(
        self, shared: Path, new_container: NewContainer, alice: User, bob: User
    ) -> None:
        """Made in advance, it would become a container whose record is another's."""
        trap = shared / "trap"
        trap.mkdir()
        trap.chmod(0o777)
        os.chown(trap, bob.uid, bob.uid)
        hers = new_container(alice)
        hers.global_options, hers.id = ("--root", str(shared)), "trap"
        result = hers.run()
        assert result.status == 1
        assert "belongs to user bob" in result.stderr
        assert list(trap.iterdir()) == []

    def test_a_directory_that_everybody_may_write_to(self, container: Container, alice: User) -> None:
        directory = alice.home / "open"
        directory.mkdir()
        directory.chmod(0o777)
        container.global_options = ("--root", str(directory))
        result = container.run()
        assert result.status == 1
        assert "chmod go-w" in result.stderr
        assert list(directory.iterdir()) == []
        container.global_options = ()
        directory.rmdir()

    def test_a_container_that_everybody_may_write_to(self, container: Container, alice: User) -> None:
        container.launch()
        directory = alice.runtime_directory / "sampan" / container.id
        directory.chmod(0o777)
        try:
            assert "chmod go-w" in container.call("state", container.id).stderr
        finally:
            directory.chmod(0o700)

    def test_a_link_to_a_directory_of_somebody_else(
        self, shared: Path, container: Container, bob: User, land: Land
    ) -> None:
        place = land.directory / "his"
        place.mkdir(mode=0o755)
        bob.own(place)
        (shared / "link").symlink_to(place)
        os.lchown(shared / "link", bob.uid, bob.uid)
        container.global_options = ("--root", str(shared / "link"))
        result = container.run()
        assert result.status == 1
        assert list(place.iterdir()) == []
        container.global_options = ()
        place.rmdir()

    @pytest.mark.parametrize("verb", ["list", *VERBS])
    def test_root_does_nothing_that_a_user_has_written(self, container: Container, alice: User, verb: str) -> None:
        """Whose record may name any process, any cgroup, and hooks that would be run by root."""
        container.launch()
        root = alice.runtime_directory / "sampan"
        record = root / container.id / "state.json"
        victim = subprocess.Popen([*alice.land.enter(alice.land.directory), "sleep", "60"])
        try:
            hook = {"path": "/bin/touch", "args": ["touch", str(alice.home / "owned")]}
            document = json.loads(record.read_text())
            original = dict(document)
            document["hooks"] = {kind: [hook] for kind in ("startContainer", "poststart", "poststop")}
            record.write_text(json.dumps(document))
            words = {"kill": ["KILL"], "exec": ["true"]}.get(verb, [])
            words = [] if verb == "list" else [container.id, *words]
            result = sampan(container, root, verb, *(["--force"] if verb == "delete" else []), *words)
            assert result.status in (1, 255)
            assert "belongs to user alice" in result.stderr
            assert not (alice.home / "owned").exists()
            assert victim.poll() is None
            record.write_text(json.dumps(original))
            assert container.status == "running"
        finally:
            victim.kill()
            victim.wait()

    def test_root_acts_as_the_user_instead(self, container: Container) -> None:
        container.launch()
        assert container.ids() == [container.id]
