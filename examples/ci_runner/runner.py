"""Runs jobs, each in a sandbox of its own, as many at once as there is room for."""

from __future__ import annotations

import asyncio
import io
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sampan
from pipeline import Job
from sampan import aio

State = Literal["waiting", "running", "passed", "failed", "skipped"]
WORK = "/tmp/work"  # in the sandbox: what the commands see
ENDS = {"timeout": "took too long", "oom": "took too much memory", "output": "wrote too much"}


@dataclass
class Progress:
    """How far a job is."""

    job: Job
    state: State = "waiting"
    done: int = 0  # commands
    doing: str = ""  # the command, or why it came no further
    log: str = ""
    seconds: float = 0.0


class Runner:
    """`progress` is of each job, and ``tell`` is called whenever that has changed."""

    def __init__(
        self, jobs: list[Job], source: Path, store: Path, at_once: int, tell: Callable[[Progress], None]
    ) -> None:
        self.progress = {job.name: Progress(job) for job in jobs}
        self._tell = tell
        self._room = asyncio.Semaphore(at_once)
        self._source = packed(source, store)
        self._store = store

    async def run(self) -> bool:
        """Whether all jobs have passed. When it is cancelled, no sandbox and no process of one stays."""
        tasks: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            for name, progress in self.progress.items():
                needed = [tasks[need] for need in progress.job.needs]
                tasks[name] = group.create_task(self._job(progress, needed))
        return all(each.state == "passed" for each in self.progress.values())

    async def _job(self, progress: Progress, needed: list[asyncio.Task[None]]) -> None:
        await asyncio.gather(*needed)
        if missing := [need for need in progress.job.needs if self.progress[need].state != "passed"]:
            self._change(progress, "skipped", f"needs {', '.join(missing)}")
            return
        async with self._room:
            begun = asyncio.get_running_loop().time()
            try:
                await self._in_sandbox(progress)
            except sampan.SampanError as error:  # no sandbox, no artifact
                progress.log += f"{error}\n"
                self._change(progress, "failed", str(error))
            progress.seconds = asyncio.get_running_loop().time() - begun

    async def _in_sandbox(self, progress: Progress) -> None:
        job = progress.job
        async with aio.Sandbox(**job.limits) as sandbox:
            unpack = ["sh", "-c", f"mkdir {WORK} && tar -x -C {WORK}"]
            await sandbox.run(unpack, input=self._source, check=True)
            for need in job.needs:
                for artifact in self.progress[need].job.artifacts:
                    await sandbox.put_tree(self._store / need / artifact, f"{WORK}/{artifact}")
            for command in job.run:
                self._change(progress, "running", command)
                result = await sandbox.run(["sh", "-c", f"exec 2>&1\n{command}"], cwd=WORK, text=True)
                progress.log += f"$ {command}\n{result.stdout}"
                if not result.success:
                    self._change(progress, "failed", ENDS.get(result.reason, str(result.status)))
                    return
                progress.done += 1
            for artifact in job.artifacts:
                place = self._store / job.name / artifact
                shutil.rmtree(place, ignore_errors=True)  # of an earlier run
                place.parent.mkdir(parents=True, exist_ok=True)
                await sandbox.get_tree(f"{WORK}/{artifact}", place)
        self._change(progress, "passed")

    def _change(self, progress: Progress, state: State, doing: str = "") -> None:
        progress.state, progress.doing = state, doing
        self._tell(progress)


def packed(source: Path, store: Path) -> bytes:
    """A tar archive of the project, without what is hidden, and what jobs have left."""

    def wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        path = source / member.name
        hidden = path.name.startswith(".") and path != source
        return None if hidden or path == store else member

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(source, ".", filter=wanted)
    return buffer.getvalue()
