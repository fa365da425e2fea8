"""The runtime under test as a program: how to find it, who it says it is, and what it says it can do."""

from __future__ import annotations

import functools
import json
import os
import select
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

TIMEOUT = 20.0


@dataclass(frozen=True)
class Result:
    """How one command ended."""

    command: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout.rstrip("\n")

    def checked(self) -> Result:
        """This result, if the command succeeded."""
        assert self.status == 0, f"{self} failed"
        return self

    def __str__(self) -> str:
        return f"{' '.join(self.command)}: status {self.status}\nstdout: {self.stdout}\nstderr: {self.stderr}"


class Runtime:
    """One program with `runc`'s command line."""

    def __init__(self, program: str) -> None:
        found = shutil.which(program)
        if found is None:
            raise FileNotFoundError(f"runtime {program!r} is not in PATH ({os.environ.get('PATH')})")
        self.path = os.path.abspath(found)

    @functools.cached_property
    def _version_lines(self) -> list[str]:
        answer = subprocess.run([self.path, "--version"], capture_output=True, text=True, timeout=TIMEOUT, check=True)
        return answer.stdout.splitlines()

    @property
    def name(self) -> str:
        """The first word of `NAME version X`, whatever the file is called."""
        return self._version_lines[0].split()[0]

    @property
    def version(self) -> tuple[int, ...]:
        number = self._version_lines[0].split(" version ")[1].split("+")[0].split("-")[0]
        return tuple(int(part) for part in number.split(".") if part.isdigit())

    @property
    def is_sampan(self) -> bool:
        return self.name == "sampan"

    @functools.cached_property
    def features(self) -> dict[str, Any] | None:
        """The features structure, or None for a runtime that predates it."""
        answer = subprocess.run([self.path, "features"], capture_output=True, text=True, timeout=TIMEOUT)
        return json.loads(answer.stdout) if answer.returncode == 0 else None

    def admits(self, *path: str) -> bool:
        """Whether the features structure says that it can do something; what it leaves open, the test finds out.

        `admits("linux", "namespaces", "time")`: the last word is looked up in the list or map that the others lead to.
        """
        at: Any = self.features
        for name in path[:-1]:
            at = at.get(name) if isinstance(at, dict) else None
        if at is None:
            return True
        return bool(at.get(path[-1], False)) if isinstance(at, dict) else path[-1] in at

    def command(self, root: Path, *arguments: str) -> list[str]:
        return [self.path, "--root", str(root), *arguments]

    def call(
        self,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        environment: dict[str, str] | None = None,
        stdin: str | None = None,
        stdout: IO[str] | None = None,
        stderr: IO[str] | None = None,
        descriptors: Sequence[int] = (),
        timeout: float = TIMEOUT,
    ) -> Result:
        """Runs one command to its end. Output goes to the given files, or into the result."""
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=None if environment is None else os.environ | environment,
            stdin=subprocess.PIPE,  # never the host's /dev/null: crun gives that away to the container's user
            stdout=stdout or subprocess.PIPE,
            stderr=stderr or subprocess.PIPE,
            text=True,
            pass_fds=descriptors,
        )
        with process:
            try:
                if stdout is not None:
                    _wait(process, timeout)
                out, err = process.communicate(stdin or "", timeout)
            except BaseException:
                process.kill()
                raise
        return Result(tuple(command), process.returncode, out or "", err or "")


def _wait(process: subprocess.Popen[str], timeout: float) -> None:
    """As process.wait(timeout), but that sleeps and looks and sleeps; this is awake at once."""
    descriptor = os.pidfd_open(process.pid)
    try:
        if not select.select([descriptor], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(process.args, timeout)
    finally:
        os.close(descriptor)
