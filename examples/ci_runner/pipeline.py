"""The file that says what is to be done: jobs, in TOML."""

from __future__ import annotations

import graphlib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import sampan

FIELDS = ("run", "needs", "artifacts", "limits")
NAME = re.compile(r"[\w-]+")


class PipelineError(Exception):
    """What is wrong with the file."""


@dataclass(frozen=True)
class Job:
    """Commands that run one after the other, in a sandbox of their own."""

    name: str
    run: list[str]
    needs: list[str] = field(default_factory=list)  # jobs that must have passed, and whose artifacts it gets
    artifacts: list[str] = field(default_factory=list)  # directories that are kept
    limits: dict[str, Any] = field(default_factory=dict)  # of sampan.Sandbox


def load(path: Path) -> list[Job]:
    """The jobs, each after those that it needs. Raises PipelineError."""
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PipelineError(f"{path}: {error}") from None
    common = document.get("limits", {})
    jobs = {name: _job(name, table, common) for name, table in document.get("jobs", {}).items()}
    if not jobs:
        raise PipelineError(f"{path}: there are no jobs: a job is a table [jobs.NAME]")
    for job in jobs.values():
        if unknown := set(job.needs) - set(jobs):
            raise PipelineError(f"jobs.{job.name}.needs: there is no job {min(unknown)}")
    try:
        order = list(graphlib.TopologicalSorter({name: job.needs for name, job in jobs.items()}).static_order())
    except graphlib.CycleError as error:
        raise PipelineError(f"these jobs wait for each other: {' -> '.join(error.args[1])}") from None
    return [jobs[name] for name in order]


def _job(name: str, table: dict[str, Any], common: dict[str, Any]) -> Job:
    if not NAME.fullmatch(name):
        raise PipelineError(f"jobs.{name}: a name has letters, digits, _ and - alone")
    for key, value in table.items():
        if key not in FIELDS:
            raise PipelineError(f"jobs.{name}.{key}: there is no such field; there are {', '.join(FIELDS)}")
        if not (isinstance(value, dict) if key == "limits" else is_list_of_texts(value)):
            raise PipelineError(f"jobs.{name}.{key}: must be a {'table' if key == 'limits' else 'list of texts'}")
    if not table.get("run"):
        raise PipelineError(f"jobs.{name}.run: must be a list of commands")
    for artifact in map(PurePath, table.get("artifacts", [])):
        if artifact.is_absolute() or ".." in artifact.parts or not artifact.parts:
            raise PipelineError(f"jobs.{name}.artifacts: {artifact} is not below the project's directory")
    job = Job(name, **{**table, "limits": {**common, **table.get("limits", {})}})
    try:
        sampan.Sandbox(**job.limits).close()  # which judges them, and makes nothing
    except (sampan.UsageError, TypeError) as error:
        raise PipelineError(f"jobs.{name}.limits: {error}") from None
    return job


def is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)
