"""What a run in a sandbox gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, AnyStr, Generic, Literal

from sampan.errors import ExitError

if TYPE_CHECKING:
    from sampan.api.status import ExitStatus

Reason = Literal["exit", "signal", "timeout", "oom", "output"]

_ENDS: dict[Reason, str] = {
    "timeout": "was killed: its time ran out",
    "oom": "was killed: its memory ran out",
    "output": "was killed: it wrote more than it may",
}


@dataclass(frozen=True, slots=True)
class Result(Generic[AnyStr]):
    """A program that was run in a sandbox and has ended, and what has come of it.

    ``reason`` is "exit" or "signal" where it has ended by itself, "timeout" or "output" where it was killed for too
    much of either, and "oom" where the kernel has killed for memory, in it or in what it had started, and it has not
    ended well. Numbers that nobody has counted, for want of a cgroup, are None.
    """

    args: tuple[str, ...]
    """The command line."""
    status: ExitStatus
    """How the program has ended."""
    reason: Reason
    """Why the run is over: "exit", "signal", "timeout", "oom" or "output"."""
    stdout: AnyStr
    """What it wrote to its standard output, as far as that is kept."""
    stderr: AnyStr
    """What it wrote to its standard error, as far as that is kept."""
    stdout_truncated: bool
    """Whether it wrote more to its standard output than is kept."""
    stderr_truncated: bool
    """Whether it wrote more to its standard error than is kept."""
    duration: float
    """Seconds on the clock, with those that it takes to begin."""
    cpu_time: float | None
    """Seconds of processors, of all its processes."""
    memory_peak: int | None
    """Bytes, of all its processes and all files in memory; on cgroup v2 before Linux 6.12 of all runs until now."""
    oom_kills: int | None
    """How many of its processes the kernel has killed for memory."""

    @property
    def success(self) -> bool:
        """Whether it has ended by itself, with code 0."""
        return self.reason == "exit" and self.status.success

    def decoded(self: Result[bytes]) -> Result[str]:
        """The same as text: UTF-8, where bytes that are not become U+FFFD."""
        values = {name: getattr(self, name) for name in self.__slots__}
        values |= {name: values[name].decode(errors="replace") for name in ("stdout", "stderr")}
        return Result(**values)

    def check(self) -> None:
        """Raises ExitError unless it has ended by itself, with code 0."""
        if self.success:
            return
        end = _ENDS.get(self.reason, f"has ended with {self.status}")
        raise ExitError(f"{self.args[0]} in the sandbox {end}", self.status, self.stdout, self.stderr)
