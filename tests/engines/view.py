"""A private view of the machine: namespaces, cgroups and state directories of its own, that end with the view.

Commands in it are run by its first process (view_init.py), so that they are in the view's cgroups from the start.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from .cgroups import OwnCgroups, names_of

TIMEOUT = 40.0  # seconds for one command
PATIENCE = 60.0  # seconds until a daemon answers
NAMESPACES = ["--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup"]
JOIN_AND_RUN = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"'

# What engines and runtimes keep outside of the directories that they are told to use.
FRESH = [
    "/run",
    "/dev/shm",
    "/etc/containers",
    "/etc/cni",
    "/var/lib/containers",
    "/var/lib/cni",
    "/var/cache/containers",
]


def need(*programs: str) -> None:
    """Skips a test where a view cannot be, or these programs are not."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it makes namespaces and cgroups")
    if missing := [program for program in ("unshare", "ip", *programs) if shutil.which(program) is None]:
        pytest.skip(f"not installed: {', '.join(missing)} (scripts/install-debian-packages engines)")


@contextmanager
def own_directory() -> Iterator[Path]:
    """A directory for a view, which processes of user namespaces may enter."""
    directory = Path(tempfile.mkdtemp(prefix="engines-test-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


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

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()

    def checked(self) -> Result:
        """This result, if the command succeeded."""
        assert self.status == 0, f"{self}\nfailed"
        return self

    def __str__(self) -> str:
        return f"{' '.join(self.command)}: status {self.status}\nstdout: {self.stdout}\nstderr: {self.stderr}"


class Command:
    """A command that runs in a view. Its output goes to files, so that it never waits for a reader."""

    def __init__(self, view: View, number: int, words: Sequence[str], stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self._view, self._number, self._words = view, number, words
        self._stdout, self._stderr = stdout, stderr

    def send_signal(self, number: signal.Signals) -> None:
        self._view.order({"number": self._number, "signal": int(number)})

    def output_so_far(self) -> str:
        return _read(self._stdout)

    def wait(self, timeout: float = TIMEOUT) -> Result:
        try:
            return self._ended(self._view.wait_for(self._number, timeout))
        except TimeoutError:
            self.send_signal(signal.SIGKILL)
            raise AssertionError(f"{self._ended(-9)}\nit did not end within {timeout:g} s") from None

    def forget(self) -> None:
        """It goes on, or not, and nobody wants to know."""
        self._stdout.close()
        self._stderr.close()

    def _ended(self, status: int) -> Result:
        with self._stdout, self._stderr:
            return Result(tuple(self._words), status, _read(self._stdout), _read(self._stderr))


def _read(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), 1 << 24, 0).decode(errors="replace")


class View:
    """`files` are written in it before anything runs: what the engine finds in its fresh directories.

    `directory` is one for our own use, where there may be devices.
    """

    def __init__(self, directory: Path, files: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._numbers = itertools.count()
        self._statuses: dict[int, int] = {}
        self._daemons: list[Command] = []
        self.cgroups = OwnCgroups(f"engines-test-{uuid.uuid4().hex[:8]}")
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [
                    "sh",
                    "-c",
                    JOIN_AND_RUN,
                    "sh",
                    *map(str, self.cgroups.directories),
                    "--",
                    *self._first(directory, files),
                ],
                stdin=theirs.fileno(),
                env={"PATH": os.environ["PATH"]},
            )
        try:
            self._receive(TIMEOUT)
            self.cgroups.clear_tops_of_v2()
        except BaseException:
            self.close()
            raise

    def _first(self, directory: Path, files: Mapping[str, str]) -> list[str]:
        shown = [[one.name, one.kind, one.options, names_of(one)] for one in self.cgroups.hierarchies]
        null = str(directory / "null")
        setting = {"hierarchies": shown, "fresh": FRESH, "null": null, "files": list(files.items())}
        ending = ["--fork", "--mount-proc", "--kill-child", "--propagation", "private"]
        program = Path(__file__).with_name("view_init.py")
        return ["unshare", *NAMESPACES, *ending, sys.executable, "-I", "-S", str(program), json.dumps(setting)]

    @property
    def first_pid(self) -> int:
        """Its first process, as the machine numbers it."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int(children.read_text())

    def start(
        self, words: Sequence[str], *, stdin: int | None = None, stdout: int | None = None, stderr: int | None = None
    ) -> Command:
        """Starts a command; descriptors that are not given are no input, and files for the output."""
        out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - the command closes them
        with open(os.devnull) as nothing:
            descriptors = [
                nothing.fileno() if stdin is None else stdin,
                out.fileno() if stdout is None else stdout,
                err.fileno() if stderr is None else stderr,
            ]
            number = next(self._numbers)
            order = {"number": number, "command": list(words), "environment": self._environment}
            self.order(order, descriptors)
        return Command(self, number, words, out, err)

    def run(self, *words: str, stdin: str = "", timeout: float = TIMEOUT) -> Result:
        """Runs a command to its end."""
        with tempfile.TemporaryFile() as text:
            text.write(stdin.encode())
            text.seek(0)
            return self.start(words, stdin=text.fileno()).wait(timeout)

    def start_daemon(self, daemon: Sequence[str], log: Path, answers: Sequence[str]) -> Command:
        """Starts a daemon, and waits until the command ``answers`` succeeds. It ends with the view, if not before."""
        with log.open("ab") as output:
            started = self.start(daemon, stdout=output.fileno(), stderr=output.fileno())
        self._daemons.append(started)
        deadline = time.monotonic() + PATIENCE
        while self.run(*answers).status != 0:
            assert time.monotonic() < deadline, f"{daemon[0]} does not answer:\n{log.read_text()}"
            time.sleep(0.1)
        return started

    def order(self, order: Mapping[str, object], descriptors: Sequence[int] = ()) -> None:
        socket.send_fds(self._orders, [json.dumps(order).encode()], descriptors)

    def wait_for(self, number: int, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while number not in self._statuses:
            answer = self._receive(max(deadline - time.monotonic(), 0.001))
            self._statuses[answer["number"]] = answer["status"]
        return self._statuses.pop(number)

    def _receive(self, timeout: float) -> dict[str, int]:
        self._orders.settimeout(timeout)
        message = self._orders.recv(4096)
        if not message:
            raise RuntimeError("the private view has ended; its standard error says why")
        answer: dict[str, int] = json.loads(message)
        return answer

    def close(self) -> None:
        """Ends all that runs in it."""
        self._orders.close()
        for daemon in self._daemons:
            daemon.forget()
        self._process.wait(TIMEOUT)
        self.cgroups.remove()
