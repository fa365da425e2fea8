"""Nothing is left behind, however many cgroups come and go."""

from __future__ import annotations

import os
from typing import Any

from sampan.cgroups import cgroup
from sampan.cgroups.layout import Layout

from .conftest import remains
from .control import MIB, require


def test_1000_cgroups_leave_none(host: Layout, locate: Any) -> None:
    require(host, "memory", "cpu", "pids")
    limits: Any = {
        "memory": {"limit": 64 * MIB},
        "cpu": {"quota": 50000, "period": 100000},
        "pids": {"limit": 100},
        "devices": [{"allow": False, "access": "rwm"}],
    }
    for number in range(1000):
        group = locate(f"many{number % 7}")
        group.create(limits)
        cgroup.from_state(group.to_state()).remove()
    assert not remains(f"sampan-test-{os.getpid()}")


def test_1000_at_the_same_time_leave_none(locate: Any) -> None:
    groups = [locate(f"many{number}") for number in range(1000)]
    for group in groups:
        group.create({})
    assert len(remains(f"sampan-test-{os.getpid()}")) >= 1000
    for group in groups:
        group.remove()
    assert not remains(f"sampan-test-{os.getpid()}")
