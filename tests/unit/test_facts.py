"""What /proc says of a container, in which the container has a say: names of cgroups and mount points."""

from __future__ import annotations

import pytest

from sampan.cgroups import layout
from sampan.engine import facts
from sampan.linux import files


@pytest.mark.parametrize("end", ["\r", "\x0c", "\x1c", "\x85", "\u2028"])
def test_a_container_cannot_say_in_which_cgroup_a_further_process_is_born(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may put its process into a v1 cgroup of any name below its own, where these delegate."""
    text = f"5:memory:/box/x{end}0::/system.slice\n0::/box\n"
    monkeypatch.setattr(files, "read", lambda path: text.encode())
    monkeypatch.setattr(layout, "detect", lambda: layout.Layout("hybrid", "/cgroup", {}, {}))
    assert facts.unified_cgroup_of(1) == "/cgroup/box"


def test_a_mount_point_with_a_blank_in_its_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would stay in a container that is made without pivot_root."""
    lines = (
        rb"30 23 0:26 / /a\040b\134\012 rw - proc proc rw",
        b"31 23 0:27 / /sys\r\x0c rw shared:1 - sysfs sysfs rw",
        b"32 23 0:28 / /dev rw - tmpfs tmpfs rw",
    )
    monkeypatch.setattr(files, "read", lambda path: b"\n".join(lines) + b"\n")
    assert facts._mounts_of_kernel_file_systems() == ["/sys\r\x0c", "/a b\\\n"]
