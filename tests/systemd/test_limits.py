"""Limits hold, are told to systemd, and stay what they are whatever systemd does."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import machine
from .conftest import MIB, Container

MANY: dict[str, Any] = {
    "memory": {"limit": 64 * MIB, "swap": 96 * MIB, "reservation": 32 * MIB},
    "cpu": {"shares": 512, "quota": 25000, "period": 50000, "cpus": "0"},
    "pids": {"limit": 33},
}
FILES = (
    "memory.max memory.swap.max memory.low memory.high memory.min cpu.max cpu.max.burst cpu.weight cpu.idle "
    "cpuset.cpus cpuset.mems io.weight io.bfq.weight io.max io.latency pids.max hugetlb.2MB.max"
).split()


def everything(container: Container) -> dict[str, str]:
    """What the files of its cgroup say, as far as they are there."""
    if not machine.is_v2():
        return {name: container.content(name) for name in ("memory.max", "pids.max", "cpuset.cpus")}
    return {name: container.content(name) for name in FILES if container.file(name).exists()}


def reload() -> None:
    """systemd writes all that it knows into the cgroups again."""
    machine.systemctl("daemon-reload")
    machine.systemctl("show")  # an answer: it is done


@pytest.fixture
def disk() -> Iterator[tuple[int, int]]:
    """The numbers of a disk; systemd finds it by the link that udev makes of them, where there is udev."""
    found = [entry for entry in sorted(Path("/sys/block").iterdir()) if entry.name.startswith(("vd", "sd", "nvme"))]
    if not found:
        pytest.skip("there is no disk whose io could be limited")
    numbers = (found[-1] / "dev").read_text().strip()
    link = Path("/dev/block") / numbers
    made = not link.exists()
    if made:
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(f"../{found[-1].name}")
    major, minor = numbers.split(":")
    yield int(major), int(minor)
    if made:
        link.unlink()


def test_the_unit_has_the_limits(container: Container) -> None:
    found = container.limit(**MANY).create().properties()
    assert found["TasksMax"] == "33"
    assert found["CPUQuotaPerSecUSec"] == "500ms"
    assert found["CPUQuotaPeriodUSec"] == "50ms"
    if machine.is_v2():
        assert found["MemoryMax"] == str(64 * MIB)
        assert found["MemorySwapMax"] == str(32 * MIB)
        assert found["MemoryLow"] == str(32 * MIB)
        assert found["CPUWeight"] == container.content("cpu.weight")
        assert found["AllowedCPUs"] == "0"
    else:
        assert found["MemoryLimit"] == str(64 * MIB)
        assert found["CPUShares"] == "512"


def test_the_files_have_the_limits(container: Container) -> None:
    found = everything(container.limit(**MANY).create())
    assert found["memory.max"] == str(64 * MIB)
    assert found["pids.max"] == "33"
    assert found["cpuset.cpus"] == "0"
    if machine.is_v2():
        assert found["memory.swap.max"] == str(32 * MIB)
        assert found["cpu.max"] == "25000 50000"


def test_a_reload_of_systemd_changes_nothing(container: Container) -> None:
    before = everything(container.limit(**MANY).create())
    reload()
    assert everything(container) == before


def test_a_reload_changes_nothing_that_only_v2_has(container: Container, disk: tuple[int, int], on_v2: None) -> None:
    major, minor = disk
    container.limit(
        cpu={"shares": 512, "quota": 25000, "period": 50000, "burst": 10000},
        blockIO={
            "weight": 300,
            "throttleReadBpsDevice": [{"major": major, "minor": minor, "rate": MIB}],
            "throttleWriteIOPSDevice": [{"major": major, "minor": minor, "rate": 100}],
        },
        unified={"memory.high": "48M", "memory.min": "1048576", "memory.oom.group": "1"},
    )
    before = everything(container.create())
    assert before["memory.high"] == str(48 * MIB)
    assert before["io.max"] == f"{major}:{minor} rbps={MIB} wbps=max riops=max wiops=100"
    reload()
    assert everything(container) == before


def test_an_idle_container_stays_idle(container: Container, on_v2: None) -> None:
    if int(machine.systemctl("--version").split()[1]) < 252:
        pytest.skip("this systemd does not know idle cgroups")
    container.limit(cpu={"idle": 1}).create()
    if not container.file("cpu.idle").exists():
        pytest.skip("this kernel has no cpu.idle")
    reload()
    assert container.content("cpu.idle") == "1"


def test_a_quota_that_is_no_whole_percent_is_exact_and_after_a_reload_at_most_a_percent_more(
    container: Container, on_v2: None
) -> None:
    container.limit(cpu={"quota": 12345, "period": 100000}).create()
    assert container.content("cpu.max") == "12345 100000"
    reload()
    assert container.content("cpu.max") == "13000 100000"


def test_a_property_that_is_set_by_hand_changes_nothing_else(container: Container) -> None:
    before = everything(container.limit(**MANY).create())
    machine.systemctl("set-property", "--runtime", container.unit, "TasksMax=44")
    assert everything(container) == before | {"pids.max": "44"}


def test_a_container_without_limits_has_those_of_systemds_configuration(container: Container) -> None:
    """DefaultTasksMax= of systemd-system.conf(5) is the administrator's: config.json says nothing against it."""
    container.create()
    assert container.content("pids.max") == container.properties()["TasksMax"] != "max"


def test_a_limit_of_minus_one_lifts_systemds_own(container: Container) -> None:
    container.limit(pids={"limit": -1}).create()
    assert container.content("pids.max") == "max"
    reload()
    assert container.content("pids.max") == "max"


def test_who_takes_more_memory_is_killed(container: Container) -> None:
    container.limit(memory={"limit": 20 * MIB, "swap": 20 * MIB}).sh("tail /dev/zero; echo lived on")
    done = container.run()
    assert "lived on" not in done.stdout or "Killed" in done.stderr
    assert done.returncode in (0, 137)


def test_no_more_processes_than_the_limit(container: Container) -> None:
    container.limit(pids={"limit": 5}).sh("for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; echo all")
    done = container.run()
    assert "can't fork" in done.stderr or "Resource temporarily unavailable" in done.stderr


def nodes(container: Container) -> None:
    """/full is there for everybody. The others have no driver: who may open them is told that there is no device."""
    for name, major, minor in (("full", 1, 7), ("misc", 10, 250), ("local", 240, 5), ("other", 240, 6)):
        os.mknod(container.bundle / "rootfs" / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))


# Waits for /go, then says for each way of opening a device whether it was permitted.
OPENING = """
while ! [ -e /go ]; do usleep 50000; done
report() { case $1 in *"not permitted"*) echo no ;; *) echo yes ;; esac; }
for name in full misc local other; do
    report "$( (: </$name) 2>&1)"
    report "$( (: >/$name) 2>&1)"
done
"""


def permitted(container: Container, reloads: bool) -> list[str]:
    """Of /full, /misc, /local, /other: "r", "w", "rw" or ""."""
    nodes(container)
    container.sh(OPENING).launch()
    if reloads:
        reload()
    (container.bundle / "rootfs/go").touch()
    container.wait()
    said = container.output.split()
    assert len(said) == 8, container.output
    pairs = zip(said[::2], said[1::2], strict=True)
    return ["r" * (read == "yes") + "w" * (write == "yes") for read, write in pairs]


@pytest.mark.parametrize("reloads", [False, True])
def test_devices(container: Container, reloads: bool) -> None:
    container.limit(
        devices=[
            {"allow": False, "access": "rwm"},
            {"allow": True, "type": "c", "major": 10, "access": "rw"},
            {"allow": True, "type": "c", "major": 240, "minor": 5, "access": "w"},
        ]
    )
    assert permitted(container, reloads) == ["rw", "rw", "w", ""]


@pytest.mark.parametrize("reloads", [False, True])
def test_devices_of_which_some_are_taken_back(container: Container, reloads: bool, on_v2: None) -> None:
    container.limit(
        devices=[
            {"allow": False, "access": "rwm"},
            {"allow": True, "type": "c", "major": 240, "access": "rw"},
            {"allow": False, "type": "c", "major": 240, "minor": 5, "access": "w"},
        ]
    )
    assert permitted(container, reloads) == ["rw", "", "r", "rw"]


@pytest.mark.parametrize("reloads", [False, True])
def test_devices_with_one_minor_number_of_every_major(container: Container, reloads: bool, on_v2: None) -> None:
    container.limit(
        devices=[{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "minor": 6, "access": "rw"}]
    )
    assert permitted(container, reloads) == ["rw", "", "", "rw"]


@pytest.mark.parametrize("reloads", [False, True])
def test_a_privileged_container_has_all_devices(container: Container, reloads: bool) -> None:
    container.limit(devices=[{"allow": True, "access": "rwm"}])
    assert permitted(container, reloads) == ["rw", "rw", "rw", "rw"]


def test_on_v1_the_list_of_devices_is_the_same_after_a_reload(container: Container) -> None:
    if machine.is_v2():
        pytest.skip("this machine has no devices hierarchy")
    container.limit(
        devices=[
            {"allow": False, "access": "rwm"},
            {"allow": True, "type": "c", "major": 10, "access": "rw"},
            {"allow": True, "type": "b", "major": 8, "minor": 1, "access": "r"},
        ]
    ).create()
    path = machine.CGROUPS / "devices" / machine.memberships(container.pid)["devices"].lstrip("/") / "devices.list"
    before = set(path.read_text().splitlines())
    reload()
    assert set(path.read_text().splitlines()) == before
    assert any(line.startswith("c 10:* rw") for line in before)


def test_an_update_changes_the_unit_and_the_files(container: Container) -> None:
    container.limit(**MANY).launch()
    container.global_options = ()
    words = "--memory 83886080 --memory-swap 100663296 --cpu-quota 30000 --pids-limit 44 --cpuset-cpus 0-1".split()
    container.checked("update", *words, container.id)
    found, properties = everything(container), container.properties()
    assert found["memory.max"] == str(80 * MIB)
    assert found["pids.max"] == properties["TasksMax"] == "44"
    assert properties["CPUQuotaPerSecUSec"] == "600ms"
    assert properties["CPUQuotaPeriodUSec"] == "50ms"
    assert properties["MemoryMax" if machine.is_v2() else "MemoryLimit"] == str(80 * MIB)
    reload()
    assert everything(container) == found


def test_an_update_is_exact_where_systemd_is_not(container: Container, on_v2: None) -> None:
    container.launch()
    container.checked("update", "--cpu-quota", "12345", "--cpu-period", "100000", container.id)
    assert container.content("cpu.max") == "12345 100000"
    assert container.properties()["CPUQuotaPerSecUSec"] == "130ms"


def test_an_update_lifts_limits(container: Container, disk: tuple[int, int], on_v2: None) -> None:
    rate = {"major": disk[0], "minor": disk[1], "rate": MIB}
    container.limit(**MANY, blockIO={"throttleReadBpsDevice": [rate]}).launch()
    document = {
        "memory": {"limit": -1, "swap": -1},
        "cpu": {"quota": -1},
        "pids": {"limit": -1},
        "blockIO": {"throttleReadBpsDevice": [{**rate, "rate": 0}]},
    }
    (container.directory / "resources").write_text(json.dumps(document))
    container.checked("update", "--resources", str(container.directory / "resources"), container.id)
    reload()
    found = everything(container)
    assert found["memory.max"] == found["memory.swap.max"] == found["pids.max"] == "max"
    assert found["cpu.max"].startswith("max ")
    assert found["io.max"] == ""


def test_an_update_that_is_refused_changes_neither_unit_nor_files(container: Container) -> None:
    before = everything(container.limit(**MANY).launch())
    properties = container.properties()
    done = container.call("update", "--pids-limit", "50", "--cpuset-cpus", "4095", container.id)
    assert done.returncode == 1
    assert everything(container) == before
    assert {name: container.properties()[name] for name in ("TasksMax", "AllowedCPUs")} == {
        name: properties[name] for name in ("TasksMax", "AllowedCPUs")
    }


def test_many_at_once(new_container: Callable[[], Container]) -> None:
    import concurrent.futures

    containers = [new_container().limit(pids={"limit": 10 + number}) for number in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: one.create(), containers))
    assert [one.content("pids.max") for one in containers] == [str(10 + number) for number in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: one.delete("--force"), containers))
