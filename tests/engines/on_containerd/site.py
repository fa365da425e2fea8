"""containerd in a private view, with every runtime under test as a handler of CRI."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

from .. import image
from ..view import Command, View

IMAGE = "localhost/busybox:1"
PAUSE = "localhost/pause:1"  # holds the namespaces of a pod
STATES = "/run/containerd/runc"  # where the shim has the runtimes keep theirs, a directory for each namespace

CONFIG = """\
version = 2
root = "{directory}/containerd"
state = "/run/containerd"

[grpc]
address = "{address}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
disable_apparmor = true
restrict_oom_score_adj = true
stream_server_address = "127.0.0.1"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{directory}/cni"

[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "{first}"
"""

HANDLER = """
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{name}]
runtime_type = "io.containerd.runc.v2"
pod_annotations = ["org.example.*"]
container_annotations = ["org.example.*"]

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{name}.options]
BinaryName = "{path}"
"""


# A network for pods that ask for one, by plugins of CNI.
NETWORK = """\
{{
  "cniVersion": "0.4.0",
  "name": "tests",
  "plugins": [{{
    "type": "ptp",
    "ipam": {{"type": "host-local", "subnet": "10.88.0.0/24", "dataDir": "{directory}/addresses"}}
  }}]
}}
"""


class Site:
    """One daemon with one image, for all runtimes of a session."""

    def __init__(self, directory: Path, runtimes: Mapping[str, str]) -> None:
        """`runtimes`: name -> absolute path."""
        self.directory = directory
        self.runtimes = dict(runtimes)
        self.address = directory / "containerd.sock"
        self._log = directory / "containerd.log"
        (directory / "tmp").mkdir()
        (directory / "cni").mkdir()
        (directory / "cni/network.conflist").write_text(NETWORK.format(directory=directory))
        handlers = [HANDLER.format(name=name, path=path) for name, path in runtimes.items()]
        config = CONFIG.format(directory=directory, address=self.address, pause=PAUSE, first=next(iter(runtimes)))
        (directory / "config.toml").write_text(config + "".join(handlers))
        environment = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(directory / "tmp"),
            "CONTAINERD_ADDRESS": str(self.address),
        }
        self.view = View(directory, {}, environment)
        try:
            self._daemon = self._start()
            self._import_images()
        except BaseException:
            self.close()
            raise

    def restart(self) -> None:
        """As an upgrade does: the shims, and with them the containers, stay."""
        self._daemon.send_signal(signal.SIGTERM)
        self._daemon.wait()
        self._daemon = self._start()

    @property
    def log(self) -> str:
        """What the daemon and its shims have to say."""
        return self._log.read_text()

    def limit(self, container: str, v1: str, v2: str) -> str:
        """The content of a file of the container's cgroup, with its name on cgroup v1 and on v2."""
        found = {
            file.read_text().strip()
            for cgroup in self.view.cgroups.below()
            if cgroup.name == container
            for file in (cgroup / v1, cgroup / v2)
            if file.exists()
        }
        assert len(found) == 1, found
        return found.pop()

    def close(self) -> None:
        self.view.close()

    def _start(self) -> Command:
        words = ["containerd", f"--config={self.directory}/config.toml"]
        return self.view.start_daemon(words, self._log, ["ctr", "version"])

    def _import_images(self) -> None:
        busybox = shutil.which("busybox")
        assert busybox is not None
        for name, command in ((IMAGE, ["sh"]), (PAUSE, ["sleep", "inf"])):
            archive = self.directory / "image.tar"
            image.write_archive(busybox, archive, name, command)
            self.view.run("ctr", "--namespace", "k8s.io", "images", "import", str(archive)).checked()
            if name == IMAGE:
                self.view.run("ctr", "images", "import", str(archive)).checked()
            archive.unlink()
