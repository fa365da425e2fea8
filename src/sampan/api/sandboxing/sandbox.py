"""`sampan.Sandbox`."""

from __future__ import annotations

import math
import os
from threading import Lock
from typing import TYPE_CHECKING, Literal, overload

from sampan.api.describing import check_words
from sampan.api.sandboxing import files
from sampan.api.sandboxing.life import Life
from sampan.api.sandboxing.template import WORK, Template
from sampan.errors import StateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self, Unpack

    from sampan.api.making import Path
    from sampan.api.sandboxing.result import Result
    from sampan.api.sandboxing.template import Limits, Means, Options, Resource
    from sampan.api.sandboxing.turn import Overflow, Turn


class Sandbox:
    """A place for programs that nobody trusts: without network and privileges, limited, and killed for too much.

    It is made by `start`, by the beginning of a `with` block, or by the first run; the end of the block, or `close`,
    removes all of it. One program runs at a time, and others wait for it. Each is the user 1000 in a container of the
    hardened profile. What a run starts is killed at its end; its files below /tmp stay for the next one until `reset`.
    Any thread may use it.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        """Nothing is made yet. Sizes are bytes, or like "64M".

        - ``rootfs``: the directory that is its root, read-only; without it the host's programs, and little else of it.
        - ``memory`` ("256M"), ``cpus`` (1.0), ``processes`` (64): for all in it together.
        - ``work`` ("64M"): the files below /tmp, which are in its memory, of which this is half at most.
        - ``output`` ("1M"): how much is kept of each of stdout and stderr.
        - ``timeout`` (10.0): how many seconds a run may take; None is any number.
        - ``executable`` (False): whether files below /tmp may be run as programs.
        - ``env``: variables that each run gets.
        - ``root``: where containers' states are kept, by default where the command keeps them.
        - ``configure``: gets the configuration, a `Spec`, and gives one that is more as it should be.

        Raises UsageError for what makes no sense.
        """
        self._set_up(Template(**options))
        self._own_template = True

    def _set_up(self, template: Template) -> None:
        self._template = template
        self._own_template = False
        self._lock = Lock()
        self._life: Life | None = None
        self._closed = False
        self._program = os.getpid()

    @property
    def limits(self) -> Limits:
        """What it may use."""
        return self._template.limits

    @property
    def enforced(self) -> Mapping[Resource, Means]:
        """By what the limits of "memory", "cpu" and "processes" are kept on this machine, for this user.

        "cgroup": exactly, for all in the sandbox together. "rlimit": of each process apart (memory), or by counting
        (the processes of its user namespace). "nothing": not at all. Time, output and files are limited in any case.
        """
        return self._template.enforced

    @property
    def id(self) -> str:
        """The id of its container; "" where there is none."""
        return self._life.container.id if self._life is not None else ""

    @property
    def alive(self) -> bool:
        """Whether it takes runs: it is made, and its first process has not been killed."""
        return self._life is not None and not self._life.over and self._life.container.poll() is None

    def start(self) -> None:
        """Make it, unless it is made already. Raises SampanError; then nothing is left."""
        with self._lock:
            self._started()

    @overload
    def run(
        self,
        command: Sequence[str],
        *,
        input: bytes | str | None = ...,
        text: Literal[False] = ...,
        timeout: float | None = ...,
        env: Mapping[str, str] | None = ...,
        cwd: str = ...,
        overflow: Overflow = ...,
        check: bool = ...,
    ) -> Result[bytes]: ...
    @overload
    def run(
        self,
        command: Sequence[str],
        *,
        input: bytes | str | None = ...,
        text: Literal[True],
        timeout: float | None = ...,
        env: Mapping[str, str] | None = ...,
        cwd: str = ...,
        overflow: Overflow = ...,
        check: bool = ...,
    ) -> Result[str]: ...
    def run(
        self,
        command: Sequence[str],
        *,
        input: bytes | str | None = None,  # noqa: A002 - as in subprocess
        text: bool = False,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str = WORK,
        overflow: Overflow = "kill",
        check: bool = False,
    ) -> Result[bytes] | Result[str]:
        """Run a program, wait for its end, and kill whatever it leaves running.

        ``input`` is what it reads; without it there is nothing to read. ``text`` gives its output as str (UTF-8; bytes
        that are not become U+FFFD). ``timeout`` is in seconds, instead of the sandbox's own; math.inf is none. What it
        writes beyond the limit ends it, or with ``overflow`` "discard" is dropped. How it ended is in the result, which
        raises ExitError with ``check``, or by its own `check`, unless it has ended by itself with code 0.

        Raises ExecutableError where there is no such program, KernelError where it cannot begin (in a directory that an
        earlier one has taken away, say), StateError where the sandbox has ended, UsageError.
        """
        with self._lock:
            turn = self.begin(command, input, timeout, env, cwd, overflow)
            try:
                while not turn.step(turn.patience()):
                    pass
            except BaseException:
                self.abandon(turn)
                raise
            result = self.finish(turn)
        return delivered(result, text=text, check=check)

    def put(self, path: str, data: bytes | str, *, mode: int = 0o644) -> None:
        """Write a file of the sandbox, whose directories are made where they are missing.

        ``path`` begins at /tmp where it is relative. It is written as the sandbox's user, who must be able to, and
        never through a symbolic link. Raises KernelError, also where there is no room, StateError.
        """
        with self._lock:
            files.put(self._started(), path, data.encode() if isinstance(data, str) else data, mode)

    def get(self, path: str, *, limit: int = 64 << 20) -> bytes:
        """The content of a file of the sandbox, of at most ``limit`` bytes, whose path has no symbolic links.

        Raises KernelError, also for anything but a regular file and for one that is larger, StateError.
        """
        with self._lock:
            return files.get(self._started(), path, limit)

    def put_tree(self, source: Path, path: str) -> None:
        """Copy a directory of the host into the sandbox: regular files and directories, with the modes of the files.

        Raises UsageError where there is anything else in it, KernelError, StateError.
        """
        with self._lock:
            files.put_tree(self._started(), source, path)

    def get_tree(self, path: str, destination: Path, *, limit: int = 64 << 20, entries: int = 10_000) -> None:
        """Copy a directory of the sandbox to a new one of the host, of at most ``limit`` bytes and so many entries.

        Raises KernelError, also for anything but regular files and directories in it, StateError; then there is no
        ``destination``. Files are made without set-user-ID bits and the like.
        """
        with self._lock:
            files.get_tree(self._started(), path, destination, limit, entries)

    def reset(self) -> None:
        """Put a new one in its place: nothing is left of what any run has done. Also of one that has ended."""
        with self._lock:
            self._end()
            self._started()

    def close(self) -> None:
        """Remove all of it. It cannot be used any more."""
        with self._lock:
            self._closed = True
            try:
                self._end()
            finally:
                if self._own_template:
                    self._template.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        life = getattr(self, "_life", None)
        if life is not None and os.getpid() == self._program:
            self.close()
        elif life is not None:
            life.keeper.close()  # that of a fork of the program: the sandbox is not its own

    def __repr__(self) -> str:
        return f"<sampan.Sandbox {self.id or 'not made'!s}>"

    # the halves of `run`, for sampan.aio; not for others: they take no lock

    def begin(
        self,
        command: Sequence[str],
        data: bytes | str | None,
        timeout: float | None,
        env: Mapping[str, str] | None,
        cwd: str,
        overflow: Overflow,
    ) -> Turn:
        """A run that has begun."""
        limits = self._template.limits
        if overflow not in ("kill", "discard"):
            raise UsageError(f'overflow must be "kill" or "discard", not {overflow!r}')
        patience = limits.timeout if timeout is None else None if timeout == math.inf else timeout
        stdin = data.encode() if isinstance(data, str) else data
        return self._started().begin(check_words(command), stdin, limits.output, overflow, patience, env, cwd)

    def finish(self, turn: Turn) -> Result[bytes]:
        """Its result; nothing of it runs any more."""
        assert self._life is not None
        return self._life.finish(turn)

    def abandon(self, turn: Turn) -> None:
        """End it without a result."""
        assert self._life is not None
        self._life.abandon(turn)

    def _started(self) -> Life:
        if self._closed:
            raise StateError("the sandbox has been closed")
        if self._life is None:
            self._life = Life(self._template)
        self._life.check()
        return self._life

    def _end(self) -> None:
        life, self._life = self._life, None
        if life is not None:
            life.close()


class Sharing(Sandbox):
    """One of a pool, whose sandboxes have the template together."""

    def __init__(self, template: Template) -> None:
        self._set_up(template)


def delivered(result: Result[bytes], *, text: bool, check: bool) -> Result[bytes] | Result[str]:
    """As the caller wants it. Raises ExitError."""
    found = result.decoded() if text else result
    if check:
        found.check()
    return found
