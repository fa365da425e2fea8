"""The sizes of huge pages that the kernel has. Imports only ``posix``."""

from __future__ import annotations

import posix

_DIRECTORY = "/sys/kernel/mm/hugepages"


def sizes() -> list[str]:
    """The sizes as the files of cgroups are named after them: "2MB", "1GB". None where the kernel has no huge pages."""
    try:
        names = posix.listdir(_DIRECTORY)
    except OSError:
        return []
    return sorted(name_of(int(name.removeprefix("hugepages-").removesuffix("kB"))) for name in names)


def name_of(kibibytes: int) -> str:
    """What a size is called."""
    if kibibytes >= 1 << 20:
        return f"{kibibytes >> 20}GB"
    return f"{kibibytes >> 10}MB" if kibibytes >= 1 << 10 else f"{kibibytes}KB"
