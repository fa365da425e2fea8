"""Rules about seccomp: whether there is a filter, and which calls it should not let through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.audit.allowed_calls import allow_list
from sampan.audit.fields import setting
from sampan.audit.rule import HIGH, INFO, LOW, MEDIUM, Match, Rule
from sampan.audit.system_calls import NEW_USER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from sampan.audit.fields import Edit, Path
    from sampan.audit.rule import Find, Severity
    from sampan.audit.subject import Subject

_SECCOMP: Path = ("linux", "seccomp")
_SYSCALLS: Path = (*_SECCOMP, "syscalls")
_ENOSYS, _EPERM = 38, 1

# What a rule is called, its severity, the calls, and what they are good for. With capabilities a profile often lets
# through what only they permit: where the process has none of `needs`, it is one step less severe.
_TABLE: tuple[tuple[str, Severity, str, str, str], ...] = (
    (
        "kexec",
        HIGH,
        "kexec_load kexec_file_load",
        "CAP_SYS_BOOT",
        "They boot another kernel in the place of the host's.",
    ),
    (
        "modules",
        HIGH,
        "init_module finit_module delete_module create_module",
        "CAP_SYS_MODULE",
        "They load code into the host's kernel, and unload what protects it.",
    ),
    (
        "handles",
        HIGH,
        "open_by_handle_at",
        "CAP_DAC_READ_SEARCH",
        "It opens files by their number, past the root directory: files of the host, if the file system is the same.",
    ),
    (
        "ports",
        HIGH,
        "iopl ioperm",
        "CAP_SYS_RAWIO",
        "They give a process the ports of the machine's devices.",
    ),
    (
        "clock",
        MEDIUM,
        "settimeofday clock_settime stime adjtimex clock_adjtime",
        "CAP_SYS_TIME",
        "They set the host's clock.",
    ),
    (
        "host",
        MEDIUM,
        "reboot swapon swapoff acct quotactl quotactl_fd nfsservctl vhangup",
        "CAP_SYS_BOOT CAP_SYS_ADMIN CAP_SYS_PACCT",
        "They are about the whole host: its swap, quotas, accounting and power.",
    ),
    (
        "mounts",
        MEDIUM,
        "mount umount2 umount pivot_root move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr",
        "CAP_SYS_ADMIN",
        "They change what is mounted, undo masks, and have the kernel parse file systems of an attacker's making.",
    ),
    (
        "bpf",
        MEDIUM,
        "bpf",
        "CAP_BPF CAP_SYS_ADMIN",
        "It loads programs into the kernel, whose verifier has often been deceived; on some hosts without privileges.",
    ),
    (
        "perf",
        MEDIUM,
        "perf_event_open",
        "CAP_PERFMON CAP_SYS_ADMIN",
        "It watches processors, side channels included, and has a long history of errors.",
    ),
    (
        "userfaultfd",
        MEDIUM,
        "userfaultfd",
        "",
        "It stops the kernel in the middle of a copy for as long as an attacker likes, which makes races certain.",
    ),
    (
        "io-uring",
        MEDIUM,
        "io_uring_setup io_uring_enter io_uring_register",
        "",
        (
            "It does the work of many system calls where this filter does not see them, and has been the most exploited"
            " part of recent kernels."
        ),
    ),
    (
        "keyrings",
        MEDIUM,
        "add_key keyctl request_key",
        "",
        (
            "Keyrings belong to users and not to namespaces: keys of the host's users of the same ids can be found, and"
            " the code has a history of errors."
        ),
    ),
    (
        "trace",
        LOW,
        "ptrace process_vm_readv process_vm_writev",
        "",
        "One process of the container takes over another one, with all that it holds.",
    ),
    (
        "nodes",
        LOW,
        "name_to_handle_at lookup_dcookie fanotify_init",
        "CAP_DAC_READ_SEARCH CAP_SYS_ADMIN",
        "They tell of files outside of the container's root, or watch all of a file system.",
    ),
    (
        "memory",
        LOW,
        "mbind migrate_pages move_pages set_mempolicy kcmp vm86 vm86old modify_ldt uselib remap_file_pages",
        "",
        "They are rarely used and often wrong: parts of the kernel that only attackers visit.",
    ),
    (
        "personality",
        LOW,
        "personality",
        "",
        "It switches address randomization off, and makes readable memory executable: exploits get easier.",
    ),
    (
        "log",
        LOW,
        "syslog",
        "CAP_SYSLOG",
        "It reads the kernel's log, and addresses in it, where dmesg is not restricted.",
    ),
)


def _absent(subject: Subject) -> Iterator[Match]:
    if subject.filter is None:
        yield Match(_SECCOMP, (setting(subject.config, _SECCOMP, allow_list()),))


def _default_allow(subject: Subject) -> Iterator[Match]:
    if subject.filter is not None and subject.filter.allows_by_default:
        path = (*_SECCOMP, "defaultAction")
        words = {"action": subject.filter.profile["defaultAction"]}
        yield Match(path, (setting(subject.config, _SECCOMP, allow_list()),), words)


def _allowed(calls: Sequence[str], needs: Sequence[str]) -> Find:
    def find(subject: Subject) -> Iterator[Match]:
        if subject.filter is None:
            return
        found = [name for name in calls if subject.filter.allows(name)]
        if found:
            indirect = bool(needs) and not any(map(subject.holds, needs))
            yield Match(_place(subject, found), _forbid(subject, found), {"calls": ", ".join(found)}, indirect)

    return find


def _place(subject: Subject, names: Sequence[str]) -> Path:
    """The entry that lets the first of them through, or the default that does."""
    assert subject.filter is not None
    entries = subject.filter.entries_that_allow(names[0])
    return (*_SYSCALLS, entries[0]) if entries else (*_SECCOMP, "defaultAction")


def _forbid(subject: Subject, names: Sequence[str], errno: int = _EPERM) -> tuple[Edit, ...]:
    """Take the calls out of the entries that allow them, and name them in one that does not where the default would."""
    assert subject.filter is not None
    forbidden = {"names": list(names), "action": "SCMP_ACT_ERRNO", "errnoRet": errno}
    kept: list[dict[str, Any]] = []
    for entry in subject.filter.profile.get("syscalls", ()):
        rest = [name for name in entry["names"] if name not in names]
        if rest:
            kept.append({**entry, "names": rest})
    if subject.filter.allows_by_default or errno != _EPERM:
        kept.append(forbidden)
    return (setting(subject.config, _SYSCALLS, kept),)


def _user_namespaces(subject: Subject) -> Iterator[Match]:
    if subject.filter is None:
        return
    found = [name for name in ("clone", "unshare") if subject.filter.allows_flag(name, 0, NEW_USER)]
    found += [name for name in ("clone3", "setns") if subject.filter.allows(name)]
    if not found:
        return
    entry = {
        "names": ["clone"],
        "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 0, "value": NEW_USER, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
    }
    (edit,) = _forbid(subject, [name for name in found if name != "clone3"])
    kept = [
        {**kept, "names": names}
        for kept in edit.value
        if (names := [n for n in kept["names"] if n not in ("clone", "clone3")])
    ]
    # the C library goes on with clone(2) where clone3(2), whose flags no filter can see, does not exist
    kept += [entry, {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS}]
    yield Match(_place(subject, found), (setting(subject.config, _SYSCALLS, kept),), {"calls": ", ".join(found)})


def _notify(subject: Subject) -> Iterator[Match]:
    if subject.filter is None or "listenerPath" not in subject.filter.profile:
        return
    profile = {k: v for k, v in subject.filter.profile.items() if not k.startswith("listener")}
    profile["syscalls"] = [
        entry for entry in subject.filter.profile.get("syscalls", ()) if entry["action"] != "SCMP_ACT_NOTIFY"
    ]
    path = (*_SECCOMP, "listenerPath")
    words = {"path": subject.filter.profile["listenerPath"]}
    yield Match(path, (setting(subject.config, _SECCOMP, profile),), words)


RULES = (
    Rule(
        "seccomp-absent",
        HIGH,
        "there is no seccomp filter",
        "linux.seccomp",
        "Every system call of the host's kernel is open to attack, the rarest and worst tested ones, too.",
        "Set linux.seccomp to a list of the calls that are allowed; `sampan spec --profile hardened` has one.",
        _absent,
        confined=MEDIUM,
    ),
    Rule(
        "seccomp-default-allow",
        HIGH,
        "the seccomp filter allows what it does not name ({action})",
        "linux.seccomp.defaultAction",
        "A list of what is forbidden misses what its author did not think of, and all calls that are newer than it.",
        'Set the default action to "SCMP_ACT_ERRNO" and list the calls that are allowed.',
        _default_allow,
        confined=MEDIUM,
    ),
    *(
        Rule(
            f"seccomp-{name}",
            severity,
            "the seccomp filter allows {calls}",
            "linux.seccomp.syscalls",
            gain,
            "Take these calls out of what is allowed, unless the program is known to need them.",
            _allowed(calls.split(), needs.split()),
        )
        for name, severity, calls, needs, gain in _TABLE
    ),
    Rule(
        "seccomp-user-namespaces",
        MEDIUM,
        "the seccomp filter allows new user namespaces ({calls})",
        "linux.seccomp.syscalls",
        "In a user namespace of its own making every user has all capabilities, by which they reach parts of the kernel"
        " (netfilter, mounts) that were for root alone and have had most of its errors.",
        "Allow clone without CLONE_NEWUSER alone, answer ENOSYS to clone3, and leave unshare and setns out.",
        _user_namespaces,
    ),
    Rule(
        "seccomp-notify",
        INFO,
        "system calls are decided by a process at {path}",
        "linux.seccomp.listenerPath",
        "Whoever owns that socket's other end is trusted with the host: it acts for the container, and a call whose"
        " arguments are in memory can change after it was judged.",
        "Remove the listener and the entries with SCMP_ACT_NOTIFY, or make sure that it never continues a call that it"
        " judged by its memory.",
        _notify,
    ),
)
