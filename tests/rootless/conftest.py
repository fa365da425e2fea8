"""Fixtures: a land with two users, and containers of theirs. Nothing may be left of any by the end of a test.

`--runtime=runc` drives another runtime; what is sampan's own then skips.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # tests/runtime is a package below it

from .container import Container, eventually
from .land import Land, User

NEEDED = ("unshare", "nsenter", "setpriv", "busybox", "newuidmap", "newgidmap")
# What runc 1.1 does otherwise, by the beginning of a test's name.
DIFFERENCES = {
    "test_the_state_is_the_users_own": "runc gives others a look into a container's directory, and `state` no owner",
    "test_a_range_without_the_own_id": "runc gives the standard streams to root of the container, or fails",
    "test_the_own_id_as_another_one": "runc gives the standard streams to root of the container, or fails",
    "test_users_and_groups_of_a_range": "runc refuses additional groups to every user",
    "test_what_is_the_users_own_to_give_is_given[runc-a pipe": "runc binds a pipe of the host, as if it were a device",
}
_numbers = itertools.count()
NewContainer = Callable[[User], Container]


def _names(config: pytest.Config) -> list[str]:
    given = config.getoption("--runtime") or ["sampan"]
    return [name for value in given for name in value.split(",")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "program" in metafunc.fixturenames:
        names = _names(metafunc.config)
        ids = [os.path.basename(name) for name in names]
        metafunc.parametrize("program", names, indirect=True, ids=ids, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec is None or os.path.basename(str(callspec.params.get("program"))) != "runc":
            continue
        for name, reason in DIFFERENCES.items():
            if item.name.startswith(name):
                item.add_marker(pytest.mark.xfail(reason=reason))


@pytest.fixture(scope="session")
def program(request: pytest.FixtureRequest) -> str:
    """The path of the runtime under test."""
    beside_python = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ.get('PATH', '')}"
    found = shutil.which(str(request.param), path=beside_python)
    if found is None:
        pytest.fail(f"{request.param} is not in PATH", pytrace=False)
    return os.path.abspath(found)


@pytest.fixture(scope="session")
def land(request: pytest.FixtureRequest, program: str) -> Iterator[Land]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to make users")
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    view = request.config.getoption("--cgroup-view")
    if view == "auto" and os.path.basename(program) == "crun":
        view = "v1"  # it refuses hybrid hosts
    directory = Path(tempfile.mkdtemp(prefix="rootless-test-"))
    directory.chmod(0o755)
    try:
        opened = Land(directory, [sys.base_prefix, os.path.dirname(os.path.dirname(program))], view)
        try:
            yield opened
        finally:
            opened.close()
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def alice(land: Land) -> User:
    return land.users[0]


@pytest.fixture
def bob(land: Land) -> User:
    return land.users[1]


@pytest.fixture
def new_container(land: Land, program: str) -> Iterator[NewContainer]:
    """Makes containers, which are gone without a trace at the end."""
    made: list[Container] = []

    def make(user: User) -> Container:
        made.append(Container(user, program, f"c{next(_numbers)}"))
        return made[-1]

    yield make
    for container in made:
        container.clean_up()
    eventually(lambda: not land.processes(), f"the end of {land.processes()}")
    for user in land.users:
        state = user.runtime_directory / os.path.basename(program)
        assert [path for path in state.glob("*") if not path.name.startswith(".")] == []


@pytest.fixture
def container(new_container: NewContainer, alice: User) -> Container:
    return new_container(alice)


@pytest.fixture
def _sampan_alone(program: str) -> None:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if not said.startswith("sampan "):
        pytest.skip("about what sampan says, or decides, by itself")
