"""Limits hold, and nothing is left behind, on the v1 (or hybrid) hierarchies of this machine."""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups import cgroup, devices
from sampan.cgroups.cgroup import Cgroup
from sampan.cgroups.layout import Layout
from sampan.errors import ConfigError, KernelError, SampanError

from .conftest import Program, remains

MIB = 1 << 20
FORK_BOMB = """
import os
print("begun", flush=True)
while True:
    try:
        os.fork()
    except OSError:
        pass
"""


@pytest.fixture(autouse=True)
def _only_with_v1(host: Layout) -> None:
    if not host.mounts:
        pytest.skip("this machine has no v1 hierarchies")


def test_a_device_that_is_not_allowed_cannot_be_opened_but_its_node_made(
    needs: Any, locate: Any, program: Any, tmp_path: Path
) -> None:
    needs("devices")
    group = locate()
    group.create({"devices": [{"allow": False, "access": "rwm"}]})
    said = program(f"""
import os, stat
os.mknod({str(tmp_path / "kmsg")!r}, stat.S_IFCHR | 0o600, os.makedev(1, 11))
open("/dev/null", "w").write("x")
try:
    os.open({str(tmp_path / "kmsg")!r}, os.O_RDONLY)
except OSError as error:
    print(error.errno)
""").run_in(group)
    assert said == f"{errno.EPERM}\n"


def test_a_device_of_the_list_can_be_opened(needs: Any, locate: Any, program: Any, tmp_path: Path) -> None:
    needs("devices")
    os.mknod(tmp_path / "kmsg", stat.S_IFCHR | 0o600, os.makedev(1, 11))
    group = locate()
    rules = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "r"}]
    group.create({"devices": rules})
    said = program(f"""
import os
os.open({str(tmp_path / "kmsg")!r}, os.O_RDONLY)
try:
    os.open({str(tmp_path / "kmsg")!r}, os.O_RDWR)
except OSError as error:
    print(error.errno)
""").run_in(group)
    assert said == f"{errno.EPERM}\n"


def test_cpus_and_memory_nodes_are_inherited_where_none_are_asked_for(needs: Any, locate: Any) -> None:
    needs("cpuset")
    group = locate("deep/er")
    group.create({"cpu": {"cpus": "0"}})
    directory, top = Path(group.directories["cpuset"]), Path("/sys/fs/cgroup/cpuset")
    assert (directory / "cpuset.cpus").read_text() == "0\n"
    assert (directory / "cpuset.mems").read_text() == (top / "cpuset.mems").read_text()
    assert (directory.parent / "cpuset.cpus").read_text() == (top / "cpuset.cpus").read_text()
    group.remove()
    for path in set(group.directories.values()):
        os.rmdir(os.path.dirname(path))


def test_a_process_of_one_thread_puts_itself_into_every_hierarchy(locate: Any) -> None:
    group = locate()
    group.create({})
    pid = os.fork()
    if pid == 0:
        for path in group.tasks_files():
            Path(path).write_text("0")
        time.sleep(60)
    try:
        wanted = {path for name, path in group.directories.items() if name}
        deadline = time.monotonic() + 5
        while not all(Path(path, "cgroup.procs").read_text() == f"{pid}\n" for path in wanted):
            assert time.monotonic() < deadline
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


@pytest.mark.parametrize("without", [(), ("",), ("", "freezer")], ids=["cgroup.kill", "freezer", "neither"])
def test_a_fork_bomb_is_killed(without: tuple[str, ...], host: Layout, locate: Any, program: Any, needs: Any) -> None:
    needs("pids", "freezer")
    mounts = {name: point for name, point in host.mounts.items() if name not in without}
    layout = Layout("v1", "" if "" in without else host.unified, mounts, host.own)
    group: Cgroup = locate("bomb", layout)
    group.create({"pids": {"limit": 60}, "cpu": {"quota": 50000}})
    bomb: Program = program(FORK_BOMB)
    bomb.begin_in(group)
    time.sleep(0.1)
    begin = time.monotonic()
    group.kill()
    group.remove()
    assert time.monotonic() - begin < 6
    assert bomb.process.wait(5) == -9
    assert not remains(f"sampan-test-{os.getpid()}")


def test_a_signal_reaches_every_process(locate: Any, program: Any) -> None:
    group = locate()
    group.create({})
    code = "import time; print('begun', flush=True); time.sleep(60)"
    sleepers: list[Program] = [program(code) for _ in range(3)]
    for sleeper in sleepers:
        sleeper.begin_in(group)
    assert sorted(group.processes()) == sorted(sleeper.pid for sleeper in sleepers)
    group.kill(15)
    assert [sleeper.process.wait(5) for sleeper in sleepers] == [-15] * 3


def test_a_frozen_container_dies_of_sigkill(needs: Any, host: Layout, locate: Any, program: Any) -> None:
    needs("freezer")
    group = locate("frozen", Layout("v1", "", host.mounts, host.own))
    group.create({})
    sleeper: Program = program("import time; print('begun', flush=True); time.sleep(60)")
    sleeper.begin_in(group)
    Path(group.directories["freezer"], "freezer.state").write_text("FROZEN")
    group.kill()
    assert sleeper.process.wait(5) == -9


def test_what_the_container_made_below_its_cgroup_is_removed_with_it(locate: Any, program: Any) -> None:
    group = locate()
    group.create({})
    for path in set(group.directories.values()):
        os.makedirs(f"{path}/inner/most")
    group.remove()
    assert not remains(f"sampan-test-{os.getpid()}")


def test_removing_fails_within_bounds_and_names_the_processes(
    locate: Any, program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroup, "_REMOVE_PATIENCE", 0.1)
    group = locate()
    group.create({})
    sleeper: Program = program("import time; print('begun', flush=True); time.sleep(60)")
    sleeper.begin_in(group)
    with pytest.raises(KernelError, match=f"1 of its processes remain: {sleeper.pid}"):
        group.remove()


@pytest.mark.parametrize(
    ("resources", "error", "message"),
    [
        ({"cpu": {"cpus": "4095"}}, KernelError, r"linux\.resources\.cpu\.cpus: write '4095' to "),
        ({"cpu": {"quota": 1}}, KernelError, r"linux\.resources\.cpu\.quota: .*invalid argument"),
        ({"devices": [{"allow": True, "access": "z"}]}, ConfigError, r"linux\.resources\.devices\[0\]\.access"),
    ],
)
def test_a_limit_that_fails_leaves_nothing(
    resources: Any, error: type[Exception], message: str, needs: Any, locate: Any
) -> None:
    needs("cpu", "cpuset")
    with pytest.raises(error, match=message):
        locate("lead/c").create(resources)
    assert not remains(f"sampan-test-{os.getpid()}")


def test_a_cgroup_with_processes_of_others_is_refused(locate: Any, program: Any) -> None:
    first, second = locate(), locate()
    first.create({})
    sleeper: Program = program("import time; print('begun', flush=True); time.sleep(60)")
    sleeper.begin_in(first)
    with pytest.raises(KernelError, match=r"linux\.cgroupsPath: .*it exists and has 1 process;"):
        second.create({})
    with pytest.raises(KernelError, match=r"linux\.cgroupsPath: .*it exists and has 1 process;"):
        second.check_free()
    locate("free").check_free()
    assert first.processes() == [sleeper.pid]


def test_an_empty_cgroup_that_exists_is_used_with_the_new_rules(needs: Any, locate: Any) -> None:
    needs("devices", "memory")
    first, second = locate(), locate()
    first.create({"devices": [{"allow": True, "access": "rwm"}], "memory": {"limit": MIB, "swap": MIB}})
    second.create({"devices": [{"allow": False, "access": "rwm"}], "memory": {"limit": 8 * MIB, "swap": 16 * MIB}})
    listed = Path(first.directories["devices"], "devices.list").read_text()
    assert devices.parse_list(listed).exceptions == devices.policy(devices.defaults()).exceptions
    assert Path(first.directories["memory"], "memory.limit_in_bytes").read_text() == f"{8 * MIB}\n"


def test_a_cgroup_below_a_frozen_one_is_refused(needs: Any, locate: Any) -> None:
    needs("freezer")
    parent = locate("p")
    parent.create({})
    state = Path(parent.directories["freezer"], "freezer.state")
    state.write_text("FROZEN")
    try:
        with pytest.raises(KernelError, match=r"it is frozen, or one above it is"):
            locate("p/c").create({})
    finally:
        state.write_text("THAWED")


def test_another_user_needs_no_cgroup_but_for_limits(host: Layout) -> None:
    assert as_nobody(host, None, {}) == "{}"
    assert "systemd-run --user" in as_nobody(host, None, {"memory": {"limit": MIB}})
    assert "permission denied" in as_nobody(host, "/sampan-test-explicit", {})


def as_nobody(host: Layout, path: str | None, resources: Any) -> str:
    """The directories of a cgroup that another user creates, or the error."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(65534, 65534, 65534)
            group = cgroup.locate(host, path, "sampan-test-nobody")
            group.create(resources)
            os.write(write, str(group.directories).encode())
        except SampanError as error:
            os.write(write, str(error).encode())
        os._exit(0)
    os.close(write)
    with open(read) as said:
        text = said.read()
    os.waitpid(pid, 0)
    return text
