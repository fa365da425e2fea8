"""Sizes as people write them on a command line: 64m, 1.5g, 512KiB, 1048576; as runc and docker read them."""

from __future__ import annotations

_POWERS = {"": 0, "b": 0} | {
    unit + ending: power for power, unit in enumerate("kmgtp", 1) for ending in ("", "b", "ib")
}
_LETTERS = "bgikmptBGIKMPT"
_LONGEST = 100  # digits


def bytes_of(text: str) -> int | None:
    """The number of bytes; None for what is no size. All units are powers of 1024; a part of a byte is left out."""
    number = text.rstrip(_LETTERS)
    power = _POWERS.get(text[len(number) :].lower())
    whole, _, part = number.removesuffix(" ").partition(".")
    digits = whole + part
    if power is None or not (digits.isascii() and digits.isdigit()) or len(digits) > _LONGEST:
        return None
    scale: int = 10 ** len(part)
    return (int(digits) << 10 * power) // scale
