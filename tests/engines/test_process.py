"""What the options of `podman run` make of the container's process: user, directory, environment, rights, limits."""

from __future__ import annotations

import pytest

from .podman import Podman


def status_field(podman: Podman, name: str, *options: str) -> str:
    """A line of the process's own /proc/self/status."""
    return podman.run(*options, "--", "grep", f"^{name}:", "/proc/self/status").checked().output.split(":")[1].strip()


@pytest.mark.parametrize(
    "user, expected",
    [
        ("worker", ["1000", "1000", "1000 2000"]),
        ("1000", ["1000", "1000", "1000 2000"]),
        ("1234:4321", ["1234", "4321", "4321"]),
        ("worker:extra", ["1000", "2000", "2000"]),
        ("0:0", ["0", "0", "0"]),
    ],
)
def test_user_and_group_are_as_asked(podman: Podman, user: str, expected: list[str]) -> None:
    assert podman.run("-u", user, "--", "sh", "-c", "id -u; id -g; id -G").checked().lines == expected


def test_group_add_gives_further_groups(podman: Podman) -> None:
    assert podman.run("--group-add", "2000", "--group-add", "77", "--", "id", "-G").checked().output == "0 77 2000"


def test_a_user_without_rights_has_no_capabilities(podman: Podman) -> None:
    assert int(status_field(podman, "CapEff", "-u", "worker"), 16) == 0


def test_working_directory_is_as_asked(podman: Podman) -> None:
    assert podman.run("-w", "/srv", "--", "pwd").checked().output == "/srv"


def test_the_environment_is_as_asked(podman: Podman) -> None:
    lines = podman.run("-e", "A=one two", "-e", "EMPTY=", "-u", "worker", "--", "env").checked().lines
    assert {"A=one two", "EMPTY=", "PATH=/bin", "HOME=/home/worker", "container=podman"} <= set(lines)


def test_the_program_is_found_in_the_container_s_path(podman: Podman) -> None:
    assert podman.run("-e", "PATH=/nowhere:/bin", "--", "script").checked().output == "script"


def test_entrypoint_comes_before_the_words(podman: Podman) -> None:
    assert podman.run("--entrypoint", '["echo", "-n", "first"]', "--", "second").checked().stdout == "first second"


def test_hostname_is_as_asked(podman: Podman) -> None:
    assert podman.run("--hostname", "harbour", "--", "hostname").checked().output == "harbour"


@pytest.mark.parametrize("options", [["--cap-drop", "all"], ["--cap-drop", "all", "--cap-add", "chown"]])
def test_capabilities_are_dropped(podman: Podman, options: list[str]) -> None:
    assert int(status_field(podman, "CapEff", *options), 16) == (1 if "chown" in options else 0)


def test_a_dropped_capability_cannot_be_used(podman: Podman) -> None:
    result = podman.run("--cap-drop", "chown", "--", "chown", "1000", "/srv")
    assert result.status == 1
    assert "Operation not permitted" in result.stderr


def test_privileged_has_every_capability_of_the_runtime(podman: Podman) -> None:
    own = podman.site.view.run("grep", "^CapEff:", "/proc/self/status").checked().output.split()[1]
    assert status_field(podman, "CapEff", "--privileged") == own


def test_no_new_privileges_is_set_on_demand(podman: Podman) -> None:
    assert status_field(podman, "NoNewPrivs") == "0"
    assert status_field(podman, "NoNewPrivs", "--security-opt", "no-new-privileges") == "1"


def test_seccomp_filters_by_default(podman: Podman) -> None:
    assert status_field(podman, "Seccomp") == "2"


def test_seccomp_can_be_unconfined(podman: Podman) -> None:
    assert status_field(podman, "Seccomp", "--security-opt", "seccomp=unconfined") == "0"


def test_seccomp_profile_of_choice_is_enforced(podman: Podman, shared_directory: object) -> None:
    profile = f"{shared_directory}/seccomp.json"
    with open(profile, "w") as file:
        file.write(
            '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": '
            '[{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 122}]}'
        )
    result = podman.run("--security-opt", f"seccomp={profile}", "--", "mkdir", "/srv/refused")
    assert result.status == 1
    assert "quota exceeded" in result.stderr.lower(), str(result)


def test_default_seccomp_refuses_new_mounts_but_unconfined_allows_them(podman: Podman) -> None:
    mount = ["--cap-add", "sys_admin", "--", "mount", "-t", "tmpfs", "none", "/srv"]
    podman.run("--security-opt", "seccomp=unconfined", *mount).checked()


def test_limits_are_as_asked(podman: Podman) -> None:
    options = ["--ulimit", "nofile=99:100", "--ulimit", "nproc=500:500"]
    assert podman.run(*options, "--", "sh", "-c", "ulimit -Sn; ulimit -Hn").checked().lines == ["99", "100"]


def test_umask_is_as_asked(podman: Podman) -> None:
    assert podman.run("--umask", "077", "--", "sh", "-c", "umask").checked().output == "0077"


def test_oom_score_is_as_asked(podman: Podman) -> None:
    result = podman.run("--oom-score-adj", "500", "--", "cat", "/proc/self/oom_score_adj")
    assert result.checked().output == "500"


def test_sysctls_are_the_container_s_own(podman: Podman) -> None:
    result = podman.run("--sysctl", "kernel.msgmax=9000", "--", "cat", "/proc/sys/kernel/msgmax")
    assert result.checked().output == "9000"


def test_annotations_and_labels_pass(podman: Podman) -> None:
    podman.run("--annotation", "org.example.a=b", "--label", "x=y", "--", "true").checked()
