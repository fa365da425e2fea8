"""What a list of device rules (``linux.resources.devices``) means, for both versions of cgroups. Pure.

The rules are taken in the listed order, after an implicit "deny all", and the last one that names a device and an
access decides on it. The devices that every container has are allowed after them, as runc does.
A rule without a type, or of type ``a``, speaks of character and block devices alike, within its numbers and accesses.
(The files of v1 read any rule of type ``a`` as "all devices, all accesses", which would give more than was written.)
"""

from __future__ import annotations

from sampan.errors import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Key = tuple[str, int, int]  # type "b" or "c", major, minor

SECTION = "config-linux.md#allowed-device-list"
FIELD = "linux.resources.devices"
ANY = -1  # a major or minor number: all of them
MKNOD, READ, WRITE = 1, 2, 4  # as BPF_DEVCG_ACC_* and the kernel's DEVCG_ACC_*
EVERY_ACCESS = MKNOD | READ | WRITE
_LARGEST = 0xFFFFFFFF
_LARGEST_MAJOR, _LARGEST_MINOR = (1 << 12) - 1, (1 << 20) - 1  # the kernel's MINORBITS: dev_t has 32 bits


class Rule:
    """One device rule: is ``access`` to the devices of these numbers allowed?"""

    __slots__ = ("access", "allow", "kind", "major", "minor")

    def __init__(self, allow: bool, kind: str, major: int, minor: int, access: int) -> None:
        self.allow = allow
        self.kind = kind  # "a", "b" or "c"
        self.major = major  # or ANY
        self.minor = minor  # or ANY
        self.access = access  # MKNOD | READ | WRITE

    def is_total(self) -> bool:
        """Does it speak of every device and every access, so that nothing before it matters?"""
        return self.kind == "a" and self.major == ANY and self.minor == ANY and self.access == EVERY_ACCESS

    def __repr__(self) -> str:
        return f"{'allow' if self.allow else 'deny'} {line((self.kind, self.major, self.minor), self.access)}"


class Policy:
    """Device rules as v1 can hold them: a default, and the exceptions from it."""

    __slots__ = ("allow", "exceptions")

    def __init__(self, allow: bool, exceptions: dict[Key, int]) -> None:
        self.allow = allow
        self.exceptions = exceptions


class HoleError(Exception):
    """A list of rules that v1 has no way to say, whatever the default: a rule makes a hole in a wider one."""

    def __init__(self, position: int, wider: str) -> None:
        self.position = position  # of the rule in the list
        self.wider = wider  # "allow c 10:* rwm"
        super().__init__(f"rule {position} makes a hole in {wider!r}")


def defaults() -> list[Rule]:
    """What is always allowed: to make any node, and to use the devices that config-linux.md gives every container."""
    rules = [Rule(True, kind, ANY, ANY, MKNOD) for kind in "cb"]
    # null, zero, full, random, urandom; tty, ptmx; every pts. Not 5:1: a container's console is a pts.
    nodes = ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (136, ANY))
    rules.extend(Rule(True, "c", major, minor, EVERY_ACCESS) for major, minor in nodes)
    return rules


def parse(entries: Sequence[Mapping[str, object]]) -> tuple[list[Rule], list[Problem]]:
    """The rules of ``linux.resources.devices``, one for each entry, and what is wrong with it."""
    rules, problems = [], []
    for index, entry in enumerate(entries):
        field = f"{FIELD}[{index}]"
        kind, access = entry.get("type", "a"), entry.get("access", "")
        major, minor = entry.get("major", ANY), entry.get("minor", ANY)
        if kind not in ("a", "b", "c"):
            problems.append(Problem(f"{field}.type", kind, "must be a, b or c", SECTION))
        if not isinstance(access, str) or not access or access.strip("rwm"):
            problems.append(Problem(f"{field}.access", access, "must be one or more of r, w and m", SECTION))
            access = ""
        for name, number in (("major", major), ("minor", minor)):
            if not isinstance(number, int) or not ANY <= number <= _LARGEST:
                problems.append(Problem(f"{field}.{name}", number, f"must be within 0 and {_LARGEST}", SECTION))
        mask = MKNOD * ("m" in access) | READ * ("r" in access) | WRITE * ("w" in access)
        number = major if isinstance(major, int) else ANY
        rules.append(
            Rule(entry.get("allow") is True, str(kind), number, minor if isinstance(minor, int) else ANY, mask)
        )
    return rules, problems


def hole(error: HoleError, entries: Sequence[Mapping[str, object]]) -> Problem:
    """A HoleError in terms of config.json."""
    rule = (
        "cannot be expressed with cgroup v1, which keeps either what is allowed or what is denied, and nothing else: "
        f"this list would need both, since {{}} takes back a part of {error.wider!r}"
    )
    if error.position < len(entries):
        return Problem(f"{FIELD}[{error.position}]", dict(entries[error.position]), rule.format("this entry"), SECTION)
    return Problem(FIELD, None, rule.format("a device that every container has"), SECTION)


def is_allowed(rules: Iterable[Rule], kind: str, major: int, minor: int, access: int) -> bool:
    """The meaning of a list of rules, for one access (all of its bits) to one device. What v1 and v2 must both do."""
    granted = 0
    for rule in rules:
        if (rule.kind in ("a", kind)) and (rule.major in (ANY, major)) and (rule.minor in (ANY, minor)):
            granted = granted | rule.access if rule.allow else granted & ~rule.access
    return access & ~granted == 0


def effective(rules: Sequence[Rule]) -> tuple[bool, int]:
    """What holds before the first rule that matters (allow all or deny all), and the position of that rule."""
    for position in range(len(rules) - 1, -1, -1):
        if rules[position].is_total():
            return rules[position].allow, position + 1
    return False, 0


def policy(rules: Sequence[Rule]) -> Policy:
    """The rules as a default with exceptions. Raises HoleError where neither default can express them.

    Nothing can be excepted from an exception, so whatever is excepted for all devices of a kind must be so for each of
    them. Of two forms the one with the default that most devices have is taken; a parent that denies by default
    permits its children no other.
    """
    granted = _granted(rules)
    denied = {key: EVERY_ACCESS & ~access for key, access in granted.items()}
    forms = [Policy(False, granted), Policy(True, denied)]
    if all(granted[kind, ANY, ANY] == EVERY_ACCESS for kind in "bc"):
        forms.reverse()
    for form in forms:
        if _find_hole(form.exceptions) is None:
            return Policy(form.allow, _least(form.exceptions))
    raise _explain(rules, forms[0])


def lines(wanted: Policy) -> list[str]:
    """The exceptions as devices.allow (or devices.deny, when the default is to allow) reads them, one a write."""
    return [line(key, access) for key, access in wanted.exceptions.items()]


def line(key: Key, access: int) -> str:
    """``c 136:* rwm``."""
    kind, major, minor = key
    letters = "r" * bool(access & READ) + "w" * bool(access & WRITE) + "m" * bool(access & MKNOD)
    return f"{kind} {'*' if major == ANY else major}:{'*' if minor == ANY else minor} {letters}"


def parse_list(text: str) -> Policy:
    """The policy that a ``devices.list`` of v1 shows."""
    if text.startswith("a "):
        return Policy(True, {})  # an allowing cgroup does not show its exceptions
    exceptions: dict[Key, int] = {}
    for entry in text.splitlines():
        kind, numbers, letters = entry.split()
        major, minor = (ANY if number == "*" else int(number) for number in numbers.split(":"))
        exceptions[kind, major, minor] = READ * ("r" in letters) | WRITE * ("w" in letters) | MKNOD * ("m" in letters)
    return Policy(False, exceptions)


def _granted(rules: Sequence[Rule]) -> dict[Key, int]:
    """What is granted to all devices that the rules do not tell apart: with these numbers, or (ANY) with others."""
    about: dict[Key, list[tuple[int, Rule]]] = {("b", ANY, ANY): [], ("c", ANY, ANY): []}
    for position, rule in enumerate(rules):
        # No device has larger numbers, and the kernel would take the largest for a "*".
        if rule.major <= _LARGEST_MAJOR and rule.minor <= _LARGEST_MINOR:
            for kind in "bc" if rule.kind == "a" else rule.kind:
                about.setdefault((kind, rule.major, rule.minor), []).append((position, rule))
    keys = dict.fromkeys(about)
    majors = [key for key in about if key[1] != ANY and key[2] == ANY]
    for kind, _, minor in [key for key in about if key[1] == ANY and key[2] != ANY]:
        keys.update(dict.fromkeys((kind, major, minor) for its_kind, major, _ in majors if its_kind == kind))
    granted = {}
    for key in keys:
        speaking = list(about.get(key, ()))
        for wider in _wider(key):
            speaking += about.get(wider, ())
        access = 0
        for _, rule in sorted(speaking):
            access = access | rule.access if rule.allow else access & ~rule.access
        granted[key] = access
    return granted


def _wider(key: Key) -> tuple[Key, ...]:
    """The keys with more ANY in them that speak of these devices, too."""
    kind, major, minor = key
    if ANY not in (major, minor):
        return (kind, major, ANY), (kind, ANY, minor), (kind, ANY, ANY)
    return () if major == minor else ((kind, ANY, ANY),)


def _find_hole(accesses: Mapping[Key, int]) -> tuple[Key, Key] | None:
    """The first key that lacks an access which a wider one has, and that wider one."""
    for key, access in accesses.items():
        for wider in _wider(key):
            if accesses.get(wider, 0) & ~access:
                return key, wider
    return None


def _least(accesses: Mapping[Key, int]) -> dict[Key, int]:
    """The exceptions that are needed. Each is whole: the kernel allows an access only if ONE exception has all of it.

    (So "c 1:* r" and "c *:3 w" need a "c 1:3 rw".)
    """
    found = accesses.get
    return {
        key: access
        for key, access in accesses.items()
        if access and access not in [found(wider) for wider in _wider(key)]
    }


def _explain(rules: Sequence[Rule], form: Policy) -> HoleError:
    """Which rule makes the hole, and in what."""
    found = _find_hole(form.exceptions)
    assert found is not None
    key, wider = found
    missing = form.exceptions[wider] & ~form.exceptions[key]
    keys = (key, *_wider(key))
    position = max(
        position
        for position, rule in enumerate(rules)
        if rule.allow == form.allow
        and rule.access & missing
        and rule.kind in ("a", key[0])
        and (key[0], rule.major, rule.minor) in keys
    )
    return HoleError(position, f"{'deny' if form.allow else 'allow'} {line(wider, form.exceptions[wider])}")
