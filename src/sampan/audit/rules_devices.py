"""Rules about devices: nodes in the container, and what the device rules of its cgroup let it open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sampan.audit.fields import removals, setting
from sampan.audit.rule import CRITICAL, HIGH, INFO, LOW, MEDIUM, Match, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sampan.audit.fields import Edit, Path
    from sampan.audit.rule import Find, Severity
    from sampan.audit.subject import Subject
    from sampan.spec.types import Device, DeviceRule

ANY = -1
_RULES: Path = ("linux", "resources", "devices")


@dataclass(frozen=True)
class Kind:
    """Devices of one type: the major number, and the minor ones ("" for all)."""

    name: str
    severity: Severity
    type: str
    numbers: tuple[tuple[int, tuple[int, ...]], ...]
    title: str
    gain: str


# The first that fits counts.
KINDS = (
    Kind(
        "memory",
        CRITICAL,
        "c",
        ((1, (1, 2, 4)),),
        "the machine's memory or ports",
        "It reads and writes memory of the host and of all processes.",
    ),
    Kind("log", MEDIUM, "c", ((1, (11,)),), "the kernel's log", "It reads the kernel's log, and writes lies into it."),
    Kind(
        "input",
        HIGH,
        "c",
        ((13, ()), (10, (223, 239))),
        "keyboards and other input",
        "It reads what is typed on the host, and types itself.",
    ),
    Kind(
        "usb",
        HIGH,
        "c",
        ((189, ()), (180, ())),
        "USB devices",
        "It speaks with every device behind the bus, also disks.",
    ),
    Kind(
        "loop",
        HIGH,
        "c",
        ((10, (237, 234, 236, 235)),),
        "the control of loop devices, device mapper, btrfs or autofs",
        "It makes block devices and has the kernel read file systems of an attacker's making.",
    ),
    Kind(
        "cpu",
        HIGH,
        "c",
        ((202, ()), (203, ())),
        "registers of processors",
        "It reads and writes what steers the processors.",
    ),
    Kind(
        "consoles",
        MEDIUM,
        "c",
        ((4, ()), (7, ()), (5, (1,))),
        "consoles or serial lines of the host",
        "It reads screens, and types for whoever is logged in there.",
    ),
    Kind(
        "kvm",
        MEDIUM,
        "c",
        ((10, (232, 238)),),
        "virtualization",
        "It makes virtual machines: a large part of the kernel.",
    ),
    Kind(
        "tun",
        MEDIUM,
        "c",
        ((10, (200,)),),
        "tunnels",
        "With CAP_NET_ADMIN it makes network devices and reads their traffic.",
    ),
    Kind(
        "fuse",
        LOW,
        "c",
        ((10, (229,)),),
        "FUSE",
        "With CAP_SYS_ADMIN it mounts file systems that it answers for itself.",
    ),
    Kind(
        "graphics",
        LOW,
        "c",
        ((226, ()), (195, ()), (235, ()), (29, ())),
        "graphics processors",
        "It uses the driver, a large part of the kernel, and shares the processor's memory with others.",
    ),
)
_STANDARD = {(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2)}  # null zero full random urandom tty ptmx
_OPENING = {"r", "w"}
_SHOWN = 4  # devices that a finding names


def _fits(kind: Kind, major: int, minor: int) -> bool:
    return any(major == number and (not minors or minor in minors) for number, minors in kind.numbers)


def _classify(type_: str, major: int, minor: int) -> str:
    """The name of the kind; "" for what every container has."""
    if type_ == "b":
        return "blocks"
    if type_ == "p" or (major, minor) in _STANDARD or major == 136:
        return ""
    return next((kind.name for kind in KINDS if _fits(kind, major, minor)), "others")


def _is_total(rule: DeviceRule) -> bool:
    return _numbers(rule) == ("a", ANY, ANY) and set(rule.get("access", "")) == set("rwm")


def _in_force(subject: Subject) -> list[tuple[int, DeviceRule]]:
    """The rules that nothing later takes back as a whole: the last one that speaks of a device counts."""
    rules = list(enumerate(subject.resources.get("devices", ())))
    start = max((index for index, rule in rules if _is_total(rule)), default=0)
    kept: dict[tuple[str, int, int], tuple[int, DeviceRule]] = {}
    for index, rule in rules[start:]:
        kept[_numbers(rule)] = (index, rule)
    return [(index, rule) for index, rule in kept.values() if rule["allow"] and _OPENING & set(rule.get("access", ""))]


def _all_devices(subject: Subject) -> Iterator[Match]:
    for index, rule in _in_force(subject):
        if rule.get("type", "a") == "a" and rule.get("major", ANY) == ANY:
            denial = [{"allow": False, "access": "rwm"}]
            yield Match((*_RULES, index), (setting(subject.config, _RULES, denial),))


def _many_devices(subject: Subject) -> Iterator[Match]:
    for index, rule in _in_force(subject):
        type_, major, minor = _numbers(rule)
        of_all = type_ == "a" and major == ANY
        if not of_all and ANY in (major, minor) and major != 136:
            words = {"devices": f"{type_} {_number(major)}:{_number(minor)}"}
            yield Match((*_RULES, index), _denied(subject, [rule]), words)


def _denied(subject: Subject, rules: Sequence[DeviceRule]) -> tuple[Edit, ...]:
    """Take away all rules that say the same as one of these."""
    kept = [rule for rule in subject.resources["devices"] if rule not in rules]
    return (setting(subject.config, _RULES, kept),)


def _number(number: int) -> str:
    return "*" if number == ANY else str(number)


def _of_kind(name: str) -> Find:
    """Nodes of the kind; and what device rules let open without a node, for which CAP_MKNOD or a mount is needed."""

    def find(subject: Subject) -> Iterator[Match]:
        nodes = list(enumerate(subject.linux.get("devices", ())))
        listed = [index for index, node in nodes if _classify(*_numbers(node)) == name]
        if listed:
            words = {"devices": _enumerated([nodes[index][1]["path"] for index in listed])}
            yield Match(("linux", "devices", listed[0]), _without_nodes(subject, listed), words)
        known = {_numbers(node) for _, node in nodes}
        rules = [(index, rule) for index, rule in _in_force(subject) if _speaks_of(rule, name, known)]
        if rules:
            words = {"devices": _enumerated(["{} {}:{}".format(*_numbers(rule)) for _, rule in rules])}
            edits = _denied(subject, [rule for _, rule in rules])
            yield Match((*_RULES, rules[0][0]), edits, words, indirect=True)

    return find


def _numbers(entry: Device | DeviceRule) -> tuple[str, int, int]:
    """Type, major and minor of a node or of a rule; "u" is another name of "c"."""
    return entry.get("type", "a").replace("u", "c"), entry.get("major", ANY), entry.get("minor", ANY)


def _speaks_of(rule: DeviceRule, name: str, known: set[tuple[str, int, int]]) -> bool:
    type_, major, minor = _numbers(rule)
    if type_ == "a" or ANY in (major, minor) or (type_, major, minor) in known:
        return False
    return _classify(type_, major, minor) == name and (major, minor) != (5, 1)  # engines allow the console everywhere


def _without_nodes(subject: Subject, indexes: Sequence[int]) -> tuple[Edit, ...]:
    gone = {_numbers(subject.linux["devices"][index]) for index in indexes}
    rules = [rule for rule in subject.resources.get("devices", ()) if _numbers(rule) in gone]
    return (*removals(("linux", "devices"), indexes), *(_denied(subject, rules) if rules else ()))


def _enumerated(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


_CHANGE = "Take the device out of linux.devices, and out of linux.resources.devices."

RULES = (
    Rule(
        "devices-all",
        CRITICAL,
        "every device of the host may be opened",
        "linux.resources.devices",
        "It reads and writes the host's disks past all file systems, if it has or makes a node of them.",
        'Let the list begin with {{"allow": false, "access": "rwm"}}, and allow single devices behind it.',
        _all_devices,
        confined=LOW,
    ),
    Rule(
        "devices-many",
        HIGH,
        "all devices {devices} may be opened",
        "linux.resources.devices",
        "The rule opens more than anybody can oversee, and what will get such a number later, too.",
        "Allow single devices, each with its major and minor number.",
        _many_devices,
        confined=LOW,
    ),
    Rule(
        "device-blocks",
        CRITICAL,
        "block devices may be opened: {devices}",
        "linux.devices, linux.resources.devices",
        "It reads and writes the disk past its file system: all files on it, whoever owns them.",
        _CHANGE + " Let the host mount the file system, and give the container a mount of it.",
        _of_kind("blocks"),
        confined=MEDIUM,
    ),
    *(
        Rule(
            f"device-{kind.name}",
            kind.severity,
            f"{kind.title} may be opened: {{devices}}",
            "linux.devices, linux.resources.devices",
            kind.gain,
            _CHANGE,
            _of_kind(kind.name),
            confined=kind.severity.less(),
        )
        for kind in KINDS
    ),
    Rule(
        "device-others",
        INFO,
        "devices of the host may be opened: {devices}",
        "linux.devices, linux.resources.devices",
        "It uses the device's driver, a part of the kernel, and what the device can do.",
        _CHANGE,
        _of_kind("others"),
    ),
)
