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
    """A rule takes away a part of what an earlier, wider one gives: v1 has no way to say so."""

    def __init__(self, position: int, wider: str) -> None:
        self.position = position
        self.wider = wider
        super().__init__(f"rule {position} makes a hole in {wider}")


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
    field = f"{FIELD}[{error.position}]" if error.position < len(entries) else FIELD
    rule = f"cannot be expressed with cgroup v1, which takes back only whole rules: it is a part of {error.wider!r}"
    value = dict(entries[error.position]) if error.position < len(entries) else None
    return Problem(field, value, rule, SECTION)


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
    """The rules as a default with exceptions. Raises HoleError where there is no such form.

    v1 keeps either what is allowed or what is denied, and takes an exception back only as the whole that was given.
    """
    allow, start = effective(rules)
    exceptions: dict[Key, int] = {}
    for position in range(start, len(rules)):
        rule = rules[position]
        for kind in "bc" if rule.kind == "a" else rule.kind:
            key = (kind, rule.major, rule.minor)
            if rule.allow != allow:
                exceptions[key] = exceptions.get(key, 0) | rule.access
            else:
                _take_back(exceptions, key, rule.access, position)
    if not allow:
        _close(exceptions)
    return Policy(allow, exceptions)


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


def _take_back(exceptions: dict[Key, int], key: Key, access: int, position: int) -> None:
    """Remove ``access`` to the devices of ``key`` from every exception that has some of it."""
    for other in list(exceptions):
        if not exceptions[other] & access or _meet(key, other) is None:
            continue
        if _meet(key, other) != other:
            raise HoleError(position, line(other, exceptions[other]))
        exceptions[other] &= ~access
        if not exceptions[other]:
            del exceptions[other]


def _close(exceptions: dict[Key, int]) -> None:
    """Make every exception whole: the kernel allows an access only if ONE exception has all of its bits.

    So "c 1:* r" with "c 1:3 w" would deny to open 1:3 for reading and writing, unless "c 1:3" says "rw".
    """
    majors = [key for key in exceptions if key[1] != ANY and key[2] == ANY]
    minors = [key for key in exceptions if key[1] == ANY and key[2] != ANY]
    for kind, major, _ in majors:
        for other, _, minor in minors:
            if kind == other:
                exceptions.setdefault((kind, major, minor), 0)
    found = exceptions.get
    for kind, major, minor in exceptions:
        wider = found((kind, major, ANY), 0) | found((kind, ANY, minor), 0) | found((kind, ANY, ANY), 0)
        exceptions[kind, major, minor] |= wider


def _meet(one: Key, other: Key) -> Key | None:
    """The devices that both keys speak of, as a key."""
    if one[0] != other[0]:
        return None
    numbers = []
    for a, b in ((one[1], other[1]), (one[2], other[2])):
        if ANY not in (a, b) and a != b:
            return None
        numbers.append(b if a == ANY else a)
    return one[0], numbers[0], numbers[1]
