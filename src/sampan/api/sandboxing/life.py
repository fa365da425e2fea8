"""One container of a sandbox, from its making to its deletion."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sampan.api.making import launched
from sampan.api.process import SIGKILL
from sampan.api.sandboxing.keeper import PATIENCE, Keeper
from sampan.api.sandboxing.result import Result
from sampan.api.sandboxing.template import PREFIX
from sampan.api.sandboxing.turn import Turn, reason_of
from sampan.api.sandboxing.usage import Usage
from sampan.api.streams import DEVNULL, PIPE
from sampan.engine.launch import read_program
from sampan.errors import SampanError, StateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampan.api.sandboxing.template import Template
    from sampan.api.sandboxing.turn import Overflow
    from sampan.api.status import ExitStatus


class Life:
    """Its methods are not for several threads at a time. Where it is forgotten its first process ends, and all with it:
    only a record and an empty cgroup stay."""

    def __init__(self, template: Template) -> None:
        """Raises SampanError; then nothing is left."""
        self.template = template
        self.over = False  # whether its first process has ended, or does not answer any more
        self.keeper = Keeper()
        try:
            program = read_program("sampan-hold")
            try:
                streams = (program, self.keeper.theirs.fileno(), DEVNULL)
                name = f"{PREFIX}{os.urandom(8).hex()}"
                manager = template.cgroup_manager
                self.container, _ = launched(name, template.bundle, template.config(), template.root, streams, manager)
            finally:
                os.close(program)
            try:
                self.keeper.begin()
                self._usage = Usage(self.container.cgroup_directories())
            except BaseException:
                self.container.__exit__(None, None, None)
                raise
        except BaseException:
            self.keeper.close()
            raise

    def begin(
        self,
        args: list[str],
        data: bytes | None,
        limit: int,
        overflow: Overflow,
        timeout: float | None,
        env: Mapping[str, str] | None,
        cwd: str,
    ) -> Turn:
        """A program that runs. Raises ExecutableError, StateError, ConfigError."""
        self.check()
        usage = self._usage
        usage.forget_peak()
        before = usage.cpu_time(), usage.oom_kills()
        begun = time.monotonic()
        process = self.container.popen(
            self.template.process(args, env, cwd), stdin=DEVNULL if data is None else PIPE, stdout=PIPE, stderr=PIPE
        )
        try:
            return Turn(process, data or b"", limit, overflow, timeout, begun, before)
        except BaseException:
            process.__exit__(None, None, None)
            raise

    def check(self) -> None:
        """Raises StateError where it is over."""
        if self.over:
            raise StateError("the sandbox has ended, since its first process has; reset() makes it anew")

    def finish(self, turn: Turn) -> Result[bytes]:
        """End a run, and all that it has started."""
        try:
            status, duration, own_cpu_time = self._end(turn)
            turn.drain()
        finally:
            turn.close()
        cpu_before, kills_before = turn.before
        cpu_after, kills_after = self._usage.cpu_time(), self._usage.oom_kills()
        kills = None if kills_after is None or kills_before is None else kills_after - kills_before
        assert turn.reason is not None
        return Result(
            args=turn.process.args,
            status=status,
            reason=reason_of(turn.reason, status, kills),
            stdout=bytes(turn.stdout.data),
            stderr=bytes(turn.stderr.data),
            stdout_truncated=turn.stdout.truncated,
            stderr_truncated=turn.stderr.truncated,
            duration=duration,
            cpu_time=own_cpu_time if cpu_after is None or cpu_before is None else cpu_after - cpu_before,
            memory_peak=self._usage.peak(),
            oom_kills=kills,
        )

    def abandon(self, turn: Turn) -> None:
        """End a run of which nobody wants to know any more."""
        try:
            self._end(turn)
        finally:
            turn.close()

    def close(self) -> None:
        """Kill and delete it."""
        self.over = True
        try:
            self.keeper.close()
            self.container.__exit__(None, None, None)
        finally:
            self._usage.close()

    def _end(self, turn: Turn) -> tuple[ExitStatus, float, float | None]:
        """Kill all that runs, and wait until it is gone: how the program has ended, after how many seconds of the clock
        and of a processor.

        The first process of a pid namespace, where it is killed, does not end before the program has been reaped.
        """
        asked = turn.reason != "exit" and self._ask_to_end_others()
        if not turn.process.ending.await_end(PATIENCE):
            self._end_all()
        own_cpu_time = turn.own_cpu_time() if turn.before[0] is None else None
        status, duration = turn.end()
        if not asked and (status.signal == SIGKILL or not self._usage.is_one_process()):
            asked = self._ask_to_end_others()
        if asked and not self.over:
            try:
                self.keeper.others_have_ended()
            except StateError:
                self._end_all()
        if self.over:
            self.container.wait()
        return status, duration, own_cpu_time

    def _ask_to_end_others(self) -> bool:
        if not self.over:
            try:
                self.keeper.ask_to_end_others()
            except StateError:
                self._end_all()
        return not self.over

    def _end_all(self) -> None:
        """The first process is gone, and so all are going; or it does not answer, and all are made to go."""
        self.over = True
        try:
            self.container.kill()
        except SampanError:
            pass  # it has ended
