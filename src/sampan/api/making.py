"""Containers made, run and found: the functions of the library."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, overload

from sampan import _linux
from sampan.api import log
from sampan.api.container import Container, Naming, finish, for_exchange
from sampan.api.status import State
from sampan.api.streams import Streams
from sampan.engine.creation import CreateOptions, begin
from sampan.engine.store import Store, default_root
from sampan.errors import UsageError

if TYPE_CHECKING:
    from typing import Any

    from sampan.api.spec import Spec
    from sampan.api.status import Completed
    from sampan.api.streams import Stream
    from sampan.engine.creation import Creation

    Path = str | os.PathLike[str]
    Configuration = str | os.PathLike[str] | Mapping[str, Any] | Spec


def create(
    container_id: str,
    /,
    *,
    bundle: Path | None = None,
    config: Configuration | None = None,
    root: Path | None = None,
    stdin: Stream = None,
    stdout: Stream = None,
    stderr: Stream = None,
    cgroup_manager: Literal["cgroupfs", "systemd", "disabled"] = "cgroupfs",
) -> Container:
    """Make a container whose process waits for `Container.start` (runtime.md#create).

    ``bundle`` is a directory with config.json; ``config`` is another configuration for it: a `Spec`, a path, or what
    JSON would be decoded to. Without a bundle all paths in it are absolute, and `Container.bundle` is a directory that
    is gone with the container. ``root`` is where containers' states are kept, by default where the command keeps them.
    The streams are those of its process: a file, a descriptor, PIPE, DEVNULL, STDOUT, or None for this program's own.
    ``cgroup_manager`` says who makes its cgroup: "cgroupfs" the library, "systemd" systemd (then `linux.cgroupsPath` is
    "SLICE:PREFIX:NAME"), "disabled" nobody (then limits are an error). Where `process.terminal` is true the process has
    a terminal instead of streams, of which `Container.terminal` is the near side.

    Raises ConfigError with all that is wrong with the configuration, ExistsError, HookError, KernelError, UsageError;
    then nothing is left of the container.
    """
    streams = (stdin, stdout, stderr)
    return _made(container_id, bundle, config, root, streams, cgroup_manager, start=False)[0]


@overload
def run(
    container_id: str | None = ...,
    /,
    *,
    bundle: Path | None = ...,
    config: Configuration | None = ...,
    root: Path | None = ...,
    stdin: Stream = ...,
    stdout: Stream = ...,
    stderr: Stream = ...,
    input: bytes | str | None = ...,
    capture: bool = ...,
    text: Literal[False] = ...,
    timeout: float | None = ...,
    check: bool = ...,
    cgroup_manager: Literal["cgroupfs", "systemd", "disabled"] = ...,
) -> Completed[bytes]: ...
@overload
def run(
    container_id: str | None = ...,
    /,
    *,
    bundle: Path | None = ...,
    config: Configuration | None = ...,
    root: Path | None = ...,
    stdin: Stream = ...,
    stdout: Stream = ...,
    stderr: Stream = ...,
    input: bytes | str | None = ...,
    capture: bool = ...,
    text: Literal[True],
    timeout: float | None = ...,
    check: bool = ...,
    cgroup_manager: Literal["cgroupfs", "systemd", "disabled"] = ...,
) -> Completed[str]: ...
def run(
    container_id: str | None = None,
    /,
    *,
    bundle: Path | None = None,
    config: Configuration | None = None,
    root: Path | None = None,
    stdin: Stream = None,
    stdout: Stream = None,
    stderr: Stream = None,
    input: bytes | str | None = None,  # noqa: A002 - as in subprocess
    capture: bool = False,
    text: bool = False,
    timeout: float | None = None,
    check: bool = False,
    cgroup_manager: Literal["cgroupfs", "systemd", "disabled"] = "cgroupfs",
) -> Completed[bytes] | Completed[str]:
    """Run a container, wait for the end of its process, and delete it, whatever happens.

    As `create` and `Container.exec` take them; without an id it gets one that nobody has. After ``timeout`` seconds
    it is killed, and TimeoutExpiredError raised, with what it has written. With ``check`` any end but exit status 0
    raises ExitError. Other errors are those of `create`, and ExecutableError where its program cannot be run.
    """
    stdin, stdout, stderr = for_exchange(stdin, stdout, stderr, given=input is not None, capture=capture)
    name = f"run-{os.urandom(8).hex()}" if container_id is None else container_id
    container, args = launched(name, bundle, config, root, (stdin, stdout, stderr), cgroup_manager)
    try:  # no `with` block: a signal's handler could raise before it has begun
        return finish(container, args, input, timeout, text=text, check=check)
    finally:
        container.__exit__(None, None, None)


def launched(
    container_id: str,
    bundle: Path | None,
    config: Configuration | None,
    root: Path | None,
    streams: tuple[Stream, Stream, Stream],
    cgroup_manager: str,
) -> tuple[Container, tuple[str, ...]]:
    """A container of this program's whose process runs, and what it runs. Raises as `create` and `start`."""
    return _made(container_id, bundle, config, root, streams, cgroup_manager, start=True)


def _made(
    container_id: str,
    bundle: Path | None,
    config: Configuration | None,
    root: Path | None,
    streams: tuple[Stream, Stream, Stream],
    cgroup_manager: str,
    *,
    start: bool,
) -> tuple[Container, tuple[str, ...]]:
    from sampan.engine.run import begin_and_start

    container: Container | None = None
    try:
        with Naming(container_id), Streams(*streams) as opened:
            options = _options(config, cgroup_manager, opened)
            store = _store(root)
            place = _place(store, container_id, bundle, config)
            if start:
                creation, _ = begin_and_start(store, container_id, place, options, foreground=True)
            else:
                creation = begin(store, container_id, place, options, wait_for_start=True, foreground=True)
            container = _adopt(creation, opened)
            args = tuple(creation.config["process"].get("args", ()))
    except BaseException:
        if container is not None:  # a signal's handler has raised while the streams were closed
            container.__exit__(None, None, None)
        raise
    return container, args


def load(container_id: str, /, *, root: Path | None = None) -> Container:
    """A container that exists, whoever has made it. Raises NotFoundError, StateError where its record is damaged.

    Its process is not this program's child unless this program has made it: see `Container.wait`. The end of a `with`
    block leaves it as it is.
    """
    with Naming(container_id):
        store = _store(root)
        with store.look(container_id) as held:
            record = held.load()
        return Container(store, record, record.open_process(), (None, None, None), -1, own=False)


def containers(*, root: Path | None = None) -> list[State]:
    """The states of all containers whose states are kept below ``root``, sorted by id.

    Those of other users are left out, and so are those that are being made or deleted meanwhile.
    """
    from sampan.engine.query import containers as all_of

    return [State.of(document) for document in all_of(_store(root))]


def _store(root: Path | None) -> Store:
    from sampan.linux.files import absolute

    return Store(default_root(os.environb) if root is None else absolute(os.fspath(root)))


def _place(store: Store, container_id: str, bundle: Path | None, config: Configuration | None) -> str:
    """The bundle; without one the directory of the container's state, which has its config.json, as a bundle has."""
    if bundle is not None:
        return os.fspath(bundle)
    if config is None or isinstance(config, str | os.PathLike):
        raise UsageError("bundle is needed, unless config is a Spec, or a dict, all whose paths are absolute")
    from sampan.api.spec import bundle_of

    document = config if isinstance(config, Mapping) else config.to_dict()
    return bundle_of(document, f"{store.root}/{container_id}")


def _options(config: Configuration | None, cgroup_manager: str, streams: Streams) -> CreateOptions:
    options = CreateOptions(remark=log.remark, warn=log.warn, cgroup_manager=cgroup_manager, standard=streams.standard)
    if isinstance(config, Mapping):
        options.document = _linux.json_dumps(dict(config))
    elif isinstance(config, str | os.PathLike):
        options.config = os.fspath(config)
    elif config is not None:
        options.document = _linux.json_dumps(config.to_dict())
    return options


def _adopt(creation: Creation, streams: Streams) -> Container:
    """The container as an object, which has its pidfd, its terminal and its pipes."""
    terminal = -1
    try:
        launch = creation.launch
        assert launch is not None
        if creation.terminal[0] >= 0:
            terminal = _linux.receive_descriptor(creation.terminal[0])
        container = Container(creation.store, creation.record, launch.pidfd, streams.take(), terminal, own=True)
        launch.take_pidfd()
    except BaseException:
        creation.abandon()
        raise
    creation.release()
    return container
