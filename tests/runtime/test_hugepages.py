"""config-linux.md, Huge page limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from .bundle import Bundle
from .container import Container
from .limits import MIB, needs, shown


def sizes() -> list[str]:
    """The sizes of huge pages of this machine, as the files of cgroups name them."""
    found = []
    for path in Path("/sys/kernel/mm/hugepages").glob("hugepages-*kB"):
        size = int(path.name.removeprefix("hugepages-").removesuffix("kB"))
        found.append(
            next(f"{size // unit}{name}" for unit, name in ((MIB, "GB"), (1024, "MB"), (1, "KB")) if size >= unit)
        )
    return sorted(found)


@pytest.mark.parametrize("limit", [0, 4 * MIB, 1 << 40])
def test_reservations_and_use_of_pages_of_each_size(container: Container, bundle: Bundle, limit: int) -> None:
    """'limit (uint64, REQUIRED) - limit in bytes of hugepagesize HugeTLB reservations (if supported) or usage.'"""
    needs("hugetlb")
    if "2MB" not in sizes():
        pytest.skip("this kernel has no huge pages of 2 MiB")
    bundle.set("linux.resources.hugepageLimits", [{"pageSize": "2MB", "limit": limit}])
    container.create()
    for kind in ("rsvd.", ""):
        v1, v2 = f"hugetlb.2MB.{kind}limit_in_bytes", f"hugetlb.2MB.{kind}max"
        shown(container, "hugetlb", {v1: str(limit)}, {v2: str(limit)})


def test_a_size_that_this_machine_does_not_have_is_an_error(container: Container, bundle: Bundle) -> None:
    """'must match the <hugepagesize> of the corresponding control file'"""
    needs("hugetlb")
    bundle.set("linux.resources.hugepageLimits", [{"pageSize": "3MB", "limit": 0}])
    result = container.fails("create")
    if container.runtime.is_sampan:
        assert "linux.resources.hugepageLimits[0]" in result.stderr
        assert all(size in result.stderr for size in sizes())


def test_no_limits(container: Container, bundle: Bundle) -> None:
    """'hugepageLimits (array of objects, OPTIONAL)'"""
    bundle.set("linux.resources.hugepageLimits", [])
    container.create()
