"""`sampan.Sandbox` of a user: limited as root's are where a cgroup is delegated, and else it says what is not."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .land import User

TOP = Path("/sys/fs/cgroup")
V2_FILES = ("cgroup.procs", "cgroup.threads", "cgroup.subtree_control")
DELEGATED_V1 = ("cpu", "cpuacct", "memory", "pids")

PROGRAM = r"""
import json, os, sys, tempfile, time
import sampan
tempfile.tempdir = os.environ["XDG_RUNTIME_DIR"]  # nobody else's
with sampan.Sandbox(memory="64M", work="16M", processes=12) as sandbox:
    run = lambda *words, **more: sandbox.run(words, text=True, **more)
    code = "x = bytearray(200 << 20); print('here')"
    forks = ("import os, time\nn = 0\ntry:\n while True:\n  if os.fork() == 0: time.sleep(100)\n  n += 1\n"
             "except OSError: print(n)")
    who = run("sh", "-c", "id -u; cat /proc/self/uid_map; ls /sys/class/net; sleep 100 & exit 3")
    late = run("sh", "-c", "sleep 100 & sleep 100", timeout=0.3)
    bomb = run("/usr/bin/python3", "-c", code)
    many = run("/usr/bin/python3", "-c", forks)
    host = run("sh", "-c", "touch /usr/new /etc/new /new; ls /home; echo /proc/[0-9]*")
    sandbox.put("a/file", "text", mode=0o600)
    file = [sandbox.get("a/file").decode(), run("cat", "a/file").stdout]
    trap = run("sh", "-c", "ln -s /etc/passwd link; mkfifo fifo; echo x >/dev/shm/x")
    traps = []
    for name in ("link", "fifo", "/proc/1/environ"):
        try: sandbox.get(name)
        except sampan.KernelError as error: traps.append(error.errno)
    sandbox.reset()
    rest = run("sh", "-c", "ls -A /tmp /dev/shm")
    tracing = run("/usr/bin/python3", "-c",
                  "import os\nfor name in ('mem', 'environ', 'maps'):\n"
                  " try: open(f'/proc/1/{name}').read(1); print(name)\n except OSError: pass\n"
                  "for n in range(1, 65):\n try: os.kill(1, n)\n except OSError: pass")
    alive = sandbox.run(["true"]).success
    enforced = dict(sandbox.enforced)
fields = ("reason", "stdout", "cpu_time", "memory_peak", "oom_kills")
print(json.dumps({"enforced": enforced, "file": file, "traps": traps, "rest": rest.stdout, "tracing": tracing.stdout,
    "alive": alive, "list": [state.id for state in sampan.list()],
    "left": [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("sampan-sandbox-")],
    **{name: {field: getattr(result, field) for field in fields}
       for name, result in {"who": who, "late": late, "bomb": bomb, "many": many, "host": host}.items()}}))
"""


def sandboxes(user: User, directories: tuple[Path, ...] = ()) -> dict[str, Any]:
    """What PROGRAM prints as the user's, in these cgroups, into which root puts it."""
    script = 'until [ "$1" = -- ]; do echo $$ >"$1/cgroup.procs" || exit 99; shift; done; shift; exec "$@"'
    words = [*map(str, directories), "--", *user.become(), sys.executable, "-c", PROGRAM]
    found: dict[str, Any] = json.loads(user.land.run("sh", "-c", script, "sh", *words).checked().stdout)
    return found


@pytest.fixture
def delegated(alice: User) -> Iterator[tuple[Path, ...]]:
    """Cgroups of the user's, with processes of the user's."""
    token = f"rootless-test-{uuid.uuid4().hex[:8]}"
    if alice.land.run("test", "-e", f"{TOP}/cgroup.controllers").status == 0:
        directory = TOP / token
        script = f"""mkdir -p {directory}/program; cd {directory}
        for name in $(cat cgroup.controllers); do echo +$name >cgroup.subtree_control || true; done
        chown {alice.uid} . {" ".join(V2_FILES)} program program/cgroup.procs"""
        alice.land.run("sh", "-c", script).checked()
        yield (directory / "program",)
        alice.land.run("rmdir", str(directory / "program"), str(directory)).checked()
        return
    found = tuple(TOP / name / token for name in DELEGATED_V1 if (TOP / name).is_dir())
    for directory in found:
        directory.mkdir()
        for path in (directory, directory / "cgroup.procs", directory / "tasks"):
            os.chown(path, alice.uid, alice.uid)
    yield found
    for directory in found:
        directory.rmdir()


def check_what_holds_in_any_case(found: dict[str, Any], user: User) -> None:
    assert found["who"]["reason"] == "exit"
    assert found["who"]["stdout"].split() == ["1000", "1000", str(user.uid), "1", "lo"]
    assert found["late"]["reason"] == "timeout"
    assert "here" not in found["bomb"]["stdout"]
    assert found["many"]["reason"] == "exit"
    assert 9 <= int(found["many"]["stdout"]) <= 12
    processes = found["host"]["stdout"].split()
    assert "/proc/1" in processes
    assert len(processes) == 2
    assert found["file"] == ["text", "text"]
    assert found["traps"] == [40, 22, 22] or found["traps"][:2] == [40, 22]
    assert found["rest"] == "/dev/shm:\n\n/tmp:\n"
    assert found["tracing"] == ""
    assert found["alive"] is True
    assert (found["list"], found["left"]) == ([], [])


@pytest.mark.usefixtures("_sampan_alone")
def test_without_a_cgroup(alice: User) -> None:
    """Each process is limited, and their number; that is said, and what nobody counts is None."""
    found = sandboxes(alice)
    check_what_holds_in_any_case(found, alice)
    assert found["enforced"] == {"memory": "rlimit", "cpu": "nothing", "processes": "rlimit"}
    assert found["bomb"]["reason"] == "exit"  # MemoryError: nobody was killed
    assert (found["bomb"]["memory_peak"], found["bomb"]["oom_kills"]) == (None, None)
    assert found["bomb"]["cpu_time"] >= 0


@pytest.mark.usefixtures("_sampan_alone")
def test_with_a_delegated_cgroup(alice: User, delegated: tuple[Path, ...]) -> None:
    found = sandboxes(alice, delegated)
    check_what_holds_in_any_case(found, alice)
    if found["enforced"]["memory"] != "cgroup":
        pytest.skip("this machine has no memory controller that could be delegated")
    assert found["enforced"] == dict.fromkeys(("memory", "cpu", "processes"), "cgroup")
    assert found["bomb"]["reason"] == "oom"
    assert found["bomb"]["oom_kills"] > 0
    assert found["bomb"]["memory_peak"] > 32 << 20
