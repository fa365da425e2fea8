"""Every error that sampan raises, in one tree, and nothing else.

A message says what was tried, on what, what the kernel said, which field of config.json asked for it and
what to change. The module is on the hot path: it imports nothing at run time.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.api.status import ExitStatus


class SampanError(Exception):
    """Base of every error that sampan raises on purpose.

    What a program may want to know of it has a field on every error, which is empty where it does not apply.
    """

    exit_status = 1
    """Of a command that fails with it."""
    id = ""
    """Of the container that it is about; set by the library."""
    field = ""
    """Of config.json, as "process.args[0]"."""
    errno = 0
    """What the kernel said: a number of the module `errno`."""


class UsageError(SampanError):
    """The command line, or an argument of the library, cannot be understood."""


class Problem:
    """One thing that is wrong with a document: which field, its value, the rule that it breaks, and where the rule
    stands.
    """

    __slots__ = ("field", "rule", "section", "value")

    def __init__(self, field: str, value: object, rule: str, section: str) -> None:
        self.field = field
        """As "linux.resources.memory.limit", "mounts[2].options[0]"; "" is the document itself."""
        self.value = value
        """What was found; None where nothing was."""
        self.rule = rule
        """Completes "FIELD ...": "must be an absolute path"."""
        self.section = section
        """Of the specification, as "config.md#process"; "" where no text of it is behind the rule."""

    def __str__(self) -> str:
        field = self.field or "the document"
        found = "" if self.value is None else f" (found {_shorten(self.value)})"
        section = f" [{self.section}]" if self.section else ""
        return printable(f"{field}: {self.rule}{found}{section}")

    def __repr__(self) -> str:
        return f"Problem({str(self)!r})"


class ConfigError(SampanError):
    """A document breaks the specification, or asks for what this runtime or kernel cannot do.

    Holds all the problems of the document, not only the first.
    """

    def __init__(self, document: str, problems: Sequence[Problem]) -> None:
        self.document = document
        """ "config.json", or its path."""
        self.problems = tuple(problems)
        """All of them, as Problem objects."""
        if len(self.problems) == 1:
            message = f"{document}: {self.problems[0]}"
        else:
            lines = "".join(f"\n  {problem}" for problem in self.problems)
            message = f"{document}: {len(self.problems)} problems:{lines}"
        self.field = self.problems[0].field if self.problems else ""
        super().__init__(message)


class PlatformError(SampanError):
    """A valid configuration, but for another platform than Linux containers."""


class KernelError(SampanError):
    """A system call failed: ``operation`` on ``subject`` gave ``errno``; ``field`` of config.json asked for it."""

    def __init__(self, operation: str, subject: str, errno: int, field: str = "", detail: str = "") -> None:
        from posix import strerror

        self.operation = operation
        """What was tried, as "mount proc", "write cgroup.procs"."""
        self.subject = subject
        """On what, as "/proc", "/sys/fs/cgroup/pids/web"."""
        self.errno = errno
        self.field = field
        self.detail = detail
        """What the kernel said beyond the number, or what to do about it."""
        where = f"{field}: " if field else ""
        what = f"{operation} {subject}".rstrip()
        more = f" ({detail})" if detail else ""
        super().__init__(f"{where}{what}: {strerror(errno).lower()}{more}")


class HookError(SampanError):
    """A hook could not be started, failed or took longer than its timeout."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.field = message.partition(":")[0]  # "hooks.prestart[0]"


class ExecutableError(SampanError):
    """The program of `process.args` cannot be run."""

    field = "process.args[0]"

    def __init__(self, message: str, errno: int) -> None:
        super().__init__(message)
        self.errno = errno


class NotFoundError(SampanError):
    """There is no container of that id."""


class ExistsError(SampanError):
    """There is already a container of that id."""


class StateError(SampanError):
    """The container is not in a state that permits the operation (runtime.md, Operations)."""


def printable(text: str) -> str:
    """One line that is safe on a terminal: what a document brings along must not look like words of the runtime."""
    if text.isprintable():
        return text
    return "".join([character if character.isprintable() else repr(character)[1:-1] for character in text])


class ExitError(SampanError):
    """A process has ended, but not with exit status 0, which was asked for (``check``)."""

    def __init__(
        self, message: str, status: ExitStatus, stdout: str | bytes | None, stderr: str | bytes | None
    ) -> None:
        super().__init__(message)
        self.status = status
        """How it has ended."""
        self.stdout = stdout
        """What it wrote to its standard output, where that was captured."""
        self.stderr = stderr
        """What it wrote to its standard error, where that was captured."""


class TimeoutExpiredError(SampanError, TimeoutError):  # type: ignore[misc] # errno is 0, not None
    """A process has not ended within the time that it was given."""

    def __init__(
        self, message: str, timeout: float, stdout: str | bytes | None = None, stderr: str | bytes | None = None
    ) -> None:
        super().__init__(message)
        self.timeout = timeout
        """In seconds."""
        self.stdout = stdout
        """What it had written to its standard output by then, where that was captured."""
        self.stderr = stderr
        """What it had written to its standard error by then, where that was captured."""


def _shorten(value: object) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a program may ask about numbers and depths that JSON does not have
        return f"a value of type {type(value).__name__} that is too large to show"
    return text if len(text) <= 80 else text[:76] + " ..."
