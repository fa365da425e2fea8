"""What the command lines of podman and docker have in common."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from .view import Command, Result, View


class Engine(ABC):
    """An engine in a private view, with one runtime. What is started by it is remembered, and removed by `tidy`."""

    def __init__(self, view: View, runtime: str, image: str) -> None:
        self.view = view
        self.runtime = runtime
        self.image = image
        self._containers: list[str] = []

    def __call__(self, *words: str, stdin: str = "") -> Result:
        """Any command of the engine."""
        return self.view.run(*self._command(words), stdin=stdin)

    def in_background(self, *words: str, **descriptors: int) -> Command:
        return self.view.start(self._command(words), **descriptors)

    def run(self, *words: str, stdin: str = "") -> Result:
        """`run --rm OPTIONS IMAGE WORDS`; options are the words before "--"."""
        return self("run", "--rm", *self.with_image(words), stdin=stdin)

    def detached(self, *words: str) -> str:
        """A container in the background; its id."""
        return self.remember(self("run", "--detach", *self.with_image(words)).checked().output)

    def created(self, *words: str) -> str:
        return self.remember(self("create", *self.with_image(words)).checked().output)

    def inspect(self, container: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(self("container", "inspect", container).checked().stdout)
        return found[0]

    def status(self, container: str) -> str:
        return self("inspect", "--format", "{{.State.Status}}", container).checked().output

    def logs(self, container: str) -> str:
        return self("logs", container).checked().stdout

    def wait_for_log(self, container: str, text: str) -> None:
        eventually(lambda: text in self.logs(container), f"{text!r} in the log of {container}")

    def remember(self, container: str) -> str:
        self._containers.append(container)
        return container

    @abstractmethod
    def tidy(self) -> None:
        """Removes what tests have started; each must be removable, or be gone already."""

    @abstractmethod
    def _command(self, words: Sequence[str]) -> list[str]:
        """The words of a shell for a command of the engine."""

    def with_image(self, words: Sequence[str]) -> list[str]:
        """The image stands between the options and the command."""
        if "--" not in words:
            return [self.image, *words]
        at = words.index("--")
        return [*words[:at], self.image, *words[at + 1 :]]


def eventually(condition: Callable[[], bool], what: str, timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
        time.sleep(0.05)
