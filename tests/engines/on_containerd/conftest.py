"""Fixtures: one containerd in a private view, and its faces with each runtime; no test may leave anything behind."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..leftovers import PASSED
from ..runtimes import REFERENCE, runtimes_of
from . import leftovers
from .cri import Cri
from .ctr import Ctr
from .site import Site

NEEDED = ("containerd", "ctr", "containerd-shim-runc-v2", "busybox", "unshare", "ip")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for face in {"ctr", "cri"} & set(metafunc.fixturenames):
        metafunc.parametrize(face, list(runtimes_of(metafunc.config)), indirect=True, scope="function")


@pytest.fixture(scope="package")
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    if os.geteuid() != 0:
        pytest.skip("needs root: it makes namespaces and cgroups")
    if missing := [program for program in NEEDED if shutil.which(program) is None]:
        pytest.skip(f"not installed: {', '.join(missing)} (scripts/install-debian-packages engines)")
    if lacking := _missing_controllers():
        pytest.skip(f"containerd limits every container, and this cgroup v2 is without {', '.join(lacking)}")
    runtimes = runtimes_of(request.config)
    if lost := [name for name, path in runtimes.items() if not path]:
        pytest.fail(f"not in PATH and not beside {sys.executable}: {', '.join(lost)}", pytrace=False)
    directory = Path(tempfile.mkdtemp(prefix="containerd-test-"))
    directory.chmod(0o755)  # processes in user namespaces come here, too
    try:
        opened = Site(directory, runtimes)
        yield opened
        opened.close()
    finally:
        shutil.rmtree(directory)


def _missing_controllers() -> list[str]:
    """Those without which a container with containerd's defaults can run on no runtime: they are set in config.json."""
    available = Path("/sys/fs/cgroup/cgroup.controllers")
    return sorted({"cpu", "memory", "pids"} - set(available.read_text().split())) if available.exists() else []


@pytest.fixture
def ctr(request: pytest.FixtureRequest, site: Site) -> Iterator[Ctr]:
    """ctr with the runtime of this test. At its end all containers are removed without a trace, or it fails."""
    before = leftovers.things_in(site.view)
    face = Ctr(site, request.param)
    yield face
    face.tidy()
    _check_leftovers(request, site, before)


@pytest.fixture
def cri(request: pytest.FixtureRequest, site: Site) -> Iterator[Cri]:
    """CRI with the runtime of this test. At its end all pods are removed without a trace, or it fails."""
    before = leftovers.things_in(site.view)
    face = Cri(site, request.param)
    face.wait_until_ready()
    yield face
    face.tidy()
    _check_leftovers(request, site, before)


@pytest.fixture
def cris(request: pytest.FixtureRequest, site: Site) -> Iterator[dict[str, Cri]]:
    """CRI with every runtime of the session, for comparisons."""
    if REFERENCE not in site.runtimes or len(site.runtimes) < 2:
        pytest.skip(f"compares a runtime with {REFERENCE}, and this session has only {', '.join(site.runtimes)}")
    before = leftovers.things_in(site.view)
    faces = {name: Cri(site, name) for name in site.runtimes}
    yield faces
    for face in faces.values():
        face.tidy()
    _check_leftovers(request, site, before)


def _check_leftovers(request: pytest.FixtureRequest, site: Site, before: set[str]) -> None:
    found = leftovers.settle(site.view, before)
    if found and request.node.stash.get(PASSED, False):
        pytest.fail("left behind:\n" + "\n".join(found), pytrace=False)


@pytest.fixture
def shared_directory(site: Site) -> Iterator[Path]:
    """An empty directory of the host to be mounted into containers, that everybody may write to."""
    directory = Path(tempfile.mkdtemp(dir=site.directory))
    directory.chmod(0o777)
    yield directory
    shutil.rmtree(directory)
