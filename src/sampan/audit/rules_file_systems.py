"""Rules about file systems that the kernel makes for the container: which, where, and with which options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.audit.fields import removal
from sampan.audit.rule import HIGH, INFO, LOW, MEDIUM, Match, Rule
from sampan.audit.rules_mounts import read_only, with_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.audit.rule import Find
    from sampan.audit.subject import Subject

_RESTRICTIONS = ("nosuid", "nodev", "noexec")

# What file systems are usually mounted with, by their type; those of /dev and of programs' own files aside.
_USUAL = {
    "proc": _RESTRICTIONS,
    "sysfs": _RESTRICTIONS,
    "cgroup": _RESTRICTIONS,
    "cgroup2": _RESTRICTIONS,
    "mqueue": _RESTRICTIONS,
    "devpts": ("nosuid", "noexec"),
    "tmpfs": ("nosuid", "nodev"),
}
_PLACES = {"proc": "/proc", "sysfs": "/sys"}
# The kernel's own, of which there is one for all of the host.
_OF_THE_HOST = (
    "binfmt_misc",
    "bpf",
    "configfs",
    "debugfs",
    "devtmpfs",
    "efivarfs",
    "nfsd",
    "pstore",
    "resctrl",
    "securityfs",
    "tracefs",
)


def _writable_kernel(*kinds: str) -> Find:
    def find(subject: Subject) -> Iterator[Match]:
        for mount in subject.mounted(*kinds):
            if mount.writable:
                yield Match(mount.options_path, read_only(subject, mount), {"destination": mount.destination})

    return find


def _kernel_elsewhere(subject: Subject) -> Iterator[Match]:
    for mount in subject.mounted(*_PLACES):
        if mount.destination != _PLACES[mount.type]:
            words = {"type": mount.type, "destination": mount.destination}
            yield Match(mount.path, (removal(mount.path),), words)


def _writable_cgroups(*, own: bool) -> Find:
    def find(subject: Subject) -> Iterator[Match]:
        if subject.shares("cgroup") != own:
            yield from _writable_kernel("cgroup", "cgroup2")(subject)

    return find


def _usual_options(subject: Subject) -> Iterator[Match]:
    for mount in subject.mounts:
        usual = _USUAL.get(mount.type, ())
        if mount.destination == "/dev":
            usual = ("nosuid",)  # its nodes have to work
        missing = [option for option in usual if not mount.has(option)]
        if missing:
            words = {"destination": mount.destination, "missing": ", ".join(missing)}
            yield Match(mount.options_path, with_options(subject, mount, [*mount.options, *missing]), words)


def _executable_memory(subject: Subject) -> Iterator[Match]:
    for mount in subject.mounts:
        if mount.destination == "/dev/shm" and not mount.has("noexec"):
            yield Match(mount.options_path, with_options(subject, mount, [*mount.options, "noexec"]))


def _of_the_host(subject: Subject) -> Iterator[Match]:
    for mount in subject.mounted(*_OF_THE_HOST):
        words = {"type": mount.type, "destination": mount.destination}
        yield Match(mount.path, (removal(mount.path),), words)


RULES = (
    Rule(
        "sys-writable",
        HIGH,
        "sysfs can be written (at {destination})",
        "mounts",
        "Root writes /sys/kernel/uevent_helper, which the kernel runs as root of the host, and unbinds its devices.",
        'Add "ro" to the mount\'s options.',
        _writable_kernel("sysfs"),
        confined=LOW,
    ),
    Rule(
        "kernel-files-elsewhere",
        HIGH,
        "{type} is mounted at {destination}, where nothing is masked",
        "mounts",
        "Masks and read-only paths name files below /proc and /sys: here the same files are open, kernel parameters and"
        " memory among them.",
        "Leave the mount out, or mount it at its usual place.",
        _kernel_elsewhere,
        confined=LOW,
    ),
    Rule(
        "cgroup-writable",
        HIGH,
        "the cgroup file system can be written, without a cgroup namespace (at {destination})",
        "mounts",
        "It changes limits of its own cgroup and, where the mount shows them, of others; with v1, a release_agent is"
        " run as root of the host.",
        'Add "ro" to the mount\'s options, and give the container a cgroup namespace.',
        _writable_cgroups(own=False),
        confined=MEDIUM,
    ),
    Rule(
        "cgroup-writable-own",
        LOW,
        "its own cgroup can be written (at {destination})",
        "mounts",
        "It makes cgroups below its own, as many as the kernel lets it, and takes back limits that are set there.",
        'Add "ro" to the mount\'s options, unless systemd or another engine runs in the container.',
        _writable_cgroups(own=True),
    ),
    Rule(
        "mount-options",
        LOW,
        "the mount at {destination} lacks {missing}",
        "mounts",
        "What the option would refuse works there: set-user-ID programs, device nodes, or programs that were written"
        " there a moment ago.",
        "Add {missing} to the mount's options.",
        _usual_options,
        confined=INFO,
    ),
    Rule(
        "shm-executable",
        LOW,
        "programs can be run from /dev/shm",
        "mounts",
        "An attacker who can only write memory files has a place to run them from.",
        'Add "noexec" to the mount\'s options.',
        _executable_memory,
    ),
    Rule(
        "kernel-file-system",
        HIGH,
        "{type} of the host's kernel is mounted at {destination}",
        "mounts",
        "It shows or changes what the kernel does for all: its traces and memory, its devices, which programs it starts"
        " for files, what the firmware does at the next boot.",
        "Leave the mount out.",
        _of_the_host,
        confined=LOW,
    ),
)
