"""Rules about limits: what one container can take away from all others and from the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.audit.fields import END, removal, setting
from sampan.audit.rule import INFO, LOW, MEDIUM, Match, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.audit.fields import Edit, Path
    from sampan.audit.rule import Find
    from sampan.audit.subject import Subject

MEMORY = 512 * 1024 * 1024
PROCESSES = 256
FILES = 1 << 20
_RESOURCES: Path = ("linux", "resources")


def _unified(subject: Subject, name: str) -> str:
    """What `unified` says of a file of cgroup v2, which comes last and so counts; "" for no limit."""
    value = subject.resources.get("unified", {}).get(name, "")
    return "" if value.startswith("max") else value


def _memory(subject: Subject) -> Iterator[Match]:
    if subject.resources.get("memory", {}).get("limit", -1) <= 0 and not _unified(subject, "memory.max"):
        yield Match((*_RESOURCES, "memory", "limit"), _limit(subject, ("memory", "limit"), MEMORY))


def _swap(subject: Subject) -> Iterator[Match]:
    memory = subject.resources.get("memory", {})
    if memory.get("swap", -1) < 0 and not _unified(subject, "memory.swap.max"):
        limit = memory.get("limit", -1)
        edits: tuple[Edit, ...] = _limit(subject, ("memory", "swap"), limit if limit > 0 else MEMORY)
        if limit <= 0:  # without a limit of memory the specification has none of both
            edits = _limit(subject, ("memory",), {**memory, "limit": MEMORY, "swap": MEMORY})
        yield Match((*_RESOURCES, "memory", "swap"), edits)


def _pids(subject: Subject) -> Iterator[Match]:
    if subject.resources.get("pids", {}).get("limit", -1) <= 0 and not _unified(subject, "pids.max"):
        yield Match((*_RESOURCES, "pids", "limit"), _limit(subject, ("pids", "limit"), PROCESSES))


def _cpu(subject: Subject) -> Iterator[Match]:
    cpu = subject.resources.get("cpu", {})
    if cpu.get("quota", -1) <= 0 and not cpu.get("cpus") and not _unified(subject, "cpu.max"):
        yield Match(
            (*_RESOURCES, "cpu", "quota"), _limit(subject, ("cpu",), {**cpu, "quota": 100000, "period": 100000})
        )


def _io(subject: Subject) -> Iterator[Match]:
    block = subject.resources.get("blockIO", {})
    limited = [name for name, value in block.items() if value]
    if not limited and not any(_unified(subject, name) for name in ("io.max", "io.weight", "io.latency")):
        yield Match((*_RESOURCES, "blockIO"), _limit(subject, ("blockIO", "weight"), 100))


def _huge_pages(subject: Subject) -> Iterator[Match]:
    named = [name for name in subject.resources.get("unified", {}) if name.startswith("hugetlb.")]
    if not subject.resources.get("hugepageLimits") and not named:
        limits = [{"pageSize": "2MB", "limit": 0}]
        yield Match((*_RESOURCES, "hugepageLimits"), _limit(subject, ("hugepageLimits",), limits))


def _limit(subject: Subject, path: Path, value: object) -> tuple[Edit, ...]:
    return (setting(subject.config, (*_RESOURCES, *path), value),)


def _no_killer(subject: Subject) -> Iterator[Match]:
    if subject.resources.get("memory", {}).get("disableOOMKiller"):
        path = (*_RESOURCES, "memory", "disableOOMKiller")
        yield Match(path, (setting(subject.config, path, value=False),))


def _real_time_share(subject: Subject) -> Iterator[Match]:
    if subject.resources.get("cpu", {}).get("realtimeRuntime"):
        path = (*_RESOURCES, "cpu", "realtimeRuntime")
        yield Match(path, (removal(path),))


def _oom_score(*, immune: bool) -> Find:
    def find(subject: Subject) -> Iterator[Match]:
        score = subject.process.get("oomScoreAdj", 0)
        if score < 0 and immune == (score == -1000):
            path: Path = ("process", "oomScoreAdj")
            yield Match(path, (setting(subject.config, path, 0),), {"score": score})

    return find


def _core(subject: Subject) -> Iterator[Match]:
    limits = {entry["type"]: (index, entry) for index, entry in enumerate(subject.process.get("rlimits", ()))}
    if "RLIMIT_CORE" not in limits:
        entry: dict[str, object] = {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}
        yield Match(("process", "rlimits"), (setting(subject.config, ("process", "rlimits", END), entry),))
    elif limits["RLIMIT_CORE"][1]["hard"] > 0:
        path: Path = ("process", "rlimits", limits["RLIMIT_CORE"][0], "hard")
        entry = {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}
        yield Match(path, (setting(subject.config, path[:-1], entry),))


def _files(subject: Subject) -> Iterator[Match]:
    limits = {entry["type"]: (index, entry) for index, entry in enumerate(subject.process.get("rlimits", ()))}
    if "RLIMIT_NOFILE" not in limits:
        entry = {"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 4096}
        yield Match(("process", "rlimits"), (setting(subject.config, ("process", "rlimits", END), entry),))
    elif limits["RLIMIT_NOFILE"][1]["hard"] > FILES:
        path: Path = ("process", "rlimits", limits["RLIMIT_NOFILE"][0])
        entry = {"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 4096}
        yield Match((*path, "hard"), (setting(subject.config, path, entry),))


def _locked(subject: Subject) -> Iterator[Match]:
    for index, entry in enumerate(subject.process.get("rlimits", ())):
        if entry["type"] == "RLIMIT_MEMLOCK" and entry["hard"] > MEMORY:
            path: Path = ("process", "rlimits", index)
            limited = {"type": "RLIMIT_MEMLOCK", "soft": 65536, "hard": 65536}
            yield Match((*path, "hard"), (setting(subject.config, path, limited),))


def _real_time(subject: Subject) -> Iterator[Match]:
    policy = subject.process.get("scheduler", {}).get("policy", "")
    if policy in ("SCHED_FIFO", "SCHED_RR", "SCHED_DEADLINE"):
        path: Path = ("process", "scheduler")
        yield Match((*path, "policy"), (removal(path),), {"policy": policy})


def _real_time_io(subject: Subject) -> Iterator[Match]:
    if subject.process.get("ioPriority", {}).get("class") == "IOPRIO_CLASS_RT":
        path: Path = ("process", "ioPriority")
        yield Match((*path, "class"), (removal(path),))


def _cache(subject: Subject) -> Iterator[Match]:
    if "intelRdt" in subject.linux:
        path: Path = ("linux", "intelRdt")
        yield Match(path, (removal(path),))


RULES = (
    Rule(
        "memory-unlimited",
        MEDIUM,
        "memory is not limited",
        "linux.resources.memory.limit",
        "It takes all memory of the host; the kernel then kills whatever it finds large, also services of the host.",
        "Set linux.resources.memory.limit to what the program needs, in bytes.",
        _memory,
    ),
    Rule(
        "swap-unlimited",
        LOW,
        "swap is not limited",
        "linux.resources.memory.swap",
        "Beyond its memory it fills the host's swap, and keeps its disks busy.",
        "Set linux.resources.memory.swap (memory and swap together) to the same as the limit of memory.",
        _swap,
    ),
    Rule(
        "pids-unlimited",
        MEDIUM,
        "the number of processes is not limited",
        "linux.resources.pids.limit",
        "A fork bomb takes all pids of the host: nobody can log in to stop it.",
        "Set linux.resources.pids.limit.",
        _pids,
    ),
    Rule(
        "cpu-unlimited",
        LOW,
        "processor time is not limited",
        "linux.resources.cpu.quota",
        "It keeps all processors of the host busy, with no more than its share only where others want theirs.",
        "Set linux.resources.cpu.quota and period (microseconds), or cpus.",
        _cpu,
    ),
    Rule(
        "io-unlimited",
        INFO,
        "input and output are not limited",
        "linux.resources.blockIO",
        "It keeps the host's disks busy.",
        "Set linux.resources.blockIO: a weight, or limits for single disks.",
        _io,
    ),
    Rule(
        "hugepages-unlimited",
        INFO,
        "huge pages are not limited",
        "linux.resources.hugepageLimits",
        "It takes the huge pages that the host has set aside, if there are any.",
        "Set linux.resources.hugepageLimits for each size of page that the host has.",
        _huge_pages,
    ),
    Rule(
        "oom-killer-disabled",
        MEDIUM,
        "at its limit of memory it is stopped instead of killed",
        "linux.resources.memory.disableOOMKiller",
        "Its processes hang where they are, with locks of the kernel and of others, for ever.",
        "Set linux.resources.memory.disableOOMKiller to false.",
        _no_killer,
    ),
    Rule(
        "oom-immune",
        MEDIUM,
        "the kernel never kills it for want of memory",
        "process.oomScoreAdj",
        "When the host runs out of memory because of it, everybody else is killed.",
        "Set process.oomScoreAdj to 0 or more.",
        _oom_score(immune=True),
    ),
    Rule(
        "oom-preferred",
        LOW,
        "the kernel kills others first for want of memory ({score})",
        "process.oomScoreAdj",
        "When the host runs out of memory, services that it needs may go before the container.",
        "Set process.oomScoreAdj to 0 or more.",
        _oom_score(immune=False),
    ),
    Rule(
        "core-dumps",
        INFO,
        "it can dump core",
        "process.rlimits",
        "The host's handler of core dumps runs as root outside of all containers, on data that an attacker makes; and"
        " dumps hold secrets.",
        "Set RLIMIT_CORE to 0. (A handler that is a pipe takes a limit of 0 as no dump, other values as any size.)",
        _core,
    ),
    Rule(
        "files-unlimited",
        INFO,
        "open files are not limited, or to more than 1048576",
        "process.rlimits",
        "It fills the kernel's table of open files, memory that no cgroup may count.",
        "Set RLIMIT_NOFILE to what the program needs.",
        _files,
    ),
    Rule(
        "locked-memory",
        LOW,
        "it may lock much memory",
        "process.rlimits",
        "Locked memory is never swapped out: others are.",
        "Set RLIMIT_MEMLOCK to 65536.",
        _locked,
    ),
    Rule(
        "real-time",
        MEDIUM,
        "it runs with {policy}",
        "process.scheduler",
        "While it wants a processor, nothing ordinary of the host gets it.",
        "Remove process.scheduler, or use SCHED_OTHER.",
        _real_time,
    ),
    Rule(
        "real-time-share",
        LOW,
        "it may run in real time",
        "linux.resources.cpu.realtimeRuntime",
        "For that share of time nothing ordinary of the host runs.",
        "Remove linux.resources.cpu.realtimeRuntime.",
        _real_time_share,
    ),
    Rule(
        "real-time-io",
        LOW,
        "its input and output come before those of all others",
        "process.ioPriority",
        "While it wants a disk, nothing else of the host gets it.",
        "Remove process.ioPriority, or use IOPRIO_CLASS_BE.",
        _real_time_io,
    ),
    Rule(
        "cache-class",
        INFO,
        "it has a class of service of the processor's cache or memory bandwidth",
        "linux.intelRdt",
        "There are few classes: it holds one, and shares it with whoever names the same closID.",
        "Remove linux.intelRdt, unless latencies demand it.",
        _cache,
    ),
)
