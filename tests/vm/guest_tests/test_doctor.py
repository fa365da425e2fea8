"""What `sampan doctor` says where there is all of cgroup v2, systemd and AppArmor, as root and as a user."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from .conftest import CGROUPS, User

USUAL = {"cpu", "cpuset", "io", "memory", "pids"}


def checks(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    assert done.returncode == 0, done.stdout + done.stderr
    return {check["id"]: check for check in json.loads(done.stdout)["checks"]}


def systemd_release() -> str:
    """The first line is "systemd 252 (252.38-1~deb12u1)"."""
    return subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]


def test_root_has_everything_of_cgroups() -> None:
    found = checks(subprocess.run(["sampan", "doctor", "--format", "json"], capture_output=True, text=True))
    assert found["cgroups.mode"]["found"] == f"v2, at {CGROUPS}"
    assert set(found["cgroups.controllers"]["found"].split()) >= USUAL
    assert {check["state"] for own_id, check in found.items() if own_id.startswith("cgroups.")} == {"ok"}
    assert found["cgroups.systemd"]["found"] == f"systemd {systemd_release()}"


def test_a_file_system_that_this_kernel_does_not_map_is_not_said_to_be_mapped() -> None:
    """tmpfs since 6.3, ext4 since 5.12: /run is one here, and /tmp the other."""
    found = checks(subprocess.run(["sampan", "doctor", "--format", "json"], capture_output=True, text=True))
    release = tuple(map(int, os.uname().release.split(".")[:2]))
    assert ("tmpfs (/run)" in found["mounts.id_mapped"]["found"]) == (release >= (6, 3))
    assert "ext4 (/tmp)" in found["mounts.id_mapped"]["found"]


def test_apparmor_is_told_with_its_profiles() -> None:
    found = checks(subprocess.run(["sampan", "doctor", "--format", "json"], capture_output=True, text=True))
    loaded = Path("/sys/kernel/security/apparmor/profiles").read_text().splitlines()
    enforced = sum(line.endswith("(enforce)") for line in loaded)
    assert found["security.apparmor"]["state"] == "ok"
    assert "this process: unconfined" in found["security.apparmor"]["found"]
    assert f"{enforced} in mode enforce" in found["security.apparmor"]["found"] or not enforced
    assert "apparmor" in found["security.modules"]["found"].split()


def test_a_user_is_told_what_is_delegated_to_them(tester: User) -> None:
    found = checks(tester.run("sampan", "doctor", "--format", "json"))
    given = set((tester.cgroup / "cgroup.controllers").read_text().split())
    delegation = found["cgroups.delegation"]
    words, _, place = delegation["found"].partition(", in ")
    assert place.startswith(str(tester.cgroup))
    assert set(words.split()) <= given
    assert delegation["state"] == ("ok" if set(words.split()) >= USUAL else "limited")
    assert found["cgroups.systemd"]["found"] == f"systemd {systemd_release()} of this user"
    assert found["directories.xdg_runtime_dir"]["state"] == "ok"
    assert found["users.mapping"] == {**found["users.mapping"], "state": "ok", "found": "tried"}


def test_a_user_in_a_cgroup_of_root_is_told_of_that_of_their_systemd(tester: User) -> None:
    found = checks(tester.run_undelegated("sampan", "doctor", "--format", "json"))
    assert found["cgroups.delegation"]["found"].endswith(f", in {tester.cgroup}")
