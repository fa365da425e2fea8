"""The plan of a further process in a container that exists: it joins what the container's process is in, and becomes
the program. Hot path.
"""

from __future__ import annotations

from sampan.plan.namespaces import IF_MAPPED, KEEP_GROUPS, namespace_flags, root_path
from sampan.plan.operations import NEWPID, NEWTIME, NEWUSER, Descriptor, Plan
from sampan.plan.process import add_labels, add_process, keeps_groups
from sampan.spec.check import listed_numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sampan.plan.host import Host
    from sampan.spec.types import Config, Process


def exec_plan(config: Config, process: Process, host: Host) -> Plan:
    """The plan of ``process`` in the container of ``config``. Slot 0 is a pidfd of the container's process.

    All namespaces are joined at once through it: in between, the process would be half in and half out, and no mount or
    user namespace could be joined by the rights in the other. Before it joins it is closed to the eyes of the
    container's processes, which may see it from then on (CVE-2016-9962), so what only a process that is open to its
    owner may do of itself comes first. So do the writes to the runtime's procfs, which shows the host: init closes it
    as it joins. The cgroups come first of all; but a full one would not let it fork, and so waits until it has.
    """
    plan = Plan()
    container = plan.slot(Descriptor("process", "", "linux.namespaces"))
    if not host.cgroup_full:
        _add_cgroups(plan, process, host)
    if _writes_to_proc(process):
        plan.add("private_proc", "")
    if "oomScoreAdj" in process:
        plan.add("write_proc", "process.oomScoreAdj", "self/oom_score_adj", str(process["oomScoreAdj"]))
    add_labels(plan, process, host)
    plan.add("undumpable", "")
    flags = namespace_flags(config)
    if flags:
        plan.add("join", "linux.namespaces", container, flags, 0)
    if flags & (NEWPID | NEWUSER | NEWTIME):  # the first two are entered by a child only, the third by its clocks
        plan.add("fork", "linux.namespaces", 0)
    if host.cgroup_full:
        _add_cgroups(plan, process, host)
    if flags & NEWUSER:
        plan.add("become_root", "linux.namespaces", IF_MAPPED | (KEEP_GROUPS if keeps_groups(config) else 0))
    plan.add("session", "config.md#process")
    if host.keyring:
        plan.add("keyring", "")
    if not _has_own_root(config):
        plan.add("chroot", "root.path", root_path(config, host.bundle))
    _add_terminal(plan, process, host)
    add_process(plan, {**config, "process": process}, host, None, labelled=True)
    return plan


def _add_cgroups(plan: Plan, process: Process, host: Host) -> None:
    plan.group = "cgroup"
    for path in host.cgroup_tasks:
        plan.add("enter_cgroup", "linux.cgroupsPath", plan.slot(Descriptor("cgroup", path, "linux.cgroupsPath")))
    if final := listed_numbers(process.get("execCPUAffinity", {}).get("final", "")):
        plan.add("affinity", "process.execCPUAffinity.final", cpu_mask(final))
    plan.group = "namespaces"


def cpu_mask(cpus: Iterable[int]) -> bytes:
    """Processors as sched_setaffinity(2) takes them."""
    mask = 0
    for number in cpus:
        mask |= 1 << number
    return mask.to_bytes((mask.bit_length() + 63) // 64 * 8, "little")


def _writes_to_proc(process: Process) -> bool:
    profile = process.get("apparmorProfile", "")
    return "oomScoreAdj" in process or bool(process.get("selinuxLabel")) or profile not in ("", "unconfined")


def _has_own_root(config: Config) -> bool:
    """Is the root of the container's mount namespace that of the container? A joined one has its own, for others."""
    namespaces = config.get("linux", {}).get("namespaces", ())
    return any(entry["type"] == "mount" and not entry.get("path") for entry in namespaces)


def _add_terminal(plan: Plan, process: Process, host: Host) -> None:
    if process.get("terminal"):
        slot = plan.slot(Descriptor("terminal", host.terminal_socket, "process.terminal"))
        size = process.get("consoleSize")
        width, height = (size["width"], size["height"]) if size else host.terminal_size
        plan.add("terminal", "process.terminal", slot, width, height, 0)
