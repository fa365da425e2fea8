"""Finds out what a plan must know of the host (plan/host.py), as far as this configuration asks. Hot path."""

from __future__ import annotations

import posix

from sampan.errors import ConfigError, KernelError, Problem
from sampan.linux import files, proc
from sampan.plan.host import CgroupMount, Host
from sampan.spec.names import CAPABILITIES, SECCOMP_BPF_DATA, SECCOMP_FAIL_UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampan.cgroups.cgroup import Cgroup
    from sampan.spec.types import Config


SPEC_ALLOW = 1 << 2  # SECCOMP_FILTER_FLAG_SPEC_ALLOW, which a filter without flags of its own gets (seccomp_profile)


def find_out(config: Config, host: Host, cgroup: Cgroup) -> None:
    """Completes ``host``."""
    held = proc.status_fields()
    host.privileged = bool(int(held[b"CapEff"], 16) >> CAPABILITIES["CAP_SYS_ADMIN"] & 1)
    host.capabilities = _grantable(config, held)
    host.cgroup_placed = cgroup.places
    host.cgroup_tasks = cgroup.tasks_files()
    if any(mount.get("type") in ("cgroup", "cgroup2") for mount in config.get("mounts", ())):
        host.cgroup_mounts = _cgroup_mounts(cgroup)
    process = config.get("process", {})
    if process.get("apparmorProfile"):
        host.apparmor = _content("/sys/module/apparmor/parameters/enabled") == b"Y\n"
    if process.get("selinuxLabel") or config.get("linux", {}).get("mountLabel"):
        host.selinux = _content("/sys/fs/selinux/enforce") != b""
    if process.get("terminal") and not host.terminal_socket:
        host.terminal_size = _terminal_size()
    if not host.pivot:
        host.proc_mounts = _mounts_of_kernel_file_systems()


def compile_seccomp(config: Config, host: Host, cache_directory: str | None) -> list[str]:
    """Puts the compiled filter into ``host``; returns warnings."""
    annotations = config.get("annotations", {})
    if SECCOMP_BPF_DATA in annotations:
        from sampan.spec.annotations import bpf_program

        host.seccomp_filter = bpf_program(annotations[SECCOMP_BPF_DATA])
        host.seccomp_flags = SPEC_ALLOW
        return []
    profile = config.get("linux", {}).get("seccomp")
    if not profile:
        return []
    from sampan.linux.seccomp import compile_filter

    found = compile_filter(profile, cache_directory=cache_directory)
    if found.warnings and annotations.get(SECCOMP_FAIL_UNKNOWN, "0") != "0":
        raise ConfigError("config.json", [_forbidden(warning) for warning in found.warnings])
    host.seccomp_filter = found.program
    host.seccomp_flags = found.flags
    host.seccomp_notify = found.notify
    return found.warnings


def _forbidden(warning: str) -> Problem:
    """What is left out of the filter, where nothing may be."""
    field, _, words = warning.partition(": ")
    return Problem(field, None, f"{words}, which annotations[{SECCOMP_FAIL_UNKNOWN}] forbids", "")


def unified_cgroup_of(pid: int) -> str:
    """The directory of the v2 cgroup that the process is in, or "" where there is none that can be seen."""
    from sampan.cgroups.layout import UNIFIED, detect

    mount = detect().unified
    for line in files.lines(files.read(f"/proc/{pid}/cgroup")):
        number, controllers, path = line.decode(errors="surrogateescape").split(":", 2)
        if mount and number == "0" and controllers == UNIFIED and not path.startswith("/.."):
            return f"{mount}{path.rstrip('/')}"
    return ""


def _grantable(config: Config, held: Mapping[bytes, bytes]) -> int:
    """The capabilities that the runtime holds itself; in a user namespace of its own, all that the kernel knows."""
    for entry in config.get("linux", {}).get("namespaces", ()):
        if entry["type"] == "user":
            return (1 << int(files.read("/proc/sys/kernel/cap_last_cap")) + 1) - 1
    return int(held[b"CapPrm"], 16) & int(held[b"CapBnd"], 16)


def _cgroup_mounts(cgroup: Cgroup) -> list[CgroupMount]:
    found = []
    for source in cgroup.mounts():
        if source.unified:
            found.append(CgroupMount("", source.directory, ()))
            continue
        named = source.controllers[0].startswith("name=")
        options = ("none", *source.controllers) if named else source.controllers
        found.append(CgroupMount(source.name, source.directory, options, source.aliases))
    return found


def _mounts_of_kernel_file_systems() -> list[str]:
    from sampan.cgroups.layout import unescape

    found = []
    for line in files.lines(files.read("/proc/self/mountinfo")):
        head, _, tail = line.partition(b" - ")
        if tail.split(b" ", 1)[0] in (b"proc", b"sysfs"):
            found.append(unescape(head.split(b" ")[4]))
    return found[::-1]  # inner ones first


def _terminal_size() -> tuple[int, int]:
    """Width and height of the caller's terminal, whichever of the streams are redirected."""
    for stream in (0, 1, 2):
        try:
            width, height = posix.get_terminal_size(stream)
        except OSError:
            continue
        return width, height
    return 0, 0


def _content(path: str) -> bytes:
    try:
        return files.read(path)
    except KernelError:
        return b""
