"""Rules about capabilities: one for each that the kernel knows, and what its sets are good for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampan.audit.fields import removals
from sampan.audit.rule import CRITICAL, HIGH, INFO, LOW, MEDIUM, NONE, Match, Rule
from sampan.spec.names import CAPABILITY_SETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sampan.audit.fields import Edit
    from sampan.audit.rule import Find, Severity
    from sampan.audit.subject import Subject

# Capability, severity, severity where it is one over a user namespace alone, and what it is good for.
_TABLE: tuple[tuple[str, Severity, Severity, str], ...] = (
    (
        "SYS_ADMIN",
        CRITICAL,
        MEDIUM,
        (
            "It mounts file systems and joins namespaces, and with them leaves the container; of a user namespace it"
            " still opens all of mount and many other parts of the kernel to attack."
        ),
    ),
    ("SYS_MODULE", CRITICAL, INFO, "It loads code of its own into the host's kernel."),
    ("SYS_RAWIO", CRITICAL, INFO, "It reads and writes the machine's ports, memory and disks past all permissions."),
    (
        "DAC_READ_SEARCH",
        CRITICAL,
        LOW,
        (
            "With open_by_handle_at(2) it opens any file of every file system of which it has one mount, outside of the"
            " container, too."
        ),
    ),
    (
        "SYS_PTRACE",
        HIGH,
        LOW,
        "It reads and changes every process that it sees, whoever owns it; with the host's pid namespace, the host's.",
    ),
    (
        "BPF",
        HIGH,
        LOW,
        "It loads BPF programs, which run in the host's kernel and have often been a way to its memory.",
    ),
    ("PERFMON", HIGH, LOW, "It watches the host's kernel and all processes: addresses and secrets leak."),
    ("SYS_BOOT", HIGH, INFO, "It reboots the host, or boots another kernel with kexec_load(2)."),
    ("SYS_TIME", HIGH, INFO, "It sets the host's clock, by which certificates, logs and tokens are judged."),
    ("MAC_ADMIN", HIGH, INFO, "It changes the rules of the Linux security module that confines it and all others."),
    ("MAC_OVERRIDE", HIGH, INFO, "It ignores the rules of the Linux security module."),
    ("AUDIT_CONTROL", HIGH, INFO, "It turns the host's audit off, or changes what is audited: traces vanish."),
    ("CHECKPOINT_RESTORE", HIGH, LOW, "It opens files of other processes by /proc/PID/map_files, and chooses pids."),
    (
        "NET_ADMIN",
        MEDIUM,
        LOW,
        (
            "It configures its network namespace: addresses, routes, packet filters, sniffing of the bridge; netfilter"
            " and traffic control have often been a way into the kernel."
        ),
    ),
    (
        "NET_RAW",
        MEDIUM,
        LOW,
        "It sends packets with forged addresses: ARP and DNS of its neighbours can be taken over.",
    ),
    ("SYSLOG", MEDIUM, INFO, "It reads the kernel's log and the addresses in it, which exploits need."),
    ("MKNOD", MEDIUM, INFO, "It makes device nodes; what it may open then, the device rules alone decide."),
    ("AUDIT_READ", MEDIUM, INFO, "It reads what the host's audit says of all processes."),
    ("SYS_RESOURCE", MEDIUM, INFO, "It goes beyond rlimits, disk quotas and reserved blocks: the host can run out."),
    ("SYS_TTY_CONFIG", MEDIUM, INFO, "It hangs up terminals of others and changes virtual consoles."),
    ("LINUX_IMMUTABLE", LOW, NONE, "It makes files that not even the host's root removes without knowing how."),
    ("SETUID", LOW, NONE, "It becomes any user, root of the host among them."),
    ("SETGID", LOW, NONE, "It joins any group, and changes how ids are mapped in namespaces that it makes."),
    ("DAC_OVERRIDE", LOW, NONE, "File permissions do not count: what a mount shows it, it reads and writes."),
    ("CHOWN", LOW, NONE, "It gives files to others, and takes theirs, wherever a mount is writable."),
    ("FOWNER", LOW, NONE, "It changes permissions of files of others, wherever a mount is writable."),
    ("FSETID", LOW, NONE, "Its files keep set-user-ID bits when they are changed: they wait for users of the host."),
    ("SETFCAP", LOW, NONE, "It gives files capabilities, which count on the host for whoever runs them there."),
    ("SETPCAP", LOW, NONE, "It moves capabilities of its bounding set to where they can be inherited."),
    ("SYS_CHROOT", LOW, NONE, "chroot(2) is a part of many ways out, since it changes where paths end."),
    ("SYS_NICE", LOW, INFO, "It takes the processor from others: priorities, real time, affinities."),
    ("IPC_LOCK", LOW, INFO, "It locks memory without limit; what is locked is never swapped out."),
    ("IPC_OWNER", LOW, NONE, "Permissions of System V IPC objects do not count."),
    ("SYS_PACCT", LOW, INFO, "It turns the host's process accounting on and off."),
    ("LEASE", LOW, NONE, "It holds up others who open files on which it has a lease."),
    ("BLOCK_SUSPEND", LOW, INFO, "It keeps the host from going to sleep."),
    ("WAKE_ALARM", LOW, INFO, "It wakes the host up from sleep."),
    ("AUDIT_WRITE", LOW, INFO, "It writes into the host's audit log, where it can hide what matters among inventions."),
    ("KILL", INFO, NONE, "It signals every process that it sees."),
    ("NET_BIND_SERVICE", INFO, NONE, "It listens on ports below 1024 of its network namespace."),
    ("NET_BROADCAST", INFO, NONE, "The kernel uses it for nothing."),
)


def _of(name: str) -> Find:
    capability = f"CAP_{name}"

    def find(subject: Subject) -> Iterator[Match]:
        held = subject.holds(capability)
        if held or subject.can_obtain(capability):
            where = next(kind for kind in CAPABILITY_SETS if capability in _listed(subject, kind))
            path = ("process", "capabilities", where)
            yield Match(path, _without(subject, (capability,)), {"how": "has" if held else "can obtain"}, not held)

    return find


def _without(subject: Subject, capabilities: Sequence[str], kinds: Sequence[str] = CAPABILITY_SETS) -> tuple[Edit, ...]:
    """Take them out of the sets."""
    edits: list[Edit] = []
    for kind in kinds:
        indexes = [index for index, name in enumerate(_listed(subject, kind)) if name in capabilities]
        edits += removals(("process", "capabilities", kind), indexes)
    return tuple(edits)


def _listed(subject: Subject, kind: str) -> list[str]:
    sets: Any = subject.capabilities
    listed: list[str] = sets.get(kind, [])
    return listed


def _ambient(subject: Subject) -> Iterator[Match]:
    listed = _listed(subject, "ambient")
    if listed:
        edits = _without(subject, listed, ("ambient", "inheritable"))
        yield Match(("process", "capabilities", "ambient"), edits, {"names": ", ".join(listed)})


def _inheritable(subject: Subject) -> Iterator[Match]:
    # what is ambient must be inheritable: that is the other rule's
    extra = [name for name in _listed(subject, "inheritable") if name not in _listed(subject, "ambient")]
    if extra:
        edits = _without(subject, extra, ("inheritable",))
        yield Match(("process", "capabilities", "inheritable"), edits, {"names": ", ".join(extra)})


RULES = (
    *(
        Rule(
            f"cap-{name.lower().replace('_', '-')}",
            severity,
            f"the process {{how}} CAP_{name}",
            "process.capabilities",
            gain,
            f"Take CAP_{name} out of all sets of capabilities, unless the program is known to need it.",
            _of(name),
            confined=confined,
        )
        for name, severity, confined, gain in _TABLE
    ),
    Rule(
        "capabilities-ambient",
        LOW,
        "ambient capabilities: {names}",
        "process.capabilities.ambient",
        "Every program that is executed has them, whoever runs it: also a shell of an attacker who is not root.",
        "Empty process.capabilities.ambient and inheritable; a file with capabilities of its own, or root, needs none.",
        _ambient,
    ),
    Rule(
        "capabilities-inheritable",
        LOW,
        "inheritable capabilities: {names}",
        "process.capabilities.inheritable",
        "Programs whose files have inheritable capabilities get them, whoever runs them (CVE-2022-24769).",
        "Empty process.capabilities.inheritable.",
        _inheritable,
    ),
)
