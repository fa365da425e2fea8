"""Rows on user namespaces, ranges of ids, and the programs that map them."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from sampan.doctor import users
from sampan.doctor.row import LIMITED, NO, OK, UNKNOWN

from .fakes import FakeTries, a_host, row

APPARMOR = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
RANGES = {"/etc/subuid": "other:1:2\nworker:100000:65536\n", "/etc/subgid": "1000:200000:65536\n"}
PROGRAMS = {"/usr/bin/newuidmap": "", "/usr/bin/newgidmap": ""}


def test_root_needs_neither_ranges_nor_programs(tmp_path: Path) -> None:
    assert {found.state for found in users.rows(a_host(tmp_path))} == {OK}


def test_a_user_with_ranges_by_name_and_by_number(tmp_path: Path) -> None:
    tries = FakeTries()
    host = a_host(tmp_path, {**RANGES, **PROGRAMS}, uid=1000, gid=1001, tries=tries)
    for program in PROGRAMS:
        os.chmod(host.path(program), 0o4755)
    rows = list(users.rows(host))
    assert row(rows, "users.subuid").found == "100000 to 165535"
    assert row(rows, "users.subgid").found == "200000 to 265535"
    assert row(rows, "users.mapping").state == OK
    uids, gids = tries.mapped[-1]
    assert uids == [
        {"containerID": 0, "hostID": 1000, "size": 1},
        {"containerID": 1, "hostID": 100000, "size": 65536},
    ]
    assert gids[0]["hostID"] == 1001
    if os.geteuid() == 0:  # whose files those of the tree are
        assert {found.state for found in rows} == {OK}
        assert row(rows, "users.newuidmap").found == "/usr/bin/newuidmap, setuid root"


def test_a_user_without_ranges(tmp_path: Path) -> None:
    rows = list(users.rows(a_host(tmp_path, uid=1000)))
    assert row(rows, "users.subuid").state == NO
    assert "usermod --add-subuids 100000-165535 worker" in row(rows, "users.subuid").fix
    assert "usermod --add-subgids 100000-165535 worker" in row(rows, "users.subgid").fix
    assert row(rows, "users.mapping").state == LIMITED
    assert row(rows, "users.newuidmap").state == NO
    assert "uidmap" in row(rows, "users.newuidmap").fix


def test_a_short_range_is_a_limit(tmp_path: Path) -> None:
    found = row(users.rows(a_host(tmp_path, {"/etc/subuid": "worker:100000:1000\n"}, uid=1000)), "users.subuid")
    assert (found.state, found.found) == (LIMITED, "100000 to 100999")


def test_ranges_of_a_directory_service_are_unknown(tmp_path: Path) -> None:
    files = {"/etc/nsswitch.conf": "passwd: files sss\nsubid: sss\n"}
    rows = list(users.rows(a_host(tmp_path, files, uid=1000)))
    assert row(rows, "users.subuid").state == UNKNOWN
    assert "getsubids worker" in row(rows, "users.subuid").why
    assert "getsubids -g worker" in row(rows, "users.subgid").why


def test_a_broken_line_gives_nothing(tmp_path: Path) -> None:
    files = {"/etc/subuid": "worker:many:65536\nworker\n\n#worker:1:65536\n"}
    assert row(users.rows(a_host(tmp_path, files, uid=1000)), "users.subuid").state == NO


def test_programs_without_privileges_are_told_from_those_that_have_them(tmp_path: Path) -> None:
    host = a_host(tmp_path, PROGRAMS, uid=1000)
    found = row(users.rows(host), "users.newuidmap")
    assert (found.state, found.fix) == (NO, "as root: chmod u+s /usr/bin/newuidmap")


def test_file_capabilities_do_as_well_as_setuid(tmp_path: Path) -> None:
    """As Fedora and Arch ship them: newuidmap cap_setuid=ep, newgidmap cap_setgid=ep."""
    host = a_host(tmp_path, PROGRAMS, uid=1000)
    for program, capability in (("newuidmap", 7), ("newgidmap", 6)):
        value = struct.pack("<IIIII", 0x02000001, 1 << capability, 0, 0, 0)
        try:
            os.setxattr(host.path(f"/usr/bin/{program}"), "security.capability", value)
        except OSError as error:
            pytest.skip(f"file capabilities cannot be set here: {error}")
    rows = list(users.rows(host))
    assert row(rows, "users.newuidmap").found == "/usr/bin/newuidmap, file capability cap_setuid"
    assert row(rows, "users.newgidmap").found == "/usr/bin/newgidmap, file capability cap_setgid"


@pytest.mark.parametrize(
    "files, fix",
    [
        ({"/proc/sys/user/max_user_namespaces": "0\n"}, "sysctl -w user.max_user_namespaces=15000"),
        ({"/proc/sys/kernel/unprivileged_userns_clone": "0\n"}, "sysctl -w kernel.unprivileged_userns_clone=1"),
        ({APPARMOR: "1\n"}, "/etc/apparmor.d/sampan"),
        ({}, "CONFIG_USER_NS"),
    ],
)
def test_a_user_who_cannot_have_a_namespace_cannot_have_a_container(
    tmp_path: Path, files: dict[str, str], fix: str
) -> None:
    tries = FakeTries(reasons={"user_namespace": "start init: Operation not permitted"})
    found = row(users.rows(a_host(tmp_path, files, uid=1000, tries=tries)), "users.namespaces")
    assert found.forbids
    assert fix in found.fix


def test_root_can_do_without_user_namespaces(tmp_path: Path) -> None:
    tries = FakeTries(reasons={"user_namespace": "start init: No space left on device"})
    files = {"/proc/sys/user/max_user_namespaces": "0\n"}
    found = row(users.rows(a_host(tmp_path, files, tries=tries)), "users.namespaces")
    assert (found.state, found.forbids) == (NO, False)


def test_a_profile_for_apparmor_is_for_the_program_and_not_for_a_link_to_it(tmp_path: Path) -> None:
    """Ubuntu 24.04 restricts users' namespaces, but for programs that have a profile."""
    files = {APPARMOR: "1\n", "/opt/sampan/bin/sampan": "", "/usr/local/bin/x": ""}
    tries = FakeTries(reasons={"user_namespace": "sethostname: Operation not permitted"})
    host = a_host(tmp_path, files, uid=1000, tries=tries)
    host.path("/usr/local/bin/sampan").symlink_to(host.path("/opt/sampan/bin/sampan"))
    fix = row(users.rows(host), "users.namespaces").fix
    assert f"profile sampan {host.path('/opt/sampan/bin/sampan')} flags=(unconfined)" in fix
    assert row(users.rows(a_host(tmp_path, files, uid=1000)), "users.namespaces").state == OK
