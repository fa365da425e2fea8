"""Images that are built in containers of the runtime: `podman build`, and buildah with --isolation oci."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .podman import IMAGE, Podman
from .view import Result

CONTAINERFILE = f"""\
FROM {IMAGE}
ENV A=b
COPY file /srv/file
RUN echo "built with $A" >/srv/built && id -u >>/srv/built && cat /srv/file >>/srv/built
USER worker
WORKDIR /home/worker
RUN id -u >own; pwd >>own
CMD ["cat", "/srv/built", "own"]
"""
BUILT = ["built with b", "0", "copied", "1000", "/home/worker"]


class Buildah:
    def __init__(self, podman: Podman) -> None:
        self.podman = podman
        self._environment = [f"BUILDAH_RUNTIME={podman.site.runtimes[podman.runtime]}", "BUILDAH_ISOLATION=oci"]

    def __call__(self, *words: str) -> Result:
        return self.podman.site.view.run("env", *self._environment, "buildah", *words)


@pytest.fixture
def buildah(podman: Podman) -> Buildah:
    if shutil.which("buildah") is None:
        pytest.skip("not installed: buildah")
    return Buildah(podman)


@pytest.fixture
def context(shared_directory: Path) -> Path:
    (shared_directory / "Containerfile").write_text(CONTAINERFILE)
    (shared_directory / "file").write_text("copied\n")
    return shared_directory


@pytest.fixture
def image(podman: Podman) -> Iterator[str]:
    """The name of an image to be made."""
    name = f"localhost/made-{podman.runtime}:1"
    yield name
    podman("rmi", name).checked()


def test_podman_builds_an_image(podman: Podman, context: Path, image: str) -> None:
    podman("build", "--quiet", "--isolation", "oci", "--layers=false", "--tag", image, str(context)).checked()
    assert podman("run", "--rm", image).checked().lines == BUILT


def test_buildah_builds_an_image(buildah: Buildah, context: Path, image: str) -> None:
    runtime = buildah.podman.site.runtimes[buildah.podman.runtime]
    buildah("bud", "--quiet", "--runtime", runtime, "--tag", image, str(context)).checked()
    assert buildah.podman("run", "--rm", image).checked().lines == BUILT


def test_a_step_that_fails_fails_the_build_with_its_status(buildah: Buildah, context: Path) -> None:
    (context / "Containerfile").write_text(f"FROM {IMAGE}\nRUN echo said; exit 3\n")
    result = buildah("bud", "--quiet", str(context))
    assert result.status == 3, str(result)
    assert "exit status 3" in result.stderr, str(result)
    (context / "Containerfile").write_text(f'FROM {IMAGE}\nUSER 0\nRUN ["/no/such/program"]\n')
    result = buildah("bud", "--quiet", str(context))
    assert result.status != 0 and "no such file or directory" in result.stderr, str(result)


def test_an_image_is_made_by_hand(buildah: Buildah, context: Path, image: str) -> None:
    container = buildah("from", IMAGE).checked().output
    try:
        show = "id -u; tty; grep CapEff /proc/self/status | cut -f 2; cat /context/file; touch /context/new"
        options = ["--tty", "--cap-drop", "all", "--user", "worker", "--volume", f"{context}:/context:ro"]
        result = buildah("run", *options, container, "--", "sh", "-c", show)
        assert result.status == 1, str(result)
        assert result.stdout.splitlines()[:4] == ["1000", "/dev/pts/0", "0" * 16, "copied"], str(result)
        assert "Read-only file system" in result.stdout
        buildah("run", container, "--", "sh", "-c", "echo made >/srv/made").checked()
        buildah("copy", container, str(context / "file"), "/srv/file").checked()
        buildah("config", "--cmd", "cat /srv/made /srv/file", container).checked()
        buildah("commit", "--quiet", container, image).checked()
    finally:
        buildah("rm", container).checked()
    assert buildah.podman("run", "--rm", image).checked().lines == ["made", "copied"]


def test_what_a_step_leaves_running_ends_with_it(buildah: Buildah) -> None:
    container = buildah("from", IMAGE).checked().output
    try:
        assert buildah("run", container, "--", "sh", "-c", "sleep 1234 & echo started").checked().output == "started"
        assert "sleep 1234" not in buildah("run", container, "--", "ps").checked().stdout
    finally:
        buildah("rm", container).checked()
