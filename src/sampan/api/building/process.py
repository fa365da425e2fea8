"""The program that the container runs: config.md, Process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sampan.api.building.arguments import UNLIMITED, checked, fitting, judge_map, path, refused, rule_out, words
from sampan.api.building.document import Part
from sampan.spec import schema_process as schema
from sampan.spec.check import ABSOLUTE, BOOL
from sampan.spec.names import RLIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from sampan.api.building.arguments import Path

    Policy = Literal[
        "SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE"
    ]
    IOClass = Literal["IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"]

_FIELDS = schema.PROCESS[4]
_INFINITY = 2**64 - 1  # RLIM_INFINITY


class Processes(Part):
    """What is run, as whom, with which words and surroundings. All methods raise UsageError."""

    __slots__ = ()

    def with_args(self, args: Sequence[str]) -> Self:
        """What the container runs: a list of words, the program first (`process.args`, config.md#process).

        The program is looked for in the PATH of `process.env` unless it has a slash.
        """
        listed = words("args", args, "config.md#process")
        if not listed or not listed[0]:
            raise refused("args", listed, "must begin with a program", "config.md#process")
        return self._of(self._document.set("process.args", listed))

    def with_env(self, variables: Mapping[str, str | None]) -> Self:
        """Set variables of its environment, beside those that there are (`process.env`); None removes one."""
        judge_map("variables", variables)
        if wrong := [name for name in variables if "=" in name]:
            raise refused("variables", wrong[0], "must have names without =", "config.md#process")
        left = dict(variables)
        env = []
        for entry in self._document.array("process.env"):
            name = str(entry).partition("=")[0]
            if name not in variables:
                env.append(entry)
            elif (value := left.pop(name, None)) is not None:  # in the place of the first
                env.append(f"{name}={value}")
        env += [f"{name}={value}" for name, value in left.items() if value is not None]
        return self._of(self._document.set("process.env", env))

    def with_cwd(self, cwd: Path) -> Self:
        """The directory in the container that it begins in, an absolute path (`process.cwd`)."""
        return self._of(self._document.set("process.cwd", path("cwd", cwd, ABSOLUTE)))

    def with_user(self, uid: int, gid: int, *, groups: Sequence[int] = (), umask: int | None = None) -> Self:
        """Who it is, in numbers of the container's user namespace (`process.user`, config.md#posix-platform-user).

        ``groups`` are further ones, ``umask`` is such as 0o027. Takes the place of all that was said of the user.
        """
        user = {"uid": uid, "gid": gid, "umask": umask, "additionalGids": list(groups) or None}
        return self._of(self._document.set("process.user", fitting(user, schema.USER, {"additionalGids": "groups"})))

    def with_terminal(self, terminal: bool = True, *, size: tuple[int, int] | None = None) -> Self:
        """Whether it has a terminal (`process.terminal`), and of which ``size``: (rows, columns)."""
        document = self._document.set("process.terminal", checked("terminal", terminal, BOOL))
        if size is None:
            return self._of(document)
        height, width = size
        console = fitting({"height": height, "width": width}, schema.CONSOLE_SIZE)
        return self._of(document.set("process.consoleSize", console))

    def with_rlimit(
        self, name: str, soft: int | Literal["unlimited"], hard: int | Literal["unlimited"] | None = None
    ) -> Self:
        """A limit of the process itself (`process.rlimits`, config.md#posix-process; getrlimit(2)).

        ``name`` is such as "nofile" or "RLIMIT_NOFILE", the numbers are in its unit: files, bytes, seconds,
        processes. ``hard`` is like ``soft`` unless it is given.
        """
        kind = f"RLIMIT_{name.upper().removeprefix('RLIMIT_')}"
        if kind not in RLIMITS:
            raise refused("name", name, f"must be one of {', '.join(RLIMITS)}", "config.md#posix-process")
        both = [_INFINITY if number == UNLIMITED else number for number in (soft, soft if hard is None else hard)]
        entry = fitting({"type": kind, "hard": both[1], "soft": both[0]}, schema.RLIMIT)
        if entry["soft"] > entry["hard"]:
            raise refused("soft", soft, f"must not be greater than hard, {hard}", "config.md#posix-process")
        return self._of(self._document.put("process.rlimits", "type", entry))

    def with_oom_score_adj(self, score: int) -> Self:
        """How soon the kernel kills it for memory: from -1000, never, to 1000, first (`process.oomScoreAdj`)."""
        return self._of(self._document.set("process.oomScoreAdj", checked("score", score, _FIELDS["oomScoreAdj"])))

    def with_scheduler(
        self,
        policy: Policy,
        *,
        nice: int | None = None,
        priority: int | None = None,
        flags: Sequence[str] | None = None,
        runtime: int | None = None,
        deadline: int | None = None,
        period: int | None = None,
    ) -> Self:
        """How it gets processors (`process.scheduler`, config.md#linux-process; sched_setattr(2)).

        ``nice`` is from -20 to 19, ``priority`` from 1 to 99 for SCHED_FIFO and SCHED_RR; ``runtime``, ``deadline`` and
        ``period`` are nanoseconds, for SCHED_DEADLINE.
        """
        from sampan.spec.rules_rare import scheduler_problems

        entry = {"policy": policy, "nice": nice, "priority": priority, "flags": flags and list(flags)}
        times = {"runtime": runtime, "deadline": deadline, "period": period}
        scheduler = fitting({**entry, **times}, schema.SCHEDULER)
        rule_out(scheduler_problems(scheduler), field="scheduler.")  # type: ignore[arg-type]
        return self._of(self._document.set("process.scheduler", scheduler))

    def with_io_priority(self, class_: IOClass, priority: int = 4) -> Self:
        """Whose reads and writes go first: ``priority`` from 0, the highest, to 7 (`process.ioPriority`)."""
        entry = fitting({"class": class_, "priority": priority}, schema.IO_PRIORITY, {"class": "class_"})
        return self._of(self._document.set("process.ioPriority", entry))

    def with_exec_cpu_affinity(self, *, initial: str | None = None, final: str | None = None) -> Self:
        """The processors of further processes, as "0-3,7": until they have joined its cgroup, and then
        (`process.execCPUAffinity`)."""
        entry = fitting({"initial": initial, "final": final}, schema.EXEC_CPU_AFFINITY)
        return self._of(self._document.set("process.execCPUAffinity", entry))
