"""``linux.resources.devices`` as the properties DevicePolicy and DeviceAllow of a systemd unit. Pure.

systemd's list can only allow. On v1, where systemd writes it into the files that the runtime has written, it never
gives more than config.json; on v2, where its program decides beside the runtime's, and both must agree, never less.
"""

from __future__ import annotations

from sampan.cgroups.devices import ANY, EVERY_ACCESS, MKNOD, READ, WRITE, Rule, effective, policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampan.cgroups.devices import Key
    from sampan.cgroups.systemd_properties import Property

_KINDS = {"b": "block", "c": "char"}
# Not as DevicePolicy=auto: systemd would take the unit out of v1's devices hierarchy, where the runtime has rules of
# its own, and which init is about to enter.
_EVERYTHING: Mapping[Key, int] = {("c", ANY, ANY): EVERY_ACCESS, ("b", ANY, ANY): EVERY_ACCESS}


def properties(rules: Sequence[Rule], *, on_v1: bool) -> list[Property]:
    """The properties for these rules, of which the last one that speaks of a device holds."""
    allowed = _exact(rules) if on_v1 else _at_least(rules)
    entries: dict[str, int] = {}
    for (kind, major, minor), access in allowed.items():
        if major == ANY and minor != ANY and on_v1:  # "every major number, this minor one" systemd cannot say
            continue
        name = _name(kind, major, minor)
        entries[name] = entries.get(name, 0) | access
    listed = [(name, _letters(access)) for name, access in entries.items()]
    return [("DevicePolicy", ("s", "strict")), ("DeviceAllow", ("a(ss)", listed))]


def _exact(rules: Sequence[Rule]) -> Mapping[Key, int]:
    """What is allowed; everything where the rules say what is denied. They are known to have one of these forms."""
    wanted = policy(rules)
    return _EVERYTHING if wanted.allow else wanted.exceptions


def _at_least(rules: Sequence[Rule]) -> Mapping[Key, int]:
    """Everything that some rule allows, even if a later one takes a part of it back."""
    allow, start = effective(rules)
    if allow:
        return _EVERYTHING
    allowed: dict[Key, int] = {}
    for rule in rules[start:]:
        for kind in "bc" if rule.kind == "a" else rule.kind:
            if rule.allow:
                key = (kind, rule.major, rule.minor)
                allowed[key] = allowed.get(key, 0) | rule.access
    return allowed


def _name(kind: str, major: int, minor: int) -> str:
    if ANY not in (major, minor):
        return f"/dev/{_KINDS[kind]}/{major}:{minor}"  # the node need not exist
    return f"{_KINDS[kind]}-{'*' if major == ANY else major}"


def _letters(access: int) -> str:
    return "r" * bool(access & READ) + "w" * bool(access & WRITE) + "m" * bool(access & MKNOD)
