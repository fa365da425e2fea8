"""A pure v2 tree: born into the cgroup, devices decided by a program, killed at once."""

from __future__ import annotations

import os
from typing import Any

from .conftest import TESTS, remains

PRELUDE = f"""
import errno, os, stat, sys, time
sys.path.insert(0, {str(TESTS.parent)!r})
from sampan.cgroups import cgroup, device_program, devices, layout
from sampan.errors import ConfigError, KernelError
from sampan.linux import bpf
found = layout.detect()
assert found.mode == "v2" and found.unified == "/sys/fs/cgroup" and found.mounts == {{}}, found.mode
group = cgroup.locate(found, "/sampan-test-{os.getpid()}/c", "unused")
parent = os.path.dirname(group.directories[""])

def born_in(group, job):
    pid = os.fork()
    if pid == 0:
        group.enter(os.getpid())
        job()
        os._exit(0)
    return pid
"""


def test_a_container_lives_and_leaves_nothing(in_v2: Any) -> None:
    in_v2(
        PRELUDE
        + """
group.create({"devices": [{"allow": False, "access": "rwm"}]})
fd = group.open_unified()
assert os.readlink(f"/proc/self/fd/{fd}") == group.directories[""]
assert group.tasks_files() == []
pid = born_in(group, lambda: time.sleep(60))
deadline = time.monotonic() + 5
while group.processes() != [pid]:
    assert time.monotonic() < deadline
try:
    cgroup.locate(found, group.directories[""].removeprefix("/sys/fs/cgroup"), "x").create({})
    raise SystemExit("a cgroup with processes was accepted")
except KernelError as error:
    assert "it exists and has 1 process" in str(error), error
group.kill()
assert os.waitpid(pid, 0)[1] == 9
os.makedirs(group.directories[""] + "/left/by/it")
cgroup.from_state(group.to_state()).remove()
assert os.path.isdir(parent) and not os.path.exists(group.directories[""])
os.rmdir(parent)
"""
    )
    assert not remains(f"sampan-test-{os.getpid()}")


def test_a_device_that_is_not_allowed_cannot_be_opened(in_v2: Any) -> None:
    said = in_v2(
        PRELUDE
        + """
directory = sys.argv[1]
node = directory + "/kmsg"
os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(1, 11))
group.create({"devices": [{"allow": False, "access": "rwm"}]})
def job():
    os.open("/dev/null", os.O_RDWR)
    os.mknod(directory + f"/{os.getpid()}", stat.S_IFBLK, os.makedev(8, 0))
    try:
        os.open(node, os.O_RDONLY)
    except OSError as error:
        print(errno.errorcode[error.errno], flush=True)
os.waitpid(born_in(group, job), 0)
group.remove()
group.create({"devices": [{"allow": True, "access": "rwm"}]})
os.waitpid(born_in(group, lambda: print(os.open(node, os.O_RDONLY) > 0, flush=True)), 0)
group.create({"devices": [{"allow": False, "access": "rwm"}]})  # of a cgroup that exists: replaces its program
os.waitpid(born_in(group, job), 0)
group.create({"devices": [{"allow": True, "access": "rwm"}]})
os.waitpid(born_in(group, lambda: print(os.open(node, os.O_RDONLY) > 0, flush=True)), 0)
group.remove()
os.rmdir(parent)
"""
    )
    assert said.split() == ["EPERM", "True", "EPERM", "True"]


def test_a_limit_whose_controller_is_missing_is_an_error_with_the_field_and_leaves_nothing(in_v2: Any) -> None:
    said = in_v2(
        PRELUDE
        + """
if "pids" in open("/sys/fs/cgroup/cgroup.controllers").read().split():
    print("linux.resources.pids.limit: the pids controller is not available")
    raise SystemExit
try:
    group.create({"pids": {"limit": 5}})
except ConfigError as error:
    print(error)
assert not os.path.exists(parent)
"""
    )
    assert "linux.resources.pids.limit: the pids controller is not available" in said


def test_a_fork_bomb_is_killed_at_once(in_v2: Any) -> None:
    said = in_v2(
        PRELUDE
        + """
group.create({})
def bomb():
    for _ in range(6):
        os.fork()
    while True:
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
        else:
            os._exit(0)
pid = born_in(group, bomb)
deadline = time.monotonic() + 5
while len(group.processes()) < 32:
    assert time.monotonic() < deadline
begin = time.monotonic()
group.kill()
group.remove()
os.rmdir(parent)
print(time.monotonic() - begin < 10)
"""
    )
    assert said == "True\n"


def test_a_frozen_cgroup_is_refused(in_v2: Any) -> None:
    said = in_v2(
        PRELUDE
        + """
os.makedirs(parent)
open(parent + "/cgroup.freeze", "w").write("1")
try:
    group.create({})
except KernelError as error:
    print(error)
os.rmdir(parent)
"""
    )
    assert "it is frozen, or one above it is" in said
