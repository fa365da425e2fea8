"""Options of podman that reach the runtime by ways of their own: hooks, annotations, cgroup modes, pid files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from .cgroups import V2, needs
from .podman import IMAGE, Podman

HOOK = """\
#!/bin/sh
echo "$1"
exec >>{directory}/told
cat
echo " $1 $FROM"
"""


STAGES = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")


def test_hooks_of_a_directory_are_run_with_the_state(podman: Podman, shared_directory: Path) -> None:
    """And the annotation of crun's for what they print, which runc does not know. poststop is podman's own to run."""
    hook, hooks, said = shared_directory / "hook", shared_directory / "hooks.d", shared_directory / "said"
    hook.write_text(HOOK.format(directory=shared_directory))
    hook.chmod(0o755)
    hooks.mkdir()
    for stage in STAGES:
        run = {"path": str(hook), "args": ["hook", stage], "env": ["FROM=podman", "PATH=/usr/bin:/bin"]}
        chosen = {"annotations": {"^org\\.example\\.hooked$": "^yes$"}}
        document = {"version": "1.0.0", "hook": run, "when": chosen, "stages": [stage]}
        (hooks / f"{stage}.json").write_text(json.dumps(document))
    words = ["--hooks-dir", str(hooks), "run", "--rm", "--annotation", f"run.oci.hooks.stdout={said}"]
    podman(*words, IMAGE, "true").checked()
    assert not (shared_directory / "told").exists(), "these are for other containers"
    podman(*words, "--annotation", "org.example.hooked=yes", IMAGE, "true").checked()
    told = [line.rpartition("}") for line in (shared_directory / "told").read_text().splitlines()]
    assert [end for _, _, end in told] == [f" {stage} podman" for stage in STAGES]
    statuses = [json.loads(state + brace)["status"] for state, brace, _ in told]
    assert set(statuses[:3]) <= {"creating", "created"}
    assert statuses[3:] == ["created" if podman.runtime == "runc" else "running", "stopped"]
    if podman.runtime != "runc":
        assert said.read_text().split() == list(STAGES[:-1])


def test_pid_files_name_the_container_s_process_and_conmon(podman: Podman, shared_directory: Path) -> None:
    options = ["--pidfile", f"{shared_directory}/pid", "--conmon-pidfile", f"{shared_directory}/conmon"]
    container = podman.detached(*options, "--", "sleep", "1000")
    pid, conmon = ((shared_directory / name).read_text().strip() for name in ("pid", "conmon"))
    assert pid == str(podman.inspect(container)["State"]["Pid"])
    assert podman.site.view.run("cat", f"/proc/{conmon}/comm").checked().output == "conmon"


def test_a_cgroup_for_the_container_alone(podman: Podman) -> None:
    result = podman.run("--cgroups=no-conmon", "--cgroupns=host", "--", "cat", "/proc/self/cgroup")
    assert "/libpod_parent/libpod-" in result.checked().stdout


# Where podman finds the cgroup that it is in, which may not be the top of its namespace.
IN_A_CGROUP = """
    for top in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
        [ -e $top/cgroup.procs ] || continue
        mkdir -p $top/divided && echo 0 >$top/divided/cgroup.procs || exit
    done
    exec "$@"
"""


def test_a_cgroup_below_podman_s_own(podman: Podman) -> None:
    words = ["run", "--rm", "--cgroups=split", "--cgroupns=host", IMAGE, "cat", "/proc/self/cgroup"]
    run = ["sh", "-c", IN_A_CGROUP, "sh", "podman", "--runtime", podman.runtime, *words]
    lines = podman.site.view.run(*run).checked().lines
    paths = {line.split(":", 2)[2] for line in lines if line.startswith("0::") or not V2}
    assert all("/divided/" in path and "/libpod-payload-" in path for path in paths), paths


def test_without_a_cgroup_the_container_stays_in_its_caller_s(podman: Podman) -> None:
    """podman knows crun for it, and those that its configuration lists; runc would make a cgroup all the same."""
    if podman.runtime == "runc":
        result = podman.run("--cgroups=disabled", "--", "true")
        assert result.status != 0 and "not compatible with NoCgroups" in result.stderr, str(result)
        return
    own = podman.site.view.run("sh", "-c", "sort /proc/self/cgroup").checked().stdout
    result = podman.run("--cgroups=disabled", "--cgroupns=host", "--", "sh", "-c", "sort /proc/self/cgroup")
    assert result.checked().stdout == own


def test_the_groups_of_the_caller_can_be_kept(podman: Podman) -> None:
    """podman asks for it by an annotation of crun's, which is unknown to runc."""
    words = ["run", "--rm", "--group-add", "keep-groups", "--user", "worker", IMAGE, "id", "-G"]
    run = ["setpriv", "--groups", "0,777", "podman", "--runtime", podman.runtime, *words]
    expected = "1000 2000" if podman.runtime == "runc" else "1000 0 777"
    assert podman.site.view.run(*run).checked().output == expected


def test_personality_is_as_asked(podman: Podman) -> None:
    """'domain: The execution domain' (config-linux.md). runc knows it since 1.2."""
    if os.uname().machine != "x86_64":
        pytest.skip("LINUX32 shows on x86_64")
    machine = podman.run("--personality", "LINUX32", "--", "uname", "-m").checked().output
    assert machine == "i686" or (podman.runtime == "runc" and machine == "x86_64")


@needs("devices")
def test_a_rule_for_devices_allows_them(podman: Podman) -> None:
    """Beside the test without the rule: the device of the kernel's log, opened for writing, which takes no more."""
    script = "mknod /srv/kmsg c 1 11 && exec 3>/srv/kmsg && echo opened"
    result = podman.run("--device-cgroup-rule", "c 1:11 w", "--cap-add", "mknod", "--", "sh", "-c", script)
    assert result.checked().output == "opened"
    assert podman.run("--cap-add", "mknod", "--", "sh", "-c", script).status != 0
