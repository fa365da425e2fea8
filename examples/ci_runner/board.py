"""What a person sees: bars that move on a terminal, lines in a pipe, and a table in the end."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Column, Table
from rich.text import Text

from pipeline import Job
from runner import Progress as JobProgress
from runner import State

STYLES = {"waiting": "dim", "running": "cyan", "passed": "green", "failed": "bold red", "skipped": "yellow"}
SIGNS = {"waiting": "·", "running": "▸", "passed": "✓", "failed": "✗", "skipped": "-"}


class Board:
    """Shows progress for the time of a `with` block."""

    def __init__(self, jobs: list[Job], console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[doing]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks = {
            job.name: self._bars.add_task(looks(job.name, "waiting"), total=len(job.run), start=False, doing="")
            for job in jobs
        }

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def tell(self, progress: JobProgress) -> None:
        """Show how far a job is."""
        task = self._tasks[progress.job.name]
        if progress.state == "running" and progress.done == 0:
            self._bars.start_task(task)
        description = looks(progress.job.name, progress.state)
        self._bars.update(task, completed=progress.done, description=description, doing=progress.doing)
        if progress.state != "running":
            self._bars.stop_task(task)
        if not self._console.is_terminal:
            line = f"{progress.job.name}: {progress.state} {progress.doing}"
            self._console.print(Text(line.rstrip()), soft_wrap=True)

    def summary(self, progress: list[JobProgress]) -> None:
        """The logs of what has failed, and a table of all."""
        for each in progress:
            if each.state == "failed":
                self._console.print(Rule(Text(each.job.name), style="red"))
                self._console.print(Text(printable(each.log.rstrip())))
        table = Table("job", "state", "commands", "seconds", "how it ended")
        for each in progress:
            row = (each.job.name, Text(each.state, STYLES[each.state]), f"{each.done}/{len(each.job.run)}")
            table.add_row(*row, f"{each.seconds:.1f}", Text(each.doing))
        self._console.print(table)


def printable(log: str) -> str:
    """Without what a terminal would obey."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in log)


def looks(name: str, state: State) -> str:
    """In rich's markup."""
    return f"[{STYLES[state]}]{SIGNS[state]} {name}"
