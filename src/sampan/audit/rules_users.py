"""Rules about who the process is: users, groups, and how a user namespace maps them to the host's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.audit.fields import removals, setting, settings
from sampan.audit.rule import HIGH, LOW, MEDIUM, NONE, Match, Rule
from sampan.audit.subject import PEOPLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sampan.audit.fields import Edit, Path
    from sampan.audit.subject import Subject
    from sampan.spec.types import IDMapping

UNPRIVILEGED = 0x70000000  # beyond what useradd, subuid(5) and systemd give to anybody
RANGE = 65536
_FOR_MANY = 16 * RANGE  # a range so large that those of other containers are probably in it
_NO_ONE = 65534

_FIELDS = (("uid", "uidMappings"), ("gid", "gidMappings"))


def _host_namespace(subject: Subject, *, root: bool) -> Iterator[Match]:
    if subject.shares("user") and subject.runs_as_root == root:
        yield Match(("linux", "namespaces"), _new_user_namespace(subject))


def _new_user_namespace(subject: Subject) -> tuple[Edit, ...]:
    linux: dict[str, Any] = {**subject.linux}
    others = [entry for entry in linux.get("namespaces", ()) if entry["type"] != "user"]
    mapping = [{"containerID": 0, "hostID": UNPRIVILEGED, "size": RANGE}]
    new: dict[Path, object] = {
        ("linux", "namespaces"): [*others, {"type": "user"}],
        ("linux", "uidMappings"): mapping,
        ("linux", "gidMappings"): mapping,
    }
    return settings(subject.config, new)


def _mappings(subject: Subject) -> Iterator[tuple[Path, IDMapping]]:
    for _, name in _FIELDS:
        entries: list[IDMapping] = subject.linux.get(name, [])  # type: ignore[assignment]
        for index, entry in enumerate(entries):
            yield ("linux", name, index), entry


def _maps_root(subject: Subject) -> Iterator[Match]:
    for path, mapping in _mappings(subject):
        if mapping["hostID"] == 0 and mapping["size"]:
            yield Match(path, _moved(subject, path, mapping))


def _maps_people(subject: Subject) -> Iterator[Match]:
    for path, mapping in _mappings(subject):
        first, size = mapping["hostID"], mapping["size"]
        own = size == 1 and first == subject.machine.uid
        single_of_a_user = size == 1 and first >= 1000  # `spec --rootless` of somebody else
        if 0 < first < PEOPLE and not own and not single_of_a_user:
            words = {"first": first, "last": first + size - 1}
            yield Match(path, _moved(subject, path, mapping), words)


def _maps_many(subject: Subject) -> Iterator[Match]:
    for path, mapping in _mappings(subject):
        if mapping["size"] > _FOR_MANY:
            yield Match(path, (setting(subject.config, (*path, "size"), RANGE),), {"size": mapping["size"]})


def _moved(subject: Subject, path: Path, mapping: IDMapping) -> tuple[Edit, ...]:
    first = mapping["containerID"]
    entry = {"containerID": first, "hostID": UNPRIVILEGED + first, "size": min(mapping["size"], RANGE)}
    return (setting(subject.config, path, entry),)


def _privileged_groups(subject: Subject) -> Iterator[Match]:
    path: Path = ("process", "user", "additionalGids")
    names = {number: name for name, number in subject.machine.groups.items()}
    for index, gid in enumerate(subject.process.get("user", {}).get("additionalGids", ())):
        name = names.get(subject.host_id("gid", gid) or 0)
        if name:
            yield Match((*path, index), removals(path, [index]), {"name": name, "gid": gid})


def _group_of_root(subject: Subject) -> Iterator[Match]:
    user = subject.process.get("user", {})
    if subject.runs_as_root or subject.host_id("gid", 0) != 0:
        return
    path: Path = ("process", "user")
    if user.get("gid", 0) == 0:
        yield Match((*path, "gid"), (setting(subject.config, (*path, "gid"), user.get("uid", _NO_ONE)),))
    groups = user.get("additionalGids", [])
    for index, gid in enumerate(groups):
        if gid == 0:
            yield Match((*path, "additionalGids", index), removals((*path, "additionalGids"), [index]))


RULES = (
    Rule(
        "root-on-host",
        HIGH,
        "the process is root of the host",
        "linux.namespaces, process.user.uid",
        "Whatever error of the kernel or of this configuration lets it out, it is root of the host at once; files that"
        " it reaches by a mount it reads and writes as root.",
        "Give the container a user namespace whose ids belong to nobody on the host (mounts of the host then need the"
        ' option "idmap" to keep their owners).',
        lambda subject: _host_namespace(subject, root=True),
    ),
    Rule(
        "user-on-host",
        LOW,
        "the process has a user id of the host",
        "linux.namespaces, process.user.uid",
        "It may do on the host what the host's user of the same number may: signals, files of mounts, quotas.",
        "Give the container a user namespace whose ids belong to nobody on the host.",
        lambda subject: _host_namespace(subject, root=False),
    ),
    Rule(
        "mapping-host-root",
        HIGH,
        "the user namespace maps the host's root",
        "linux.uidMappings, linux.gidMappings",
        "The namespace has a user who is root of the host: whoever becomes it owns all files of root that a mount"
        " shows, and most of /proc/sys.",
        "Map to a range of ids that nobody on the host has.",
        _maps_root,
    ),
    Rule(
        "mapping-host-users",
        MEDIUM,
        "the user namespace maps ids of the host's services and people ({first} to {last})",
        "linux.uidMappings, linux.gidMappings",
        "Users of the container are users of the host: it reads and writes their files where a mount shows them, and"
        " signals or traces their processes where it sees them.",
        "Map to a range of ids that nobody on the host has, beyond those of subuid(5).",
        _maps_people,
    ),
    Rule(
        "mapping-many",
        LOW,
        "the user namespace maps {size} ids",
        "linux.uidMappings, linux.gidMappings",
        "So large a range probably overlaps with those of other containers, whose users then are users of this one.",
        "Map no more than 65536 ids, and others for each container.",
        _maps_many,
    ),
    Rule(
        "privileged-group",
        HIGH,
        "the process is in the host's group {name}",
        "process.user.additionalGids",
        "Group {name} opens on the host what is as good as root: its socket, devices, password hashes or logs,"
        " wherever a mount or device shows them.",
        "Take group {gid} out of the list.",
        _privileged_groups,
    ),
    Rule(
        "group-of-root",
        LOW,
        "a user who is not root is in root's group",
        "process.user.gid, process.user.additionalGids",
        "Files of root that its group may read or write are open to it.",
        "Use a group of the user's own.",
        _group_of_root,
        confined=NONE,
    ),
)
