"""The life of pods by CRI: made, listed, networked, shared, stopped, removed."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ..engine import eventually
from .cri import CONTAINER, NODE, POD, TARGET, Container, Cri, Pod
from .rpc import RefusedError

READY, NOT_READY = 0, 1  # PodSandboxState
NAMESPACES = "for kind in net ipc pid uts; do readlink /proc/self/ns/$kind; done"


def test_the_runtime_is_ready(cri: Cri) -> None:
    conditions = {one.type: one.status for one in cri.call("Status").status.conditions}
    assert conditions["RuntimeReady"]


def test_the_life_of_a_pod(cri: Cri) -> None:
    pod = cri.pod(labels={"app": "web"}, annotations={"note": "for the kubelet"})
    status = pod.status().status
    assert status.state == READY
    assert status.runtime_handler == cri.runtime
    assert (dict(status.labels), dict(status.annotations)) == ({"app": "web"}, {"note": "for the kubelet"})
    listed = cri.call("ListPodSandbox", filter={"label_selector": {"app": "web"}}).items
    assert [one.id for one in listed] == [pod.id]
    pod.stop()
    assert pod.status().status.state == NOT_READY
    pod.stop()  # as often as the kubelet likes
    pod.remove()
    assert not cri.call("ListPodSandbox", filter={"id": pod.id}).items


def test_removal_takes_all_containers_along(cri: Cri) -> None:
    pod = cri.pod()
    pod.container("sleep", "600")
    pod.container("true")
    pod.created("sleep", "600")
    pod.remove()
    assert not cri.call("ListContainers", filter={"pod_sandbox_id": pod.id}).containers


def test_a_pod_has_a_network_and_settings_of_its_own(cri: Cri) -> None:
    pod = _networked(cri, hostname="of-the-pod", sysctls={"net.ipv4.ip_unprivileged_port_start": "79"})
    first, second = pod.container("sleep", "600"), pod.container("sleep", "600")
    address = pod.status().status.network.ip
    assert f"inet {address}/" in first.shell("ip address show eth0")
    assert first.shell(NAMESPACES).split()[0] == second.shell(NAMESPACES).split()[0]
    assert first.shell("hostname; cat /etc/hostname") == "of-the-pod\nof-the-pod"
    assert second.shell("cat /proc/sys/net/ipv4/ip_unprivileged_port_start") == "79"


def test_containers_of_a_pod_talk_over_loopback(cri: Cri) -> None:
    pod = _networked(cri)
    pod.container("sh", "-c", "while :; do echo hello | nc -l -p 8080; done")
    client = pod.container("sleep", "600")
    eventually(lambda: client.exec("nc", "-w", "1", "127.0.0.1", "8080").stdout == b"hello\n", "the server answers")


def test_a_setting_of_the_ipc_namespace(cri: Cri) -> None:
    pod = cri.pod(sysctls={"kernel.msgmax": "4242", "fs.mqueue.msg_max": "12"})
    shown = pod.container("sleep", "600").shell("cat /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max")
    assert shown == "4242\n12"


def test_a_setting_of_the_whole_host_is_refused(cri: Cri) -> None:
    before = Path("/proc/sys/vm/swappiness").read_text().strip()
    with pytest.raises(RefusedError, match=r"vm\.swappiness"):
        cri.pod(sysctls={"vm.swappiness": str(int(before) ^ 1)})
    assert Path("/proc/sys/vm/swappiness").read_text().strip() == before


def test_containers_share_memory_and_queues(cri: Cri) -> None:
    pod = cri.pod()
    first, second = pod.container("sleep", "600"), pod.container("sleep", "600")
    first.shell("echo shared >/dev/shm/file")
    assert second.shell("cat /dev/shm/file") == "shared"
    ours, theirs = (one.shell(NAMESPACES).split() for one in (first, second))
    assert ours[1] == theirs[1], "one ipc namespace"
    assert ours[2] != theirs[2], "a pid namespace each"


def test_containers_share_their_processes(cri: Cri) -> None:
    options = {"network": NODE, "pid": POD}
    pod = cri.pod(security={"namespace_options": options})
    linux = {"security_context": {"namespace_options": options}}
    first = pod.container("sleep", "601", linux=linux)
    second = pod.container("sleep", "602", linux=linux)
    assert first.shell("cat /proc/1/cmdline | tr '\\0' ' '") == "sleep inf "
    assert "sleep 602" in first.shell("ps -o args")
    first.shell("for one in /proc/[0-9]*; do grep -q 60[2] $one/cmdline && kill -KILL ${one#/proc/}; done; true")
    eventually(lambda: second.has_exited, "it is killed")
    first.stop()
    assert first.status.exit_code == 137


@pytest.mark.parametrize("pid", [POD, NODE], ids=["pod's", "host's"])
def test_no_process_outlives_the_first_of_its_container(cri: Cri, pid: int) -> None:
    """In a shared pid namespace the kernel does not see to that: the shim has the runtime kill all in the cgroup."""
    options = {"network": NODE, "pid": pid}
    pod = cri.pod(security={"namespace_options": options})
    linux = {"security_context": {"namespace_options": options}}
    script = "sleep 701 & setsid sleep 702 & echo ready; read line; exit 3"
    container = pod.container("sh", "-c", script, linux=linux, stdin=True)
    other = pod.container("sleep", "703", linux=linux)
    eventually(lambda: "ready" in container.log and {"701", "702"} <= _sleeps(other), "all of them run")
    first = str(container.state()["pid"])
    cri.site.view.run("kill", "-KILL", first).checked()
    eventually(lambda: container.has_exited, "it has ended")
    eventually(lambda: not {"701", "702"} & _sleeps(other), "what it has started has ended, too")
    assert other.is_running


def test_a_container_looks_into_another(cri: Cri) -> None:
    """What `kubectl debug --target` does."""
    pod = cri.pod()
    target = pod.container("sleep", "601")
    options = {"network": NODE, "pid": TARGET, "target_id": target.id}
    debugger = pod.container("sleep", "602", linux={"security_context": {"namespace_options": options}})
    assert "sleep 601" in debugger.shell("ps -o args")
    debugger.stop()
    assert target.is_running


def test_namespaces_of_the_host(cri: Cri) -> None:
    options = {"network": NODE, "pid": NODE, "ipc": NODE}
    pod = cri.pod(security={"namespace_options": options})
    container = pod.container("sleep", "600", linux={"security_context": {"namespace_options": options}})
    assert container.shell(NAMESPACES) == cri.site.view.run("sh", "-c", NAMESPACES).output
    container.stop()
    assert container.status.exit_code == 137


def test_a_user_namespace_of_its_own(cri: Cri, shared_directory: Path) -> None:
    """`hostUsers: false`: the container's root is nobody on the host, and its volumes are mounted with its ids."""
    told = cri.call("Status")
    handlers = {one.name: one.features for one in getattr(told, "runtime_handlers", ())}
    if not handlers:
        pytest.skip("the CRI of this containerd has no such pods: it is older than 2.0")
    if cri.runtime != "sampan" and not handlers[cri.runtime].user_namespaces:
        pytest.skip(f"this {cri.runtime} cannot do it, says containerd: it has no id-mapped mounts")
    assert handlers[cri.runtime].user_namespaces
    shared_directory.chmod(0o755)
    ids = [{"host_id": 300000, "container_id": 0, "length": 65536}]
    options = {"network": POD, "pid": CONTAINER, "userns_options": {"mode": 0, "uids": ids, "gids": ids}}
    pod = _networked(cri, options)
    volume = {"container_path": "/volume", "host_path": str(shared_directory), "uidMappings": ids, "gidMappings": ids}
    container = pod.container("sleep", "600", mounts=[volume])
    assert container.shell("id -u; tr -s ' ' </proc/self/uid_map; touch /file") == "0\n 0 300000 65536"
    container.shell("echo new >/volume/file")
    assert (shared_directory / "file").stat().st_uid == 0
    assert cri.site.view.run("stat", "-c", "%u", f"/proc/{container.state()['pid']}").output == "300000"
    namespace = "readlink /proc/self/ns/user"
    assert pod.container("sleep", "600").shell(namespace) == container.shell(namespace)


def test_both_handlers_at_the_same_time(cri: Cri) -> None:
    """As with two RuntimeClasses."""
    pods = [cri.pod(handler=name) for name in cri.site.runtimes]
    for pod in pods:
        assert pod.container("sleep", "600").shell("echo inside") == "inside"
    listed = {one.id: one.runtime_handler for one in cri.call("ListPodSandbox").items}
    assert {pod.id: listed[pod.id] for pod in pods} == {
        pod.id: name for pod, name in zip(pods, cri.site.runtimes, strict=True)
    }


def test_annotations_reach_the_runtime(cri: Cri) -> None:
    """Those that the configuration of containerd lets through."""
    pod = cri.pod(annotations={"org.example.pod": "yes", "other": "no"})
    container = pod.container("sleep", "600", annotations={"org.example.container": "yes", "another": "no"})
    told = container.state()["annotations"]
    assert told["org.example.pod"] == told["org.example.container"] == "yes"
    assert told["io.kubernetes.cri.container-type"] == "container"
    assert not {"other", "another"} & set(told)


def test_pods_outlive_the_daemon(cri: Cri) -> None:
    pod = cri.pod()
    script = "trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.05; done"
    container = pod.container("sh", "-c", script)
    ended = pod.container("sh", "-c", "exit 3")
    eventually(lambda: ended.has_exited, "it has ended")
    eventually(lambda: "ready" in container.log, "the trap is set")
    cri.site.restart()
    cri.wait_until_ready()
    assert pod.status().status.state == READY
    assert container.is_running
    assert ended.status.exit_code == 3
    assert container.shell("echo inside") == "inside"
    container.stop(grace=10)
    assert container.status.exit_code == 4
    assert container.log_lines[-1].endswith("stdout F bye"), "the log goes on"


def test_a_pod_whose_first_container_is_killed(cri: Cri) -> None:
    pod = cri.pod()
    container = pod.container("sleep", "600")
    pid = json.loads(pod.status().info["info"])["pid"]
    cri.site.view.run("kill", "-KILL", str(pid)).checked()
    eventually(lambda: pod.status().status.state == NOT_READY, "the pod is not ready")
    pod.stop()
    assert container.status.exit_code == 137


def test_many_pods_at_once(cri: Cri) -> None:
    def lifetime(number: int) -> str:
        pod = cri.pod()
        containers = [pod.container("sleep", "600") for _ in range(2)]
        shown = "".join(container.shell(f"echo {number}") for container in containers)
        pod.remove()
        return shown

    with ThreadPoolExecutor(5) as threads:
        assert list(threads.map(lifetime, range(5))) == [f"{number}{number}" for number in range(5)]


def _sleeps(container: Container) -> set[str]:
    return set(re.findall("^sleep (70[0-9])$", container.shell("ps -o args"), re.MULTILINE))


def _networked(cri: Cri, namespaces: Any = None, **config: Any) -> Pod:
    if not Path("/usr/lib/cni/ptp").exists():
        pytest.skip("not installed: containernetworking-plugins (scripts/install-debian-packages engines)")
    return cri.pod(security={"namespace_options": namespaces or {"network": POD, "pid": CONTAINER}}, **config)
