"""The pages of docs/install do what they say: their files are written, their commands run, with real engines."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import image, pages
from .engine import eventually
from .pages import File, Step
from .podman import POLICY, STORAGE_CONF
from .view import View, need, own_directory

SAMPAN = shutil.which("sampan", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or ""
IMAGE = "docker.io/library/busybox:latest"
# What this machine needs to run podman at all, in a file that is not the page's.
CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc=16384:16384"]
log_driver = "k8s-file"
netns = "none"

[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
image_copy_tmp_dir = "{directory}"
"""


class Machine:
    """A private view of the machine, in which a page is followed."""

    def __init__(self, directory: Path, files: dict[str, str]) -> None:
        self.directory = directory
        self.archive = directory / "busybox.tar"
        busybox = shutil.which("busybox")
        assert busybox
        image.write_archive(busybox, self.archive, IMAGE)
        (directory / "home").mkdir()
        environment = {
            "PATH": f"{Path(SAMPAN).parent}:{os.environ['PATH']}",
            "HOME": str(directory / "home"),
            "TMPDIR": str(directory),
        }
        self.view = View(directory, files, environment)

    def follow(self, steps: list[Step]) -> None:
        for step in steps:
            done = self.view.run("sh", "-c", f"{{ {step.command}\n}} 2>&1")
            assert step.matches(done.stdout), f"$ {step.command}\n{done.stdout}\n-- the page says --\n{step.output}"

    def start(self, *daemon: str, answers: tuple[str, ...]) -> None:
        """Start a daemon, and wait until ``answers`` succeeds. It ends with the view."""
        self.view.start_daemon(daemon, self.directory / "daemon.log", answers)

    def write(self, file: File, *, append: bool = False) -> None:
        """Write a file of the page, or add it to one that is there."""
        script = f'mkdir -p "$(dirname "$1")" && cat {">>" if append else ">"}"$1"'
        self.view.run("sh", "-c", script, "sh", file.path, stdin=file.content).checked()

    def cover(self, *tops: str) -> None:
        """What is written below these directories of the machine stays in the view: daemons write to many places."""
        for number, top in enumerate(tops):
            layers = [self.directory / f"{kind}-{number}" for kind in ("upper", "work")]
            for layer in layers:
                layer.mkdir(mode=0o755)
            options = f"lowerdir={top},upperdir={layers[0]},workdir={layers[1]}"
            self.view.run("mount", "-t", "overlay", "-o", options, "overlay", top).checked()


@pytest.fixture
def directory() -> Iterator[Path]:
    need("busybox")
    if not SAMPAN:
        pytest.skip("sampan is not installed")
    with own_directory() as found:
        yield found


def files_of(limit: int = 16384) -> int:
    return min(limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def podman_files(directory: Path) -> dict[str, str]:
    """What podman and buildah find on this machine before a page is followed."""
    return {
        "/etc/containers/policy.json": POLICY,
        "/etc/containers/registries.conf": "",
        "/etc/containers/storage.conf": STORAGE_CONF.format(directory=directory),
        "/etc/containers/containers.conf": CONTAINERS_CONF.format(files=files_of(), directory=directory),
    }


def test_podman(directory: Path) -> None:
    need("podman", "conmon")
    machine = Machine(directory, podman_files(directory))
    try:
        machine.view.run("podman", "load", "--input", str(machine.archive)).checked()
        parts = pages.read("podman", SAMPAN)
        assert [type(part) for part in parts] == [File, list, File, list]
        for part in parts:
            if isinstance(part, File):
                machine.write(part)
            else:
                machine.follow(part)
    finally:
        machine.view.close()


def test_buildah(directory: Path) -> None:
    need("buildah")
    machine = Machine(directory, podman_files(directory))
    try:
        machine.view.run("buildah", "pull", f"docker-archive:{machine.archive}").checked()
        parts = pages.read("buildah", SAMPAN)
        assert [type(part) for part in parts] == [File, list, File, list]
        for part in parts:
            if isinstance(part, File):
                machine.write(part)
            else:
                machine.follow(part)
    finally:
        machine.view.close()


def test_docker(directory: Path) -> None:
    need("docker", "dockerd", "containerd")
    machine = Machine(directory, {})
    try:
        machine.cover("/etc", "/opt", "/var/lib")
        first, checks, second, checks_of_default = pages.read("docker", SAMPAN)
        assert isinstance(first, File) and isinstance(second, File)
        assert isinstance(checks, list) and isinstance(checks_of_default, list)
        machine.write(first)
        machine.start(
            "dockerd",
            f"--data-root={directory}/docker",
            f"--default-ulimit=nofile={files_of()}:{files_of()}",
            "--exec-opt=native.cgroupdriver=cgroupfs",
            answers=("docker", "version"),
        )
        machine.view.run("docker", "load", "--input", str(machine.archive)).checked()
        machine.follow(checks)
        machine.write(second)
        machine.view.run("sh", "-c", "kill -HUP $(cat /run/docker.pid)").checked()  # systemctl reload
        eventually(
            lambda: machine.view.run("docker", "info", "--format", "{{.DefaultRuntime}}").output == "sampan",
            "the default runtime is sampan after a reload",
        )
        machine.follow(checks_of_default)
    finally:
        machine.view.close()


def test_containerd(directory: Path) -> None:
    need("containerd", "ctr", "containerd-shim-runc-v2")
    machine = Machine(directory, {})
    try:
        machine.cover("/etc", "/opt", "/var/lib")
        by_ctr, addition, _addition_for_version_3, checks = pages.read("containerd", SAMPAN)
        assert isinstance(by_ctr, list) and isinstance(addition, File) and isinstance(checks, list)
        default = machine.view.run("containerd", "config", "default").checked().stdout
        machine.write(File(addition.path, default))
        machine.write(addition, append=True)
        daemon = ("containerd", f"--root={directory}/containerd")
        machine.start(*daemon, answers=("ctr", "version"))
        machine.view.run("ctr", "images", "import", str(machine.archive)).checked()
        machine.follow(by_ctr)
        machine.follow(checks)
    finally:
        machine.view.close()
