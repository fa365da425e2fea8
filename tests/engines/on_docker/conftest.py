"""Fixtures: docker in a private view, with each runtime under test; nothing may be left behind by any test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from .. import leftovers
from ..runtimes import found_runtimes, need_a_reference, runtimes_of
from ..view import need, own_directory
from .daemon import Docker, Site

NEEDED = ("dockerd", "docker", "containerd", "iptables", "busybox")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "docker" in metafunc.fixturenames:
        metafunc.parametrize("docker", list(runtimes_of(metafunc.config)), indirect=True, scope="function")


@pytest.fixture(scope="session")
def docker_site(request: pytest.FixtureRequest) -> Iterator[Site]:
    need(*NEEDED)
    runtimes = found_runtimes(request.config)
    with own_directory() as directory:
        site = Site(directory, runtimes)
        try:
            site.start()
            yield site
        finally:
            site.close()


@pytest.fixture(scope="session")
def client(docker_site: Site) -> Iterator[DockerClient]:
    """The client for Python, as a program has it that is not in the view: a socket of the daemon is a file."""
    client = DockerClient(base_url=docker_site.socket)
    yield client
    client.close()


@pytest.fixture(scope="session")
def running_ones(docker_site: Site, client: DockerClient) -> Iterator[dict[str, str]]:
    """One container of each runtime that does nothing, for all tests that only look at one."""
    engines = {name: Docker(docker_site, name, client) for name in docker_site.runtimes}
    options = ["--name", "idle-{}", "--hostname", "idle", "--env", "FROM=the container", "--memory", "64m"]
    words = [*options, "--", "sh", "-c", "trap exit TERM; echo started; sleep 10000 & wait"]
    yield {name: engine.detached(*(word.format(name) for word in words)) for name, engine in engines.items()}
    for engine in engines.values():
        engine.tidy()


@pytest.fixture
def docker(request: pytest.FixtureRequest, docker_site: Site, client: DockerClient) -> Iterator[Docker]:
    """docker with the runtime of this test. At its end all containers are removed without a trace, or it fails."""
    before = leftovers.traces(docker_site.view, docker_site.states)
    engine = Docker(docker_site, request.param, client)
    yield engine
    engine.tidy()
    leftovers.check(request, docker_site.view, docker_site.states, before)


@pytest.fixture
def running(running_ones: dict[str, str], docker: Docker) -> str:
    """A container of this test's runtime, which the test may not change."""
    return running_ones[docker.runtime]


@pytest.fixture
def dockers(request: pytest.FixtureRequest, docker_site: Site, client: DockerClient) -> Iterator[dict[str, Docker]]:
    """docker with every runtime of the session, for comparisons."""
    need_a_reference(docker_site.runtimes)
    before = leftovers.traces(docker_site.view, docker_site.states)
    engines = {name: Docker(docker_site, name, client) for name in docker_site.runtimes}
    yield engines
    for engine in engines.values():
        engine.tidy()
    leftovers.check(request, docker_site.view, docker_site.states, before)


@pytest.fixture
def shared_directory(docker_site: Site) -> Iterator[Path]:
    """An empty directory of the host to be mounted into containers, that everybody may write to."""
    directory = Path(tempfile.mkdtemp(dir=docker_site.directory))
    directory.chmod(0o777)
    yield directory
    shutil.rmtree(directory)
