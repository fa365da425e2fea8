"""What a container may: capabilities, seccomp, privileges, users, limits of processes, settings of the kernel."""

from __future__ import annotations

import json
from pathlib import Path

from .daemon import Docker
from .privileges import KNOWN_CAPABILITIES, need_all_capabilities, own_capabilities

NET_ADMIN, CHOWN = 1 << 12, 1 << 0
STATUS = "awk '/^CapEff|^Seccomp:|^NoNewPrivs/ {print $2}' /proc/self/status"


def rights(docker: Docker, *options: str) -> tuple[int, int, int]:
    """Effective capabilities, no_new_privs, and the mode of seccomp."""
    capabilities, no_new_privileges, seccomp = docker.run(*options, "--", "sh", "-c", STATUS).checked().lines
    return int(capabilities, 16), int(no_new_privileges), int(seccomp)


def test_capabilities_can_be_added_and_dropped(docker: Docker) -> None:
    capabilities, no_new_privileges, seccomp = rights(docker, "--cap-add", "NET_ADMIN", "--cap-drop", "CHOWN")
    assert capabilities & NET_ADMIN and not capabilities & CHOWN
    assert (no_new_privileges, seccomp) == (0, 2)


def test_all_capabilities_and_new_privileges_can_be_dropped(docker: Docker) -> None:
    options = ["--cap-drop", "ALL", "--cap-add", "CHOWN", "--security-opt", "no-new-privileges"]
    assert rights(docker, *options) == (CHOWN, 1, 2)


def test_a_privileged_container_has_all_rights_and_devices(docker: Docker) -> None:
    need_all_capabilities(docker)
    script = f"{STATUS}; test -c /dev/kmsg && mount -t tmpfs x /srv && touch /srv/file && ls /srv"
    lines = docker.run("--privileged", "--", "sh", "-c", script).checked().lines
    assert int(lines[0], 16) == own_capabilities() & KNOWN_CAPABILITIES
    assert lines[1:] == ["0", "0", "file"]


def test_the_default_profile_of_seccomp_refuses_what_it_names_and_none_does_not(docker: Docker) -> None:
    """Joining namespaces needs CAP_SYS_ADMIN by that profile."""
    refused = docker.run("unshare", "--user", "true")
    assert refused.status == 1
    assert "Operation not permitted" in refused.stderr
    script = f"unshare --user true && {STATUS}"
    result = docker.run("--security-opt", "seccomp=unconfined", "--", "sh", "-c", script)
    assert result.checked().lines[2] == "0"


def test_a_profile_of_seccomp_of_one_s_own(docker: Docker, shared_directory: Path) -> None:
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}
    profile = shared_directory / "profile.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    result = docker.run("--security-opt", f"seccomp={profile}", "--", "mkdir", "/srv/new")
    assert result.status == 1
    assert "No space left on device" in result.stderr


def test_kernel_s_files_can_be_shown(docker: Docker) -> None:
    options = ["--security-opt", "systempaths=unconfined"]
    assert docker.run(*options, "--", "grep", "-c", " /proc/", "/proc/self/mountinfo").output == "0"


def test_groups_are_looked_up_in_the_image(docker: Docker) -> None:
    assert docker.run("--user", "4321:extra", "--", "sh", "-c", "id -u; id -G").checked().lines == ["4321", "2000"]


def test_limits_of_processes_are_as_asked(docker: Docker) -> None:
    options = ["--ulimit", "nofile=123:456", "--ulimit", "core=0", "--oom-score-adj", "500"]
    script = "ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj"
    assert docker.run(*options, "--", "sh", "-c", script).checked().lines == ["123", "456", "0", "500"]


def test_settings_of_the_kernel_are_the_container_s_own(docker: Docker) -> None:
    options = ["--sysctl", "net.ipv4.ip_forward=0", "--sysctl", "kernel.msgmax=12345"]
    files = ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/msgmax"]
    assert docker.run(*options, "--", "cat", *files).checked().lines == ["0", "12345"]
    assert docker.view.run("cat", files[1]).output != "12345"
