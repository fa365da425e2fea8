"""What a further process is like: the container's own process, changed as the caller says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from sampan.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sampan.spec.types import Config
    from sampan.spec.types import Process as Document

    User = str | int | tuple[int, int]


def describe(
    command: Sequence[str] | Document,
    env: Mapping[str, str] | None,
    cwd: str | None,
    user: User | None,
    *,
    terminal: bool,
) -> Callable[[Config], Document]:
    """Makes a `process` object of the container's configuration. Raises UsageError for what cannot be one.

    Where ``command`` is such an object itself, it is taken as it is.
    """
    if isinstance(command, Mapping):
        if env is not None or cwd is not None or user is not None or terminal:
            raise UsageError("env, cwd, user and terminal are fields of the process object already")
        document = cast("Document", dict(command))
        return lambda _config: document
    words = check_words(command)
    who = None if user is None else _ids(user)

    def changed(config: Config) -> Document:
        process: Document = config.setdefault("process", {"cwd": "/"})
        process["args"] = words
        process["terminal"] = terminal
        if env:
            process["env"] = [*process.get("env", ()), *(f"{name}={value}" for name, value in env.items())]
        if cwd is not None:
            process["cwd"] = cwd
        if who is not None:
            process.setdefault("user", {"uid": 0, "gid": 0}).update(who)  # type: ignore[typeddict-item]
        return process

    return changed


def check_words(command: Sequence[str]) -> list[str]:
    """The words of a command line. Raises UsageError for what is none."""
    if isinstance(command, str) or not command or not all(isinstance(word, str) for word in command):
        raise UsageError(f"a command is a list of words such as ['sh', '-c', '...'], not {command!r}")
    return list(command)


def words_of(command: Sequence[str] | Document) -> tuple[str, ...]:
    """The command line."""
    return tuple(command.get("args", ()) if isinstance(command, Mapping) else command)


def _ids(user: User) -> dict[str, int]:
    if isinstance(user, str):
        numbers = user.split(":")
        if len(numbers) > 2 or not all(number.isascii() and number.isdigit() for number in numbers):
            raise UsageError(f'user must be "UID" or "UID:GID" in numbers, not {user!r}')
        return dict(zip(("uid", "gid"), map(int, numbers), strict=False))
    return {"uid": user} if isinstance(user, int) else {"uid": user[0], "gid": user[1]}
