"""Rows on cgroups: trees of files as hosts of each kind have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sampan.doctor import cgroups
from sampan.doctor.host import Host
from sampan.doctor.row import LIMITED, NO, OK, UNKNOWN

from .fakes import FakeTries, a_host, row

V2_MOUNT = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
OWN_V2 = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/shell.scope\n"
MANAGER = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service"
ALL = "cpuset cpu io memory hugetlb pids rdma misc\n"
V2 = {
    "/proc/self/mountinfo": V2_MOUNT,
    "/proc/self/cgroup": OWN_V2,
    "/sys/fs/cgroup/cgroup.controllers": ALL,
    "/sys/fs/bpf/x": "",
}
NAMES = ("cpu", "cpuset", "memory", "devices", "blkio", "pids")
V1 = {
    "/proc/self/mountinfo": "".join(
        f"{32 + number} 31 0:{29 + number} / /sys/fs/cgroup/{name} rw - cgroup cgroup rw,{name}\n"
        for number, name in enumerate(NAMES)
    ),
    "/proc/self/cgroup": "".join(f"{number + 1}:{name}:/\n" for number, name in enumerate(NAMES)),
    **{f"/sys/fs/cgroup/{name}/cgroup.procs": "" for name in NAMES},
}
UNIFIED = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
HYBRID = {
    **V1,
    "/proc/self/mountinfo": V1["/proc/self/mountinfo"] + UNIFIED,
    "/proc/self/cgroup": V1["/proc/self/cgroup"] + "0::/\n",
    "/sys/fs/cgroup/unified/cgroup.controllers": "hugetlb\n",
}


def states(host: Host) -> dict[str, str]:
    return {found.id.partition(".")[2]: found.state for found in cgroups.rows(host)}


@pytest.mark.parametrize("files, mode", [(V2, "v2"), (V1, "v1"), (HYBRID, "hybrid")], ids=["v2", "v1", "hybrid"])
def test_root_can_use_all_modes(tmp_path: Path, files: dict[str, str], mode: str) -> None:
    host = a_host(tmp_path, files, tries=FakeTries(systemd=252))
    assert set(states(host).values()) == {OK}
    assert row(cgroups.rows(host), "cgroups.mode").found.startswith(mode)
    assert row(cgroups.rows(host), "cgroups.systemd").found == "systemd 252"


def test_the_controllers_of_both_hierarchies_count(tmp_path: Path) -> None:
    found = row(cgroups.rows(a_host(tmp_path, HYBRID)), "cgroups.controllers")
    assert found.found == "blkio cpu cpuset devices hugetlb memory pids"


def test_without_cgroups(tmp_path: Path) -> None:
    host = a_host(tmp_path, {"/proc/self/mountinfo": "", "/proc/self/cgroup": "0::/\n"})
    assert states(host) == {
        "mode": NO,
        "controllers": NO,
        "delegation": UNKNOWN,
        "devices": NO,
        "systemd": NO,
    }


@pytest.mark.parametrize(
    "line, fix",
    [
        ("memory 0 1 0", "boot with cgroup_enable=memory on the kernel's command line"),
        ("memory 9 80 1", "cgroup_no_v1=all"),
        ("memory 0 80 1", "+memory into its cgroup.subtree_control"),
        ("pids 0 80 1", "CONFIG_MEMCG=y"),
    ],
    ids=["disabled", "held by v1", "not passed on", "not built"],
)
def test_a_missing_controller_is_had_in_one_of_several_ways(tmp_path: Path, line: str, fix: str) -> None:
    title = "#subsys_name hierarchy num_cgroups enabled"
    files = {
        **V2,
        "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io pids\n",
        "/proc/cgroups": f"{title}\n{line}\n",
    }
    found = row(cgroups.rows(a_host(tmp_path, files)), "cgroups.controllers")
    assert (found.state, found.why) == (LIMITED, "not memory: refused are linux.resources.memory")
    assert fix in found.fix


def test_a_controller_of_v1_that_is_not_mounted_is_mounted(tmp_path: Path) -> None:
    lines = V1["/proc/self/mountinfo"].splitlines(keepends=True)
    files = {
        **V1,
        "/proc/self/mountinfo": "".join(line for line in lines if "pids" not in line),
        "/proc/cgroups": "pids 7 1 1\n",
    }
    found = row(cgroups.rows(a_host(tmp_path, files)), "cgroups.controllers")
    assert found.fix == "mkdir /sys/fs/cgroup/pids && mount -t cgroup -o pids pids /sys/fs/cgroup/pids"


def test_users_have_nothing_on_v1(tmp_path: Path) -> None:
    found = row(cgroups.rows(a_host(tmp_path, HYBRID, uid=1000)), "cgroups.delegation")
    assert found.state == NO
    assert "systemd.unified_cgroup_hierarchy=1" in found.fix


def test_what_is_delegated_to_the_systemd_of_a_user_counts(tmp_path: Path) -> None:
    files = {
        **V2,
        f"{MANAGER}/cgroup.procs": "",
        f"{MANAGER}/cgroup.controllers": "memory pids\n",
    }
    found = row(cgroups.rows(a_host(tmp_path, files, uid=1000)), "cgroups.delegation")
    assert found.state == LIMITED
    assert found.found == f"memory pids, in {MANAGER}"
    assert "cpu cpuset io" in found.why
    assert "Delegate=cpu cpuset io memory pids" in found.fix


def test_a_user_with_all_controllers(tmp_path: Path) -> None:
    own = f"/sys/fs/cgroup{OWN_V2.strip().removeprefix('0::')}"
    files = {**V2, f"{own}/cgroup.procs": "", f"{own}/cgroup.controllers": ALL}
    host = a_host(tmp_path, files, uid=1000, tries=FakeTries(systemd=254))
    assert states(host)["delegation"] == OK
    assert row(cgroups.rows(host), "cgroups.systemd").found == "systemd 254 of this user"


def test_a_user_without_a_cgroup_of_their_own(tmp_path: Path) -> None:
    found = row(cgroups.rows(a_host(tmp_path, V2, uid=1000)), "cgroups.delegation")
    assert found.state == NO
    assert "loginctl enable-linger worker" in found.fix


def test_devices_on_v2_need_bpf(tmp_path: Path) -> None:
    files = {path: content for path, content in V2.items() if "bpf" not in path}
    found = row(cgroups.rows(a_host(tmp_path, files)), "cgroups.devices")
    assert found.state == NO
    assert "CONFIG_CGROUP_BPF" in found.fix


def test_without_systemd_the_fix_names_the_settings_of_engines(tmp_path: Path) -> None:
    found = row(cgroups.rows(a_host(tmp_path, V2)), "cgroups.systemd")
    assert (found.state, found.why) == (NO, "nobody answers")
    assert 'cgroup_manager = "cgroupfs"' in found.fix
