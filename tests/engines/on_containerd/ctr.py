"""containerd's own command, with one runtime."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from ..view import Command, Result
from .site import IMAGE, STATES, Site

NAMESPACE = "default"
LINGER = "sleep 0.2"  # for the end of scripts: ctr does not wait for all output of what ends at once
_numbers = itertools.count(1)


class Ctr:
    """`ctr` with one runtime. What is started by it is remembered, and removed by `tidy`."""

    def __init__(self, site: Site, runtime: str) -> None:
        self.site = site
        self.runtime = runtime
        self._containers: list[str] = []

    def __call__(self, *words: str, stdin: str = "") -> Result:
        """Any command of ctr."""
        return self.site.view.run("ctr", *words, stdin=stdin)

    def in_background(self, *words: str, **descriptors: int) -> Command:
        return self.site.view.start(["ctr", *words], **descriptors)

    def run(self, *words: str, stdin: str = "") -> Result:
        """`ctr run --rm OPTIONS IMAGE ID WORDS`; options are the words before "--"."""
        return self(*self.words_to_run("--rm", *words), stdin=stdin)

    def detached(self, *words: str) -> str:
        """A container in the background; its id."""
        command = self.words_to_run("--detach", "--null-io", *words)
        self(*command).checked()
        return self._containers[-1]

    def words_to_run(self, *words: str) -> list[str]:
        at = words.index("--")
        self._containers.append(f"test-{next(_numbers)}")
        return ["run", *self.binary, *words[:at], IMAGE, self._containers[-1], *words[at + 1 :]]

    @property
    def binary(self) -> list[str]:
        """The option that names the runtime."""
        return ["--runc-binary", self.site.runtimes[self.runtime]]

    @property
    def last(self) -> str:
        """The id of the container that was asked for last."""
        return self._containers[-1]

    def task(self, container: str) -> Task | None:
        """A line of `ctr tasks ls`."""
        for line in self("tasks", "ls").checked().lines[1:]:
            name, pid, status = line.split()
            if name == container:
                return Task(int(pid), status)
        return None

    def deleted(self, container: str) -> int:
        """The status of a task that has ended, as `ctr tasks delete` tells it."""
        told = self("tasks", "delete", container).checked().stderr
        found = re.search(r"exit code (\d+)", told)
        return int(found[1]) if found else 0

    def exec(self, container: str, *words: str, options: tuple[str, ...] = (), stdin: str = "") -> Result:
        command = ["tasks", "exec", "--exec-id", f"exec-{next(_numbers)}", *options, container, *words]
        return self(*command, stdin=stdin)

    def limit(self, container: str, v1: str, v2: str) -> str:
        return self.site.limit(container, v1, v2)

    def state(self, container: str) -> Result:
        """What the runtime itself knows of a container."""
        program = self.site.runtimes[self.runtime]
        return self.site.view.run(program, "--root", f"{STATES}/{NAMESPACE}", "state", container)

    def tidy(self) -> None:
        """Removes what tests have started."""
        containers, self._containers = self._containers, []
        there = self("containers", "ls", "--quiet").checked().lines
        tasks = self("tasks", "ls", "--quiet").checked().lines
        for container in containers:
            if container in tasks:
                self("tasks", "delete", "--force", container)  # its status is the task's
            if container in there:
                self("containers", "delete", container).checked()


@dataclass(frozen=True)
class Task:
    pid: int
    status: str
