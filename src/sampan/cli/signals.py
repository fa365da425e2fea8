"""Names and numbers of signals (the same on x86_64 and aarch64). Hot path: imports nothing, not even ``signal``."""

from __future__ import annotations

NUMBERS = {
    "HUP": 1,
    "INT": 2,
    "QUIT": 3,
    "ILL": 4,
    "TRAP": 5,
    "ABRT": 6,
    "IOT": 6,
    "BUS": 7,
    "FPE": 8,
    "KILL": 9,
    "USR1": 10,
    "SEGV": 11,
    "USR2": 12,
    "PIPE": 13,
    "ALRM": 14,
    "TERM": 15,
    "STKFLT": 16,
    "CHLD": 17,
    "CLD": 17,
    "CONT": 18,
    "STOP": 19,
    "TSTP": 20,
    "TTIN": 21,
    "TTOU": 22,
    "URG": 23,
    "XCPU": 24,
    "XFSZ": 25,
    "VTALRM": 26,
    "PROF": 27,
    "WINCH": 28,
    "IO": 29,
    "POLL": 29,
    "PWR": 30,
    "SYS": 31,
    "RTMIN": 34,  # the C library keeps 32 and 33 for its threads
    "RTMAX": 64,
}


def number_of(name: str) -> int | None:
    """The signal called "KILL", "SIGKILL", "sigkill", "9" or "RTMIN+3"; None where there is none. 0 only tests."""
    if name.isascii() and name.isdigit():
        return int(name) if len(name) <= 20 and int(name) <= NUMBERS["RTMAX"] else None
    base = name.upper().removeprefix("SIG")
    if base in NUMBERS:
        return NUMBERS[base]
    start, sign, distance = base[:5], base[5:6], base[6:]
    if start + sign not in ("RTMIN+", "RTMAX-") or not (distance.isascii() and distance.isdigit()):
        return None
    if len(distance) > 20:  # Python reads only so many digits
        return None
    number = NUMBERS[start] + int(sign + distance)
    return number if NUMBERS["RTMIN"] <= number <= NUMBERS["RTMAX"] else None
