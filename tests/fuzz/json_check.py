"""Run by json_fuzz.c in the interpreter that it is linked with: any bytes are read as the reference reads them, and
what is read can be written, and read back.
"""

from __future__ import annotations

import json

from codec import json_dumps, json_loads  # type: ignore[import-not-found] # of json_fuzz.c
from json_reference import reference


def check(data: bytes) -> None:
    """An AssertionError where the codec does what it should not."""
    try:
        expected = reference(data)
    except (ValueError, RecursionError):
        refused = _refusal(data)
        assert refused.startswith("line "), refused
        return
    value = json_loads(data)
    assert repr(value) == repr(expected)
    assert json_loads(data.decode()) == value
    assert json_dumps(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    assert json_dumps(value, 2) == json.dumps(value, ensure_ascii=False, indent=2).encode()
    assert repr(json_loads(json_dumps(value))) == repr(value)


def _refusal(data: bytes) -> str:
    try:
        return f"reads {json_loads(data)!r} where there is nothing"
    except ValueError as error:
        return str(error)
