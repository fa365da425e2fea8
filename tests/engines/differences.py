"""Where what a container sees depends on the runtime, and why that is right. test_comparison.py leaves these lines out.

A difference without a good reason is a defect, and does not belong here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Difference:
    """Lines of a view (a key of test_comparison.VIEWS; `*` stands for anything) that each runtime shows in its way."""

    view: str
    lines: str  # a regular expression for the whole line
    reason: str


DIFFERENCES = (
    Difference(
        "mounts*",
        r"/ (/proc|/sys)/\S+ r[ow],\S+ - tmpfs \S+ ro\S*",
        "masked directories: an empty read-only tmpfs with both; sampan's is nosuid, nodev and noexec, too",
    ),
    Difference(
        "mounts*",
        r"\S*/null /(proc|etc)/\S+ .*",
        "masked files: the null device with both, for sampan read-only, nosuid and noexec, so that the container's "
        "root cannot change it where it is the host's",
    ),
    Difference(
        "mounts*",
        r"/ /sys/fs/cgroup r[ow],\S+ - tmpfs \S+ .*",
        "podman asks for `ro`: sampan applies it to the directory of the v1 hierarchies, too, runc only to those",
    ),
    Difference(
        "mounts* with a private cgroup namespace",
        r"/ /sys/fs/cgroup/systemd \S+ - cgroup (systemd|cgroup) .*",
        "the source of a mount of a cgroup hierarchy has no meaning; runc names it after the directory",
    ),
    Difference(
        "mounts of all kinds",
        r"/ / rw,relatime (shared:N )?- overlay .*",
        "podman asks for a shared root for the sake of the volume: 'rootfsPropagation sets the rootfs's mount "
        "propagation' (config-linux.md). runc sets that of the root which it leaves",
    ),
    Difference(
        "devices when mapped",
        r"mqueue directory 1777 \d+:65534 0:0",
        "the kernel gives it to whoever makes the ipc namespace: runc makes it as root of the user namespace, sampan "
        "together with that; everybody may use it",
    ),
    Difference(
        "owners when mapped",
        r"/sys/fs/cgroup \d+ 0:0",
        "runc gives the tmpfs of the v1 hierarchies the mode of the directory below (555), not the one of its mount",
    ),
    Difference(
        "device rules",
        r"c 10:200 rwm",
        "/dev/net/tun: runc 1.1 allowed it to every container, without being asked; runc 1.2 does so no longer",
    ),
)


def leave_out(view: str, lines: list[str]) -> list[str]:
    """The lines of a view that must be the same with every runtime."""
    patterns = [difference.lines for difference in DIFFERENCES if fnmatchcase(view, difference.view)]
    return [line for line in lines if not any(re.fullmatch(pattern, line) for pattern in patterns)]


def without_names(line: str) -> str:
    """What is another for each container: ids, and the directories that overlay makes."""
    line = re.sub(r"[0-9a-f]{64}", "ID", line)
    line = re.sub(r"lowerdir=\S*", "lowerdir=...", line)
    line = re.sub(r"\b(shared|master):[0-9]+", r"\1:N", line)
    line = re.sub(r"/overlay/[0-9]+/", "/overlay/N/", line)
    return re.sub(r"/overlay2?/l/[A-Z0-9]+", "/overlay/l/L", line)
