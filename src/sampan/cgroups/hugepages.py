"""What ``linux.resources.hugepageLimits`` means in the files of the hugetlb controller, of v1 or v2.

Loaded only where something is asked for. A limit of 0 is one: kubelet sends it for the sizes that a pod may not have.
"""

from __future__ import annotations

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sampan.spec.types import HugepageLimit


def limit(entries: Sequence[HugepageLimit], file: str, add: Callable[..., None]) -> None:
    """Adds the limits of reservations, where the kernel has them, and of pages in use, as runc does.

    ``file`` is "max" (v2) or "limit_in_bytes" (v1).
    """
    for index, entry in enumerate(entries):
        size, value, field = entry["pageSize"], entry["limit"], f"hugepageLimits[{index}]"
        add("hugetlb", f"{size}.rsvd.{file}", value, field, True)
        add("hugetlb", f"{size}.{file}", value, field)


def sizes(directory: str) -> list[str]:
    """The sizes of huge pages that the cgroup at ``directory`` can limit: "2MB", "1GB"."""
    return sorted(name.split(".")[1] for name in posix.listdir(directory) if _is_limit(name))


def _is_limit(name: str) -> bool:
    return name.startswith("hugetlb.") and name.count(".") == 2 and name.endswith((".max", ".limit_in_bytes"))
