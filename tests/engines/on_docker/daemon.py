"""dockerd in a private view, and docker's command line with one of the runtimes under test."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import NotFound

from .. import image
from ..engine import Engine, eventually
from ..view import View

IMAGE = "busybox:1"
BUILT_IN = "runc"  # dockerd knows this runtime by itself, and finds it in PATH
CHATTY = "-with-arguments"  # ends the names of the same runtimes with an argument of their own
NETWORK_OPTIONS = ("--net", "-p", "--publish", "--dns", "--link")


class Site:
    """A private view with dockerd, its containerd and one image in it, for all runtimes of a session."""

    def __init__(self, directory: Path, runtimes: Mapping[str, str], **settings: object) -> None:
        """`runtimes`: name -> absolute path. `settings`: more of daemon.json, with _ for -."""
        self.directory = directory
        self.runtimes = dict(runtimes)
        self.socket = f"unix://{directory}/docker.sock"
        self.states = (f"{directory}/run/runtime-runc/moby",)  # what dockerd tells its shims, for any runtime
        (directory / "home").mkdir()
        self._first_in_path = directory / "bin"
        self._first_in_path.mkdir()
        environment = {
            # The command line of Debian's own package, which is of the daemon's version.
            "PATH": f"{self._first_in_path}:/usr/sbin:/usr/bin:/sbin:/bin:{os.environ['PATH']}",
            "HOME": str(directory / "home"),
            "TMPDIR": str(directory),
            "DOCKER_HOST": self.socket,
        }
        self._settings = self._daemon_json() | {name.replace("_", "-"): value for name, value in settings.items()}
        self._write_settings()
        self.view = View(directory, {}, environment)
        for name in ("data", "run"):  # the daemons wait for the disk at each of their steps
            (directory / name).mkdir()
            self.view.run("mount", "-t", "tmpfs", "-o", "mode=711", name, str(directory / name)).checked()

    def start(self) -> None:
        """Start the daemon, and give it the image."""
        self.start_daemon()
        busybox = shutil.which("busybox")
        assert busybox is not None
        archive = self.directory / "busybox.tar"
        image.write_archive(busybox, archive, IMAGE)
        self.view.run("docker", "load", "--input", str(archive)).checked()

    def start_daemon(self) -> None:
        daemon = ["dockerd", "--config-file", f"{self.directory}/daemon.json"]
        self._daemon = self.view.start_daemon(daemon, self.directory / "daemon.log", ["docker", "version"])

    def kill_daemon(self) -> None:
        self._daemon.send_signal(signal.SIGKILL)
        self._daemon.wait()

    def close(self) -> None:
        self.view.close()

    @contextmanager
    def default_runtime(self, name: str) -> Iterator[None]:
        """The runtime of containers for which none is asked, like those of `docker build`: by a reload."""
        before = self._default_runtime()
        self._reload_with_default(name)
        yield
        self._reload_with_default(before)

    @contextmanager
    def called_runc(self, runtime: str) -> Iterator[Path]:
        """The runtime is what a program finds in PATH that looks for `runc`, like BuildKit. Gives a log of its uses."""
        link, log = self._first_in_path / "runc", self.directory / "uses-of-runc"
        link.write_text(f'#!/bin/sh\necho "$*" >>{log}\nexec {self.runtimes[runtime]} "$@"\n')
        link.chmod(0o755)
        yield log
        link.unlink()
        log.unlink()

    def _reload_with_default(self, runtime: str) -> None:
        self._settings["default-runtime"] = runtime
        self._write_settings()
        self.view.run("sh", "-c", f"kill -HUP $(cat {self.directory}/pid)").checked()
        eventually(lambda: self._default_runtime() == runtime, f"{runtime} is the default after a reload")

    def _default_runtime(self) -> str:
        return self.view.run("docker", "info", "--format", "{{.DefaultRuntime}}").checked().output

    def _write_settings(self) -> None:
        (self.directory / "daemon.json").write_text(json.dumps(self._settings))

    def _daemon_json(self) -> dict[str, object]:
        files = min(16384, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        return {
            "hosts": [self.socket],
            "data-root": f"{self.directory}/data",
            "exec-root": f"{self.directory}/run",
            "pidfile": f"{self.directory}/pid",
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "default-ulimits": {"nofile": {"Name": "nofile", "Soft": files, "Hard": files}},
            "live-restore": True,
            "runtimes": {name: {"path": path} for name, path in self.runtimes.items() if name != BUILT_IN}
            | {f"{name}{CHATTY}": {"path": path, "runtimeArgs": ["--debug"]} for name, path in self.runtimes.items()},
        }


class Docker(Engine):
    """docker with one runtime. `client` is the same daemon for a program in Python."""

    def __init__(self, site: Site, runtime: str, client: DockerClient) -> None:
        super().__init__(site.view, runtime, IMAGE)
        self.site = site
        self.client = client
        self._volumes: list[str] = []
        self._networks: list[str] = []

    def with_image(self, words: Sequence[str]) -> list[str]:
        """No network unless a test asks for one: most tests are about something else, and it takes time."""
        options = words[: words.index("--")] if "--" in words else ()
        network = [] if any(word.startswith(NETWORK_OPTIONS) for word in options) else ["--network", "none"]
        return ["--runtime", self.runtime, *network, *super().with_image(words)]

    def by_client(self, *command: str, **options: object) -> Any:
        """A container in the background, started by the client for Python: its object."""
        options = {"runtime": self.runtime, "network_mode": "none", "command": list(command), **options}
        container = self.client.containers.run(IMAGE, detach=True, **options)
        self.remember(container.id)
        return container

    def volume(self) -> str:
        self._volumes.append(self("volume", "create").checked().output)
        return self._volumes[-1]

    def network(self) -> str:
        """The name of a new bridge network."""
        name = f"harbour-{self.runtime}"
        self._networks.append(self("network", "create", name).checked().output)
        return name

    def state(self, container: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.api.inspect_container(container)["State"]
        return found

    def wait_for_status(self, container: str, status: str) -> None:
        eventually(lambda: self.state(container)["Status"] == status, f"{container} is {status}")

    def exists(self, container: str) -> bool:
        try:
            return bool(self.client.api.inspect_container(container))
        except NotFound:
            return False

    def tidy(self) -> None:
        containers, self._containers = self._containers, []
        for container in containers:
            if self.exists(container):
                self.client.api.remove_container(container, force=True, v=True)
        for volume in self._volumes:
            self.client.api.remove_volume(volume)
        for network in self._networks:
            self.client.api.remove_network(network)

    def _command(self, words: Sequence[str]) -> list[str]:
        return ["docker", *words]
