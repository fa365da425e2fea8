"""What the options of `ctr run` make of a container."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ..engine import eventually
from .ctr import LINGER, Ctr

SLEEP = ("--", "sleep", "600")
END = "== end of part"
SECURITY = "grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status | tr '\\t\\n' '  '"

# Command lines: of each some options, scripts for the container's shell, and what those print.
COMMAND_LINES: dict[str, list[tuple[list[str], str, str]]] = {
    "plain": [
        ([], SECURITY, "NoNewPrivs: 1 Seccomp: 0 "),
        ([], "ulimit -n", "1024"),
        ([], "grep shared: /proc/self/mountinfo || echo private", "private"),
    ],
    "many": [
        (["--env", "A=b c", "--env", "PATH=/bin:/sbin"], "echo $A $PATH", "b c /bin:/sbin"),
        (["--cwd", "/new/directory"], "pwd", "/new/directory"),
        (["--read-only"], "touch /file; touch /dev/shm/file && echo ok", "touch: /file: Read-only file system\nok"),
        (
            ["--mount", "type=tmpfs,src=tmpfs,dst=/scratch,options=size=64k:mode=700:noexec"],
            "grep -o ' /scratch tmpfs .*,mode=700' /proc/self/mounts",
            " /scratch tmpfs rw,noexec,relatime,size=64k,mode=700",
        ),
        (["--allow-new-privs"], SECURITY, "NoNewPrivs: 0 Seccomp: 0 "),
        (
            ["--cap-add", "CAP_SYS_ADMIN", "--cap-drop", "CAP_NET_RAW"],
            "grep -E '^Cap(Eff|Bnd)' /proc/self/status | cut -f 2",
            "00000000a82405fb\n00000000a82405fb",
        ),
        (["--device", "/dev/zero"], "head -c 3 /dev/zero | od -An -tx1", " 00 00 00"),
        (["--net-host"], "readlink /proc/self/ns/net", "{net}"),
    ],
    "seccomp": [
        (["--seccomp"], SECURITY, "NoNewPrivs: 1 Seccomp: 2 "),
        ([], "unshare -u true", "unshare: unshare(0x4000000): Operation not permitted"),
    ],
    "without": [(["--cgroup", ""], "echo ran", "ran"), (["--no-pivot"], "ls -d /bin /etc", "/bin\n/etc")],
    "mapped users": [
        (["--uidmap", "0:100000:65536"], "tr -s ' ' </proc/self/uid_map", " 0 100000 65536"),
        (["--gidmap", "0:200000:65536"], "tr -s ' ' </proc/self/gid_map", " 0 200000 65536"),
        ([], "id -u; id -g", "0\n0"),
    ],
}


@pytest.mark.parametrize("name", COMMAND_LINES)
def test_options_have_their_effects(ctr: Ctr, name: str) -> None:
    parts = COMMAND_LINES[name]
    options = [word for options, _, _ in parts for word in options]
    script = "".join(f"({script}) 2>&1; echo '{END}'\n" for _, script, _ in parts)
    shown = ctr.run(*options, "--", "sh", "-c", f"{script}{LINGER}").checked().stdout.split(END)
    net = ctr.site.view.run("readlink", "/proc/self/ns/net").output
    expected = [expected.replace("{net}", net) for _, _, expected in parts]
    assert [part.strip("\n") for part in shown[:-1]] == expected


def test_privileged(ctr: Ctr) -> None:
    script = f"{SECURITY}; echo; grep CapEff /proc/self/status; grep ' /sys ' /proc/mounts"
    shown = ctr.run("--privileged", "--", "sh", "-c", f"{script}; {LINGER}").checked().stdout
    assert "Seccomp: 0" in shown
    assert " /sys sysfs rw" in shown
    all_of_ours = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd"))
    assert all_of_ours.split()[1] in shown


def test_a_seccomp_profile_of_ones_own(ctr: Ctr, shared_directory: Path) -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}],
    }
    path = shared_directory / "profile.json"
    path.write_text(json.dumps(profile))
    result = ctr.run("--seccomp", "--seccomp-profile", str(path), "--", "sh", "-c", f"mkdir /new; {LINGER}; exit 3")
    assert result.status == 3
    assert "No space left on device" in result.stderr


def test_directories_of_the_host(ctr: Ctr, shared_directory: Path) -> None:
    (shared_directory / "file").write_text("of the host\n")
    mounts = [f"type=bind,src={shared_directory},dst=/{mode},options=rbind:{mode}" for mode in ("rw", "ro")]
    options = [word for mount in mounts for word in ("--mount", mount)]
    result = ctr.run(*options, "--", "sh", "-c", f"cat /ro/file; echo new >/rw/new; touch /ro/other 2>&1; {LINGER}")
    assert result.lines == ["of the host", "touch: /ro/other: Read-only file system"]
    assert (shared_directory / "new").read_text() == "new\n"


def test_limits_reach_the_cgroup(ctr: Ctr) -> None:
    container = ctr.detached("--memory-limit", "33554432", "--cpus", "0.5", "--cpu-shares", "512", *SLEEP)
    assert ctr.limit(container, "memory.limit_in_bytes", "memory.max") == "33554432"
    assert ctr.limit(container, "cpu.cfs_quota_us", "cpu.max") in ("50000", "50000 100000")
    assert ctr.limit(container, "cpu.shares", "cpu.weight") in ("512", "20")


def test_a_cgroup_of_choice(ctr: Ctr) -> None:
    container = ctr.detached("--cgroup", "/default/chosen", *SLEEP)
    there = {path.name for path in ctr.site.view.cgroups.below()}
    assert "chosen" in there
    assert container not in there


def test_a_namespace_of_another_container(ctr: Ctr) -> None:
    first = ctr.detached(*SLEEP)
    task = ctr.task(first)
    assert task is not None
    options = [
        word
        for kind in ("pid", "network", "ipc")
        for word in ("--with-ns", f"{kind}:/proc/{task.pid}/ns/{_file(kind)}")
    ]
    links = "readlink /proc/self/ns/pid /proc/self/ns/net /proc/self/ns/ipc"
    theirs = ctr.exec(first, "sh", "-c", f"{links}; {LINGER}").checked().stdout
    shown = ctr.run(*options, "--", "sh", "-c", f"{links}; {LINGER}; [ $$ != 1 ] && echo beside")
    assert shown.checked().stdout.startswith(theirs)


def test_the_pid_file(ctr: Ctr, shared_directory: Path) -> None:
    container = ctr.detached("--pid-file", str(shared_directory / "pid"), *SLEEP)
    task = ctr.task(container)
    assert task is not None and (shared_directory / "pid").read_text() == str(task.pid)


def test_output_goes_to_a_log(ctr: Ctr, shared_directory: Path) -> None:
    log = shared_directory / "log"
    words = ctr.words_to_run("--detach", "--log-uri", f"file://{log}", "--", "sh", "-c", "echo out; echo err >&2")
    ctr(*words).checked()
    eventually(lambda: log.exists() and sorted(log.read_text().split()) == ["err", "out"], "all output is in the log")


def test_annotations_reach_the_runtime(ctr: Ctr) -> None:
    container = ctr.detached("--annotation", "org.example.key=value", *SLEEP)
    state = json.loads(ctr.state(container).checked().stdout)
    assert state["annotations"]["org.example.key"] == "value"


def test_a_root_filesystem_that_is_a_directory(ctr: Ctr, shared_directory: Path) -> None:
    _make_root(ctr, shared_directory)
    words = ["run", "--rm", *ctr.binary, "--rootfs", "--env", "PATH=/bin"]
    ctr(*words, str(shared_directory), "directory", "sh", "-c", "echo inside >/file").checked()
    assert (shared_directory / "file").read_text() == "inside\n"


def test_hooks_of_a_configuration_of_ones_own(ctr: Ctr, shared_directory: Path) -> None:
    """With `--config` ctr hands on what containerd itself never writes."""
    _make_root(ctr, shared_directory / "root")
    ctr.site.view.run(ctr.site.runtimes[ctr.runtime], "spec", "--bundle", str(shared_directory)).checked()
    path = shared_directory / "config.json"
    config = json.loads(path.read_text())
    config["root"] = {"path": str(shared_directory / "root"), "readonly": False}
    config["process"]["terminal"] = False
    config["process"]["args"] = ["true"]
    config["linux"]["cgroupsPath"] = "/default/with-hooks"
    log = shared_directory / "log"
    stages = ("prestart", "createRuntime", "poststart", "poststop")
    config["hooks"] = {stage: [_hook(f"cat >/dev/null; echo {stage} >>{log}")] for stage in stages}
    path.write_text(json.dumps(config))
    ctr("run", "--rm", *ctr.binary, "--config", str(path), "with-hooks").checked()
    assert log.read_text().split() == list(stages)


def _hook(script: str) -> dict[str, object]:
    return {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"]}


def _make_root(ctr: Ctr, directory: Path) -> None:
    (directory / "bin").mkdir(parents=True)
    busybox = shutil.which("busybox")
    assert busybox
    shutil.copy(busybox, directory / "bin/busybox")
    for applet in ("sh", "true"):
        (directory / "bin" / applet).symlink_to("busybox")


def _file(kind: str) -> str:
    return {"network": "net"}.get(kind, kind)
