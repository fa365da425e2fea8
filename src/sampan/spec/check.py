"""Compares a value with its description in the tables of schema*.py, and reports everything that does not fit.

A description is a plain tuple whose first item names the test (the table CHECKS at the end of this module):

    ("string",) ("bool",)                           a string, a boolean
    ("strings", AT_LEAST)                           an array of so many strings or more
    ("integer", LOWEST, HIGHEST, RULE)              a whole number
    ("enum", NAMES)                                 one of these strings
    ("format", FORMAT)                              a string of one of the FORMATS below
    ("array", DESCRIPTION, AT_LEAST)                an array of so many entries or more
    ("map", DESCRIPTION, KEYS)                      an object with free keys, or with these only
    ("object", NAME, SECTION, REQUIRED, FIELDS)     an object with known properties; the others are ignored
    ("section", SECTION, DESCRIPTION)               the value is specified there
    ("platform", NAME)                              a section for another platform, described in schema_platforms

A test returns problems whose field is relative to the value; whoever holds the value puts its own name in front. So no
path is ever built for a value that is right. Hot path: imports nothing at run time but the errors.
"""

from __future__ import annotations

from sampan.errors import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Kind = tuple[Any, ...]

NOTHING: tuple[Problem, ...] = ()

# The kinds of value that most fields have, by name.

BOOL = ("bool",)
STRING = ("string",)
STRINGS = ("strings", 0)
STRING_MAP = ("map", STRING, ())
NOT_EMPTY = ("format", "not empty")
ABSOLUTE = ("format", "absolute")
ABSOLUTES = ("array", ABSOLUTE, 0)
NUMBERS = ("format", "numbers")

UINT16 = ("integer", 0, 65535, "must be a whole number from 0 to 65535")
UINT32 = ("integer", 0, 4294967295, "must be a whole number from 0 to 4294967295 (32 bits)")
UINT64 = ("integer", 0, 18446744073709551615, "must be a whole number from 0 to 18446744073709551615 (64 bits)")
INT32 = ("integer", -2147483648, 2147483647, "must be a whole number from -2147483648 to 2147483647 (32 bits)")
INT64 = (
    "integer",
    -9223372036854775808,
    9223372036854775807,
    "must be a whole number from -9223372036854775808 to 9223372036854775807 (64 bits)",
)

# 2^32 - 1 is (uid_t)-1, which tells the kernel to change nothing
ID = ("integer", 0, 4294967294, "must be an id from 0 to 4294967294")
BYTES_OR_UNLIMITED = ("integer", -1, 9223372036854775807, "must be a number of bytes, or -1 for no limit")
TASKS_OR_UNLIMITED = ("integer", -1, 9223372036854775807, "must be a number of tasks, or -1 for no limit")
# the ioctl that sets the size of a terminal (TIOCSWINSZ) has 16 bits
CONSOLE_CELLS = ("integer", 0, 65535, "must be a number of characters from 0 to 65535")
SECONDS = ("integer", 1, 9223372036854775807, "must be a whole number of seconds greater than zero")
# the kernel keeps 16 bits of an error number in a filter's answer, and would cut the rest off
ERRNO = ("integer", 0, 65535, "must be an error number from 0 to 65535")
# dev_t in the kernel is 12 bits of major and 20 of minor number; mknod(2) would make another device of greater ones
MAJOR = ("integer", 0, 4095, "must be a major device number from 0 to 4095")
MINOR = ("integer", 0, 1048575, "must be a minor device number from 0 to 1048575")

ID_MAPPING = (
    "object",
    "IDMapping",
    "config-linux.md#user-namespace-mappings",
    ("containerID", "hostID", "size"),
    {"containerID": UINT32, "hostID": UINT32, "size": UINT32},
)
ID_MAPPINGS = ("array", ID_MAPPING, 0)


def check(value: object, kind: Kind) -> Sequence[Problem]:
    """Every way in which ``value`` does not fit its description ``kind``."""
    return CHECKS[kind[0]](value, kind)


def below(name: str, problems: Sequence[Problem]) -> Sequence[Problem]:
    """The same problems, seen from the holder of the value that is called ``name`` (or "[2]") there."""
    for problem in problems:
        dot = "." if problem.field and problem.field[0] != "[" else ""
        problem.field = f"{name}{dot}{problem.field}"
    return problems


def text_rule(text: str) -> str:
    """The rule that ``text`` breaks, or "": no string of a document can reach the kernel with these characters."""
    if "\0" in text:
        return "must not contain a NUL character"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "must be text that UTF-8 can express, without lone surrogates"
    return ""


def is_absolute(text: str) -> bool:
    return text.startswith("/")


def is_not_empty(text: str) -> bool:
    return text != ""


def is_word(text: str) -> bool:
    return text.split() == [text]


def is_number_list(text: str) -> bool:
    """Whether ``text`` is a list as of CPUs or memory nodes: "0-3,7"; the empty list is one, too."""
    for part in text.split(",") if text.strip() else ():
        first, dash, last = part.strip().partition("-")
        for number in (first, last) if dash else (first,):
            if not (number.isascii() and number.isdigit() and len(number) < 10):
                return False
        if dash and int(first) > int(last):
            return False
    return True


def listed_numbers(text: str) -> list[int]:
    """The numbers of such a list, sorted, each once: however often a document names them."""
    mask = 0
    for part in text.split(",") if text.strip() else ():
        first, _, last = part.partition("-")
        mask |= ((2 << int(last or first) - int(first)) - 1) << int(first)
    return [number for number in range(mask.bit_length()) if mask >> number & 1]


def is_page_size(text: str) -> bool:
    size = text[:-2]
    return text[-2:] in ("KB", "MB", "GB") and size.isascii() and size.isdigit() and size[0] != "0"


def is_access(text: str) -> bool:
    return not text.strip("rwm")


FORMATS = {
    "absolute": (is_absolute, "must be an absolute path"),
    "not empty": (is_not_empty, "must not be empty"),
    "word": (is_word, "must be a name, not empty and without white space"),
    "numbers": (is_number_list, 'must be a list of numbers and ranges, such as "0-3,7"'),
    "access": (is_access, "must be made of r (read), w (write) and m (mknod)"),
    "page size": (is_page_size, 'must be a page size such as "64KB", "2MB" or "1GB"'),
}


def _string(value: object, _kind: Kind) -> Sequence[Problem]:
    if not isinstance(value, str):
        return [Problem("", value, "must be a string", "")]
    if value.isascii() and "\0" not in value:
        return NOTHING
    rule = text_rule(value)
    return [Problem("", value, rule, "")] if rule else NOTHING


def _strings(value: object, kind: Kind) -> Sequence[Problem]:
    if not isinstance(value, list):
        return [Problem("", value, "must be an array of strings", "")]
    try:
        text = "".join(value)  # 450 names of system calls at the price of one
    except TypeError:
        text = "\0"
    if len(value) >= kind[1] and not text_rule(text):
        return NOTHING
    return _array(value, ("array", ("string",), kind[1]))


def _format(value: object, kind: Kind) -> Sequence[Problem]:
    problems = _string(value, kind)
    if problems or not isinstance(value, str):
        return problems
    fits, rule = FORMATS[kind[1]]
    return NOTHING if fits(value) else [Problem("", value, rule, "")]


def _bool(value: object, _kind: Kind) -> Sequence[Problem]:
    return NOTHING if value is True or value is False else [Problem("", value, "must be true or false", "")]


def _integer(value: object, kind: Kind) -> Sequence[Problem]:
    # type() rather than isinstance(): True is no number, and 1.0 is not written as the specification's integers are
    if type(value) is int and kind[1] <= value <= kind[2]:
        return NOTHING
    return [Problem("", value, kind[3], "")]


def _enum(value: object, kind: Kind) -> Sequence[Problem]:
    names = kind[1]
    if value in names:
        return NOTHING
    return [Problem("", value, f"must be one of {', '.join(names)}" if len(names) > 1 else f"must be {names[0]}", "")]


def _array(value: object, kind: Kind) -> Sequence[Problem]:
    _, item_kind, at_least = kind
    if not isinstance(value, list):
        return [Problem("", value, "must be an array", "")]
    if len(value) < at_least:
        return [Problem("", value, "must have at least one entry", "")]
    found: list[Problem] = []
    test = CHECKS[item_kind[0]]
    for index, item in enumerate(value):
        problems = test(item, item_kind)
        if problems:
            found += below(f"[{index}]", problems)
    return found


def _map(value: object, kind: Kind) -> Sequence[Problem]:
    if not isinstance(value, dict):
        return [Problem("", value, "must be an object", "")]
    found: list[Problem] = []
    _, value_kind, keys = kind
    test = CHECKS[value_kind[0]]
    for key, item in value.items():
        rule = _key_rule(key, keys)
        problems = [Problem("", key, rule, "")] if rule else test(item, value_kind)
        if problems:
            found += below(f'["{key}"]' if key.isprintable() else f"[{key!r}]", problems)
    return found


def _key_rule(key: str, keys: tuple[str, ...]) -> str:
    if not key:
        return "must have a key that is not empty"
    if keys and key not in keys:
        return f"must have a key that is one of {', '.join(keys)}"
    rule = text_rule(key)
    return f"has a key that {rule}" if rule else ""


def _object(value: object, kind: Kind) -> Sequence[Problem]:
    _, _, section, required, fields = kind
    if not isinstance(value, dict):
        return [Problem("", value, "must be an object", section)]
    found = [
        Problem(name, None, "is required", _section_of(fields[name]) or section)
        for name in required
        if value.get(name) is None
    ]
    for name, item in value.items():
        item_kind = fields.get(name)
        # engines written in Go send null for an optional property that is not set
        if item_kind is None or item is None:
            continue
        problems = CHECKS[item_kind[0]](item, item_kind)
        if problems:
            found += below(name, problems)
    return _in_section(section, found) if found else NOTHING


def _section(value: object, kind: Kind) -> Sequence[Problem]:
    _, section, inner = kind
    return _in_section(section, CHECKS[inner[0]](value, inner))


def _platform(value: object, kind: Kind) -> Sequence[Problem]:
    inner = described(kind)
    return CHECKS[inner[0]](value, inner)


def described(kind: Kind) -> Kind:
    """The description itself, where ``kind`` only says where it is."""
    if kind[0] == "section":
        return described(kind[2])
    if kind[0] == "platform":
        from sampan.spec.schema_platforms import PLATFORM_SECTIONS

        return PLATFORM_SECTIONS[kind[1]]
    return kind


def _section_of(kind: Kind) -> str:
    position = {"section": 1, "object": 2}.get(kind[0])
    return str(kind[position]) if position else ""


def _in_section(section: str, problems: Sequence[Problem]) -> Sequence[Problem]:
    for problem in problems:
        problem.section = problem.section or section
    return problems


CHECKS = {
    "string": _string,
    "strings": _strings,
    "format": _format,
    "bool": _bool,
    "integer": _integer,
    "enum": _enum,
    "array": _array,
    "map": _map,
    "object": _object,
    "section": _section,
    "platform": _platform,
}
