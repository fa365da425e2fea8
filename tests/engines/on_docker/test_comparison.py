"""What a container of docker sees of itself is the same with every runtime."""

from __future__ import annotations

import pytest

from ..cgroups import has_controller
from ..comparison import (
    CGROUP_LIMITS,
    DEVICE_RULES,
    DEVICES,
    ENVIRONMENT,
    MOUNTS,
    ORDINARY,
    STATUS,
    STATUS_OF_SELF,
    assert_execs_same,
    assert_same,
)
from .daemon import Docker
from .privileges import need_all_capabilities

TERMINAL = """
    for number in 0 1 2; do readlink /proc/1/fd/$number; done
    stat -L -c '%n %F %a %u:%g %t:%T' /dev/console /dev/pts/* /dev/tty
    ls -l /dev/ptmx | awk '{print $1, $9, $11}'; stty -a
"""

# kind of container: options of docker, and what is seen: a name for it, and a script for the container's shell
VIEWS: dict[str, tuple[list[str], dict[str, str]]] = {
    "ordinary": ([], ORDINARY),
    "with a terminal": (["--tty"], {"terminal": TERMINAL, "mounts with a terminal": MOUNTS}),
    "of a user": (
        ["--user", "worker", "--env", "A=b", "--cap-add", "net_admin", "--security-opt", "no-new-privileges"],
        {"rights of a user": STATUS, "environment of a user": ENVIRONMENT},
    ),
    "read-only": (
        ["--read-only", "--tmpfs", "/scratch", "--init", "--volume", "/srv", "--device", "/dev/zero:/dev/naught"],
        {"mounts when read-only": MOUNTS, "devices of ours": DEVICES, "device rules": DEVICE_RULES},
    ),
    "with a private cgroup namespace": (
        ["--cgroupns", "private"],
        {"mounts with a private cgroup namespace": MOUNTS, "cgroups of a namespace": ORDINARY["cgroup"]},
    ),
    "with a network": (["--network", "bridge"], {"mounts with a network": MOUNTS, "settings": ORDINARY["settings"]}),
    "with limits": (
        ["--memory", "64m", "--cpus", "0.5", "--cpu-shares", "100", "--pids-limit", "50"]
        if has_controller("memory") and has_controller("cpu") and has_controller("pids")
        else [],
        {"limits of the cgroup": CGROUP_LIMITS},
    ),
}


@pytest.mark.parametrize("kind", VIEWS)
def test_what_a_container_sees_is_the_same_with_every_runtime(dockers: dict[str, Docker], kind: str) -> None:
    assert_same(dockers, *VIEWS[kind])


def test_what_a_privileged_container_sees_is_the_same_with_every_runtime(dockers: dict[str, Docker]) -> None:
    for docker in dockers.values():
        need_all_capabilities(docker)
    scripts = {
        "mounts when privileged": MOUNTS,
        "rights when privileged": STATUS,
        "device rules when privileged": DEVICE_RULES,
    }
    assert_same(dockers, ["--privileged"], scripts)


def test_what_an_exec_sees_is_the_same_with_every_runtime(
    dockers: dict[str, Docker], running_ones: dict[str, str]
) -> None:
    script = f"{STATUS_OF_SELF} | grep -v NSpid; {ENVIRONMENT} | grep -v ^HOSTNAME; pwd; {ORDINARY['cgroup']}"
    assert_execs_same(dockers, running_ones, ["--user", "worker", "--env", "A=b"], script)
