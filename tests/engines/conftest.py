"""Fixtures: podman in a private view, with each runtime under test; nothing may be left behind by any test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from . import leftovers
from .podman import STATES, Podman, Site
from .runtimes import found_runtimes, need_a_reference, runtimes_of
from .view import need, own_directory

NEEDED = ("podman", "conmon", "busybox")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("container runtimes").addoption(
        "--engine-runtime",
        action="append",
        metavar="NAME|PATH",
        help="a runtime that the engines of tests/engines drive; repeated or a comma separated list for more "
        "(default: those of --runtime, or sampan, and runc where it is installed)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "podman" in metafunc.fixturenames:
        metafunc.parametrize("podman", list(runtimes_of(metafunc.config)), indirect=True, scope="function")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[leftovers.PASSED] = report.passed
    return report


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    need(*NEEDED)
    runtimes = found_runtimes(request.config)
    with own_directory() as directory:
        opened = Site(directory, runtimes)
        try:
            opened.import_image()
            yield opened
        finally:
            opened.close()


@pytest.fixture
def podman(request: pytest.FixtureRequest, site: Site) -> Iterator[Podman]:
    """podman with the runtime of this test. At its end all containers are removed without a trace, or it fails."""
    before = leftovers.traces(site.view, STATES)
    engine = Podman(site, request.param)
    yield engine
    engine.tidy()
    leftovers.check(request, site.view, STATES, before)


@pytest.fixture
def podmans(request: pytest.FixtureRequest, site: Site) -> Iterator[dict[str, Podman]]:
    """podman with every runtime of the session, for comparisons."""
    need_a_reference(site.runtimes)
    before = leftovers.traces(site.view, STATES)
    engines = {name: Podman(site, name) for name in site.runtimes}
    yield engines
    for engine in engines.values():
        engine.tidy()
    leftovers.check(request, site.view, STATES, before)


@pytest.fixture
def shared_directory(site: Site) -> Iterator[Path]:
    """An empty directory of the host to be mounted into containers, that everybody may write to."""
    directory = Path(tempfile.mkdtemp(dir=site.directory))
    directory.chmod(0o777)
    yield directory
    shutil.rmtree(directory)
