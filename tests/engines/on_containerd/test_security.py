"""What a pod's and a container's securityContext become with each runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..engine import eventually
from .cri import Container, Cri

RUNTIME_DEFAULT, UNCONFINED, LOCALHOST = range(3)  # SecurityProfile.ProfileType
DEFAULT_CAPABILITIES = "00000000a80425fb"


def test_the_user(cri: Cri) -> None:
    context = {"run_as_user": {"value": 1000}, "run_as_group": {"value": 1001}, "supplemental_groups": [2000, 3000]}
    assert _with(cri, **context).shell("id -u; id -g; id -G") == "1000\n1001\n1001 2000 3000"


def test_the_user_by_name(cri: Cri) -> None:
    assert _with(cri, run_as_username="worker").shell("id -u; id -g") == "1000\n1000"


def test_the_process_has_the_users_rights(cri: Cri) -> None:
    """No capabilities for who is not root, but the bounding set, which programs with file capabilities can use."""
    container = _with(cri, run_as_user={"value": 1000})
    assert _capabilities(container) == {"CapEff": "0" * 16, "CapPrm": "0" * 16, "CapBnd": DEFAULT_CAPABILITIES}


def test_capabilities(cri: Cri) -> None:
    pod = cri.pod()
    for change, expected in (
        ({}, DEFAULT_CAPABILITIES),
        ({"add_capabilities": ["NET_ADMIN"]}, "00000000a80435fb"),
        ({"drop_capabilities": ["CHOWN", "NET_RAW"]}, "00000000a80405fa"),
        ({"drop_capabilities": ["ALL"]}, "0000000000000000"),
        ({"drop_capabilities": ["ALL"], "add_capabilities": ["NET_BIND_SERVICE"]}, "0000000000000400"),
    ):
        container = pod.container("sleep", "600", linux={"security_context": {"capabilities": change}})
        assert set(_capabilities(container).values()) == {expected}, change


def test_no_new_privileges(cri: Cri) -> None:
    pod = cri.pod()
    for wanted in (True, False):
        container = pod.container("sleep", "600", linux={"security_context": {"no_new_privs": wanted}})
        shown = container.shell("grep -h NoNewPrivs /proc/1/status /proc/self/status").split()
        assert shown[1::2] == [str(int(wanted))] * 2, "of the first process, and of one that exec starts"


def test_a_read_only_root(cri: Cri) -> None:
    container = _with(cri, readonly_rootfs=True)
    assert b"Read-only file system" in container.exec("touch", "/file").stderr
    container.shell("touch /dev/shm/file")


def test_masked_and_read_only_paths(cri: Cri) -> None:
    container = _with(cri, masked_paths=["/proc/version", "/proc/fs", "/absent"], readonly_paths=["/proc/sys", "/srv"])
    assert container.shell("cat /proc/version; ls /proc/fs") == ""
    assert container.exec("sh", "-c", "echo x >/proc/sys/kernel/domainname").exit_code != 0
    assert b"Read-only file system" in container.exec("touch", "/srv/file").stderr


def test_seccomp_default(cri: Cri) -> None:
    container = _with(cri, seccomp={"profile_type": RUNTIME_DEFAULT})
    assert _seccomp(container) == "2"
    assert b"Operation not permitted" in container.exec("unshare", "-U", "true").stderr


def test_seccomp_unconfined(cri: Cri) -> None:
    assert _seccomp(_with(cri, seccomp={"profile_type": UNCONFINED})) == "0"


def test_seccomp_of_the_node(cri: Cri, shared_directory: Path) -> None:
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}
    path = shared_directory / "profile.json"
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    container = _with(cri, seccomp={"profile_type": LOCALHOST, "localhost_ref": str(path)})
    assert _seccomp(container) == "2"
    assert b"No space left on device" in container.exec("mkdir", "/new").stderr


def test_privileged(cri: Cri) -> None:
    pod = cri.pod(security={"privileged": True})
    container = pod.container("sleep", "600", linux={"security_context": {"privileged": True}})
    bounding = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd"))
    assert set(_capabilities(container).values()) == {bounding.split()[1]}
    assert _seccomp(container) == "0"
    container.shell("mkdir /mnt && mount -t tmpfs new /mnt")
    container.shell("! grep -E ' /proc/(timer_list|sysrq-trigger) ' /proc/self/mountinfo")
    assert len(container.shell("ls /dev").split()) > 15, "the devices of the host"


def test_the_score_of_the_oom_killer(cri: Cri) -> None:
    container = cri.container("sleep", "600", linux={"resources": {"oom_score_adj": 999}})
    assert container.shell("cat /proc/1/oom_score_adj") == "999"


def test_the_terminal(cri: Cri) -> None:
    container = cri.container("sh", "-c", "tty; sleep 600", tty=True, stdin=True)
    eventually(lambda: "/dev/pts/0" in container.log, "the terminal is named")


def test_standard_input_is_empty(cri: Cri) -> None:
    container = cri.container("sh", "-c", "cat; echo end")
    eventually(lambda: "F end" in container.log, "the input ends at once")


def _with(cri: Cri, **context: object) -> Container:
    return cri.container("sleep", "600", linux={"security_context": context})


def _capabilities(container: Container) -> dict[str, str]:
    shown: Any = container.shell("grep -E '^Cap(Eff|Prm|Bnd)' /proc/1/status").split()
    return {name.rstrip(":"): value for name, value in zip(shown[::2], shown[1::2], strict=True)}


def _seccomp(container: Container) -> str:
    return container.shell("grep Seccomp: /proc/self/status").split()[1]
