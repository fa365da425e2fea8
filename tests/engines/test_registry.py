"""Images that come from a registry, which podman and skopeo have filled: on the loopback device of the view."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator

import pytest

from .engine import eventually
from .podman import IMAGE, Podman

ADDRESS = "127.0.0.1:5000"
CONFIGURATION = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {directory}/registry}}}}
http: {{addr: {address}}}
log: {{level: error}}
"""


@pytest.fixture
def registry(podman: Podman) -> Iterator[str]:
    """Its address."""
    if lost := [program for program in ("docker-registry", "skopeo") if shutil.which(program) is None]:
        pytest.skip(f"not installed: {', '.join(lost)}")
    site = podman.site
    file = site.directory / "registry.yml"
    file.write_text(CONFIGURATION.format(directory=site.directory, address=ADDRESS))
    server = site.view.start(["docker-registry", "serve", str(file)])
    ask = ["busybox", "wget", "-q", "-O", "-", f"http://{ADDRESS}/v2/"]
    eventually(lambda: site.view.run(*ask).status == 0, "an answer of the registry")
    yield ADDRESS
    server.send_signal(signal.SIGKILL)
    server.wait()


def test_a_container_of_an_image_that_was_pushed_and_pulled(podman: Podman, registry: str) -> None:
    first, second = (f"{registry}/{podman.runtime}:{number}" for number in (1, 2))
    insecure = "--tls-verify=false"
    podman("push", "--quiet", insecure, IMAGE, first).checked()
    try:
        result = podman("run", "--rm", "--quiet", "--pull=always", insecure, first, "echo", "pulled")
        assert result.checked().output == "pulled"
        copy = ["--src-tls-verify=false", "--dest-tls-verify=false", f"docker://{first}", f"docker://{second}"]
        podman.site.view.run("skopeo", "copy", "--quiet", *copy).checked()
        result = podman("run", "--rm", "--quiet", insecure, second, "echo", "pulled the copy")
        assert result.checked().output == "pulled the copy"
    finally:
        podman("rmi", "--ignore", first, second).checked()
