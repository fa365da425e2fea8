"""The verb "update": changes the limits of a container, by options or by a document. Kubernetes does it often."""

from __future__ import annotations

from sampan.cli.options import whole_number
from sampan.errors import ConfigError, KernelError, Problem
from sampan.spec.sizes import bytes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings
    from sampan.spec.types import Resources

_SIZE, _NUMBER, _LIST = "BYTES", "N", "LIST"  # what the value of an option is called, and how it is read
_RULES = {_SIZE: "a number of bytes such as 1048576, 64m or 1g, or -1 for no limit", _NUMBER: "a whole number"}
# Option, what its value is, the field of linux.resources that it sets, and its help.
_LIMITS = (
    ("memory", _SIZE, "memory.limit", "the limit of memory"),
    ("memory-reservation", _SIZE, "memory.reservation", "the memory that it should be left with when there is little"),
    ("memory-swap", _SIZE, "memory.swap", "the limit of memory and swap together; -1: no limit"),
    ("kernel-memory", _SIZE, "memory.kernel", "ignored: the kernel has given up this limit"),
    ("kernel-memory-tcp", _SIZE, "memory.kernelTCP", "ignored, too"),
    ("cpu-share", _NUMBER, "cpu.shares", "the weight of its share of CPU time, 2 to 262144"),
    ("cpu-quota", _NUMBER, "cpu.quota", "the CPU time that it gets in each period, in microseconds; -1: no limit"),
    ("cpu-period", _NUMBER, "cpu.period", "the period of the quota, in microseconds"),
    ("cpu-burst", _NUMBER, "cpu.burst", "the unused CPU time that it may save for later, in microseconds"),
    ("cpu-rt-runtime", _NUMBER, "cpu.realtimeRuntime", "the real-time CPU time of each period, in microseconds"),
    ("cpu-rt-period", _NUMBER, "cpu.realtimePeriod", "the period of real-time CPU time, in microseconds"),
    ("cpu-idle", _NUMBER, "cpu.idle", "1: run only when nobody else wants the CPU (SCHED_IDLE); 0: as usual"),
    ("cpuset-cpus", _LIST, "cpu.cpus", "the CPUs that it may run on, such as 0-3,7"),
    ("cpuset-mems", _LIST, "cpu.mems", "the memory nodes that it may use"),
    ("pids-limit", _NUMBER, "pids.limit", "the number of its tasks; -1: no limit"),
    ("blkio-weight", _NUMBER, "blockIO.weight", "the weight of its share of block IO, 10 to 1000"),
)
_RDT = (
    ("l3-cache-schema", "SCHEMA", "linux.intelRdt.l3CacheSchema", "its share of the L3 cache, such as L3:0=f0;1=f"),
    ("mem-bw-schema", "SCHEMA", "linux.intelRdt.memBwSchema", "its share of memory bandwidth, such as MB:0=20;1=70"),
)
_GIVEN_UP = ("memory.kernel", "memory.kernelTCP")  # by the kernel

SUMMARY = "change the limits of a container"
OPERANDS = ("ID",)
OPTIONS = (
    ("resources", "r", "FILE", 'a document like linux.resources of config.json; "-": standard input'),
    *((option, "", value, text) for option, value, _, text in (*_LIMITS, *_RDT)),
)
DETAILS = """\
BYTES may have a unit: 64m, 1.5g, 512KiB. What is not named, or 0, stays as it is. With --resources all other options
but the two schemas are ignored. Device rules do not change while a container lives, also if the document has some."""


def run(settings: Settings, arguments: Arguments) -> int:
    """Change the limits."""
    from sampan.engine.store import Store
    from sampan.engine.update import update

    source, options = arguments.text("resources"), _given(arguments, _LIMITS)
    if source:
        document = f"--resources {source}"
        resources = _load(source, document)
        if options:
            settings.log.warning(f"{', '.join(options.values())}: ignored, because --resources is given")
            options = {}
    else:
        document = "the command line"
        resources = _of_options(arguments, document, options)
    for field in _GIVEN_UP:
        if resources.get("memory", {}).get(field.removeprefix("memory.")):
            settings.log.remark(f"{document}: {_name(field, options)}: ignored, since the kernel has given it up")
    schemata = _given(arguments, _RDT)
    rdt: Any = {field.rpartition(".")[2]: arguments.text(option[2:]) for field, option in schemata.items()}
    options |= schemata | {"linux.intelRdt": ", ".join(schemata.values())}
    try:
        update(Store(settings.root()), arguments.container_id(), resources, rdt)
    except ConfigError as error:
        raise ConfigError(document, [_as_given(problem, options) for problem in error.problems]) from None
    except KernelError as error:
        field = _name(error.field, options)
        raise KernelError(error.operation, error.subject, error.errno, field, error.detail) from None
    return 0


def _given(arguments: Arguments, table: Sequence[tuple[str, str, str, str]]) -> dict[str, str]:
    """The fields of config.json that are set, and the option that sets each."""
    return {field: f"--{option}" for option, _, field, _ in table if arguments.text(option)}


def _load(source: str, document: str) -> Resources:
    """Raises KernelError where it cannot be read, ConfigError with all that is wrong with it."""
    from sampan.linux import files
    from sampan.spec.config import load_resources

    try:
        data = files.read_fd(0) if source == "-" else files.read(source)
    except OSError as error:
        raise KernelError("read", "standard input", error.errno or 0, "--resources") from None
    except KernelError as error:
        raise KernelError(error.operation, error.subject, error.errno, "--resources") from None
    return load_resources(data, document)


def _of_options(arguments: Arguments, document: str, options: Mapping[str, str]) -> Resources:
    """The document that the options stand for. Raises UsageError, ConfigError."""
    from sampan.spec.config import validate_resources

    resources: Any = {}
    for option, kind, field, _ in _LIMITS:
        if text := arguments.text(option):
            part, _, name = field.partition(".")
            resources.setdefault(part, {})[name] = _value(arguments, option, kind, text)
    if problems := validate_resources(resources):
        raise ConfigError(document, [_as_given(problem, options) for problem in problems])
    limits: Resources = resources
    return limits


def _value(arguments: Arguments, option: str, kind: str, text: str) -> int | str:
    if kind == _LIST:
        return text
    value = bytes_of(text) if kind == _SIZE and text != "-1" else _number(text)
    if value is None:
        raise arguments.misuse(f'--{option} must be {_RULES[kind]}, not "{text}"')
    return value


def _number(text: str) -> int | None:
    number = whole_number(text.removeprefix("-"))
    return -number if number is not None and text.startswith("-") else number


def _as_given(problem: Problem, options: Mapping[str, str]) -> Problem:
    return Problem(_name(problem.field, options), problem.value, problem.rule, problem.section)


def _name(field: str, options: Mapping[str, str]) -> str:
    """What the caller wrote for a field of config.json: an option, or a field of the document."""
    field = field.removeprefix("linux.resources.")
    return options.get(field, field)
