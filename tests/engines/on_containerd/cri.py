"""Kubernetes' interface to container runtimes, used as a kubelet does, with one runtime as the handler of its pods."""

from __future__ import annotations

import functools
import itertools
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..engine import eventually
from . import rpc
from .messages import Messages
from .rpc import RefusedError
from .site import IMAGE, STATES, Site

NAMESPACE = "k8s.io"  # containerd's, for all of CRI
POD, CONTAINER, NODE, TARGET = range(4)  # whose namespace: NamespaceMode
RUNNING, EXITED = 1, 2  # ContainerState
TIMEOUT = 40.0
_numbers = itertools.count(1)


@functools.cache
def _messages() -> Messages:
    program = shutil.which("containerd")
    assert program
    return Messages(Path(program))


class Cri:
    """The interface. What is made by it is remembered, and removed by `tidy`."""

    def __init__(self, site: Site, runtime: str) -> None:
        self.site = site
        self.runtime = runtime
        self._pods: list[Pod] = []

    def call(self, method: str, **fields: object) -> Any:
        """Any method, with the fields of its request (nested as dictionaries); the response."""
        path, request, response = _messages().method(method)
        data = request(**fields).SerializeToString()
        return response.FromString(rpc.call(self.site.address, path, data, TIMEOUT))

    def wait_until_ready(self) -> None:
        """After a start of the daemon it takes a moment longer than other services."""
        eventually(self._is_ready, "CRI is ready", TIMEOUT)

    def _is_ready(self) -> bool:
        try:
            self.call("Status")
        except RefusedError:
            return False
        return True

    def pod(self, *, security: Mapping[str, object] | None = None, handler: str = "", **config: object) -> Pod:
        """A running pod with its own network namespace only if asked for: most tests are about something else."""
        pod = Pod(self, dict(security or {}), config, handler or self.runtime)
        self._pods.append(pod)
        return pod

    def container(self, *words: str, **config: object) -> Container:
        """A started container in a pod of its own."""
        return self.pod().container(*words, **config)

    def tidy(self) -> None:
        pods, self._pods = self._pods, []
        for pod in pods:
            pod.remove()


class Pod:
    def __init__(self, cri: Cri, security: dict[str, object], config: Mapping[str, object], handler: str) -> None:
        self.cri = cri
        self.uid = f"pod-{next(_numbers)}"
        self.is_removed = False
        self.logs = cri.site.directory / "logs" / self.uid
        self.cgroup = f"/kubepods/{self.uid}"
        self.namespaces = security.get("namespace_options", {"network": NODE, "pid": CONTAINER})
        linux = {
            "cgroup_parent": self.cgroup,
            "security_context": {"namespace_options": self.namespaces, **security},
            "sysctls": config.get("sysctls", {}),
        }
        self.config: dict[str, object] = {
            "metadata": {"name": self.uid, "uid": self.uid, "namespace": "tests"},
            "log_directory": str(self.logs),
            **{name: value for name, value in config.items() if name != "sysctls"},
            "linux": linux,
        }
        self.id: str = cri.call("RunPodSandbox", config=self.config, runtime_handler=handler).pod_sandbox_id

    def container(self, *words: str, **config: object) -> Container:
        """A started container."""
        container = self.created(*words, **config)
        container.start()
        return container

    def created(self, *words: str, **config: object) -> Container:
        return Container(self, words, config)

    def status(self) -> Any:
        return self.cri.call("PodSandboxStatus", pod_sandbox_id=self.id, verbose=True)

    def stop(self) -> None:
        self.cri.call("StopPodSandbox", pod_sandbox_id=self.id)

    def remove(self) -> None:
        """With all its containers; then its cgroups, which are the kubelet's."""
        if self.is_removed:
            return
        self.stop()
        self.cri.call("RemovePodSandbox", pod_sandbox_id=self.id)
        cgroups = [path for path in self.cri.site.view.cgroups.below() if path.name == self.uid]
        for cgroup in cgroups:
            cgroup.rmdir()
        self.is_removed = True


class Container:
    def __init__(self, pod: Pod, words: Sequence[str], config: dict[str, Any]) -> None:
        self.pod, self.cri = pod, pod.cri
        self.name = f"container-{next(_numbers)}"
        self.log_file = pod.logs / f"{self.name}.log"
        linux: dict[str, Any] = {"security_context": {}, **config.pop("linux", {})}
        linux["security_context"] = {"namespace_options": pod.namespaces, **linux["security_context"]}
        self.config = {
            "metadata": {"name": self.name},
            "image": {"image": IMAGE},
            "command": list(words),
            "log_path": self.log_file.name,
            "linux": linux,
            **config,
        }
        request = {"pod_sandbox_id": pod.id, "config": self.config, "sandbox_config": pod.config}
        self.id: str = self.cri.call("CreateContainer", **request).container_id

    def start(self) -> None:
        self.cri.call("StartContainer", container_id=self.id)

    def stop(self, grace: int = 0) -> None:
        self.cri.call("StopContainer", container_id=self.id, timeout=grace)

    def remove(self) -> None:
        self.cri.call("RemoveContainer", container_id=self.id)

    @property
    def status(self) -> Any:
        return self.cri.call("ContainerStatus", container_id=self.id).status

    @property
    def is_running(self) -> bool:
        return bool(self.status.state == RUNNING)

    @property
    def has_exited(self) -> bool:
        return bool(self.status.state == EXITED)

    @property
    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    @property
    def log_lines(self) -> list[str]:
        return self.log.splitlines()

    def exec(self, *words: str, timeout: int = 0) -> Any:
        """The response of ExecSync: stdout, stderr, exit_code."""
        return self.cri.call("ExecSync", container_id=self.id, cmd=list(words), timeout=timeout)

    def shell(self, script: str) -> str:
        """What a script prints in it."""
        done = self.exec("sh", "-c", script)
        assert done.exit_code == 0, f"{script}\n{done}"
        return str(done.stdout.decode().rstrip("\n"))

    def state(self) -> dict[str, Any]:
        """What the runtime itself knows of it."""
        site = self.cri.site
        program = site.runtimes[self.cri.runtime]
        done = site.view.run(program, "--root", f"{STATES}/{NAMESPACE}", "state", self.id).checked()
        state: dict[str, Any] = json.loads(done.stdout)
        return state

    def limit(self, v1: str, v2: str) -> str:
        return self.cri.site.limit(self.id, v1, v2)
