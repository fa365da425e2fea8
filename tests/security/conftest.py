"""Fixtures: containers of sampan, of the vulnerable runc of the distribution, and of sampan without a defence."""

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

from runtime import kernel, leftovers, views
from runtime.bundle import Bundle, make_template
from runtime.container import Container
from runtime.driver import Runtime

from . import weakened
from .weakened import Defence

HERE = Path(__file__).parent
VULNERABLE_RUNC = (1, 1, 12)  # the first version without CVE-2024-21626; the other cases were fixed later
NewContainer = Callable[[Runtime], Container]
Without = Callable[..., Container]

_numbers = itertools.count()


@pytest.fixture(scope="session")
def sampan() -> Iterator[Runtime]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    kernel.become_subreaper()
    with views.private_view("host"):
        yield Runtime("sampan")


@pytest.fixture(scope="session")
def workspace() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix=f"{leftovers.TOKEN}-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def template(workspace: Path) -> Path:
    return make_template(workspace / "template")


@pytest.fixture(scope="session")
def programs(workspace: Path) -> Callable[[str], Path]:
    """Builds a static program from a C file of this directory, once."""

    def build(name: str) -> Path:
        program = workspace / name
        if not program.exists():
            flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static"]
            subprocess.run(["cc", *flags, "-o", program, HERE / f"{name}.c"], check=True)
        return program

    return build


@pytest.fixture(scope="session")
def build_without(workspace: Path, sampan: Runtime) -> Callable[..., Runtime]:
    built: dict[tuple[Defence, ...], Runtime] = {}

    def build(*defences: Defence) -> Runtime:
        if defences not in built:
            directory = workspace / f"weakened-{len(built)}"
            directory.mkdir()
            built[defences] = Runtime(str(weakened.build(directory, defences)))
        return built[defences]

    return build


@pytest.fixture
def new_container(sampan: Runtime, workspace: Path, template: Path) -> Iterator[NewContainer]:
    """Makes containers. At the end those of sampan are gone without a trace, or the test fails; others are removed."""
    before = leftovers.Snapshot.take()
    made: list[Container] = []

    def make(runtime: Runtime) -> Container:
        name = f"{leftovers.TOKEN}-s{next(_numbers)}"
        made.append(Container(runtime, Bundle(workspace / name / "bundle", template), name, workspace / name))
        return made[-1]

    yield make
    for container in made:
        container.clean_up()
    own = [container for container in made if container.runtime is sampan]
    found = leftovers.find(before, [path for container in own for path in (container.root, container.temporary)])
    found.remove()
    for container in made:
        shutil.rmtree(container.directory)
    if found and len(own) == len(made):
        pytest.fail(str(found), pytrace=False)


@pytest.fixture
def container(new_container: NewContainer, sampan: Runtime) -> Container:
    return new_container(sampan)


@pytest.fixture
def runc(new_container: NewContainer) -> Container:
    """A container of an old runc: the attack must succeed there."""
    try:
        runtime = Runtime("runc")
    except FileNotFoundError:
        pytest.skip("there is no runc to show that the attack can succeed")
    if runtime.version >= VULNERABLE_RUNC:
        pytest.skip(f"runc {runtime.version} is not vulnerable any more: nothing shows that the attack can succeed")
    return new_container(runtime)


@pytest.fixture
def without(new_container: NewContainer, build_without: Callable[..., Runtime]) -> Without:
    """A container of sampan without the given defences: the attack must succeed there."""
    return lambda *defences: new_container(build_without(*defences))


@pytest.fixture
def victim(workspace: Path) -> Iterator[Path]:
    """A directory of the host that no container may reach."""
    directory = workspace / f"victim-{next(_numbers)}"
    directory.mkdir()
    (directory / "secret").write_text("the host's secret")
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def race_tries(request: pytest.FixtureRequest) -> int:
    """How often an attack is tried that is a race."""
    return int(request.config.getoption("--race-tries"))
