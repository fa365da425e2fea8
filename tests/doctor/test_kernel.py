"""Rows on the kernel, mounts and seccomp, for kernels that lack things."""

from __future__ import annotations

from pathlib import Path

import pytest

from sampan.doctor import file_systems, kernel, seccomp
from sampan.doctor.row import LIMITED, NO, OK, UNKNOWN

from .fakes import FakeTries, a_host, row

NAMESPACES = {f"/proc/self/ns/{name}": "" for name in ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")}
EXT4 = "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
TMPFS = "28 27 0:25 / /run rw - tmpfs tmpfs rw\n"


def test_a_kernel_that_has_everything_is_ok(tmp_path: Path) -> None:
    rows = list(kernel.rows(a_host(tmp_path, NAMESPACES)))
    assert {found.state for found in rows} == {OK}
    assert not any(found.forbids for found in rows)


@pytest.mark.parametrize(
    "call, own_id",
    [
        ("clone3", "kernel.clone3"),
        ("openat2", "kernel.openat2"),
        ("fsopen", "kernel.mount_api"),
        ("move_mount", "kernel.mount_api"),
        ("mount_setattr", "kernel.mount_setattr"),
        ("pidfd_open", "kernel.pidfd"),
        ("close_range", "kernel.close_range"),
    ],
)
def test_without_a_system_call_no_container_can_be_made(tmp_path: Path, call: str, own_id: str) -> None:
    host = a_host(tmp_path, NAMESPACES, tries=FakeTries(lacks=[call]), release="4.18.0")
    found = row(kernel.rows(host), own_id)
    assert found.forbids
    assert call in found.why
    assert f"Linux {found.needs}" in found.fix


def test_a_recent_kernel_without_a_system_call_is_taken_for_a_filter_around_us(tmp_path: Path) -> None:
    """docker's default profile answers ENOSYS to clone3."""
    found = row(kernel.rows(a_host(tmp_path, tries=FakeTries(lacks=["clone3"]))), "kernel.clone3")
    assert found.forbids
    assert "seccomp=unconfined" in found.fix


def test_an_old_release_is_no_proof(tmp_path: Path) -> None:
    rows = list(kernel.rows(a_host(tmp_path, NAMESPACES, release="4.18.0-513.el8.x86_64")))
    assert row(rows, "kernel.release").state == LIMITED
    assert not any(found.forbids for found in rows)


@pytest.mark.parametrize(
    "release, version", [("6.18.44-fc", (6, 18)), ("5.12+", (5, 12)), ("6.0-rc3", (6, 0)), ("5.10.0-9-amd64", (5, 10))]
)
def test_releases_are_read(tmp_path: Path, release: str, version: tuple[int, int]) -> None:
    assert a_host(tmp_path, release=release).version == version


def test_another_machine_cannot_be_used(tmp_path: Path) -> None:
    assert row(kernel.rows(a_host(tmp_path, machine="riscv64")), "kernel.machine").forbids


def test_a_missing_type_of_namespace_is_named_with_its_option(tmp_path: Path) -> None:
    files = {path: "" for path in NAMESPACES if not path.endswith("/time")}
    rows = list(kernel.rows(a_host(tmp_path, files)))
    found = row(rows, "kernel.time_namespaces")
    assert (found.state, found.needs, found.forbids) == (NO, "5.6", False)
    assert "CONFIG_TIME_NS" in found.fix
    assert row(rows, "kernel.network_namespaces").state == OK


def test_clone_into_cgroup_is_only_for_v2(tmp_path: Path) -> None:
    found = row(kernel.rows(a_host(tmp_path, tries=FakeTries(lacks=["CLONE_INTO_CGROUP"]))), "kernel.clone_into_cgroup")
    assert (found.state, found.forbids) == (NO, False)


def test_forbidden_memfds_are_a_limit_as_long_as_init_can_be_had(tmp_path: Path) -> None:
    setting = {"/proc/sys/vm/memfd_noexec": "2\n"}
    rows = list(kernel.rows(a_host(tmp_path, setting, tries=FakeTries(reasons={"memfd": "Permission denied"}))))
    found = row(rows, "kernel.executable_memfd")
    assert (found.state, found.found, found.fix) == (LIMITED, "vm.memfd_noexec=2", "sysctl -w vm.memfd_noexec=1")
    assert row(rows, "kernel.init").state == OK


def test_without_init_nothing_runs(tmp_path: Path) -> None:
    found = row(kernel.rows(a_host(tmp_path, tries=FakeTries(reasons={"init": "no such file"}))), "kernel.init")
    assert found.forbids
    assert found.why == "no such file"


def test_id_mapped_mounts_are_tried_once_for_each_file_system(tmp_path: Path) -> None:
    files = {"/proc/self/mountinfo": EXT4 + TMPFS, "/run/x": "", "/home/x": ""}
    (found,) = file_systems.rows(a_host(tmp_path, files))
    assert (found.state, found.found) == (OK, "ext4 (/), tmpfs (/run)")


def test_a_file_system_that_takes_no_id_mapping_is_named_with_the_release_that_will(tmp_path: Path) -> None:
    files = {"/proc/self/mountinfo": EXT4 + TMPFS, "/run/x": ""}
    tries = FakeTries(reasons={"/run": "Invalid argument"})
    (found,) = file_systems.rows(a_host(tmp_path, files, tries=tries))
    assert (found.state, found.found, found.fix) == (LIMITED, "ext4 (/)", "tmpfs: needs Linux 6.3")
    assert "tmpfs (/run): Invalid argument" in found.why


def test_where_no_file_system_takes_an_id_mapping_the_answer_is_no(tmp_path: Path) -> None:
    files = {"/proc/self/mountinfo": "27 1 0:9 / / rw - nfs4 server:/ rw\n"}
    (found,) = file_systems.rows(a_host(tmp_path, files, tries=FakeTries(reasons={"/": "Invalid argument"})))
    assert found.state == NO
    assert "ext4" in found.fix


def test_users_cannot_map_the_ids_of_mounts_and_it_is_not_tried(tmp_path: Path) -> None:
    (found,) = file_systems.rows(a_host(tmp_path, uid=1000, tries=FakeTries(reasons={"/": "not to be asked"})))
    assert found.state == LIMITED
    assert "root" in found.fix


ACTIONS = "kill_process kill_thread trap errno user_notif trace log allow\n"
AVAILABLE = {"/proc/sys/kernel/seccomp/actions_avail": ACTIONS}


def test_seccomp_with_everything(tmp_path: Path) -> None:
    rows = list(seccomp.rows(a_host(tmp_path, AVAILABLE, tries=FakeTries(flags=list(seccomp.FLAGS)))))
    assert {found.state for found in rows} == {OK}
    assert row(rows, "seccomp.libseccomp").found == "2.5.4"


def test_seccomp_of_an_old_kernel(tmp_path: Path) -> None:
    old = {"/proc/sys/kernel/seccomp/actions_avail": ACTIONS.replace("user_notif ", "").replace("log ", "")}
    rows = list(seccomp.rows(a_host(tmp_path, old, tries=FakeTries(flags=["SECCOMP_FILTER_FLAG_TSYNC"]))))
    assert row(rows, "seccomp.actions").state == LIMITED
    assert "not log" in row(rows, "seccomp.actions").why
    flags = row(rows, "seccomp.flags")
    assert (flags.state, flags.found) == (LIMITED, "TSYNC")
    assert "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs Linux 5.19" in flags.fix
    assert row(rows, "seccomp.user_notification").state == NO


def test_a_kernel_without_seccomp(tmp_path: Path) -> None:
    rows = list(seccomp.rows(a_host(tmp_path)))
    assert [found.state for found in rows] == [OK, NO, NO, NO]
    assert all("CONFIG_SECCOMP_FILTER" in found.fix or found.id == "seccomp.flags" for found in rows[1:])


def test_a_release_that_refuses_what_the_kernel_has_says_so(tmp_path: Path) -> None:
    rows = seccomp.rows(a_host(tmp_path, AVAILABLE, tries=FakeTries(reasons={"notify": "not done"})))
    found = row(rows, "seccomp.user_notification")
    assert found.state == NO
    assert "this release refuses" in found.why


def test_without_libseccomp(tmp_path: Path) -> None:
    class Without(FakeTries):
        def notifies(self) -> str:
            raise ImportError("libseccomp.so.2: cannot open")

    tries = Without(reasons={"libseccomp": "libseccomp.so.2: cannot open"})
    rows = list(seccomp.rows(a_host(tmp_path, AVAILABLE, tries=tries)))
    assert row(rows, "seccomp.libseccomp").state == NO
    assert "libseccomp2" in row(rows, "seccomp.libseccomp").fix
    assert row(rows, "seccomp.user_notification").state == UNKNOWN
