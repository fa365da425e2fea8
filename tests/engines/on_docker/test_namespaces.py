"""Namespaces: new, shared with the host or with another container; networks; mapped users."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker import DockerClient

from .. import leftovers
from ..engine import eventually
from ..view import own_directory
from .daemon import Docker, Site

KINDS = ("pid", "net", "ipc", "uts", "mnt")
SHOW = f"for kind in {' '.join(KINDS)}; do readlink /proc/self/ns/$kind; done"
SERVE = "while :; do echo hello | nc -l -p 80; done"


def namespaces(docker: Docker, *options: str) -> dict[str, str]:
    return dict(zip(KINDS, docker.run(*options, "--", "sh", "-c", SHOW).checked().lines, strict=True))


def of_view(docker: Docker) -> dict[str, str]:
    return dict(zip(KINDS, docker.view.run("sh", "-c", SHOW).checked().lines, strict=True))


def test_namespaces_are_new_by_default(docker: Docker) -> None:
    assert not set(namespaces(docker).values()) & set(of_view(docker).values())


def test_namespaces_of_the_host_can_be_shared(docker: Docker) -> None:
    options = ["--pid", "host", "--network", "host", "--ipc", "host", "--uts", "host"]
    assert namespaces(docker, *options) | {"mnt": ""} == of_view(docker) | {"mnt": ""}


def test_namespaces_of_another_container_can_be_shared(docker: Docker) -> None:
    first = docker.detached("--ipc", "shareable", "--", "sh", "-c", f"{SHOW}; echo; exec sleep 1000")
    docker.wait_for_log(first, "\n\n")
    of_first = dict(zip(KINDS, docker.logs(first).split(), strict=True))
    other = f"container:{first}"
    found = namespaces(docker, "--pid", other, "--network", other, "--ipc", other)
    assert {kind for kind in KINDS if found[kind] == of_first[kind]} == {"pid", "net", "ipc"}


def test_a_container_goes_on_when_one_that_shared_its_processes_ends(docker: Docker) -> None:
    first = docker.detached("sleep", "1000")
    second = docker.detached("--pid", f"container:{first}", "--", "sleep", "2000")
    assert "sleep 2000" in docker("exec", first, "ps").checked().stdout
    docker("rm", "--force", second).checked()
    assert "sleep 2000" not in docker("exec", first, "ps").checked().stdout


def test_the_first_process_is_number_1_and_sees_no_other(docker: Docker) -> None:
    assert docker.run("sh", "-c", "echo $$; echo /proc/[0-9]*").checked().lines == ["1", "/proc/1"]


def test_a_published_port_leads_to_the_container(docker: Docker) -> None:
    server = docker.detached("--publish", "127.0.0.1::80", "--", "sh", "-c", SERVE)
    host, port = docker("port", server, "80").checked().output.split(":")
    eventually(lambda: docker.view.run("busybox", "nc", "-w", "2", host, port).output == "hello", "it answers")


def test_containers_of_a_network_find_each_other_by_name(docker: Docker) -> None:
    """By docker's resolver in the container's network namespace."""
    network = docker.network()
    docker.detached("--network", network, "--name", f"server-{docker.runtime}", "--", "sh", "-c", SERVE)
    script = f"until nc -w 2 server-{docker.runtime} 80 </dev/null; do sleep 0.1; done; ls /sys/class/net"
    assert docker.run("--network", network, "--", "sh", "-c", script).checked().lines == ["hello", "eth0", "lo"]


def test_a_network_can_be_joined_and_left_while_it_runs(docker: Docker) -> None:
    network = docker.network()
    container = docker.detached("--network", "bridge", "--", "sleep", "1000")
    docker("network", "connect", network, container).checked()
    assert docker("exec", container, "ls", "/sys/class/net").checked().lines == ["eth0", "eth1", "lo"]
    docker("network", "disconnect", network, container).checked()
    assert docker("exec", container, "ls", "/sys/class/net").checked().lines == ["eth0", "lo"]


@pytest.fixture(scope="module")
def mapping_site(docker_site: Site) -> Iterator[Site]:
    """A daemon that maps users, which is a setting of the daemon. Their numbers are in files of /etc."""
    with own_directory() as directory:
        site = Site(directory, docker_site.runtimes, userns_remap="daemon")
        try:
            for name in ("subuid", "subgid"):
                (directory / name).write_text("daemon:100000:65536\n")
                site.view.run("mount", "--bind", str(directory / name), f"/etc/{name}").checked()
            site.start()
            yield site
        finally:
            site.close()


@pytest.fixture
def mapping(request: pytest.FixtureRequest, docker: Docker, mapping_site: Site) -> Iterator[Docker]:
    before = leftovers.traces(mapping_site.view, mapping_site.states)
    client = DockerClient(base_url=mapping_site.socket)
    engine = Docker(mapping_site, docker.runtime, client)
    yield engine
    engine.tidy()
    client.close()
    leftovers.check(request, mapping_site.view, mapping_site.states, before)


def test_mapped_users_own_the_root_and_nothing_of_the_host(mapping: Docker) -> None:
    with own_directory() as directory:
        (directory / "secret").write_text("secret")
        (directory / "secret").chmod(0o600)
        script = "cat /proc/self/uid_map; touch /srv/file; stat -c %u:%g /srv/file /etc/passwd; cat /data/secret"
        result = mapping.run("-v", f"{directory}:/data", "--", "sh", "-c", script)
    assert [line.split() for line in result.lines] == [["0", "100000", "65536"], ["0:0"], ["0:0"]], str(result)
    assert "Permission denied" in result.stderr


def test_a_mapped_container_runs_execs_stops_and_is_removed(mapping: Docker) -> None:
    container = mapping.detached("--user", "worker", "--tmpfs", "/tmp", "--", "sleep", "1000")
    pid = mapping.state(container)["Pid"]
    assert mapping.view.run("stat", "-c", "%u", f"/proc/{pid}").checked().output == "101000"
    assert mapping("exec", "--tty", container, "id", "-u").checked().output.strip() == "1000"
    mapping("stop", "--time", "0", container).checked()
    mapping("rm", container).checked()


def test_without_a_mapping_for_one_container(mapping: Docker) -> None:
    assert mapping.run("--userns", "host", "--", "cat", "/proc/self/uid_map").checked().output.split()[1] == "0"
