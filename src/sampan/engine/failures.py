"""Words for what init could not do: the engines above a runtime choose their own exit status by some of them."""

from __future__ import annotations

import errno

from sampan.errors import KernelError, SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.plan.operations import Operation


class ExecutableError(SampanError):
    """The program of `process.args` cannot be run."""


def explain(operation: Operation, call: str, error: int, detail: str) -> SampanError:
    """The error for an operation that failed with ``error`` in the system call ``call``."""
    if operation.name in ("find_executable", "execute"):
        return _executable(operation, error)
    if operation.name == "working_directory":
        return KernelError("chdir to cwd", _text(operation.args[0]), error, operation.cause, detail)
    subject = _subject(operation)
    hints = [hint for hint in (detail, _hint(operation, error)) if hint]
    return KernelError(f"{operation.name.replace('_', ' ')}: {call}", subject, error, operation.cause, "; ".join(hints))


def _executable(operation: Operation, error: int) -> SampanError:
    """In runc's words: podman and docker look for "executable file not found", "no such file or directory" and
    "permission denied"."""
    from posix import strerror

    name = _text(operation.args[0])
    if error == errno.ENOENT and operation.name == "find_executable" and "/" not in name:
        reason = "executable file not found in $PATH"
    elif error == errno.ENOEXEC:
        reason = "exec format error: it is neither a program for this machine nor a script with #! in its first line"
    else:
        reason = strerror(error).lower()
    if error == errno.ENOENT and operation.name == "execute":
        reason += " (the file is there, but the interpreter or loader that it names is not)"
    return ExecutableError(f'process.args[0]: exec: "{name}": {reason}')


def _subject(operation: Operation) -> str:
    """The one argument that a person would name."""
    args = operation.args
    if operation.name == "mount":
        _, source, _, target, kind, *_ = (_text(argument) for argument in args)
        return f"{kind or source} on {target}"
    if operation.name in ("device", "symlink"):
        return f"{_text(args[0]).rstrip('/')}/{_text(args[1])}"
    return args[0] if args and isinstance(args[0], str) else ""


def _text(argument: int | str | bytes) -> str:
    """An argument, or the first of the strings that it holds."""
    if isinstance(argument, bytes):
        return argument.partition(b"\0")[0].decode(errors="surrogateescape")
    return str(argument)


def _hint(operation: Operation, error: int) -> str:
    if operation.name == "mount" and error == errno.ENODEV:
        return "this kernel does not know the type of file system"
    if operation.name == "rlimit" and error == errno.EPERM:
        return "raising a hard limit needs CAP_SYS_RESOURCE, which the runtime does not have"
    if operation.name == "write_proc" and error == errno.ENOENT and str(operation.args[0]).startswith("sys/"):
        return "this kernel has no such sysctl"
    if operation.name == "mount" and error == errno.ENOTDIR:
        return "a directory cannot be mounted over a file, nor a file over a directory"
    if operation.name == "groups" and error == errno.EPERM:
        return "a rootless mapping of one id has no further groups"
    return ""
