"""Fixtures: the runtime under test in its view of the cgroups, a bundle, and a container that leaves nothing behind."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from . import bundle as bundles
from . import differences, kernel, leftovers, views
from .bundle import Bundle
from .container import Container
from .driver import Runtime
from .holder import Holder
from .leftovers import TOKEN

_passed = pytest.StashKey[bool]()


def _names(config: pytest.Config) -> list[str]:
    given = config.getoption("--runtime") or ["sampan"]
    return [name for value in given for name in value.split(",")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "runtime" in metafunc.fixturenames:
        names = _names(metafunc.config)
        ids = [os.path.basename(name) for name in names]
        metafunc.parametrize("runtime", names, indirect=True, ids=ids, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Listed differences are expected to fail."""
    runtimes: dict[str, Runtime] = {}
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec is None or "runtime" not in callspec.params:
            continue
        program = callspec.params["runtime"]
        try:
            runtime = runtimes.setdefault(program, Runtime(program))
            name = runtime.name
        except (OSError, ValueError):
            continue  # the fixture will say it
        test = _plain_id(item, os.path.basename(program))
        if difference := differences.known(name, runtime.version, test):
            run = not difference.waits or config.getoption("--patiently")
            item.add_marker(pytest.mark.xfail(reason=difference.reason, strict=difference.strict, run=run))


def _plain_id(item: pytest.Item, runtime: str) -> str:
    """FILE::TEST[PARAMETERS] without the runtime's name among the parameters."""
    test = item.nodeid.partition("::")[2]
    function, _, parameters = test.partition("[")
    kept = parameters.rstrip("]").replace(f"{runtime}-", "", 1) if parameters.rstrip("]") != runtime else ""
    return f"{item.path.name}::{function}[{kept}]" if kept else f"{item.path.name}::{function}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_passed] = report.passed and item.get_closest_marker("xfail") is None
    return report


@pytest.fixture(scope="session")
def runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    try:
        tested = Runtime(request.param)
    except FileNotFoundError as error:
        pytest.fail(str(error), pytrace=False)
    view = request.config.getoption("--cgroup-view")
    if view == "auto":
        view = "v1" if tested.name == "crun" and not views.is_pure_v2() else "host"
    kernel.become_subreaper()
    with views.private_view(view):
        yield tested


@pytest.fixture(scope="session")
def workspace() -> Iterator[Path]:
    """A directory on a real filesystem that processes in user namespaces can reach, too."""
    directory = Path(tempfile.mkdtemp(prefix=f"{TOKEN}-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def template(workspace: Path) -> Path:
    return bundles.make_template(workspace / "template")


_numbers = itertools.count()
NewContainer = Callable[[], Container]


@pytest.fixture
def new_container(
    request: pytest.FixtureRequest, runtime: Runtime, workspace: Path, template: Path
) -> Iterator[NewContainer]:
    """Makes containers. At the end they are gone without a trace, or the test fails."""
    before = leftovers.Snapshot.take()
    made: list[Container] = []

    def make() -> Container:
        name = f"{TOKEN}-{next(_numbers)}"
        container = Container(runtime, Bundle(workspace / name / "bundle", template), name, workspace / name)
        made.append(container)
        return container

    yield make
    for container in made:
        container.clean_up()
    directories = [directory for container in made for directory in (container.root, container.temporary)]
    found = leftovers.find(before, directories)
    found.remove()
    for container in made:
        shutil.rmtree(container.directory)
    if found and request.node.stash.get(_passed, False):
        pytest.fail(str(found), pytrace=False)


@pytest.fixture
def container(new_container: NewContainer) -> Container:
    return new_container()


@pytest.fixture
def bundle(container: Container) -> Bundle:
    return container.bundle


@pytest.fixture
def hold(new_container: NewContainer) -> Iterator[Callable[..., Holder]]:
    """Makes processes that hold namespaces: `hold("network", "ipc")`. They end before leftovers are looked for."""
    del new_container
    holders: list[Holder] = []

    def make(*kinds: str) -> Holder:
        holders.append(Holder(*kinds))
        return holders[-1]

    yield make
    for holder in holders:
        holder.close()
