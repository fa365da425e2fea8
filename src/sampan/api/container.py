"""A container as an object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from sampan import _linux
from sampan.api import log
from sampan.api.describing import describe, words_of
from sampan.api.process import SIGKILL, Process, Running
from sampan.api.status import Completed, State
from sampan.api.streams import PIPE, Streams
from sampan.engine.delete import delete
from sampan.engine.kill import kill
from sampan.engine.query import state
from sampan.engine.start import start
from sampan.errors import SampanError, TimeoutExpiredError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from sampan.api.describing import User
    from sampan.api.status import ExitStatus
    from sampan.api.streams import Pipes, Stream
    from sampan.engine.events import Events
    from sampan.engine.store import Record, Store
    from sampan.spec.statistics import Statistics
    from sampan.spec.types import Process as Document
    from sampan.spec.types_linux import Resources

_SECOND = 1_000_000_000  # nanoseconds


class Naming:
    """A `with` block whose errors know the container's id."""

    __slots__ = ("_id",)

    def __init__(self, container_id: str) -> None:
        self._id = container_id

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, SampanError) and not error.id:
            error.id = self._id


class Container(Running):
    """A container that exists, made by `sampan.create` or found by `sampan.load`, and its own process.

    All methods raise NotFoundError where it has been deleted, StateError where its state does not permit them, and
    KernelError for what the kernel refuses. The end of a `with` block kills and deletes a container that this program
    has made, whatever happened in the block, also where it is gone already; one that was loaded stays.
    """

    def __init__(self, store: Store, record: Record, pidfd: int, pipes: Pipes, terminal: int, *, own: bool) -> None:
        self._store = store
        self._created = record.created
        self._own = own
        self.bundle = record.bundle
        """The absolute path of its bundle."""
        super().__init__(record.id, record.pid, pidfd, pipes, terminal)

    @property
    def root(self) -> str:
        """The directory below which its state is kept."""
        return self._store.root

    @property
    def status(self) -> str:
        """ "creating", "created", "running", "paused" or "stopped", as it is now."""
        return self.state().status

    def state(self) -> State:
        """Its state as it is now (runtime.md#state)."""
        with Naming(self.id):
            return State.of(state(self._store, self.id))

    def start(self) -> None:
        """Let the process of a created container become the program of its configuration (runtime.md#start).

        Returns once the program runs. Raises StateError unless it is created, ExecutableError where the program cannot
        be run, and HookError where a hook has failed (then it is deleted already).
        """
        with Naming(self.id):
            start(self._store, self.id, warn=log.warn)

    def kill(self, signal: int = SIGKILL, *, all: bool = False) -> None:  # noqa: A002 - the command's word
        """Send a signal, by its number, to its process, or to ``all`` of its processes (runtime.md#kill).

        Raises StateError where it has stopped. SIGKILL ends all of them in any case. A paused container gets other
        signals when it is resumed.
        """
        with Naming(self.id):
            kill(self._store, self.id, signal, all_processes=all, warn=log.warn)

    def pause(self) -> None:
        """Freeze all of its processes until `resume`. Raises StateError unless it is created or running.

        The cgroup does that, without a signal: the processes cannot notice. Raises KernelError where it has none.
        """
        from sampan.engine.pause import pause

        with Naming(self.id):
            pause(self._store, self.id)

    def resume(self) -> None:
        """Let a paused container go on. Raises StateError unless it is paused."""
        from sampan.engine.pause import resume

        with Naming(self.id):
            resume(self._store, self.id)

    def update(self, resources: Resources) -> None:
        """Change limits: ``resources`` is like `linux.resources` of config.json, and what it does not name stays.

        Amounts are bytes, times microseconds, -1 is no limit (config-linux.md#control-groups). Raises ConfigError with
        all that is wrong with it, and KernelError for a value that the kernel refuses; then nothing has been changed.
        """
        from sampan.engine.update import update
        from sampan.errors import ConfigError
        from sampan.spec.config import validate_resources

        with Naming(self.id):
            if problems := validate_resources(resources):
                raise ConfigError("resources", problems)
            update(self._store, self.id, resources)

    def stats(self) -> Statistics:
        """What is counted of it now: frozen dataclasses, in which None is what the machine does not tell.

        Times are nanoseconds, amounts bytes. docs/statistics.md has all fields. Raises StateError where it has stopped.
        """
        from sampan.engine.statistics import read

        with Naming(self.id):
            return read(self._store, self.id)

    def events(self, interval: float = 5.0) -> Iterator[Mapping[str, object]]:
        """Its statistics every ``interval`` seconds, as `sampan events` prints them (`{"type": "stats", ...}`), and an
        event `{"type": "oom", ...}` each time the kernel has killed in it for memory; until its process ends."""
        from sampan.engine.events import stream

        with Naming(self.id):
            yield from stream(self._store, self.id, int(interval * _SECOND), log.warn)

    def watch(self, interval: float) -> Events:
        """For sampan.aio: what `events` waits for."""
        from sampan.engine.events import Events

        with Naming(self.id):
            return Events(self._store, self.id, int(interval * _SECOND), log.warn)

    def cgroup_directories(self) -> Mapping[str, str]:
        """For sampan.Sandbox: those of its cgroup, by v1 controller; "" is the v2 one."""
        with Naming(self.id), self._store.look(self.id) as held:
            return held.load().group().directories

    def popen(
        self,
        command: Sequence[str] | Document,
        *,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: User | None = None,
        terminal: bool = False,
    ) -> Process:
        """Start a further process in the container, and return once its program runs.

        ``command`` is a list of words, or a whole `process` object as in config.json. Without the latter the process is
        like the container's own, with the variables of ``env`` added, and as ``user`` says: a uid, (uid, gid) or
        "UID:GID". Streams are a file, a descriptor, PIPE, DEVNULL, STDOUT, or None for this program's own. With
        ``terminal`` it gets a terminal instead, of which `Process.terminal` is the near side.

        Raises ExecutableError where the program cannot be run, StateError unless the container is created or running,
        ConfigError for a process object that breaks the specification, UsageError for an argument that means nothing.
        """
        from sampan.engine.exec import ExecOptions, join

        with Naming(self.id), Streams(stdin, stdout, stderr) as streams:
            wanted = describe(command, env, cwd, user, terminal=terminal)
            options = ExecOptions(remark=log.remark, standard=streams.standard)
            joining = join(self._store, self.id, wanted, options)
            near = -1
            try:
                launch = joining.launch
                assert launch is not None
                if joining.terminal[0] >= 0:
                    near = _linux.receive_descriptor(joining.terminal[0])
                process = Process(self.id, words_of(command), launch.pid, launch.pidfd, streams.take(), near)
                launch.take_pidfd()
            except BaseException:
                joining.abandon()
                raise
            joining.release()
            return process

    @overload
    def exec(
        self,
        command: Sequence[str] | Document,
        *,
        stdin: Stream = ...,
        stdout: Stream = ...,
        stderr: Stream = ...,
        input: bytes | str | None = ...,
        capture: bool = ...,
        text: Literal[False] = ...,
        env: Mapping[str, str] | None = ...,
        cwd: str | None = ...,
        user: User | None = ...,
        timeout: float | None = ...,
        check: bool = ...,
    ) -> Completed[bytes]: ...
    @overload
    def exec(
        self,
        command: Sequence[str] | Document,
        *,
        stdin: Stream = ...,
        stdout: Stream = ...,
        stderr: Stream = ...,
        input: bytes | str | None = ...,
        capture: bool = ...,
        text: Literal[True],
        env: Mapping[str, str] | None = ...,
        cwd: str | None = ...,
        user: User | None = ...,
        timeout: float | None = ...,
        check: bool = ...,
    ) -> Completed[str]: ...
    def exec(
        self,
        command: Sequence[str] | Document,
        *,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        input: bytes | str | None = None,  # noqa: A002 - as in subprocess
        capture: bool = False,
        text: bool = False,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: User | None = None,
        timeout: float | None = None,
        check: bool = False,
    ) -> Completed[bytes] | Completed[str]:
        """Run a further process in the container, and wait for its end.

        Beyond `popen`: ``input`` is what it reads, ``capture`` keeps what it writes to stdout and stderr, and ``text``
        gives that as str (UTF-8; bytes that are not become U+FFFD). After ``timeout`` seconds it is killed, and
        TimeoutExpiredError raised, with what it has written. With ``check`` any end but exit status 0 raises ExitError.
        Other errors are those of `popen`.
        """
        stdin, stdout, stderr = for_exchange(stdin, stdout, stderr, given=input is not None, capture=capture)
        with self.popen(command, stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd, user=user) as process:
            return finish(process, process.args, input, timeout, text=text, check=check)

    def delete(self, *, force: bool = False) -> None:
        """Remove all that there is of it (runtime.md#delete). Raises StateError unless it has stopped.

        With ``force`` its processes are killed before, and it is no error if it is gone already.
        """
        with Naming(self.id):
            delete(self._store, self.id, force=force, created=self._created, warn=log.warn)
        self.poll()  # no zombie stays of it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._end()
        except SampanError:
            raise
        except BaseException:
            self._end()  # a signal's handler has interrupted it
            raise
        finally:
            self.close()

    def _end(self) -> None:
        if self._own:
            self.delete(force=True)
            self._signal(SIGKILL)  # where somebody else has removed its record, and not its process
            self.ending.wait(None)

    def __repr__(self) -> str:
        return f"<sampan.Container {self.id!r}, pid {self.pid}>"


def for_exchange(
    stdin: Stream, stdout: Stream, stderr: Stream, *, given: bool, capture: bool
) -> tuple[Stream, Stream, Stream]:
    """The streams of a process that gets input, or whose output is captured. Raises UsageError for contradictions."""
    from sampan.errors import UsageError

    if given and stdin is not None:
        raise UsageError("input and stdin cannot both be given")
    if capture and (stdout is not None or stderr is not None):
        raise UsageError("capture is for both stdout and stderr: give either it or them")
    return (PIPE if given else stdin), (PIPE if capture else stdout), (PIPE if capture else stderr)


def finish(
    process: Running,
    args: tuple[str, ...],
    data: bytes | str | None,
    timeout: float | None,
    *,
    text: bool,
    check: bool,
) -> Completed[bytes] | Completed[str]:
    """Wait for a process. Raises TimeoutExpiredError, ExitError."""
    try:
        stdout, stderr = process.communicate(data.encode() if isinstance(data, str) else data, timeout)
    except TimeoutExpiredError as error:
        if text:
            error.stdout, error.stderr = decoded(error.stdout), decoded(error.stderr)
        raise
    return completed(process.id, args, process.wait(), stdout, stderr, text=text, check=check)


def completed(
    container_id: str,
    args: tuple[str, ...],
    status: ExitStatus,
    stdout: bytes | None,
    stderr: bytes | None,
    *,
    text: bool,
    check: bool,
) -> Completed[bytes] | Completed[str]:
    """The result of a process that has ended. Raises ExitError."""
    found: Completed[bytes] | Completed[str]
    if text:
        found = Completed(container_id, args, status, decoded(stdout), decoded(stderr))
    else:
        found = Completed(container_id, args, status, stdout, stderr)
    if check:
        found.check()
    return found


def decoded(data: bytes | str | None) -> str | None:
    """As text, whatever it is."""
    return data.decode(errors="replace") if isinstance(data, bytes) else data
