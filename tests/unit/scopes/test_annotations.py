"""Annotations about the unit: values in GVariant's text format, names in seconds, a cgroup below the unit's."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.cgroups import gvariant, systemd_annotations
from sampan.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", ("b", True)),
        ("5", ("i", 5)),
        ("-0x10", ("i", -16)),
        ("2.5", ("d", 2.5)),
        ("uint64 123456789", ("t", 123456789)),
        ("byte 7", ("y", 7)),
        ("'inactive-or-failed'", ("s", "inactive-or-failed")),
        ('"a \\"b\\" \\u00e9\\n"', ("s", 'a "b" é\n')),
        ("['a', 'b']", ("as", ["a", "b"])),
        ("@as []", ("as", [])),
        ("[1, 2.5]", ("ad", [1.0, 2.5])),
        ("[('/dev/null', 'rw')]", ("a(ss)", [("/dev/null", "rw")])),
        ("[(1, 'a'), (uint64 2, 'b')]", ("a(ts)", [(1, "a"), (2, "b")])),
        ("{'a': <uint32 1>}", ("a{sv}", {"a": ("u", 1)})),
        ("b'ab'", ("ay", b"ab\0")),
        ("[byte 1, 2]", ("ay", b"\x01\x02")),
        (" ( 1 , ) ", ("(i)", (1,))),
    ],
)
def test_values(text: str, value: tuple[str, Any]) -> None:
    assert gvariant.parse(text) == value


def test_a_long_value_takes_no_more_time_than_its_length() -> None:
    """100,000 elements took many seconds."""
    started = time.process_time()
    assert gvariant.parse(f"[{', '.join(['(1, 1)'] * 50_000)}]") == ("a(ii)", [(1, 1)] * 50_000)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "word",
        "'open",
        "[1, 'a']",
        "[",
        "[1 2]",
        "1 2",
        "[]",
        "()",
        "(1)",
        "(1, 2,)",
        "{}",
        "{1 2}",
        "99999999999",
        "'\\Uffffffff'",
        "'\\U00110000'",
        "double 0x" + "f" * 300,
        "1" * 5000,
        "(" + "1, " * 50 + "1)",
        "{1: " * 30 + "1" + "}" * 30,
        "uint64 -1",
        "byte 256",
        "int32 2.5",
        "string 5",
        "uint64 int32 5",
        "@a 5",
        "@(s 5",
        "<1, 2>",
        "'\\u0000'",
        "'\\ud800'",
        "just 1",
        40 * "[" + "1" + 40 * "]",
    ],
)
def test_what_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        gvariant.parse(text)


@given(st.text(alphabet="0123456789.-+ex'\"\\[](){}<>,:@asbtuiyd ", max_size=40))
def test_any_text_is_a_value_or_an_error(text: str) -> None:
    try:
        signature, _ = gvariant.parse(text)
    except ValueError:
        return
    assert signature


SCALARS = ["1", "-3", "2.5", "'a'", "true", "uint64 7", "byte 3", "double 2", "<1>", "@t 8", "b'z'", "@as []", "0x10"]
GLIB = """
import sys
from gi.repository import GLib
for text in sys.stdin.read().splitlines():
    try:
        print(GLib.Variant.parse(None, text, None, None).get_type_string())
    except GLib.Error:
        print("wrong")
"""


def random_value(chance: random.Random, depth: int = 0) -> str:
    if depth == 3 or chance.random() < 0.5:
        return chance.choice(SCALARS)
    parts = [random_value(chance, depth + 1) for _ in range(chance.randint(1, 3))]
    if chance.random() < 0.5:
        return f"[{', '.join(parts)}]"
    return f"({', '.join(parts)})" if len(parts) > 1 else f"({parts[0]},)"


def test_values_have_the_types_that_glib_gives_them() -> None:
    chance = random.Random(1)
    texts = [random_value(chance) for _ in range(3000)]
    python = shutil.which("python3", path="/usr/bin")  # Debian's, which has Debian's packages
    if python is None or subprocess.run([python, "-c", "import gi.repository.GLib"], capture_output=True).returncode:
        pytest.skip("python3-gi is not installed: there is no second opinion")
    told = subprocess.run([python, "-c", GLIB], input="\n".join(texts), capture_output=True, text=True, check=True)
    types = told.stdout.splitlines()
    assert len(types) == len(texts)
    assert [(text, type_of(text)) for text in texts] == list(zip(texts, types, strict=True))
    assert len(set(types)) > 100


def type_of(text: str) -> str:
    try:
        return gvariant.parse(text)[0]
    except ValueError:
        return "wrong"


def test_properties_are_taken_from_annotations() -> None:
    annotations = {
        "org.systemd.property.CollectMode": "'inactive'",
        "org.systemd.property.TimeoutStopUSec": "uint64 123456789",
        "io.kubernetes.cri.container-type": "sandbox",
    }
    assert systemd_annotations.properties(annotations) == [
        ("CollectMode", ("s", "inactive")),
        ("TimeoutStopUSec", ("t", 123456789)),
    ]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("TimeoutStopSec", "5", ("TimeoutStopUSec", ("t", 5_000_000))),
        ("TimeoutStopSec", "1.5", ("TimeoutStopUSec", ("t", 1_500_000))),
        ("RuntimeMaxSec", "uint64 2", ("RuntimeMaxUSec", ("t", 2_000_000))),
        ("FooUSec", "uint64 2", ("FooUSec", ("t", 2))),  # no small letter before "Sec"
    ],
)
def test_seconds_become_microseconds_as_in_runc(name: str, text: str, found: tuple[str, tuple[str, int]]) -> None:
    assert systemd_annotations.properties({f"org.systemd.property.{name}": text}) == [found]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CollectMode", "inactive"),
        ("TimeoutStopSec", "'5'"),
        ("TimeoutStopSec", "true"),
        ("TimeoutStopSec", "-1"),
        ("Collect-Mode", "5"),
        ("Ab", "5"),
        ("", "5"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_annotation(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        systemd_annotations.properties({f"org.systemd.property.{name}": text})
    (problem,) = caught.value.problems
    assert problem.field == f"annotations[org.systemd.property.{name}]"
    assert problem.value == text


@pytest.mark.parametrize(("text", "path"), [("container", "container"), ("/a/b/", "a/b"), ("", "")])
def test_a_subgroup_is_a_path_below_the_unit(text: str, path: str) -> None:
    assert systemd_annotations.subgroup({"run.oci.systemd.subgroup": text}) == path


@pytest.mark.parametrize("text", ["..", "a/../..", "a//b", ".", "a\0b"])
def test_a_subgroup_cannot_leave_the_unit(text: str) -> None:
    with pytest.raises(ConfigError, match=r"annotations\[run.oci.systemd.subgroup\]"):
        systemd_annotations.subgroup({"run.oci.systemd.subgroup": text})
