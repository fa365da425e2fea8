"""Durations as Go writes them, and so users of runc and docker: 5s, 100ms, 1m30s, 1.5h."""

from __future__ import annotations

from sampan.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments

_UNITS = {  # in nanoseconds; the longer name first where one begins with another
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # micro sign
    "μs": 1_000,  # Greek mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LONGEST = 4000  # digits of one amount: Python reads no more than 4300
_DIGITS = "0123456789."


def nanoseconds(text: str) -> int | None:
    """The duration, as Go's time.ParseDuration reads it; None for what is none."""
    sign = -1 if text.startswith("-") else 1
    rest = text.removeprefix("-") if sign < 0 else text.removeprefix("+")
    if rest == "0":
        return 0
    total = 0
    while rest:
        after = rest.lstrip(_DIGITS)
        amount = rest[: len(rest) - len(after)]
        rest = after.lstrip("nuµμmsh")
        unit = after[: len(after) - len(rest)]
        if unit not in _UNITS or not amount.strip(".") or amount.count(".") > 1 or len(amount) > _LONGEST:
            return None
        whole, _, part = amount.partition(".")
        total += int(whole or 0) * _UNITS[unit] + int(part or 0) * _UNITS[unit] // 10 ** len(part)
    return sign * total if text.strip("+-") else None


def interval(arguments: Arguments, default: str) -> int:
    """The option --interval, in nanoseconds. Raises UsageError."""
    text = arguments.text("interval", default)
    found = nanoseconds(text)
    if found is None:
        raise arguments.misuse(f'--interval must be a duration like 5s, 100ms or 1m30s, not "{text}"')
    if found <= 0:
        raise UsageError("duration interval must be greater than 0")  # runc's words
    return found
