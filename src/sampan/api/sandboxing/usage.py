"""What the runs in a sandbox have used, as its cgroup counts it; each number is None where no cgroup counts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sampan.cgroups import counters
from sampan.cgroups.layout import UNIFIED
from sampan.errors import KernelError
from sampan.linux import files

if TYPE_CHECKING:
    from collections.abc import Mapping


class Usage:
    """Of the cgroup in these directories (v1 controller -> directory, "" -> the v2 one)."""

    def __init__(self, directories: Mapping[str, str]) -> None:
        self._directories = directories
        self._memory = directories.get("memory", "")
        self._unified = directories.get(UNIFIED, "")
        self._count = f"{directories.get('pids', self._unified)}/pids.current"
        self._peak = -1 if self._memory else _open_peak(f"{self._unified}/memory.peak")

    def cpu_time(self) -> float | None:
        """Seconds of processors up to now."""
        if (accounting := self._directories.get("cpuacct")) is not None:
            spent = counters.number(f"{accounting}/cpuacct.usage")
            return None if spent is None else spent / 1e9
        table = counters.table(f"{self._unified}/cpu.stat") if self._unified else None
        return None if table is None else table["usage_usec"] / 1e6

    def is_one_process(self) -> bool:
        """Whether all but one are known to be gone. That one does not fork, and the others cannot have left."""
        return counters.number(self._count) == 1

    def oom_kills(self) -> int | None:
        """How many processes the kernel has killed for memory up to now."""
        if self._memory:
            table = counters.table(f"{self._memory}/memory.oom_control")
        else:
            table = counters.table(f"{self._unified}/memory.events") if self._unified else None
        return None if table is None else table.get("oom_kill")

    def forget_peak(self) -> None:
        """Let the peak of memory begin with what is used now, where the kernel can do that."""
        try:
            if self._memory:
                files.write(f"{self._memory}/memory.max_usage_in_bytes", "0")
            elif self._peak >= 0:
                os.write(self._peak, b"reset")
        except (KernelError, OSError):
            pass  # then it is that of the whole sandbox up to now, which is no less

    def peak(self) -> int | None:
        """The most bytes of memory that were in use at one time."""
        if self._memory:
            return counters.number(f"{self._memory}/memory.max_usage_in_bytes")
        try:
            return int(os.pread(self._peak, 32, 0)) if self._peak >= 0 else None
        except OSError:
            return None

    def close(self) -> None:
        """Give the descriptor back."""
        descriptors, self._peak = [self._peak], -1
        files.close_all(descriptors)


def _open_peak(path: str) -> int:
    """The peak of v2: what is written to a descriptor of it resets what is read from that, since Linux 6.12.

    -1 where there is none: no controller, or a kernel before 5.19.
    """
    for flags in (os.O_RDWR, os.O_RDONLY):
        try:
            return os.open(path, flags | os.O_CLOEXEC)
        except OSError:
            continue
    return -1
