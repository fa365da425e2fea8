"""The plans of `mounts add` and `mounts remove`."""

from __future__ import annotations

from typing import Any

import pytest

from sampan.errors import ConfigError
from sampan.plan import mounts, wire
from sampan.plan import operations as op
from sampan.plan.host import CgroupMount, Host
from sampan.plan.mounting import mount_plan, unmount_plan
from sampan.plan.operations import Operation, Plan

KIND, SOURCE, SLOT = 0, 1, 2  # arguments of the operation `mount`


def config(*namespaces: str, entries: tuple[dict[str, Any], ...] = ()) -> Any:
    return {
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "mounts": list(entries),
        "linux": {"namespaces": [{"type": kind} for kind in ("mount", *namespaces)]},
    }


def adding(*entries: dict[str, Any], namespaces: tuple[str, ...] = (), host: Host | None = None) -> Plan:
    return mount_plan(config(*namespaces, entries=entries), host or Host("web", "/bundle"))


def names(plan: Plan) -> list[str]:
    return [operation.name for operation in plan.operations]


def the_mount(plan: Plan) -> Operation:
    (found,) = (operation for operation in plan.operations if operation.name == "mount")
    return found


TMPFS: dict[str, Any] = {"destination": "/scratch", "type": "tmpfs"}
BIND: dict[str, Any] = {"destination": "/data", "source": "data", "options": ["bind"]}


def test_it_joins_closed_to_other_eyes_and_ends_without_a_program() -> None:
    """CVE-2016-9962"""
    plan = adding(TMPFS, namespaces=("user", "pid"))
    order = ["undumpable", "join", "fork", "become_root", "open_root", "mount"]
    assert names(plan) == order
    assert plan.operations[1].args == (0, op.NEWNS | op.NEWUSER | op.NEWPID, 0)
    assert wire.encode(plan)


def test_without_a_namespace_that_only_a_child_enters_there_is_none() -> None:
    assert names(adding(TMPFS)) == ["undumpable", "join", "open_root", "mount"]


@pytest.mark.parametrize("namespaces", [(), ("user",)])
def test_a_source_is_opened_by_the_engine(namespaces: tuple[str, ...]) -> None:
    """In the container the host's paths are not there, or are others."""
    plan = adding(BIND, namespaces=namespaces)
    assert the_mount(plan).args[KIND] == mounts.SLOT
    assert [(one.kind, one.path) for one in plan.descriptors] == [("process", ""), ("tree", "/bundle/data")]
    assert the_mount(plan).args[SLOT] == 1


def test_so_is_a_cgroup_without_a_cgroup_namespace() -> None:
    host = Host("web", "/bundle")
    host.cgroup_mounts = [CgroupMount("", "/sys/fs/cgroup/web", ())]
    plan = adding({"destination": "/cgroup", "type": "cgroup"}, host=host)
    assert plan.descriptors[1].path == "/sys/fs/cgroup/web"


def test_what_is_filled_first_is_sealed_at_the_end() -> None:
    plan = adding({**TMPFS, "options": ["tmpcopyup", "ro"]}, BIND)
    assert names(plan)[-3:] == ["mount", "mount", "attributes"]


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"destination": "/", "type": "tmpfs"}, "destination"),
        ({"destination": "//./", "type": "tmpfs"}, "destination"),
        ({"destination": "/data", "options": ["remount", "ro"]}, "options"),
        ({"destination": "/data", "options": ["bind"]}, "source"),
    ],
)
def test_what_cannot_be_mounted_later_is_named(entry: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        adding(TMPFS, entry)
    assert [problem.field for problem in caught.value.problems] == [f"mounts[1].{field}"]


def test_what_is_taken_away_is_named_by_its_id_too() -> None:
    plan = unmount_plan(config("pid"), [("/b", 8, "mounts[1].destination"), ("/a", 7, "mounts[0].destination")])
    assert [one.args for one in plan.operations if one.name == "detach"] == [("/", "b", 8), ("/", "a", 7)]
