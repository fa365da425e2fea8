"""`podman play kube`: a pod from a document as Kubernetes has it, and the document of a container."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .cgroups import has_controller
from .engine import eventually
from .podman import Podman
from .test_resources import MIB

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: flotilla
spec:
  hostname: flagship
  restartPolicy: Never
  containers:
  - name: first
    image: localhost/busybox:1
    command: ["sh", "-c", "echo $GREETING; cat /data/file; exec sleep 1000"]
    env: [{{name: GREETING, value: hello}}]
    securityContext: {{runAsUser: 1000, readOnlyRootFilesystem: true, capabilities: {{drop: [ALL]}}}}
    {resources}
    volumeMounts: [{{name: shared, mountPath: /data, readOnly: true}}]
  - name: second
    image: localhost/busybox:1
    command: ["sh", "-c", "while :; do hostname | nc -l -p 8080; done"]
    livenessProbe: {{exec: {{command: ["test", "-e", "/proc/1"]}}, periodSeconds: 1000}}
  volumes: [{{name: shared, hostPath: {{path: "{directory}"}}}}]
"""
RESOURCES = "resources: {limits: {memory: 64Mi, cpu: 500m}}"


@pytest.fixture
def pod(podman: Podman, shared_directory: Path) -> Iterator[str]:
    (shared_directory / "file").write_text("of the volume\n")
    document = shared_directory / "pod.yaml"
    document.write_text(
        POD.format(
            directory=shared_directory,
            resources=RESOURCES if has_controller("memory") and has_controller("cpu") else "",
        )
    )
    podman("play", "kube", "--network", "none", str(document)).checked()
    yield "flotilla"
    podman.remove_pod("flotilla")


def test_a_pod_of_kubernetes_runs(podman: Podman, pod: str) -> None:
    first, second = f"{pod}-first", f"{pod}-second"
    podman.wait_for_log(first, "hello\nof the volume\n")
    ask = ["exec", first, "nc", "-w", "5", "127.0.0.1", "8080"]
    eventually(lambda: podman(*ask).stdout == "flagship\n", "the other container by the shared network, and the name")
    script = "id -u; grep CapEff /proc/self/status | cut -f 2; touch /data/new 2>/dev/null || touch /new || echo ro"
    lines = podman("exec", first, "sh", "-c", script).checked().lines
    assert (lines[0], int(lines[1], 16), lines[2]) == ("1000", 0, "ro")
    if has_controller("memory") and has_controller("cpu"):
        assert podman.inspect(first)["HostConfig"]["Memory"] == 64 * MIB
        shown = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null"
        assert podman("exec", first, "sh", "-c", shown).output == str(64 * MIB)
    podman("healthcheck", "run", second).checked()


def test_a_container_s_document_makes_it_again(podman: Podman, shared_directory: Path) -> None:
    name = f"original-{podman.runtime}"
    container = podman.detached("--name", name, "-e", "A=b", "-w", "/srv", "--", "sh", "-c", "pwd; echo $A; sleep 1000")
    document = shared_directory / "again.yaml"
    podman("generate", "kube", "--filename", str(document), container).checked()
    podman("rm", "--force", "--time=0", container).checked()
    # without a policy it would be started again while it is removed
    document.write_text(document.read_text().replace("\nspec:\n", "\nspec:\n  restartPolicy: Never\n"))
    podman("play", "kube", "--network", "none", str(document)).checked()
    try:
        podman.wait_for_log(f"{name}-pod-{name}", "/srv\nb\n")
    finally:
        podman.remove_pod(f"{name}-pod")
