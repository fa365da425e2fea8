"""Rare things that a configuration may ask for: shares of caches, huge pages, checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.doctor.row import LIMITED, NO, OK, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.doctor.host import Host

_HUGE_PAGES = "/sys/kernel/mm/hugepages"
_UNITS = ((1 << 20, "GB"), (1 << 10, "MB"), (1, "KB"))  # in KiB


def rows(host: Host) -> Iterator[Row]:
    """The three rows."""
    yield _resctrl(host)
    yield _huge_pages(host)
    yield _checkpoint(host)


def _resctrl(host: Host) -> Row:
    identity = ("resources.resctrl", "resctrl")
    mounts = (host.read("/proc/self/mountinfo") or "").splitlines()
    points = [line.split()[4] for line in mounts if " - resctrl " in line]
    if points:
        return Row(*identity, OK, points[0])
    if "resctrl" in host.words("/proc/filesystems"):
        why = "not mounted: a configuration with linux.intelRdt is refused"
        return Row(*identity, LIMITED, "", why, "as root: mount -t resctrl resctrl /sys/fs/resctrl")
    why = "this processor or kernel cannot share out caches and memory bandwidth; linux.intelRdt is refused"
    fix = "leave linux.intelRdt out, or use a machine with Intel RDT or AMD QoS and CONFIG_X86_CPU_RESCTRL=y"
    return Row(*identity, NO, "", why, fix, "4.10")


def _huge_pages(host: Host) -> Row:
    identity = ("resources.huge_pages", "huge pages")
    directories = host.names(_HUGE_PAGES)
    if not directories:
        why = "the kernel has none: linux.resources.hugepageLimits is refused"
        return Row(
            *identity, NO, "", why, "use a kernel that is built with CONFIG_HUGETLBFS=y, or leave the limits out"
        )
    kept = {name: int(host.read(f"{_HUGE_PAGES}/{name}/nr_hugepages") or 0) for name in directories}
    found = ", ".join(f"{count} of {_size(name)}" for name, count in kept.items())
    if any(kept.values()):
        return Row(*identity, OK, found)
    return Row(*identity, LIMITED, found, "none is reserved for anybody", "as root: sysctl -w vm.nr_hugepages=64")


def _size(name: str) -> str:
    number = int(name.removeprefix("hugepages-").removesuffix("kB"))
    return next(f"{number // unit}{suffix}" for unit, suffix in _UNITS if number >= unit)


def _checkpoint(host: Host) -> Row:
    identity = ("resources.checkpoint", "checkpoint and restore")
    path = host.program("criu")
    version = host.tries.output(path, "--version").partition("\n")[0].removeprefix("Version: ") if path else ""
    found = f"criu {version or 'of an unknown version'}, {path}" if path else ""
    if "checkpoint" not in host.verbs:
        why = "not supported by this release of sampan" + ("" if path else ", and criu is not installed")
        return Row(*identity, NO, found, why, "use runc or crun for containers that are to be checkpointed")
    if path:
        return Row(*identity, OK, found)
    return Row(*identity, NO, "", "needs criu, which is not installed", "apt-get install criu, or dnf install criu")
