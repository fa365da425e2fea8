"""podman, told by its configuration files to keep to a private view and to use one of the runtimes under test."""

from __future__ import annotations

import json
import os
import resource
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import image
from .view import Command, Result, View

IMAGE = "localhost/busybox:1"

# No network unless a test asks for one: most tests are about something else, and it takes time.
CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
log_driver = "k8s-file"
netns = "none"
{pids_limit}

[network]
network_backend = "netavark"

[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
exit_command_delay = 1
image_copy_tmp_dir = "{directory}/tmp"
runtime = "{first}"
runtime_supports_json = [{names}]
runtime_supports_nocgroup = [{without_runc}]
stop_timeout = 2

[engine.runtimes]
{runtimes}
"""

STORAGE_CONF = """\
[storage]
driver = "overlay"
graphroot = "{directory}/storage"
runroot = "{directory}/run"
"""

POLICY = json.dumps({"default": [{"type": "insecureAcceptAnything"}]})


class Site:
    """A private view with podman's configuration, storage and one image in it, for all runtimes of a session."""

    def __init__(self, directory: Path, runtimes: Mapping[str, str]) -> None:
        """`runtimes`: name -> absolute path."""
        self.directory = directory
        self.runtimes = dict(runtimes)
        for name in ("tmp", "home", "storage", "run"):
            (directory / name).mkdir()
        (directory / "containers.conf").write_text(self._containers_conf())
        (directory / "storage.conf").write_text(STORAGE_CONF.format(directory=directory))
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory / "home"),
            "TMPDIR": str(directory / "tmp"),
            "CONTAINERS_CONF": str(directory / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(directory / "storage.conf"),
        }
        files = {"/etc/containers/policy.json": POLICY, "/etc/containers/registries.conf": ""}
        self.view = View(directory, files, self.environment)

    def import_image(self) -> None:
        busybox = shutil.which("busybox")
        assert busybox is not None
        tar = self.directory / "busybox.tar"
        image.write_tar(busybox, tar)
        changes = ["--change", "ENV=PATH=/bin", "--change", "CMD=sh"]
        self.view.run("podman", "import", *changes, str(tar), IMAGE).checked()

    def close(self) -> None:
        self.view.close()

    def _containers_conf(self) -> str:
        pure_v2 = Path("/sys/fs/cgroup/cgroup.controllers")
        without_pids = pure_v2.exists() and "pids" not in pure_v2.read_text().split()
        return CONTAINERS_CONF.format(
            directory=self.directory,
            files=min(16384, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
            processes=16384,
            pids_limit="pids_limit = 0" if without_pids else "",
            first=next(iter(self.runtimes)),
            names=", ".join(f'"{name}"' for name in self.runtimes),
            without_runc=", ".join(f'"{name}"' for name in self.runtimes if name != "runc"),
            runtimes="\n".join(f'{name} = ["{path}"]' for name, path in self.runtimes.items()),
        )


class Podman:
    """podman with one runtime. What is started by it is remembered, and removed by `tidy`."""

    def __init__(self, site: Site, runtime: str) -> None:
        self.site = site
        self.runtime = runtime
        self._containers: list[str] = []
        self._pods: list[str] = []

    def __call__(self, *words: str, stdin: str = "") -> Result:
        """Any podman command."""
        return self.site.view.run(*self._command(words), stdin=stdin)

    def in_background(self, *words: str, **descriptors: int) -> Command:
        return self.site.view.start(self._command(words), **descriptors)

    def run(self, *words: str, stdin: str = "") -> Result:
        """`podman run --rm OPTIONS IMAGE WORDS`; options are the words before "--"."""
        return self("run", "--rm", *_with_image(words), stdin=stdin)

    def detached(self, *words: str) -> str:
        """A container in the background; its id."""
        return self._remember(self("run", "--detach", *_with_image(words)).checked().output)

    def created(self, *words: str) -> str:
        return self._remember(self("create", *_with_image(words)).checked().output)

    def pod(self, *options: str) -> str:
        self._pods.append(self("pod", "create", *options).checked().output)
        return self._pods[-1]

    def inspect(self, container: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(self("container", "inspect", container).checked().stdout)
        return found[0]

    def status(self, container: str) -> str:
        return self("inspect", "--format", "{{.State.Status}}", container).checked().output

    def logs(self, container: str) -> str:
        return self("logs", container).checked().stdout

    def wait_for_log(self, container: str, text: str) -> None:
        eventually(lambda: text in self.logs(container), f"{text!r} in the log of {container}")

    def tidy(self) -> None:
        """Removes what tests have started; each must be removable, or be gone already."""
        containers, self._containers = self._containers, []
        pods, self._pods = self._pods, []
        if containers:
            self("rm", "--force", "--ignore", "--time=0", *containers).checked()
        for pod in pods:
            self.remove_pod(pod)

    def remove_pod(self, pod: str) -> None:
        self("pod", "stop", "--ignore", "--time=0", pod).checked()  # its removal would wait for some seconds
        self("pod", "rm", "--force", "--ignore", "--time=0", pod).checked()

    def _remember(self, container: str) -> str:
        self._containers.append(container)
        return container

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return ["podman", "--runtime", self.runtime, *words]


def _with_image(words: tuple[str, ...]) -> list[str]:
    """The image stands between the options and the command."""
    if "--" not in words:
        return [IMAGE, *words]
    at = words.index("--")
    return [*words[:at], IMAGE, *words[at + 1 :]]


def eventually(condition: Callable[[], bool], what: str, timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
        time.sleep(0.05)
