"""`sampan doctor` on this machine, as root and as a user without privileges: its claims against another witness."""

from __future__ import annotations

import ctypes.util
import errno
import gzip
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sampan.doctor.tries import SYSTEM_CALLS, Tries

SAMPAN = shutil.which("sampan", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or ""
NOBODY = 65534
TIMEOUT = 60
# The interpreter may be where only root comes, as below /root: in a mount namespace of its own it can be reached.
REACHABLE = """
set -eu
barred=$1 kept=$2 uid=$3; shift 3
if [ -n "$barred" ]; then
    aside=$(mktemp -d)
    mount --bind "$kept" "$aside"
    mount -t tmpfs -o mode=755 reachable "$barred"
    mkdir -p "$kept"
    mount --move "$aside" "$kept"
    rmdir "$aside"
fi
cd /
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"
"""

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="looks as root and, by setpriv, as a user"),
    pytest.mark.skipif(not SAMPAN, reason="sampan is not installed"),
]


def barred(path: Path) -> tuple[str, str]:
    """The outermost directory on the way to ``path`` that other users may not enter, and what to show in it."""
    real = path.resolve()
    above = [directory for directory in reversed(real.parents) if not directory.stat().st_mode & stat.S_IXOTH]
    return (str(above[0]), str(real.parents[1])) if above else ("", "")


def as_user(*words: str, uid: int = NOBODY, environment: Mapping[str, str] | None = None) -> list[str]:
    """A command of the user ``uid``."""
    settings = [f"{name}={value}" for name, value in (environment or {}).items()]
    script = ["unshare", "--mount", "--propagation", "private", "sh", "-c", REACHABLE, "sh"]
    return [*script, *barred(Path(sys.executable)), str(uid), "env", "-u", "XDG_RUNTIME_DIR", *settings, *words]


def doctor(*options: str, prefix: list[str] | None = None, status: int = 0) -> dict[str, Any]:
    command = [*(prefix or []), SAMPAN, *options, "doctor", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == status, f"{command}\n{done.stdout}\n{done.stderr}"
    assert done.stderr == ""
    value: dict[str, Any] = json.loads(done.stdout)
    assert value["usable"] == (status == 0)
    return value


def checks(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["id"]: check for check in document["checks"]}


@pytest.fixture(scope="module")
def of_root() -> dict[str, dict[str, Any]]:
    return checks(doctor())


@pytest.fixture(scope="module")
def of_user(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return checks(doctor("--root", "/tmp/sampan-doctor-nowhere", prefix=as_user()))


def succeeds(*words: str) -> bool:
    return subprocess.run(words, capture_output=True, timeout=TIMEOUT).returncode == 0


def test_the_table_is_for_people_and_without_color_in_a_pipe() -> None:
    done = subprocess.run([SAMPAN, "doctor"], capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0
    assert re.search(r"^  ok       clone3 +since Linux 5.3$", done.stdout, re.MULTILINE)
    assert done.stdout.endswith(": sampan can run containers here\n")
    assert "\x1b" not in done.stdout


def test_it_leaves_nothing_behind(tmp_path: Path) -> None:
    def things() -> list[object]:
        return [
            Path("/proc/self/mountinfo").read_text(),
            sorted(path.name for path in Path("/run").iterdir()),
            sorted(tmp_path.iterdir()),
        ]

    before = things()
    doctor("--root", str(tmp_path / "state"))
    assert things() == before


@pytest.mark.parametrize(
    "name, option",
    [
        ("cgroup", "--cgroup"),
        ("ipc", "--ipc"),
        ("mount", "--mount"),
        ("network", "--net"),
        ("pid", "--pid"),
        ("time", "--time"),
        ("user", "--user"),
        ("uts", "--uts"),
    ],
)
def test_a_namespace_is_there_if_unshare_can_make_it(
    of_root: dict[str, dict[str, Any]], name: str, option: str
) -> None:
    made = succeeds("unshare", "--fork", option, "true")
    assert (of_root[f"kernel.{name}_namespaces"]["state"] == "ok") == made


def test_seccomp_actions_are_those_of_the_kernel(of_root: dict[str, dict[str, Any]]) -> None:
    try:
        config = gzip.decompress(Path("/proc/config.gz").read_bytes()).decode()
    except FileNotFoundError:
        pytest.skip("this kernel has no /proc/config.gz")
    filters = "CONFIG_SECCOMP_FILTER=y" in config
    assert (of_root["seccomp.actions"]["state"] == "ok") == filters
    assert (of_root["kernel.time_namespaces"]["state"] == "ok") == ("CONFIG_TIME_NS=y" in config)
    assert (of_root["resources.huge_pages"]["state"] != "no") == ("CONFIG_HUGETLBFS=y" in config)
    assert (of_root["resources.resctrl"]["state"] != "no") <= ("CONFIG_X86_CPU_RESCTRL=y" in config)
    assert (of_root["security.apparmor"]["state"] == "ok") <= ("CONFIG_SECURITY_APPARMOR=y" in config)


def test_libseccomp_is_the_one_that_is_installed(of_root: dict[str, dict[str, Any]]) -> None:
    name = ctypes.util.find_library("seccomp")
    assert name
    library = ctypes.CDLL(name)
    library.seccomp_version.restype = ctypes.POINTER(ctypes.c_uint * 3)
    assert of_root["seccomp.libseccomp"]["found"] == ".".join(map(str, library.seccomp_version().contents))


def test_the_controllers_are_those_that_are_mounted(of_root: dict[str, dict[str, Any]]) -> None:
    found = set(of_root["cgroups.controllers"]["found"].split())
    enabled = {
        fields[0]
        for line in Path("/proc/cgroups").read_text().splitlines()[1:]
        if (fields := line.split())[1] != "0" and fields[3] == "1"
    }
    v1 = {name for name in enabled if Path(f"/sys/fs/cgroup/{name}").is_dir()}
    assert v1 <= found
    kinds = subprocess.run(
        ["findmnt", "-n", "-o", "FSTYPE", "-t", "cgroup,cgroup2"], capture_output=True, text=True
    ).stdout.split()
    mode = {("cgroup",): "v1", ("cgroup2",): "v2", ("cgroup", "cgroup2"): "hybrid", (): "none"}[
        tuple(sorted(set(kinds)))
    ]
    assert of_root["cgroups.mode"]["found"].startswith(mode)


def test_systemd_makes_cgroups_only_as_process_1(of_root: dict[str, dict[str, Any]]) -> None:
    booted = Path("/run/systemd/system").is_dir()  # sd_booted(3)
    assert (of_root["cgroups.systemd"]["state"] == "ok") <= booted


def test_id_mapped_mounts_work_where_a_container_can_have_them(
    of_root: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """The witness is a container with one: what is root's on the host is the container's user's."""
    kind = subprocess.run(["findmnt", "-n", "-o", "FSTYPE", "-T", str(tmp_path)], capture_output=True, text=True)
    row, words = of_root["mounts.id_mapped"], f"{kind.stdout.strip()} ("
    if words not in row["found"] + row["why"]:
        pytest.skip(f"{tmp_path} is on {kind.stdout.strip()}, which doctor has not tried")
    bundle, source = tmp_path / "bundle", tmp_path / "source"
    source.mkdir()
    subprocess.run([SAMPAN, "spec", "--rootfs", "host", str(bundle), "--", "stat", "-c", "%u", "/mnt"], check=True)
    config = json.loads((bundle / "config.json").read_text())
    mapping = [{"containerID": 0, "hostID": 1234, "size": 1}]
    (bundle / "rootfs/mnt").mkdir(exist_ok=True)
    config["mounts"].append(
        {
            "destination": "/mnt",
            "source": str(source),
            "options": ["bind"],
            "uidMappings": mapping,
            "gidMappings": mapping,
        }
    )
    (bundle / "config.json").write_text(json.dumps(config))
    command = [SAMPAN, "--root", str(tmp_path / "state"), "run", "--bundle", str(bundle), "doctor-idmap"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert (done.stdout == "1234\n") == (words in row["found"]), done.stderr


def test_a_system_call_that_no_kernel_has_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, (_, arguments) in SYSTEM_CALLS.items():
        assert Tries().system_call(name) != errno.ENOSYS
        monkeypatch.setitem(SYSTEM_CALLS, name, (9999, arguments))
        assert Tries().system_call(name) == errno.ENOSYS


def test_a_file_system_without_owners_cannot_be_id_mapped() -> None:
    """procfs never can: the try is a real one."""
    assert Tries().id_mapped_mount("/proc") == "Invalid argument"


def test_podman_is_found_with_its_version(of_root: dict[str, dict[str, Any]]) -> None:
    path = shutil.which("podman")
    if path is None:
        assert "engines.podman" not in of_root
        pytest.skip("podman is not installed: it is not named, which is right")
    said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout  # "podman version 4.3.1"
    assert of_root["engines.podman"]["found"].startswith(said.split()[-1])


def test_a_user_has_no_place_for_states_without_a_runtime_directory() -> None:
    document = doctor(prefix=as_user(), status=1)
    assert [check["id"] for check in document["checks"] if check["required"] and check["state"] == "no"] == [
        "directories.state"
    ]


def test_a_user_is_seen_as_one(of_user: dict[str, dict[str, Any]]) -> None:
    assert of_user["mounts.id_mapped"]["state"] == "limited"
    assert "root" in of_user["mounts.id_mapped"]["fix"]


def test_a_user_has_user_namespaces_if_unshare_can_make_one(of_user: dict[str, dict[str, Any]]) -> None:
    made = succeeds(*as_user("unshare", "--user", "--map-root-user", "true"))
    assert (of_user["users.namespaces"]["state"] == "ok") == made


def test_a_user_is_told_when_user_namespaces_are_used_up(tmp_path: Path) -> None:
    """In a user namespace whose limit is 0: root of it has no more of them, and no container."""
    limit = "echo 0 >/proc/sys/user/max_user_namespaces && exec "
    script = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", limit + '"$@"', "sh"]
    found = checks(doctor("--root", str(tmp_path), prefix=[*script, "env", "-u", "XDG_RUNTIME_DIR"], status=1))
    row = found["users.namespaces"]
    assert (row["state"], row["required"]) == ("no", True)
    assert row["fix"] == "sysctl -w user.max_user_namespaces=15000"


def test_ranges_of_ids_are_those_that_newuidmap_takes(of_user: dict[str, dict[str, Any]]) -> None:
    path = shutil.which("newuidmap")
    assert (of_user["users.newuidmap"]["state"] == "ok") == (path is not None)
    if path is None:
        pytest.skip("newuidmap is not installed: that is said")
    assert os.stat(path).st_mode & stat.S_ISUID or succeeds("getcap", path)
    listed = any(line.startswith(("nobody:", f"{NOBODY}:")) for line in Path("/etc/subuid").read_text().splitlines())
    assert (of_user["users.subuid"]["state"] == "ok") == listed


def test_a_range_of_ids_is_mapped_as_for_a_container(tmp_path: Path) -> None:
    """Ranges of the user's own, in a private view of /etc: then all of the way is tried, by newuidmap."""
    if shutil.which("newuidmap") is None:
        pytest.skip("newuidmap is not installed")
    ranges = tmp_path / "ranges"
    ranges.write_text("nobody:3000000:65536\n")
    shown = f"mount --bind {ranges} /etc/subuid && mount --bind {ranges} /etc/subgid && exec "
    prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", shown + '"$@"', "sh", *as_user()]
    found = checks(doctor("--root", "/tmp/sampan-doctor-nowhere", prefix=prefix))
    assert found["users.subuid"]["found"] == "3000000 to 3065535"
    assert (found["users.mapping"]["state"], found["users.mapping"]["found"]) == ("ok", "tried")


def test_a_user_has_their_runtime_directory(tmp_path: Path) -> None:
    own = Path("/tmp") / f"sampan-doctor-{os.getpid()}"
    own.mkdir(mode=0o700)
    try:
        os.chown(own, NOBODY, NOBODY)
        found = checks(doctor(prefix=as_user(environment={"XDG_RUNTIME_DIR": str(own)})))
        assert found["directories.xdg_runtime_dir"] == found["directories.xdg_runtime_dir"] | {
            "state": "ok",
            "found": str(own),
        }
        assert str(own / "sampan") in found["directories.state"]["found"]
        assert list(own.iterdir()) == []
    finally:
        own.rmdir()


def test_a_state_directory_that_cannot_be_written_to_is_an_end() -> None:
    document = doctor("--root", "/sys/sampan", status=1, prefix=as_user())
    row = checks(document)["directories.state"]
    assert (row["state"], row["fix"]) == ("no", "give another with --root DIR")


def test_forbidden_memfds_are_found_out_by_trying(tmp_path: Path) -> None:
    """vm.memfd_noexec is of the pid namespace: 2 in a new one changes nothing outside of it."""
    if not Path("/proc/sys/vm/memfd_noexec").exists():
        pytest.skip("this kernel has no vm.memfd_noexec")
    script = "echo 2 >/proc/sys/vm/memfd_noexec && exec "
    prefix = ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", script + '"$@"', "sh"]
    found = checks(doctor("--root", str(tmp_path), prefix=prefix))
    assert found["kernel.executable_memfd"]["state"] == "limited"
    assert found["kernel.executable_memfd"]["found"] == "vm.memfd_noexec=2"
    assert found["kernel.init"]["state"] == "ok"


def test_a_cgroup_that_was_given_to_a_user_is_found(tmp_path: Path) -> None:
    """On pure v2, in a cgroup that is the user's; the witness is the user, who makes one in it."""
    name = f"doctor-test-{os.getpid()}"
    script = """
        umount --recursive --lazy /sys/fs/cgroup
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        cd "/sys/fs/cgroup/$1"; shift
        chown 65534 . cgroup.procs
        echo $$ >cgroup.procs
        exec "$@"
    """
    view = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", script, "sh"]
    top = subprocess.run(["findmnt", "-n", "-o", "TARGET", "-t", "cgroup2"], capture_output=True, text=True).stdout
    if not top:
        pytest.skip("this machine has no cgroup v2")
    cgroup = Path(top.splitlines()[0]) / name
    cgroup.mkdir()
    try:
        made = succeeds(*view, name, *as_user("mkdir", f"/sys/fs/cgroup/{name}/own"))
        found = checks(doctor("--root", "/tmp/sampan-doctor-nowhere", prefix=[*view, name, *as_user()]))
        assert made
        assert found["cgroups.mode"]["found"] == "v2, at /sys/fs/cgroup"
        assert found["cgroups.delegation"]["state"] in ("ok", "limited")
        assert found["cgroups.delegation"]["found"].endswith(f", in /sys/fs/cgroup/{name}")
    finally:
        for directory in (cgroup / "own", cgroup):
            if directory.exists():
                directory.rmdir()


def test_an_unknown_format_is_an_error() -> None:
    done = subprocess.run([SAMPAN, "doctor", "--format", "xml"], capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 1
    assert "table" in done.stderr and "json" in done.stderr
