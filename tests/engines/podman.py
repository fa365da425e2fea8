"""podman, told by its configuration files to keep to a private view and to use one of the runtimes under test."""

from __future__ import annotations

import json
import os
import resource
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import image
from .engine import Engine
from .view import View

IMAGE = "localhost/busybox:1"
STATES = ("/run/sampan", "/run/runc")  # of the runtimes

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


class Podman(Engine):
    """podman with one runtime."""

    def __init__(self, site: Site, runtime: str) -> None:
        super().__init__(site.view, runtime, IMAGE)
        self.site = site
        self._pods: list[str] = []

    def pod(self, *options: str) -> str:
        self._pods.append(self("pod", "create", *options).checked().output)
        return self._pods[-1]

    def tidy(self) -> None:
        containers, self._containers = self._containers, []
        pods, self._pods = self._pods, []
        if containers:
            self("rm", "--force", "--ignore", "--time=0", *containers).checked()
        for pod in pods:
            self.remove_pod(pod)

    def remove_pod(self, pod: str) -> None:
        self("pod", "stop", "--ignore", "--time=0", pod).checked()  # its removal would wait for some seconds
        self("pod", "rm", "--force", "--ignore", "--time=0", pod).checked()

    def _command(self, words: Sequence[str]) -> list[str]:
        return ["podman", "--runtime", self.runtime, *words]
