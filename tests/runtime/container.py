"""A container: a bundle, an id, and the verbs of the command line. A verb that must fail is asked for with `fails`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import cgroupfs
from .bundle import Bundle
from .driver import Result, Runtime
from .procfs import Process, children, is_zombie

State = dict[str, Any]


def eventually(condition: Callable[[], Any], what: str = "the condition", seconds: float = 10) -> Any:
    """Waits until `condition` is true, and gives its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        time.sleep(0.005)
    return value


class Container:
    def __init__(self, runtime: Runtime, bundle: Bundle, name: str, directory: Path) -> None:
        self.runtime = runtime
        self.bundle = bundle
        self.id = name
        self.directory = directory
        self.root = directory / "root"
        self.temporary = directory / "tmp"
        self.temporary.mkdir(parents=True)
        self.global_options: tuple[str, ...] = ()  # go before the verb, whichever it is
        self._stdout = directory / "stdout"
        self._stderr = directory / "stderr"
        self._pid_file = directory / "pid"
        self._background: list[subprocess.Popen[str]] = []

    # The verbs. Each one fails the test if the runtime says that it did not succeed.

    def create(self, *options: str) -> Container:
        self.call("create", *options).checked()
        return self

    def start(self) -> Container:
        before = self._arguments()
        self.call("start").checked()
        eventually(lambda: self._has_left(before), "the program")  # runc returns a moment before execve(2)
        return self

    def launch(self) -> Container:
        """create and start: the process is running (or has ended) afterwards."""
        return self.create().start()

    def kill(self, what: str = "KILL", *options: str) -> Container:
        self.call("kill", *options, signal=what).checked()
        return self

    def delete(self, *options: str) -> Container:
        self.call("delete", *options).checked()
        return self

    def state(self) -> State:
        document: State = json.loads(self.call("state").checked().stdout)
        return document

    def fails(self, verb: str, *options: str, **more: Any) -> Result:
        """The verb must be an error."""
        result = self.call(verb, *options, **more)
        assert result.status != 0, f"{result}should have been an error"
        return result

    def run(self, *options: str, stdin: str | None = None, timeout: float = 20) -> Result:
        """`run` in the foreground; its result is the process's."""
        self.bundle.write()
        return self._call(*self._creation("run", *options), stdin=stdin, timeout=timeout)

    def exec(self, *words: str, stdin: str | None = None, timeout: float = 20) -> Result:
        """`exec` in the foreground; options come first, and end with a "--": `exec("--cwd=/tmp", "--", "pwd")`."""
        return self._call(*self._further(*words), stdin=stdin, timeout=timeout)

    def _further(self, *words: str) -> tuple[str, ...]:
        options, command = [], list(words)
        while command and command[0].startswith("-") and (option := command.pop(0)) != "--":
            options.append(option)
            if "=" not in option and command[0] != "--" and not option.startswith("--no"):
                options.append(command.pop(0))
        return ("exec", *options, self.id, *command)

    def exec_in_background(self, *command: str, options: tuple[str, ...] = ()) -> int:
        """`exec --detach`; the pid of the process, whose parent we become."""
        pid_file = self.directory / "exec-pid"
        # The process keeps these: a pipe would make us wait for its end.
        with self._stdout.open("a") as stdout, self._stderr.open("a") as stderr:
            options = ("--detach", "--pid-file", str(pid_file), *options)
            self._call("exec", *options, self.id, *command, stdout=stdout, stderr=stderr).checked()
        return int(pid_file.read_text())

    def output(self, script: str) -> str:
        """What a shell in the container says; the script must succeed."""
        self.bundle.sh(script)
        return self.run().checked().output

    def command(self, verb: str, *words: str) -> list[str]:
        """The command line of `run` or `exec` (whose words are as above), for somebody else to execute."""
        if verb == "run":
            self.bundle.write()
        arguments = self._creation("run", *words) if verb == "run" else self._further(*words)
        return self.runtime.command(self.root, *self.global_options, *arguments)

    def run_in_background(self, *options: str) -> subprocess.Popen[str]:
        """`run` in the foreground of another process, which the test may send signals to."""
        command = self.command("run", *options)
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        self._background.append(process)
        return process

    # How the verbs are called.

    def call(self, verb: str, *options: str, signal: str = "", cwd: Path | None = None) -> Result:
        """Any verb about this container; called in the bundle (`cwd`) it is not told where that is."""
        detached = verb == "create" or not {"--detach", "-d"}.isdisjoint(options)
        if detached and "--pid-file" not in options:  # as every engine does
            options = ("--pid-file", str(self._pid_file), *options)
        if verb in ("create", "run"):
            self.bundle.write()
            arguments = (verb, *options, self.id) if cwd else self._creation(verb, *options)
        else:
            arguments = (verb, *options, self.id, *([signal] if signal else []))
        if verb != "start" and not detached:
            return self._call(*arguments, cwd=cwd)
        # The container keeps these: a pipe would make us wait for its end.
        with self._stdout.open("a") as stdout, self._stderr.open("a") as stderr:
            before = stderr.tell()
            result = self._call(*arguments, cwd=cwd, stdout=stdout, stderr=stderr)
        message = self._stderr.read_text(errors="replace")[before:]
        return Result(result.command, result.status, self.stdout, message)

    def _creation(self, verb: str, *options: str) -> tuple[str, ...]:
        return (verb, "--bundle", str(self.bundle.path), *options, self.id)

    def _call(self, *arguments: str, **more: Any) -> Result:
        environment = {"TMPDIR": str(self.temporary)}
        return self.runtime.call(
            self.runtime.command(self.root, *self.global_options, *arguments), environment=environment, **more
        )

    # What can be seen of it.

    @property
    def status(self) -> str:
        return str(self.state()["status"])

    @property
    def pid(self) -> int:
        return int(self.state()["pid"])

    @property
    def _init(self) -> int:
        """What create or run wrote into the pid file: known also when the process has ended, and cheap to ask for."""
        return int(self._pid_file.read_text())

    def _arguments(self) -> list[str]:
        """The process's, first the runtime's init's, then the program's; none when it has ended."""
        try:
            return self.process.arguments()
        except (FileNotFoundError, ProcessLookupError):
            return []

    def _has_left(self, arguments: list[str]) -> bool:
        """Whether the process is another program now, or has ended. In the middle of execve(2) it has no arguments."""
        now = self._arguments()
        return now != arguments and (bool(now) or is_zombie(self._init) or not self.process.directory.exists())

    @property
    def process(self) -> Process:
        """The container's process, as the host's /proc shows it."""
        return Process(self._init)

    @property
    def stdout(self) -> str:
        """What a container that was not `run` in the foreground has printed so far."""
        return self._stdout.read_text(errors="replace") if self._stdout.exists() else ""

    @property
    def exists(self) -> bool:
        return self.call("state").status == 0

    def cgroup(self, controller: str) -> Path:
        return cgroupfs.directory(self.process, controller)

    def wait(self) -> int | None:
        """Waits for the container's process, whose parent we are (see kernel.become_subreaper); gives its exit code.

        None when it ended so soon that the command that made it has waited for it already.
        """
        init, process = self._init, self.process

        def ended() -> list[int | None]:
            try:
                pid, status = os.waitpid(init, os.WNOHANG)
            except ChildProcessError:  # crun returns a moment before the process has no parent but us
                return [] if process.directory.exists() else [None]
            return [os.waitstatus_to_exitcode(status)] if pid else []

        code: int | None = eventually(ended, f"the end of process {init}")[0]
        return code

    def wait_until(self, status: str) -> Container:
        eventually(lambda: self.status == status, f"status {status!r}")
        return self

    def wait_for_output(self, text: str) -> Container:
        eventually(lambda: text in self.stdout, f"{text!r} on the container's stdout")
        return self

    # The end.

    def end_background(self) -> None:
        for process in self._background:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            for stream in (process.stdout, process.stderr):  # not to their end: the container may have them, too
                if stream is not None:
                    stream.close()

    def _kill_init(self) -> None:
        """Before the runtime is asked to: runc, for one, looks only every 100 ms whether it is dead."""
        if self._pid_file.exists() and self._init in children(os.getpid()):
            cgroupfs.thaw(self.id)
            os.kill(self._init, signal.SIGKILL)
            eventually(lambda: os.waitpid(self._init, os.WNOHANG)[0] or self._reap_others(), f"the end of {self._init}")

    def _reap_others(self) -> bool:
        """The first process of a pid namespace is gone when all others are reaped: what `exec` made has come to us."""
        for pid in children(os.getpid()):
            if pid != self._init and is_zombie(pid):
                os.waitpid(pid, 0)
        return False

    def clean_up(self) -> None:
        """Ends the container whatever state it is in."""
        self.end_background()
        self._kill_init()
        if self.root.exists() and any(self.root.rglob(f"*{self.id}*")):
            self.call("delete", "--force")
