"""What the codec of native/json_*.c must do, by Python's json made strict: for unit/test_json.py and json_fuzz.c."""

from __future__ import annotations

import json
import math

DEEPEST = 100


def reference(data: bytes) -> object:
    """The value, or a ValueError or RecursionError where there is none."""
    value: object = json.loads(
        data.decode(), object_pairs_hook=_unique, parse_int=_integer, parse_float=_real, parse_constant=_constant
    )
    _check_strings_and_depth(value)
    return value


def _check_strings_and_depth(value: object, depth: int = 0) -> None:
    if isinstance(value, str):
        value.encode()  # refuses lone surrogates
    elif isinstance(value, dict | list):
        if depth == DEEPEST:
            raise ValueError("too deep")
        for inner in (*value, *value.values()) if isinstance(value, dict) else value:
            _check_strings_and_depth(inner, depth + 1)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("duplicate key")
    return dict(pairs)


def _integer(digits: str) -> int:
    if not -(2**63) <= int(digits) < 2**64:
        raise ValueError("out of range")
    return int(digits)


def _real(digits: str) -> float:
    if math.isinf(float(digits)):
        raise ValueError("out of range")
    return float(digits)


def _constant(name: str) -> None:
    raise ValueError(name)
