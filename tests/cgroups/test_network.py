"""linux.resources.network: v1's net_cls and net_prio."""

from __future__ import annotations

from typing import Any

import pytest

from sampan.cgroups.layout import Layout
from sampan.errors import KernelError

from .control import content


@pytest.fixture(autouse=True)
def _only_with_the_controllers(host: Layout) -> None:
    if missing := {"net_cls", "net_prio"} - set(host.mounts):
        pytest.skip(f"no v1 hierarchy has the controllers {', '.join(sorted(missing))}")


def test_class_and_priorities(locate: Any) -> None:
    group = locate()
    group.create({"network": {"classID": 1048577, "priorities": [{"name": "lo", "priority": 500}]}})
    assert content(group, "net_cls", "net_cls.classid", "") == "1048577"
    assert "lo 500" in content(group, "net_prio", "net_prio.ifpriomap", "").splitlines()


def test_an_unknown_interface_is_an_error_and_an_update_with_it_changes_nothing(locate: Any) -> None:
    group = locate()
    group.create({"network": {"classID": 5, "priorities": [{"name": "lo", "priority": 6}]}})
    priorities = [{"name": "lo", "priority": 7}, {"name": "nosuch0", "priority": 7}]
    with pytest.raises(KernelError, match=r"linux\.resources\.network\.priorities\[1\]: "):
        group.update({"network": {"classID": 9, "priorities": priorities}})
    assert content(group, "net_cls", "net_cls.classid", "") == "5"
    assert "lo 6" in content(group, "net_prio", "net_prio.ifpriomap", "").splitlines()
