"""linux.intelRdt on the real resctrl file system, where the machine has one with a third-level cache."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups import resctrl
from sampan.cgroups.resctrl import Group, from_state
from sampan.errors import ConfigError, KernelError

ID = f"sampan-test-{os.getpid()}"


@pytest.fixture
def point(tmp_path: Path) -> Iterator[Path]:
    """Where resctrl is mounted. It must be as it was at the end."""
    if "\tresctrl\n" not in Path("/proc/filesystems").read_text():
        pytest.skip("this machine has no resctrl")
    try:
        mounted, ours = Path(resctrl.find()), False
    except ConfigError:
        subprocess.run(["mount", "-t", "resctrl", "resctrl", str(tmp_path)], check=True)
        mounted, ours = Path(resctrl.find()), True
    try:
        if "L3" not in values(mounted):
            pytest.skip("this machine cannot divide its third-level cache")
        before = snapshot(mounted)
        yield mounted
        assert snapshot(mounted) == before
    finally:
        if ours:
            subprocess.run(["umount", str(mounted)], check=True)


def snapshot(point: Path) -> dict[str, str]:
    """Every class and monitoring group, with its schemata."""
    return {str(path.parent): str(values(path.parent)) for path in point.rglob("tasks")}


def values(directory: Path) -> dict[str, str]:
    """The domains of each resource, as the kernel shows them."""
    if not (directory / "schemata").exists():
        return {}
    return dict(line.strip().split(":") for line in (directory / "schemata").read_text().splitlines())


def domain(point: Path) -> str:
    """The first cache."""
    return values(point)["L3"].partition("=")[0]


def share(directory: Path, resource: str) -> int:
    """What the class has of it in its first domain."""
    return int(values(directory)[resource].partition(";")[0].partition("=")[2], 10 if resource == "MB" else 16)


def prepared(point: Path, **rdt: Any) -> Group:
    group = Group(str(point), ID, rdt)  # type: ignore[arg-type]
    group.prepare(lambda _: None)
    return group


def needs_bandwidth(point: Path) -> None:
    if not (point / "info/MB").exists():
        pytest.skip("this machine cannot divide its memory bandwidth")


def test_a_process_lives_in_a_class_of_its_own(point: Path) -> None:
    group = prepared(point, l3CacheSchema=f"L3:{domain(point)}=f")
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        assert share(point / ID, "L3") == 0xF
        group.assign(sleeper.pid)
        assert (point / ID / "tasks").read_text() == f"{sleeper.pid}\n"
        from_state(group.to_state()).remove()
        assert str(sleeper.pid) in (point / "tasks").read_text().split()
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_monitoring_group_counts_the_process(point: Path) -> None:
    if not (point / "mon_groups").exists():
        pytest.skip("this machine cannot monitor")
    group = prepared(point, closID="/", enableMonitoring=True)
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        group.assign(sleeper.pid)
        assert (point / "mon_groups" / ID / "tasks").read_text() == f"{sleeper.pid}\n"
    finally:
        sleeper.kill()
        sleeper.wait()
        from_state(group.to_state()).remove()


def test_all_threads_of_what_runs_already_come_to_the_class(point: Path) -> None:
    group = prepared(point)
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        group.assign_all(lambda: [os.getpid()])
        assert sorted((point / ID / "tasks").read_text().split()) == sorted(os.listdir("/proc/self/task"))
    finally:
        stop.set()
        thread.join()
        group.remove()


def test_what_the_kernel_shows_is_what_was_written(point: Path) -> None:
    """A class that one container has made suits the next one with the same configuration."""
    needs_bandwidth(point)
    rdt = {"closID": ID, "l3CacheSchema": f"L3:{domain(point)}=0x0C", "memBwSchema": f"MB:{domain(point)}=15"}
    group = prepared(point, **rdt)
    prepared(point, **rdt)
    with pytest.raises(ConfigError, match=r"linux\.intelRdt\.l3CacheSchema: must match"):
        prepared(point, **{**rdt, "l3CacheSchema": f"L3:{domain(point)}=18"})
    with pytest.raises(ConfigError, match=r"linux\.intelRdt\.memBwSchema: must match"):
        prepared(point, **{**rdt, "memBwSchema": f"MB:{domain(point)}=5"})
    group.undo()


def test_the_field_schemata_overrules_the_others(point: Path) -> None:
    group = prepared(point, l3CacheSchema=f"L3:{domain(point)}=f", schemata=[f"L3:{domain(point)}=30"])
    assert share(point / ID, "L3") == 0x30
    group.remove()


@pytest.mark.parametrize(
    ("line", "reason"),
    [("L3:{}=0", r"mask|Mask|CBM|range"), ("L9:{}=1", "Unknown or unsupported resource name 'L9'"), ("L3", "':'")],
)
def test_what_the_kernel_refuses_leaves_nothing(point: Path, line: str, reason: str) -> None:
    before = snapshot(point)
    with pytest.raises(KernelError, match=reason):
        prepared(point, schemata=[f"L3:{domain(point)}=f", line.format(domain(point))], enableMonitoring=False)
    assert snapshot(point) == before


def test_a_class_that_exists_is_as_before_when_the_container_cannot_be_made(point: Path) -> None:
    first = prepared(point, closID=ID, schemata=[f"L3:{domain(point)}=f"])
    second = prepared(point, closID=ID, schemata=[f"L3:{domain(point)}=30"])
    assert share(point / ID, "L3") == 0x30
    from_state(second.to_state()).undo()
    assert share(point / ID, "L3") == 0xF
    with pytest.raises(KernelError):
        prepared(point, closID=ID, schemata=[f"L3:{domain(point)}={mask}" for mask in ("30", "0")])
    assert share(point / ID, "L3") == 0xF
    first.undo()


def test_more_classes_than_there_are_is_an_error(point: Path) -> None:
    """'info/L3/num_closids': the default class is one of them, and other resources may have fewer"""
    limit = min(int(path.read_text()) for path in point.glob("info/*/num_closids"))
    made = [Group(str(point), f"{ID}-{number}", {}) for number in range(limit - len(list(classes(point))))]
    try:
        for group in made:
            group.prepare(lambda _: None)
        with pytest.raises(KernelError, match="Out of CLOSIDs"):
            prepared(point)
    finally:
        for group in made:
            group.remove()


def classes(point: Path) -> Iterator[Path]:
    return (path.parent for path in (point / "tasks", *point.glob("*/tasks")))


def test_an_update_changes_all_or_nothing(point: Path) -> None:
    needs_bandwidth(point)
    group = prepared(point, l3CacheSchema=f"L3:{domain(point)}=f")
    rdt: Any = {"l3CacheSchema": f"L3:{domain(point)}=30", "memBwSchema": f"MB:{domain(point)}=50"}
    resctrl.update(group.to_state(), ID, rdt, list, lambda _: None)
    assert (share(point / ID, "L3"), share(point / ID, "MB")) == (0x30, 50)
    rdt = {"l3CacheSchema": f"L3:{domain(point)}=f", "memBwSchema": f"MB:{domain(point)}=4000000"}
    with pytest.raises(KernelError, match="MB"):
        resctrl.update(group.to_state(), ID, rdt, list, lambda _: None)
    assert (share(point / ID, "L3"), share(point / ID, "MB")) == (0x30, 50)
    group.remove()
