"""Judges the arguments of a part by the tables of the specification, so that a mistake is told where it is made."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sampan.errors import Problem, UsageError
from sampan.spec.check import STRING_MAP, below, check
from sampan.spec.sizes import bytes_of

if TYPE_CHECKING:
    from typing import Any

    from sampan.spec.check import Kind

    Path = str | os.PathLike[str]
    Size = int | str  # bytes, or as people write them: "256M", "1.5G"; units are powers of 1024
    IDs = tuple[int, int, int]  # the first in the container, the first on the host, how many

UNLIMITED = "unlimited"
_LEAST, _MOST = -(2**63), 2**64 - 1  # of the numbers that are read
_DEEPEST = 90  # of the 100 levels that are read


def refused(argument: str, value: object, rule: str, section: str = "") -> UsageError:
    """The error for an argument that means nothing: "memory: must be ... (found ...)"."""
    return UsageError(str(Problem(argument, value, rule, section)))


def checked(argument: str, value: Any, kind: Kind) -> Any:
    """The value, as the document will have it. Raises UsageError where it is not of the kind."""
    value = plain(value, argument)
    if problems := check(value, kind):
        raise UsageError("; ".join(map(str, below(argument, problems))))
    return value


def fitting(entry: Mapping[str, Any], kind: Kind, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """An object of the document, without what is None. Raises UsageError where it is not of the kind.

    ``names`` are those of the arguments whose fields are called otherwise.
    """
    found: dict[str, Any] = {name: plain(value, name) for name, value in entry.items() if value is not None}
    problems = check(found, kind)
    for problem in problems:
        for field, argument in (names or {}).items():
            if problem.field.startswith(field):
                problem.field = argument + problem.field.removeprefix(field)
    if problems:
        raise UsageError("; ".join(map(str, problems)))
    return found


def rule_out(problems: Iterable[Problem], argument: str = "", field: str = "") -> None:
    """Raises UsageError for problems that only a look at several values finds; ``field`` is what ``argument`` sets."""
    found = list(problems)
    for problem in found:
        problem.field = argument + problem.field.removeprefix(field)
    if found:
        raise UsageError("; ".join(map(str, found)))


def words(argument: str, values: Any, section: str = "") -> list[str]:
    """A list of strings; one string is none, though Python would take its characters for one."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise refused(argument, values, 'must be a list of strings, such as ["a", "b"]', section)
    found: list[str] = checked(argument, [*values], ("section", section, ("strings", 0)))
    return found


def path(argument: str, value: Any, kind: Kind) -> str:
    """A path as a string."""
    found: str = checked(argument, os.fspath(value) if isinstance(value, os.PathLike) else value, kind)
    return found


def size(argument: str, value: Any, kind: Kind) -> int:
    """A number of bytes; -1 for "unlimited", where the kind has that."""
    number: int | None = -1 if value == UNLIMITED else bytes_of(value) if isinstance(value, str) else value
    if number is None:
        raise refused(argument, value, 'must be a size such as "256M", or a number of bytes')
    found: int = checked(argument, number, kind)
    return found


def mappings(argument: str, ranges: Any, kind: Kind) -> list[dict[str, int]]:
    """Ranges of ids as the document has them. Raises UsageError also where they overlap, or leave the numbers."""
    from sampan.spec.rules_linux import mapping_problems

    try:
        found = [{"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in ranges]
    except (TypeError, ValueError):
        rule = "must be a list of (first in the container, first on the host, how many)"
        raise refused(argument, ranges, rule) from None
    checked(argument, found, kind)
    section = "config-linux.md#user-namespace-mappings"
    if not found:
        raise refused(argument, None, "must have at least one range", section)
    rule_out(mapping_problems(found, argument, section), argument, argument)  # type: ignore[arg-type]
    return found


def judge_map(argument: str, values: Any) -> None:
    """Raises UsageError unless it is a map of strings that sets entries, or removes them by None."""
    if isinstance(values, Mapping):
        checked(argument, {name: "" if value is None else value for name, value in values.items()}, STRING_MAP)
    else:
        raise refused(argument, values, 'must be an object, such as {"name": "value"}')


def is_number(value: object) -> bool:
    """Whether it is a number that fits into 64 bits: True is none."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and _LEAST <= value <= _MOST


def plain(value: Any, name: str = "", depth: int = 0) -> Any:
    """A copy that nobody else has, of what JSON can say: objects, arrays, strings, numbers, truth values, null."""
    if depth > _DEEPEST:
        raise refused(name.partition(".")[0], None, f"must not be nested deeper than {_DEEPEST} levels")
    if isinstance(value, Mapping):
        return {
            _text(key, name): plain(inner, f"{name}.{key}" if name else key, depth + 1) for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(inner, f"{name}[{index}]", depth + 1) for index, inner in enumerate(value)]
    if isinstance(value, str):
        return _text(value, name)
    if value is None or isinstance(value, bool) or is_number(value):
        return value
    raise refused(name, value, "must be a value that JSON has, with numbers of 64 bits")


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise refused(name, value, "must have strings as its keys")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise refused(name, value, "must be text that UTF-8 can express, without lone surrogates") from None
    return value
