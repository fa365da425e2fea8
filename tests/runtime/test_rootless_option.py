"""runc's global option `--rootless`: 'ignore cgroup permission errors (true, false, or auto)'."""

from __future__ import annotations

import pytest

from . import cgroupfs
from .bundle import Bundle
from .container import Container
from .driver import Result, Runtime

# in a mount namespace of its own: no hierarchy can be written to, as for a user to whom none is delegated
READ_ONLY = (
    'for point; do [ "$point" != -- ] || break; mount -o remount,bind,ro "$point"; shift; done; shift; exec "$@"'
)


@pytest.fixture(autouse=True)
def _has_the_option(runtime: Runtime) -> None:
    if runtime.name == "crun":
        pytest.skip("--rootless is runc's")


def run(container: Container, *options: str) -> Result:
    container.bundle.write()
    runtime, points = container.runtime, sorted(set(map(str, cgroupfs.hierarchies().values())))
    words = (*options, "run", "--bundle", str(container.bundle.path), container.id)
    view = ["unshare", "-m", "--propagation", "private", "sh", "-ec", READ_ONLY, "sh", *points, "--"]
    return runtime.call([*view, *runtime.command(container.root, *words)])


@pytest.fixture(autouse=True)
def _says_hello(bundle: Bundle) -> None:
    bundle.without_mount("/sys/fs/cgroup").args("echo", "hello")
    bundle.config["linux"].pop("cgroupsPath", None)


@pytest.mark.parametrize("said", ["true", "1", "T"])
def test_it_makes_a_container_without_a_cgroup(container: Container, said: str) -> None:
    assert run(container, f"--rootless={said}").checked().output == "hello"


@pytest.mark.parametrize("options", [[], ["--rootless=auto"], ["--rootless", "false"], ["--rootless=0"]])
def test_without_it_a_cgroup_that_cannot_be_made_is_an_error(container: Container, options: list[str]) -> None:
    """For root, which `auto` finds out"""
    assert "read-only file system" in run(container, *options).stderr
    assert not container.exists


def test_limits_need_a_cgroup_all_the_same(container: Container, bundle: Bundle) -> None:
    """config-linux.md: the container must not run without what it asks for"""
    bundle.set("linux.resources.pids", {"limit": 17})
    result = run(container, "--rootless=true")
    assert result.status != 0
    assert not container.exists


def test_a_path_that_is_asked_for_needs_a_cgroup_all_the_same(container: Container, bundle: Bundle) -> None:
    """config-linux.md, Cgroups Path: 'Runtimes MUST consistently attach to the same place in the cgroups hierarchy'"""
    bundle.set("linux.cgroupsPath", f"/{container.id}")
    assert run(container, "--rootless=true").status != 0
    assert not container.exists


def test_another_word_is_an_error(container: Container) -> None:
    assert run(container, "--rootless=perhaps").status != 0
    assert not container.exists
