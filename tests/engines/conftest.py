"""Fixtures: podman in a private view, with each runtime under test; nothing may be left behind by any test."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from . import leftovers
from .podman import Podman, Site

REFERENCE = "runc"
NEEDED = ("podman", "conmon", "busybox", "unshare", "ip")
_passed = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("container runtimes").addoption(
        "--engine-runtime",
        action="append",
        metavar="NAME|PATH",
        help="a runtime that the engines of tests/engines drive; repeated or a comma separated list for more "
        "(default: those of --runtime, or sampan, and runc where it is installed)",
    )


def runtimes_of(config: pytest.Config) -> dict[str, str]:
    """Name -> path, or "" for a runtime that is not found."""
    given = config.getoption("--engine-runtime", None)
    if not given:
        given = config.getoption("--runtime") or ["sampan"]
        given = [*given, REFERENCE] if shutil.which(REFERENCE) else given
    words = [word for value in given for word in value.split(",")]
    beside_python = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ.get('PATH', '')}"
    return {os.path.basename(word): shutil.which(word, path=beside_python) or "" for word in words}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "podman" in metafunc.fixturenames:
        metafunc.parametrize("podman", list(runtimes_of(metafunc.config)), indirect=True, scope="function")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_passed] = report.passed
    return report


def passed(item: pytest.Item) -> bool:
    return item.stash.get(_passed, False)


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    if os.geteuid() != 0:
        pytest.skip("needs root: it makes namespaces and cgroups")
    if missing := [program for program in NEEDED if shutil.which(program) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    runtimes = runtimes_of(request.config)
    if lost := [name for name, path in runtimes.items() if not path]:
        pytest.fail(f"not in PATH and not beside {sys.executable}: {', '.join(lost)}", pytrace=False)
    directory = Path(tempfile.mkdtemp(prefix="engines-test-"))
    directory.chmod(0o755)  # processes in user namespaces come here, too
    try:
        opened = Site(directory, runtimes)
        try:
            opened.import_image()
            yield opened
        finally:
            opened.close()
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def podman(request: pytest.FixtureRequest, site: Site) -> Iterator[Podman]:
    """podman with the runtime of this test. At its end all containers are removed without a trace, or it fails."""
    before = leftovers.mounts_of(site.view)
    engine = Podman(site, request.param)
    yield engine
    engine.tidy()
    _check_leftovers(request, site, before)


@pytest.fixture
def podmans(request: pytest.FixtureRequest, site: Site) -> Iterator[dict[str, Podman]]:
    """podman with every runtime of the session, for comparisons."""
    if REFERENCE not in site.runtimes or len(site.runtimes) < 2:
        pytest.skip(f"compares a runtime with {REFERENCE}, and this session has only {', '.join(site.runtimes)}")
    before = leftovers.mounts_of(site.view)
    engines = {name: Podman(site, name) for name in site.runtimes}
    yield engines
    for engine in engines.values():
        engine.tidy()
    _check_leftovers(request, site, before)


def _check_leftovers(request: pytest.FixtureRequest, site: Site, before: set[str]) -> None:
    found = leftovers.settle(site.view, before)
    if found and passed(request.node):
        pytest.fail("left behind:\n" + "\n".join(found), pytrace=False)


@pytest.fixture
def shared_directory(site: Site) -> Iterator[Path]:
    """An empty directory of the host to be mounted into containers, that everybody may write to."""
    directory = Path(tempfile.mkdtemp(dir=site.directory))
    directory.chmod(0o777)
    yield directory
    shutil.rmtree(directory)
