"""Rows on security modules, rare resources and directories; what a row must say; what all rows come to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sampan.cli.doctor_table import table
from sampan.doctor import directories, resources, security
from sampan.doctor.examination import AREAS, Examination, document, examine
from sampan.doctor.row import LIMITED, NO, OK, UNKNOWN, Row

from .fakes import FakeTries, a_host, row

TMPFS = {"/proc/self/mountinfo": "28 27 0:25 / /run rw - tmpfs tmpfs rw\n", "/proc/self/status": "", "/run/x": ""}


def test_apparmor_with_its_profiles(tmp_path: Path) -> None:
    files = {
        "/sys/kernel/security/lsm": "lockdown,capability,yama,apparmor",
        "/sys/module/apparmor/parameters/enabled": "Y\n",
        "/proc/self/attr/apparmor/current": "unconfined\n",
        "/sys/kernel/security/apparmor/profiles": "man (enforce)\ndocker-default (enforce)\nlsb_release (complain)\n",
    }
    rows = list(security.rows(a_host(tmp_path, files)))
    assert row(rows, "security.modules").found == "lockdown capability yama apparmor"
    found = row(rows, "security.apparmor")
    assert found.found == "this process: unconfined; profiles: 1 in mode complain, 2 in mode enforce"
    assert row(rows, "security.selinux").state == NO


@pytest.mark.parametrize("enforce, mode", [("1", "enforcing"), ("0", "permissive")])
def test_selinux_with_its_mode(tmp_path: Path, enforce: str, mode: str) -> None:
    files = {"/sys/fs/selinux/enforce": enforce, "/proc/self/attr/current": "unconfined_u:unconfined_r:t:s0\0"}
    found = row(security.rows(a_host(tmp_path, files)), "security.selinux")
    assert (found.state, found.found) == (OK, f"{mode}; this process: unconfined_u:unconfined_r:t:s0")


def test_security_modules_that_cannot_be_seen_are_unknown(tmp_path: Path) -> None:
    found = row(security.rows(a_host(tmp_path, {"/sys/kernel/security/x": ""})), "security.modules")
    assert found.state == UNKNOWN
    assert row(security.rows(a_host(tmp_path / "none")), "security.modules").state == NO


def test_resctrl(tmp_path: Path) -> None:
    mounted = {"/proc/self/mountinfo": "30 20 0:5 / /sys/fs/resctrl rw - resctrl resctrl rw\n"}
    there = {"/proc/filesystems": "nodev\tproc\nnodev\tresctrl\n"}
    assert row(resources.rows(a_host(tmp_path / "1", mounted)), "resources.resctrl").found == "/sys/fs/resctrl"
    found = row(resources.rows(a_host(tmp_path / "2", there)), "resources.resctrl")
    assert (found.state, found.fix) == (LIMITED, "as root: mount -t resctrl resctrl /sys/fs/resctrl")
    assert row(resources.rows(a_host(tmp_path / "3")), "resources.resctrl").state == NO


def test_huge_pages(tmp_path: Path) -> None:
    pages = "/sys/kernel/mm/hugepages/hugepages-{}kB/nr_hugepages"
    some = {pages.format(2048): "8\n", pages.format(1048576): "0\n", pages.format(64): "0\n"}
    found = row(resources.rows(a_host(tmp_path / "1", some)), "resources.huge_pages")
    assert (found.state, found.found) == (OK, "0 of 1GB, 8 of 2MB, 0 of 64KB")
    none = {pages.format(2048): "0\n"}
    assert row(resources.rows(a_host(tmp_path / "2", none)), "resources.huge_pages").state == LIMITED
    assert row(resources.rows(a_host(tmp_path / "3")), "resources.huge_pages").state == NO


def test_a_release_without_checkpoints_says_so_and_tells_of_criu(tmp_path: Path) -> None:
    tries = FakeTries(outputs={"/usr/bin/criu": "Version: 4.1\nGitID: v4.1"})
    host = a_host(tmp_path, {"/usr/bin/criu": ""}, tries=tries)
    found = row(resources.rows(host), "resources.checkpoint")
    assert (found.state, found.found) == (NO, "criu 4.1, /usr/bin/criu")
    assert "not supported by this release" in found.why
    able = a_host(tmp_path, {"/usr/bin/criu": ""}, tries=tries, verbs=("checkpoint",))
    assert row(resources.rows(able), "resources.checkpoint").state == OK


def test_the_state_directory_is_not_made_by_asking(tmp_path: Path) -> None:
    found = row(directories.rows(a_host(tmp_path, TMPFS)), "directories.state")
    assert (found.state, found.found) == (OK, "/run/sampan (tmpfs, made by the first container)")
    assert not (tmp_path / "run/sampan").exists()


def test_a_state_directory_on_a_disk_is_a_limit(tmp_path: Path) -> None:
    disk = {**TMPFS, "/proc/self/mountinfo": "27 1 254:0 / / rw - ext4 /dev/vda rw\n"}
    found = row(directories.rows(a_host(tmp_path, disk)), "directories.state")
    assert (found.state, found.forbids) == (LIMITED, False)


def test_a_state_directory_below_a_file_cannot_be(tmp_path: Path) -> None:
    host = a_host(tmp_path, {**TMPFS, "/run/file": ""}, state_directory="/run/file/sampan")
    assert row(directories.rows(host), "directories.state").forbids


def test_users_need_a_runtime_directory_or_root(tmp_path: Path) -> None:
    host = a_host(tmp_path, TMPFS, uid=1000, state_directory="")
    assert row(directories.rows(host), "directories.state").forbids
    assert row(directories.rows(host), "directories.xdg_runtime_dir").state == LIMITED
    lost = a_host(tmp_path, TMPFS, uid=1000, environment={"XDG_RUNTIME_DIR": "/run/user/1000"})
    found = row(directories.rows(lost), "directories.xdg_runtime_dir")
    assert (found.state, found.found) == (NO, "/run/user/1000")
    assert "loginctl enable-linger worker" in found.fix


def test_without_proc_nothing_runs(tmp_path: Path) -> None:
    assert row(directories.rows(a_host(tmp_path)), "directories.proc").forbids


@pytest.mark.parametrize(
    "state, why, fix", [(NO, "", "x"), (NO, "x", ""), (LIMITED, "x", ""), (UNKNOWN, "", "x"), ("maybe", "x", "x")]
)
def test_a_row_that_leaves_its_reader_alone_cannot_be_made(state: str, why: str, fix: str) -> None:
    with pytest.raises(ValueError, match=r"area\.name"):
        Row("area.name", "name", state, why=why, fix=fix)


def test_the_document_has_all_rows_with_all_their_fields(tmp_path: Path) -> None:
    examination = examine(a_host(tmp_path, TMPFS))
    value = json.loads(json.dumps(document(examination, "9.9")))
    assert set(value) == {"format", "sampan", "host", "usable", "counts", "checks"}
    assert value["format"] == 1
    assert [check["id"] for check in value["checks"]] == [found.id for found in examination.rows]
    assert sum(value["counts"].values()) == len(value["checks"])
    keys = {"id", "area", "name", "state", "required", "found", "why", "fix", "needsLinux"}
    assert all(set(check) == keys for check in value["checks"])
    ids = [check["id"] for check in value["checks"]]
    assert len(ids) == len(set(ids))
    assert {check["area"] for check in value["checks"]} == set(AREAS)


def test_the_table_says_what_is_missing_and_does_not_break_commands(tmp_path: Path) -> None:
    fix = "printf 'a line that is longer than the table is wide' " + "word " * 30
    rows = (
        Row("kernel.one", "one", OK, "1.2"),
        Row("kernel.two", "two", NO, "", "it is \x1b[31mbroken", fix.strip(), required=True),
    )
    text = table(Examination(a_host(tmp_path), rows), "9.9")
    assert f"           fix  {fix.strip()}\n" in text
    assert "\x1b" not in text
    assert "1 ok, 1 no: sampan cannot run containers here, for want of:\n  two (kernel.two)\n" in text
    assert "\x1b[32mok       \x1b[0m" in table(Examination(a_host(tmp_path), rows), "9.9", color=True)
