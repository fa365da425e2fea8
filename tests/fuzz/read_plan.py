"""Reads a plan with init's own decoder, native/decode.c, made into a library."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
NATIVE = HERE.parents[1] / "src" / "sampan" / "native"
MAX_ARGUMENTS = 16

Arguments = list[int | bytes]


class _Argument(ctypes.Structure):
    _fields_ = (("text", ctypes.c_void_p), ("length", ctypes.c_uint32), ("number", ctypes.c_int64))


class _Operation(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint32),
        ("count", ctypes.c_uint32),
        ("arguments", _Argument * MAX_ARGUMENTS),
    )


class _Cursor(ctypes.Structure):
    _fields_ = (("at", ctypes.c_void_p), ("end", ctypes.c_void_p), ("left", ctypes.c_uint32))


@cache
def _library() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/read_plan.so"
        command = ["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
        command += ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error", f"-I{NATIVE}", "-o", path]
        subprocess.run([*command, str(HERE / "read_plan.c"), str(NATIVE / "decode.c")], check=True)
        library = ctypes.CDLL(path)
    library.is_plan.argtypes = (ctypes.c_char_p, ctypes.c_size_t)
    library.plan_open.argtypes = (ctypes.POINTER(_Cursor), ctypes.c_char_p, ctypes.c_size_t)
    library.plan_next.argtypes = (ctypes.POINTER(_Cursor), ctypes.POINTER(_Operation))
    library.plan_open.restype = library.plan_next.restype = ctypes.c_bool
    return library


def read_plan(data: bytes) -> list[tuple[int, Arguments]]:
    """The operations, as codes with their arguments. An AssertionError where init would refuse the plan."""
    library = _library()
    assert library.is_plan(data, len(data)), "init would refuse this plan"
    cursor, operation = _Cursor(), _Operation()
    assert library.plan_open(cursor, data, len(data))
    found = []
    while library.plan_next(cursor, operation):
        arguments = (operation.arguments[index] for index in range(operation.count))
        found.append((operation.code, [_value(argument) for argument in arguments]))
    return found


def _value(argument: _Argument) -> int | bytes:
    if argument.text is None:
        return int(argument.number)
    return ctypes.string_at(argument.text, argument.length)
