"""config-linux.md, Cgroup ownership: whose a container's cgroup should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups import ownership


def config(**changes: Any) -> Any:
    """A container of user 33 in a user namespace, with its cgroup mounted writable; and what a test has otherwise."""
    parts = {
        "uid": 33,
        "namespaces": [{"type": "cgroup"}, {"type": "user"}],
        "mappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
        "mount": {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "rw"]},
        **changes,
    }
    return {
        "process": {"user": {"uid": parts["uid"], "gid": 0}},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}, parts["mount"]],
        "linux": {"namespaces": parts["namespaces"], "uidMappings": parts["mappings"]},
    }


def mount(**changes: Any) -> Any:
    return {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", **changes}


def test_it_is_the_host_s_uid_of_the_process() -> None:
    """'the host uid that maps to the value of process.user.uid in the container namespace'"""
    assert ownership.owner(config()) == 100033


@pytest.mark.parametrize(("uid", "expected"), [(0, 100000), (9, 100009), (10, None), (500, 7000), (501, None)])
def test_the_uid_is_found_in_any_mapping(uid: int, expected: int | None) -> None:
    mappings = [{"containerID": 0, "hostID": 100000, "size": 10}, {"containerID": 500, "hostID": 7000, "size": 1}]
    assert ownership.owner(config(uid=uid, mappings=mappings)) == expected


def test_without_a_user_namespace_it_is_the_uid_itself() -> None:
    assert ownership.owner(config(namespaces=[{"type": "cgroup"}], mappings=[])) == 33


def test_without_process_it_is_root() -> None:
    """process is OPTIONAL: the container's root makes what it needs."""
    document = config()
    del document["process"]
    assert ownership.owner(document) == 100000


@pytest.mark.parametrize(
    "namespaces",
    [[{"type": "user"}], [{"type": "user"}, {"type": "cgroup", "path": "/proc/1/ns/cgroup"}]],
    ids=["none", "joined"],
)
def test_without_a_new_cgroup_namespace_it_is_nobody_s(namespaces: Any) -> None:
    """'A runtime SHOULD NOT change the ownership of a container cgroup unless it will also create a new cgroup
    namespace for the container.'"""
    assert ownership.owner(config(namespaces=namespaces)) is None


@pytest.mark.parametrize(
    "entry",
    [
        mount(options=["nosuid", "ro"]),
        mount(options=["rro"]),
        mount(destination="/sys/fs/cgroup/unified"),
        mount(destination="/cgroup"),
        mount(type="tmpfs", source="tmpfs"),
        mount(type="bind"),
        mount(type="none", options=["rbind"]),
    ],
    ids=str,
)
def test_without_a_writable_mount_of_it_it_is_nobody_s(entry: Any) -> None:
    """'Runtimes SHOULD change the cgroup ownership if and only if the cgroup filesystem is to be mounted read/write';
    a bind mount of a directory `cgroup` of the bundle is no cgroup filesystem"""
    assert ownership.owner(config(mount=entry)) is None


@pytest.mark.parametrize(
    "entry",
    [
        mount(),
        mount(options=[]),
        mount(destination="/sys//fs/cgroup/"),
        mount(type="cgroup2", source="cgroup2"),
        mount(type="cgroup", source="none"),
    ],
    ids=str,
)
def test_any_writable_mount_of_it_counts(entry: Any) -> None:
    """'The source field is equal to "cgroup"', or the type is that of a cgroup filesystem, whatever its source says"""
    assert ownership.owner(config(mount=entry)) == 100033


def test_a_minimal_configuration_gives_nothing_away() -> None:
    assert ownership.owner({"ociVersion": "1.0.0"}) is None


def test_the_files_are_those_that_the_kernel_lists(tmp_path: Path) -> None:
    """'files within that directory that are listed in /sys/kernel/cgroup/delegate'"""
    (tmp_path / "delegate").write_text("cgroup.procs\nmemory.oom.group\n")
    assert ownership.listed(str(tmp_path / "delegate")) == ["cgroup.procs", "memory.oom.group"]


def test_without_a_list_there_are_three(tmp_path: Path) -> None:
    """'If the /sys/kernel/cgroup/delegate file does not exist, the runtime MUST fall back to using the following
    list'"""
    found = ownership.listed(str(tmp_path / "delegate"))
    assert sorted(found) == ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"]
