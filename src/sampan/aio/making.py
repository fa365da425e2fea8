"""Containers made, run and found: the functions of `sampan.aio`."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Literal, overload

from sampan.aio.container import Container, finish
from sampan.aio.waiting import in_thread
from sampan.api import making
from sampan.api.container import for_exchange

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.api.container import Container as Made
    from sampan.api.making import Configuration, Path
    from sampan.api.status import Completed, State
    from sampan.api.streams import Stream


async def create(
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
    """Make a container whose process waits for `Container.start`: as `sampan.create`."""
    work = partial(
        making.create,
        container_id,
        bundle=bundle,
        config=config,
        root=root,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cgroup_manager=cgroup_manager,
    )
    return (await _made(lambda: (work(), ())))[0]


@overload
async def run(
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
async def run(
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
async def run(
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
    """Run a container, wait for the end of its process, and delete it, whatever happens: as `sampan.run`."""
    stdin, stdout, stderr = for_exchange(stdin, stdout, stderr, given=input is not None, capture=capture)
    name = f"run-{os.urandom(8).hex()}" if container_id is None else container_id
    work = partial(making.launched, name, bundle, config, root, (stdin, stdout, stderr), cgroup_manager)
    container, args = await _made(work)
    async with container:
        return await finish(container, args, input, timeout, text=text, check=check)


async def load(container_id: str, /, *, root: Path | None = None) -> Container:
    """A container that exists, whoever has made it: as `sampan.load`."""
    return Container(making.load(container_id, root=root))


async def containers(*, root: Path | None = None) -> list[State]:
    """The states of all containers, sorted by id."""
    return await in_thread(partial(making.containers, root=root))


async def _made(work: Callable[[], tuple[Made, tuple[str, ...]]]) -> tuple[Container, tuple[str, ...]]:
    """The container that ``work`` makes in a thread, with its pipes watched by the loop. Deleted where that fails."""
    made, args = await in_thread(work, lambda result: _delete(result[0]))
    try:
        return await Container(made)._connect(), args  # noqa: SLF001
    except BaseException:
        await in_thread(partial(_delete, made))
        raise


def _delete(container: Made) -> None:
    container.__exit__(None, None, None)
