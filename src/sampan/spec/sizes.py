"""Sizes as people write them on a command line: 64m, 1.5g, 512KiB, 1048576; as runc and docker read them."""

from __future__ import annotations

import re
from decimal import Decimal

_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+) ?(?:([kmgtp])(?:i?b)?|b)?", re.ASCII | re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def bytes_of(text: str) -> int | None:
    """The number of bytes; None for what is no size. All units are powers of 1024; a part of a byte is left out."""
    found = _SIZE.fullmatch(text)
    if found is None:
        return None
    number, unit = found.groups(default="")
    return int(Decimal(number) * 1024 ** _POWERS[unit.lower()])
