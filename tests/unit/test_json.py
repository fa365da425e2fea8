"""The JSON of the hot path reads what Python's json reads, less what two readers could understand differently."""

import json
import math
import runpy
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sampan._linux import json_dumps, json_loads

REFERENCE = runpy.run_path(str(Path(__file__).parents[1] / "fuzz" / "json_reference.py"))
DEEPEST: int = REFERENCE["DEEPEST"]

characters = st.characters(exclude_categories=["Cs"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(characters)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(characters), inner), max_leaves=30
)

TOKENS = [
    *'{}[]:,"\\ae0\n\t\0\x1f é',
    *('"a"', '"a":', '"b":', "\\u00e9", "\\ud83d", "\\ude00", "\\n", "\\x"),
    *("-0", "1", "12", "-3", ".5", "e3", "E+2", "1e400", "18446744073709551615", "18446744073709551616"),
    *("true", "false", "null", "tru", "NaN"),
]


def refusal(data: bytes | str) -> str:
    with pytest.raises(ValueError) as caught:
        json_loads(data)
    return str(caught.value)


def agrees_with_reference(data: bytes) -> None:
    try:
        expected = REFERENCE["reference"](data)
    except (ValueError, RecursionError):
        assert refusal(data).startswith("line ")
    else:
        assert repr(json_loads(data)) == repr(expected)


@given(values)
def test_what_is_written_is_read_back_with_the_same_types(value: object) -> None:
    assert repr(json_loads(json_dumps(value))) == repr(value)
    assert repr(json_loads(json_dumps(value, 3))) == repr(value)


@given(values, st.integers(1, 8))
def test_the_text_is_the_one_that_python_writes(value: object, indent: int) -> None:
    assert json_dumps(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    assert json_dumps(value, indent) == json.dumps(value, ensure_ascii=False, indent=indent).encode()


@given(values)
def test_reads_what_python_writes_with_escapes(value: object) -> None:
    assert repr(json_loads(json.dumps(value).encode())) == repr(value)


@given(st.lists(st.sampled_from(TOKENS)).map(lambda tokens: "".join(tokens).encode()))
@example(b"[" * DEEPEST + b"]" * DEEPEST)
@example(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1))
@example(b'{"a":' * 101 + b"1" + b"}" * 101)
def test_accepts_and_refuses_like_the_reference(data: bytes) -> None:
    agrees_with_reference(data)


@given(st.binary() | st.binary().map(lambda data: b'"' + data + b'"'))
def test_accepts_and_refuses_any_bytes_like_the_reference(data: bytes) -> None:
    agrees_with_reference(data)


@given(values, st.data())
def test_damaged_documents_are_read_like_the_reference_reads_them(value: object, data: st.DataObject) -> None:
    document = json.dumps(value, ensure_ascii=data.draw(st.booleans())).encode()
    at = data.draw(st.integers(0, len(document)))
    removed = data.draw(st.integers(0, 3))
    damaged = document[:at] + data.draw(st.binary(max_size=2)) + document[at + removed :]
    agrees_with_reference(damaged)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "line 1, column 1: the document is empty"),
        (b" \n", "line 2, column 1: the document is empty"),
        (b"\xef\xbb\xbf{}", "line 1, column 1: the document begins with a byte order mark: save it without one"),
        (b'{"a": 1, "a": 2}', 'line 1, column 10: duplicate key "a"'),
        (b'{"a": {"b": 1,\n "b": 2}}', 'line 2, column 2: duplicate key "b"'),
        (b'["\xc3\xa9" x', "line 1, column 6: expected ',' or ']', found 'x'"),
        (b'{"a": 1', "line 1, column 8: expected ',' or '}', found the end of the document"),
        (b'{"a" 1}', "line 1, column 6: expected ':' after the key, found '1'"),
        (b'{"a": 1,}', "line 1, column 9: expected a key in double quotes, found '}'"),
        (b"[1,]", "line 1, column 4: expected a value, found ']'"),
        (b"{} {}", "line 1, column 4: expected nothing after the document, found '{'"),
        (b"1\0", "line 1, column 2: expected nothing after the document, found byte 0x0"),
        (b"18446744073709551616", "line 1, column 1: number out of range"),
        (b"-9223372036854775809", "line 1, column 1: number out of range"),
        (b"1e999", "line 1, column 1: number out of range"),
        (b"007", "line 1, column 1: a number must not begin with 0"),
        (b"1.", "line 1, column 3: expected a digit after the decimal point, found the end of the document"),
        (b'"\xff"', "line 1, column 2: byte 0xff is not valid UTF-8"),
        (b'"\xed\xa0\x80"', "line 1, column 2: byte 0xed is not valid UTF-8"),
        (b'"\\ud800"', "line 1, column 2: lone surrogate \\ud800 is not a character"),
        (b'"\\ude00\\ud83d"', "line 1, column 2: lone surrogate \\ude00 is not a character"),
        (b'"\\u12g4"', "line 1, column 2: \\u must be followed by four hexadecimal digits"),
        (b'"a\nb"', "line 1, column 3: control character 0xa in a string must be escaped"),
        (b'["abc', "line 1, column 2: this string has no closing quote"),
        (b'"abc\\', "line 1, column 1: this string has no closing quote"),
        (b"[" * 101, "line 1, column 101: nested deeper than 100 levels"),
    ],
)
def test_an_error_says_where_and_what(document: bytes, message: str) -> None:
    assert refusal(document) == message


def test_minus_zero_is_an_integer_and_a_fraction_makes_a_float() -> None:
    assert repr(json_loads(b"[-0, -0.0, 1e2, 18446744073709551615, -9223372036854775808]")) == repr(
        [0, -0.0, 100.0, 2**64 - 1, -(2**63)]
    )


def test_an_escaped_nul_is_read_for_the_validation_to_refuse() -> None:
    assert json_loads(b'"a\\u0000b"') == "a\0b"


def test_a_str_is_read_too() -> None:
    assert json_loads('{"é": "\\ud83d\\ude00"}') == {"é": "😀"}
    assert "lone surrogate" in refusal('"\ud800"')


def test_a_tuple_is_written_as_an_array() -> None:
    assert json_dumps(((), (1, "a"))) == b'[[],[1,"a"]]'


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, math.inf, math.nan, "\ud800", {"\ud800": 1}])
def test_what_json_cannot_say_is_not_written(value: object) -> None:
    with pytest.raises(ValueError):
        json_dumps(value)


@pytest.mark.parametrize("value", [{1: 2}, {3}, b"bytes", object(), [{"a": {None: 1}}]])
def test_what_is_no_json_value_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError):
        json_dumps(value)


def test_a_value_that_holds_itself_is_not_written() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(ValueError, match="nested deeper than 100 levels"):
        json_dumps(value)


@pytest.mark.parametrize("indent", [-1, 17])
def test_an_indent_beyond_reason_is_refused(indent: int) -> None:
    with pytest.raises(ValueError, match="indent"):
        json_dumps([], indent)
