"""Users that are mapped by podman's choice: --userns, and subordinate ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .podman import Podman

FILES = ("/etc/subuid", "/etc/subgid")


@pytest.fixture
def subordinate_ids(podman: Podman) -> Iterator[None]:
    """Those of the user `containers`, of which podman takes for --userns=auto; in the view alone."""
    if lost := [file for file in FILES if not Path(file).exists()]:
        pytest.skip(f"this machine has no {' and no '.join(lost)}")
    own = podman.site.directory / "subordinate-ids"
    own.write_text("containers:100000:400000\n")
    for file in FILES:
        podman.site.view.run("mount", "--bind", str(own), file).checked()
    yield
    podman.tidy()
    podman.site.view.run("umount", *FILES).checked()


@pytest.mark.usefixtures("subordinate_ids")
def test_automatic_users_are_others_for_each_container(podman: Podman) -> None:
    script = "cat /proc/self/uid_map; stat -c %u:%g /etc/passwd; touch /srv/own; sleep 1000"
    maps = []
    for options in ("auto", "auto:size=4096"):
        container = podman.detached(f"--userns={options}", "--", "sh", "-c", script)
        podman.wait_for_log(container, "0:0\n")
        maps.append([line.split() for line in podman.logs(container).splitlines()[:-1]])
    (first, second) = (mapped[0] for mapped in maps)
    assert first[:2] == ["0", "100000"]
    assert (second[0], second[2]) == ("0", "4096")
    assert int(second[1]) >= 100000 + int(first[2]), maps


def test_users_of_another_container_can_be_shared(podman: Podman) -> None:
    first = podman.detached("--uidmap", "0:100000:5000", "--gidmap", "0:200000:5000", "--", "sleep", "1000")
    result = podman.run("--userns", f"container:{first}", "--", "cat", "/proc/self/uid_map", "/proc/self/gid_map")
    assert [line.split() for line in result.checked().lines] == [["0", "100000", "5000"], ["0", "200000", "5000"]]


def test_containers_of_a_pod_share_its_users(podman: Podman) -> None:
    pod = podman.pod("--network", "none", "--uidmap", "0:100000:5000", "--gidmap", "0:200000:5000")
    result = podman.run("--pod", pod, "--", "sh", "-c", "cat /proc/self/uid_map; stat -c %u:%g /srv")
    assert [line.split() for line in result.checked().lines] == [["0", "100000", "5000"], ["0:0"]]


def test_an_exec_in_a_user_namespace_is_of_its_users(podman: Podman) -> None:
    container = podman.detached("--uidmap", "0:100000:5000", "--gidmap", "0:200000:5000", "--", "sleep", "1000")
    result = podman("exec", "--user", "worker", container, "sh", "-c", "id -u; id -g; cat /proc/self/uid_map")
    assert result.checked().output.split() == ["1000", "1000", "0", "100000", "5000"]
