"""Rules about files of the kernel below /proc and /sys: what should be masked or read-only."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from sampan.audit.fields import setting
from sampan.audit.rule import CRITICAL, HIGH, LOW, MEDIUM, Match, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sampan.audit.fields import Edit
    from sampan.audit.rule import Find
    from sampan.audit.subject import Subject

# The lists that all engines have; what became usual later stands apart.
MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
)
MASKED_LATER = ("/proc/interrupts", "/sys/devices/virtual/powercap")
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq")
PARAMETERS, SYSRQ, KCORE = "/proc/sys", "/proc/sysrq-trigger", "/proc/kcore"


def _is_covered(path: str, covers: Iterable[str]) -> bool:
    return any(path == cover or path.startswith(f"{cover}/") for cover in map(posixpath.normpath, covers))


def _open(subject: Subject, paths: Sequence[str], *, to_writers: bool) -> list[str]:
    """Those of the paths that a mount shows and nothing covers."""
    covers = list(subject.linux.get("maskedPaths", ()))
    covers += subject.linux.get("readonlyPaths", ()) if to_writers else ()
    covers += [mount.destination for mount in subject.mounts if mount.destination.startswith(("/proc/", "/sys/"))]
    shown = [path for path in paths if subject.sees("/" + path.split("/")[1])]
    if to_writers:
        shown = [path for path in shown if _is_writable(subject, "/" + path.split("/")[1])]
    return [path for path in shown if not _is_covered(path, covers)]


def _is_writable(subject: Subject, directory: str) -> bool:
    return any(mount.writable for mount in subject.mounts if mount.destination == directory)


def _masked(*paths: str) -> Find:
    def find(subject: Subject) -> Iterator[Match]:
        found = _open(subject, paths, to_writers=False)
        if found:
            yield Match(("linux", "maskedPaths"), _also(subject, "maskedPaths", found), {"paths": ", ".join(found)})

    return find


def _readonly(*paths: str, root_alone: bool) -> Find:
    def find(subject: Subject) -> Iterator[Match]:
        found = _open(subject, paths, to_writers=True)
        if found:
            edits, words = _also(subject, "readonlyPaths", found), {"paths": ", ".join(found)}
            yield Match(("linux", "readonlyPaths"), edits, words, root_alone and not subject.runs_as_root)

    return find


def _also(subject: Subject, name: str, paths: Sequence[str]) -> tuple[Edit, ...]:
    listed: list[str] = subject.linux.get(name, [])  # type: ignore[assignment]
    return (setting(subject.config, ("linux", name), [*listed, *paths]),)


RULES = (
    Rule(
        "parameters-writable",
        CRITICAL,
        "kernel parameters can be written: {paths}",
        "linux.readonlyPaths",
        "Root writes kernel/core_pattern or kernel/modprobe, programs that the kernel runs as root of the host. No"
        " capability is needed.",
        'Add "/proc/sys" to linux.readonlyPaths.',
        _readonly(PARAMETERS, root_alone=True),
        confined=LOW,
    ),
    Rule(
        "sysrq-writable",
        HIGH,
        "the host can be commanded by {paths}",
        "linux.readonlyPaths",
        "Root writes one letter, and the host crashes, reboots or kills all its processes.",
        'Add "/proc/sysrq-trigger" to linux.readonlyPaths.',
        _readonly(SYSRQ, root_alone=True),
        confined=LOW,
    ),
    Rule(
        "readonly-paths",
        MEDIUM,
        "files of the kernel can be written: {paths}",
        "linux.readonlyPaths",
        "Root configures devices, file systems and interrupts of the host.",
        "Add them to linux.readonlyPaths.",
        _readonly(*READ_ONLY, root_alone=True),
        confined=LOW,
    ),
    Rule(
        "kcore-readable",
        HIGH,
        "the kernel's memory is at {paths}",
        "linux.maskedPaths",
        "With CAP_SYS_RAWIO it reads all of the host's memory there.",
        'Add "/proc/kcore" to linux.maskedPaths.',
        _masked(KCORE),
        confined=LOW,
    ),
    Rule(
        "masked-paths",
        MEDIUM,
        "files of the kernel are not masked: {paths}",
        "linux.maskedPaths",
        "They tell addresses, keys, timers and firmware of the host, or let root configure its devices.",
        "Add them to linux.maskedPaths.",
        _masked(*[path for path in MASKED if path != KCORE]),
        confined=LOW,
    ),
    Rule(
        "side-channels",
        LOW,
        "files by which other programs can be watched are not masked: {paths}",
        "linux.maskedPaths",
        "Counts of interrupts tell when keys are pressed; the energy that is used tells secrets of computations"
        " (CVE-2020-8694).",
        "Add them to linux.maskedPaths.",
        _masked(*MASKED_LATER),
    ),
)
