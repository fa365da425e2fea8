"""cgroupsPath with systemd: which unit, in which slice, and where its cgroup is."""

from __future__ import annotations

import pytest

from sampan.cgroups import systemd_unit
from sampan.errors import ConfigError


@pytest.mark.parametrize(
    ("cgroups_path", "name", "path"),
    [
        # as podman, docker and containerd's CRI send them
        ("machine.slice:libpod:0f3a", "libpod-0f3a.scope", "/machine.slice/libpod-0f3a.scope"),
        ("user.slice:libpod:0f3a", "libpod-0f3a.scope", "/user.slice/libpod-0f3a.scope"),
        ("system.slice:docker:0f3a", "docker-0f3a.scope", "/system.slice/docker-0f3a.scope"),
        (
            "kubepods-besteffort-pod1_2.slice:cri-containerd:0f3a",
            "cri-containerd-0f3a.scope",
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1_2.slice/cri-containerd-0f3a.scope",
        ),
        # no slice: the default; no prefix: as runc and crun write it; the root slice
        (":web:one", "web-one.scope", "/system.slice/web-one.scope"),
        ("a.slice::one", "-one.scope", "/a.slice/-one.scope"),
        ("-.slice:web:one", "web-one.scope", "/web-one.scope"),
        # a slice instead of a scope
        ("machine.slice:ignored:a-b.slice", "a-b.slice", "/a.slice/a-b.slice"),
    ],
)
def test_a_path_names_a_unit(cgroups_path: str, name: str, path: str) -> None:
    unit = systemd_unit.parse(cgroups_path, "id", systemd_unit.SYSTEM_SLICE)
    assert (unit.name, unit.path) == (name, path)
    assert unit.is_slice == name.endswith(".slice")


@pytest.mark.parametrize("cgroups_path", [None, ""])
def test_without_a_path_the_unit_has_the_containers_id(cgroups_path: str | None) -> None:
    unit = systemd_unit.parse(cgroups_path, "web_1", systemd_unit.USER_SLICE)
    assert (unit.name, unit.path) == ("sampan-web_1.scope", "/user.slice/sampan-web_1.scope")


def test_a_letter_of_an_id_that_units_cannot_have_is_escaped_as_systemd_does() -> None:
    assert systemd_unit.parse(None, "a+b", "system.slice").name == "sampan-a\\x2bb.scope"


@pytest.mark.parametrize(
    "cgroups_path",
    [
        "/machine/web",
        "web",
        "machine.slice:web",
        "machine.slice:libpod:a:b",
        "machine.slice:libpod:",
        "::",
        "machine:libpod:a",
        ".slice:libpod:a",
        "a--b.slice:libpod:a",
        "-a.slice:libpod:a",
        "a-.slice:libpod:a",
        "machine/a.slice:libpod:a",
        "../a.slice:libpod:a",
        "machine.slice:libpod/..:a",
        "machine.slice:libpod:a b",
        "machine.slice:lib\0pod:a",
        "machine.slice:libpod:ä",
        "machine.slice:libpod:/a.slice",
        "machine.slice:libpod:a--b.slice",
        "machine.slice:libpod:" + 250 * "a",
    ],
)
def test_any_other_form_is_refused_with_the_field(cgroups_path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        systemd_unit.parse(cgroups_path, "id", systemd_unit.SYSTEM_SLICE)
    (problem,) = caught.value.problems
    assert problem.field == "linux.cgroupsPath"
    assert problem.value == cgroups_path
    assert problem.section == "config-linux.md#cgroups-path"


def test_a_path_of_cgroupfs_is_answered_with_the_form_and_the_other_way_out() -> None:
    with pytest.raises(ConfigError, match=r'"SLICE:PREFIX:NAME".*--cgroup-manager=cgroupfs'):
        systemd_unit.parse("/machine/web", "id", systemd_unit.SYSTEM_SLICE)


@pytest.mark.parametrize(
    ("name", "directory"),
    [
        ("memory.x-a.scope", "_memory.x-a.scope"),
        ("cgroup.x-a.scope", "_cgroup.x-a.scope"),
        ("_x-a.scope", "__x-a.scope"),
        (".x-a.scope", "_.x-a.scope"),
        ("memory-a.scope", "memory-a.scope"),
    ],
)
def test_a_directory_that_could_be_a_file_of_the_kernel_is_renamed_as_systemd_does(name: str, directory: str) -> None:
    assert systemd_unit.Unit(name, "-.slice").path == f"/{directory}"
