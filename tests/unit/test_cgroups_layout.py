"""Which hierarchies a machine has is read from its mountinfo, on every kind of host and inside of containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from sampan.cgroups import cgroup, layout
from sampan.errors import ConfigError

V1 = b"""\
25 30 0:23 / /sys rw,nosuid - sysfs sysfs rw
31 25 0:28 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
32 31 0:29 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,xattr,name=systemd
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
35 31 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset,noprefix,clone_children,release_agent=/bin/memory
"""
V1_OWN = b"4:cpuset:/\n3:memory:/user\n2:cpu,cpuacct:/user/1000\n1:name=systemd:/user.slice/session-2.scope\n"
HYBRID = V1 + b"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
HYBRID_OWN = V1_OWN + b"0::/user.slice/session-2.scope\n"
V2 = b"47 46 0:38 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
V2_OWN = b"0::/user.slice/user-0.slice/session-1.scope\n"


def parse(mountinfo: bytes, own: bytes, hidden: tuple[str, ...] = ()) -> layout.Layout:
    numbers = {}
    for line in mountinfo.decode().splitlines():
        fields = line.split(" ")
        numbers[fields[4].replace("\\040", " ")] = fields[2]
    return layout.parse(mountinfo, own, lambda path: "" if path in hidden else numbers[path])


@pytest.mark.parametrize(
    ("mountinfo", "own", "mode", "unified"),
    [
        (V1, V1_OWN, "v1", ""),
        (HYBRID, HYBRID_OWN, "hybrid", "/sys/fs/cgroup/unified"),
        (V2, V2_OWN, "v2", "/sys/fs/cgroup"),
        (b"25 30 0:23 / /sys rw - sysfs sysfs rw\n", b"0::/\n", "none", ""),
    ],
)
def test_the_mode_follows_from_the_mounts(mountinfo: bytes, own: bytes, mode: str, unified: str) -> None:
    found = parse(mountinfo, own)
    assert (found.mode, found.unified) == (mode, unified)


def test_controllers_that_are_mounted_together_share_a_mount_point() -> None:
    found = parse(V1, V1_OWN)
    assert found.mounts == {
        "name=systemd": "/sys/fs/cgroup/systemd",
        "cpu": "/sys/fs/cgroup/cpu,cpuacct",
        "cpuacct": "/sys/fs/cgroup/cpu,cpuacct",
        "memory": "/sys/fs/cgroup/memory",
        "cpuset": "/sys/fs/cgroup/cpuset",
    }
    assert found.own["cpuacct"] == "/user/1000"


def test_a_cgroup2_mount_over_everything_makes_the_host_v2_whatever_v1_mounts_are_elsewhere() -> None:
    found = parse(V2 + b"50 47 0:40 / /mnt/net_cls rw - cgroup cgroup rw,net_cls\n", b"3:net_cls:/\n" + V2_OWN)
    assert (found.mode, found.mounts) == ("v2", {})


def test_a_mount_that_another_one_hides_is_not_there() -> None:
    found = parse(HYBRID, HYBRID_OWN, hidden=("/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory"))
    assert found.mode == "v1"
    assert "memory" not in found.mounts


def test_of_two_mounts_of_a_hierarchy_the_one_in_sys_is_used() -> None:
    other = b"20 19 0:31 / /mnt/my\\040memory rw - cgroup cgroup rw,memory\n"
    assert parse(other + V1, V1_OWN).mounts["memory"] == "/sys/fs/cgroup/memory"
    assert parse(V1 + other, V1_OWN).mounts["memory"] == "/sys/fs/cgroup/memory"
    only = parse(other, b"3:memory:/\n")
    assert only.mounts["memory"] == "/mnt/my memory"


@pytest.mark.parametrize(
    ("root", "own", "below"),
    [
        ("/docker/abc", "/docker/abc", "/"),
        ("/docker/abc", "/docker/abc/inner", "/inner"),
        ("/docker/abc", "/docker/abcdef", "/"),
        ("/docker/abc", "/elsewhere", "/"),
        ("/", "/../sibling", "/"),
    ],
)
def test_in_a_container_the_own_cgroup_is_seen_from_the_root_of_the_mount(root: str, own: str, below: str) -> None:
    mountinfo = f"34 31 0:31 {root} /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n".encode()
    assert parse(mountinfo, f"3:memory:{own}\n0::/\n".encode()).own["memory"] == below


def test_an_absolute_cgroups_path_begins_at_the_mount_points() -> None:
    found = cgroup.locate(parse(HYBRID, HYBRID_OWN), "/pod//./web/", "c1").directories
    assert found["memory"] == "/sys/fs/cgroup/memory/pod/web"
    assert found["cpu"] == found["cpuacct"] == "/sys/fs/cgroup/cpu,cpuacct/pod/web"
    assert found[""] == "/sys/fs/cgroup/unified/pod/web"


@pytest.mark.parametrize("path", [None, "c1"])
def test_a_relative_path_and_the_default_begin_at_the_own_cgroup_of_each_hierarchy(path: str | None) -> None:
    found = cgroup.locate(parse(HYBRID, HYBRID_OWN), path, "c1").directories
    assert found["memory"] == "/sys/fs/cgroup/memory/user/c1"
    assert found["cpuset"] == "/sys/fs/cgroup/cpuset/c1"
    assert found[""] == "/sys/fs/cgroup/unified/user.slice/session-2.scope/c1"


def test_on_v2_a_relative_path_begins_beside_the_own_cgroup_which_has_processes() -> None:
    assert cgroup.locate(parse(V2, V2_OWN), None, "c1").directories == {
        "": "/sys/fs/cgroup/user.slice/user-0.slice/c1",
    }
    assert cgroup.locate(parse(V2, b"0::/\n"), "a/b", "c1").directories == {"": "/sys/fs/cgroup/a/b"}


@pytest.mark.parametrize("path", ["..", "/a/../b", "../x", "/", "//.", "/a\0b"])
def test_a_path_that_leaves_the_mount_or_names_no_cgroup_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match=r"linux\.cgroupsPath"):
        cgroup.locate(parse(V1, V1_OWN), path, "c1")


def test_the_mounts_of_a_container_have_the_names_controllers_and_links_of_the_host() -> None:
    sources = {source.name: source for source in cgroup.locate(parse(HYBRID, HYBRID_OWN), "/web", "c1").mounts()}
    assert set(sources) == {"systemd", "cpu,cpuacct", "memory", "cpuset", "unified"}
    both = sources["cpu,cpuacct"]
    assert (both.directory, both.controllers) == ("/sys/fs/cgroup/cpu,cpuacct/web", ("cpu", "cpuacct"))
    assert both.aliases == ("cpu", "cpuacct")
    assert sources["systemd"].controllers == ("name=systemd",)
    assert sources["unified"].unified
    assert not sources["memory"].aliases


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_only_a_newline_ends_a_line_of_the_kernel(end: str) -> None:
    """A container names cgroups of its own, and the kernel refuses a newline in a name, nothing else: what stands after
    another end of line in it must not be taken for the line of another hierarchy."""
    own = f"4:cpu,cpuacct:/box{end}0::/elsewhere\n1:name=systemd:/box\n0::/box\n".encode()
    found = parse(HYBRID, own)
    assert found.own[""] == "/box"
    assert found.own["cpu"] == f"/box{end}0::/elsewhere"


@pytest.mark.parametrize(
    "directory",
    [
        *("", "/", "relative", "/sys/fs/cgroup/../../../etc", "/sys/fs/cgroup//box", "/sys/fs/cgroup/box/", 7, None),
        *("/sys/fs/cgroup/./box", "/a\0b", "/etc", "/proc/self"),
    ],
)
def test_a_directory_that_is_no_cgroup_does_not_come_back_from_a_state(directory: object) -> None:
    """All processes that are found there would be killed."""
    with pytest.raises(ValueError, match=r"cgroup\.directories\[''\] is "):
        cgroup.from_state({"directories": {"": directory}})


def test_a_cgroup_that_is_gone_with_its_hierarchy_comes_back_from_a_state(tmp_path: Path) -> None:
    """Or its container could not be deleted any more."""
    for directory in (f"{tmp_path}/box", f"{tmp_path}/unified/box"):
        assert cgroup.from_state({"directories": {"": directory}}).directories == {"": directory}


def test_the_top_of_a_hierarchy_is_no_container_s_cgroup() -> None:
    found = layout.detect()
    points = [point for point in (found.unified, *found.mounts.values()) if point]
    if not points:
        pytest.skip("this machine has no cgroup hierarchies")
    for point in points:
        assert cgroup.from_state({"directories": {"": f"{point}/no-such-cgroup"}}).directories
        with pytest.raises(ValueError, match="is not below a cgroup"):
            cgroup.from_state({"directories": {"": point}})


def test_a_cgroup_comes_back_from_its_state() -> None:
    group = cgroup.locate(parse(HYBRID, HYBRID_OWN), "/web", "c1")
    assert cgroup.from_state(group.to_state()).directories == group.directories
    assert cgroup.from_state({}).directories == {}
    assert cgroup.from_state({}).mounts() == []
