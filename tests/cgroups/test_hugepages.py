"""Limits of huge pages hold: a process cannot reserve more than its container may have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups.layout import Layout
from sampan.errors import KernelError

from .conftest import Program, remains
from .control import MIB, content, require

SIZE = "2MB"
PAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
# Maps 2 MiB at a time; says how often that went well, and with which error it ended.
MAPPER = """
import mmap
maps = []
try:
    while len(maps) < 8:
        maps.append(mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000))
        maps[-1][0] = 1
    print(len(maps), 0)
except OSError as error:
    print(len(maps), error.errno)
"""


@pytest.fixture
def pages(host: Layout) -> Iterator[None]:
    """Eight huge pages on this machine."""
    require(host, "hugetlb")
    if not PAGES.exists():
        pytest.skip("this kernel has no huge pages of 2 MiB")
    before = PAGES.read_text()
    PAGES.write_text("8")
    if int(PAGES.read_text()) < 8:
        PAGES.write_text(before)
        pytest.skip("this machine has no memory left for 8 huge pages")
    yield
    PAGES.write_text(before)


@pytest.mark.parametrize("allowed", [0, 3])
def test_a_process_gets_no_more_than_its_container_may_have(
    pages: None, locate: Any, program: Any, allowed: int
) -> None:
    """'enforces the controller limit at reservation time': ENOMEM of mmap, and not SIGBUS"""
    del pages
    group = locate()
    group.create({"hugepageLimits": [{"pageSize": SIZE, "limit": allowed * 2 * MIB}]})
    mapper: Program = program(MAPPER)
    assert mapper.run_in(group) == f"{allowed} 12\n"
    group.update({"hugepageLimits": [{"pageSize": SIZE, "limit": 64 * MIB}]})
    again: Program = program(MAPPER)
    assert again.run_in(group) == "8 0\n"


def test_reservations_and_pages_in_use_are_limited(host: Layout, locate: Any) -> None:
    require(host, "hugetlb")
    group = locate()
    group.create({"hugepageLimits": [{"pageSize": SIZE, "limit": 6 * MIB}]})
    for kind in ("", "rsvd."):
        found = content(group, "hugetlb", f"hugetlb.{SIZE}.{kind}limit_in_bytes", f"hugetlb.{SIZE}.{kind}max")
        assert found == str(6 * MIB)


def test_a_size_that_does_not_exist_is_an_error_with_those_that_do(host: Layout, locate: Any) -> None:
    require(host, "hugetlb")
    with pytest.raises(KernelError, match=rf"linux\.resources\.hugepageLimits\[0\]: .* huge pages here are .*{SIZE}"):
        locate().create({"hugepageLimits": [{"pageSize": "3MB", "limit": 0}]})
    assert not remains(f"sampan-test-{os.getpid()}")
