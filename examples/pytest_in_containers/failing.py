"""Tests that fail, each in its own way: `pytest failing.py`."""

from __future__ import annotations

import sys

import pytest

pytestmark = pytest.mark.container(memory="64M")


def test_assertion() -> None:
    print("a look at", sys.executable)
    assert {"name": "sampan", "wheels": 0} == {"name": "sampan", "wheels": 4}


def test_memory() -> None:
    bytearray(1 << 30)


@pytest.mark.container(timeout=8)
def test_time() -> None:
    while True:
        pass


@pytest.mark.xfail(reason="no ship has wheels")
def test_known() -> None:
    raise AssertionError


def test_skipped() -> None:
    pytest.skip("not today")
