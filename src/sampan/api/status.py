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
    """How a process has ended: with a code, or by a signal. Both are None where nobody could tell."""

    code: int | None = None
    signal: int | None = None

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
    """A process that has ended, with what it wrote where that was captured."""

    id: str  # of the container
    args: tuple[str, ...]
    status: ExitStatus
    stdout: AnyStr | None = None
    stderr: AnyStr | None = None

    def check(self) -> None:
        """Raises ExitError unless it has ended with code 0."""
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
    status: str  # "creating", "created", "running", "paused" or "stopped"
    pid: int  # of its process; 0 where that has ended
    bundle: str
    rootfs: str
    created: datetime
    annotations: Mapping[str, str]
    owner: str  # the name of the user who made it
    oci_version: str

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
