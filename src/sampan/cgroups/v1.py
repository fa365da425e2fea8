"""What ``linux.resources`` means in the files of cgroup v1.

Zeros are "no limit asked for", as engines mean them; ``memory.kernel`` and ``memory.kernelTCP`` are ignored, as the
kernel and runc do today. Never makes directories and never moves processes: that is ``cgroup``.
"""

from __future__ import annotations

import errno
import posix

from sampan.cgroups import devices
from sampan.cgroups.limits import collect
from sampan.errors import KernelError
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sampan.cgroups.devices import Rule
    from sampan.cgroups.limits import Setting
    from sampan.spec.types import Resources


def settings(resources: Resources) -> list[Setting]:
    """Every limit in the files of v1, in the order in which a new cgroup takes them."""
    return collect(resources, _memory, _cpu, _rare)


def _memory(resources: Resources, add: Callable[..., None]) -> None:
    memory = resources.get("memory", {})
    limit, swap = memory.get("limit") or None, memory.get("swap") or None
    add("memory", "limit_in_bytes", limit, "memory.limit")
    if limit == -1 and swap is None:  # no limit on memory is no limit on memory+swap, where the kernel counts swap
        add("memory", "memsw.limit_in_bytes", -1, "memory.limit", True)
    add("memory", "memsw.limit_in_bytes", swap, "memory.swap")
    add("memory", "soft_limit_in_bytes", memory.get("reservation") or None, "memory.reservation")
    add("memory", "swappiness", memory.get("swappiness"), "memory.swappiness")
    add("memory", "oom_control", 1 if memory.get("disableOOMKiller") else None, "memory.disableOOMKiller")


def _cpu(resources: Resources, add: Callable[..., None]) -> None:
    cpu = resources.get("cpu", {})
    add("cpu", "rt_period_us", cpu.get("realtimePeriod") or None, "cpu.realtimePeriod")
    add("cpu", "rt_runtime_us", cpu.get("realtimeRuntime") or None, "cpu.realtimeRuntime")
    add("cpu", "shares", cpu.get("shares") or None, "cpu.shares")
    add("cpu", "cfs_period_us", cpu.get("period") or None, "cpu.period")
    add("cpu", "cfs_quota_us", cpu.get("quota") or None, "cpu.quota")
    add("cpu", "cfs_burst_us", cpu.get("burst") or None, "cpu.burst")
    add("cpu", "idle", cpu.get("idle") or None, "cpu.idle")  # after the others: it takes no shares while it is idle
    add("cpuset", "cpus", cpu.get("cpus") or None, "cpu.cpus")
    add("cpuset", "mems", cpu.get("mems") or None, "cpu.mems")


def _rare(resources: Resources, add: Callable[..., None]) -> None:
    if any(resources.get("blockIO", {}).values()):
        from sampan.cgroups import block_io

        block_io.limit_v1(resources["blockIO"], add)
    if resources.get("hugepageLimits"):
        from sampan.cgroups import hugepages

        hugepages.limit(resources["hugepageLimits"], "limit_in_bytes", add)


def inherit_cpuset(directory: str, mount: str) -> None:
    """Give a cpuset that has no cpus or memory nodes those of its parent: no process could enter it otherwise."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        _inherit(directory, mount, name)


def _inherit(directory: str, mount: str, name: str) -> bytes:
    own = files.read(f"{directory}/{name}")
    if not own.strip() and len(directory) > len(mount):
        own = _inherit(directory.rpartition("/")[0], mount, name)
        files.write(f"{directory}/{name}", own)
    return own


def write_devices(directory: str, rules: Sequence[Rule], new: bool) -> None:
    """Make the devices cgroup at ``directory`` say what ``rules`` say. Raises KernelError, devices.HoleError."""
    wanted = devices.policy(rules)
    if not new and not wanted.allow:
        current = devices.parse_list(files.read(f"{directory}/devices.list").decode())
        if not current.allow and current.exceptions == wanted.exceptions:
            return  # and need not be reset, which the kernel refuses to a cgroup that has others below it
    all_of, each_of = ("devices.allow", "devices.deny") if wanted.allow else ("devices.deny", "devices.allow")
    _write_lines(f"{directory}/{all_of}", ["a"])
    _write_lines(f"{directory}/{each_of}", devices.lines(wanted))


def _write_lines(path: str, lines: Sequence[str]) -> None:
    """One write(2) for each line: the kernel reads no more than one rule from it."""
    if not lines:
        return
    line = ""
    try:
        fd = posix.open(path, posix.O_WRONLY | posix.O_CLOEXEC)
        try:
            for line in lines:
                posix.write(fd, line.encode())
        finally:
            posix.close(fd)
    except OSError as error:
        detail = "the parent cgroup does not allow that itself" if error.errno == errno.EPERM else ""
        raise KernelError(f"write {line!r} to", path, error.errno or 0, devices.FIELD, detail) from None
