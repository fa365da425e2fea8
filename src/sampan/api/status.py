"""What the library's operations give back: plain values that do not change."""

from __future__ import annotations

import signal as signals
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, AnyStr, Generic

from sampan.errors import ExitError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process has ended: with a code, or by a signal. Both are None where nobody could tell.

    As text it is for people: "exit status 3", "signal 9 (SIGKILL)".
    """

    code: int | None = None
    """What it has given to exit(2), from 0 to 255; None where a signal has ended it."""
    signal: int | None = None
    """The number of the signal that has ended it; None where none has."""

    @property
    def success(self) -> bool:
        """Whether it has ended with code 0."""
        return self.code == 0

    def __str__(self) -> str:
        if self.code is not None:
            return f"exit status {self.code}"
        if self.signal is None:
            return "an exit status that is not known"
        try:
            name = signals.Signals(self.signal).name
        except ValueError:
            return f"signal {self.signal}"
        return f"signal {self.signal} ({name})"


@dataclass(frozen=True, slots=True)
class Completed(Generic[AnyStr]):
    """A process that has ended, with what it wrote where that was captured.

    `sampan.run` and `Container.exec` give it: of `str` where ``text`` was set, else of `bytes`.
    """

    id: str
    """Of the container."""
    args: tuple[str, ...]
    """The command line."""
    status: ExitStatus
    """How it has ended."""
    stdout: AnyStr | None = None
    """What it wrote to its standard output; None where that was not captured."""
    stderr: AnyStr | None = None
    """What it wrote to its standard error; None where that was not captured."""

    def check(self) -> None:
        """Raises ExitError, with what it wrote, unless it has ended with code 0."""
        if not self.status.success:
            name = self.args[0] if self.args else "the process"
            message = f"{name} in container {self.id} has ended with {self.status}"
            error = ExitError(message, self.status, self.stdout, self.stderr)
            error.id = self.id
            raise error


@dataclass(frozen=True, slots=True)
class State:
    """The state of a container (runtime.md#state), and what runc tells beyond it."""

    id: str
    """The container's id."""
    status: str
    """ "creating", "created", "running", "paused" or "stopped"."""
    pid: int
    """Of its process, as this program sees it; 0 where that has ended."""
    bundle: str
    """The absolute path of its bundle."""
    rootfs: str
    """The absolute path of its root filesystem."""
    created: datetime
    """When it was made, with a time zone."""
    annotations: Mapping[str, str]
    """`annotations` of its configuration (config.md#annotations)."""
    owner: str
    """The name of the user who made it."""
    oci_version: str
    """The version of the specification that this runtime follows."""

    @classmethod
    def of(cls, document: Mapping[str, object]) -> State:
        """From the document that the engine gives."""
        annotations = document["annotations"]
        assert isinstance(annotations, dict)
        assert isinstance(document["pid"], int)
        return cls(
            id=str(document["id"]),
            status=str(document["status"]),
            pid=document["pid"],
            bundle=str(document["bundle"]),
            rootfs=str(document["rootfs"]),
            created=datetime.fromisoformat(str(document["created"])),
            annotations=annotations,
            owner=str(document["owner"]),
            oci_version=str(document["ociVersion"]),
        )
