"""Runs the jobs of a file in sandboxes: `python ci.py ci.toml`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from rich.console import Console

from board import Board
from pipeline import Job, PipelineError, load
from runner import Runner

CANCELLED = 130  # as shells tell of SIGINT


async def run(jobs: list[Job], source: Path, store: Path, at_once: int, console: Console) -> int:
    board = Board(jobs, console)
    runner = Runner(jobs, source, store, at_once, board.tell)
    with board:
        passed = await runner.run()
    board.summary(list(runner.progress.values()))
    return 0 if passed else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="the jobs; the project is the directory that it is in")
    parser.add_argument("--at-once", type=int, default=os.cpu_count(), metavar="N", help="jobs that run at one time")
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIRECTORY")
    options = parser.parse_args()
    console = Console()
    try:
        jobs = load(options.file)
    except PipelineError as error:
        console.print(f"ci: {error}", style="red", markup=False)
        return 2
    source, store = options.file.resolve().parent, options.artifacts.resolve()
    try:
        return asyncio.run(run(jobs, source, store, options.at_once, console))
    except KeyboardInterrupt:
        console.print("cancelled; all sandboxes are gone", style="yellow")
        return CANCELLED


if __name__ == "__main__":
    sys.exit(main())
