"""`run`: create and start in one, and, in the foreground, wait for the process and delete the container. Hot path."""

from __future__ import annotations

from sampan import _linux
from sampan.engine.creation import begin
from sampan.engine.removal import destroy
from sampan.engine.start import run_hooks
from sampan.engine.waiting import NOBODY, ended_soon, hand_over
from sampan.errors import HookError, NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sampan.engine.creation import CreateOptions, Creation
    from sampan.engine.readiness import Readiness
    from sampan.engine.store import Store


def run(
    store: Store,
    container_id: str,
    bundle: str,
    options: CreateOptions,
    *,
    detach: bool = False,
    keep: bool = False,
    subreaper: bool = True,
    command: Sequence[str] = (),
) -> int:
    """Run a container; the exit status of its process as a shell sees it, or 0 where it is detached.

    In the foreground this is for a command line, not for a program that embeds sampan: all signals of the caller but
    SIGCHLD and SIGPIPE go to the process, and the caller becomes the program that waits for it, which becomes
    ``command`` with the words ID CREATED STATUS at the end: that calls ``finish``.
    """
    if not detach:
        _linux.block_signals()
        if subreaper:
            _linux.become_subreaper()
    creation, readiness = begin_and_start(store, container_id, bundle, options, foreground=not detach)
    if detach:
        creation.release()
        if readiness is not None:
            readiness.wait()
            readiness.close()
        return 0
    notification = readiness.descriptors() if readiness is not None else NOBODY
    return _foreground(creation, store, () if keep else command, notification, keep=keep)


def finish(store: Store, container_id: str, created: str, warn: Callable[[str], None]) -> None:
    """Delete the container that was made at ``created`` and whose process has ended. It may be gone already."""
    try:
        with store.hold(container_id) as held:
            record = held.load()
            if record.created == created:
                destroy(held, record, warn)
    except NotFoundError:
        pass  # somebody was quicker


def begin_and_start(
    store: Store, container_id: str, bundle: str, options: CreateOptions, *, foreground: bool
) -> tuple[Creation, Readiness | None]:
    """A container whose process runs, still locked: the caller releases it. Raises SampanError; then nothing is left.

    ``foreground``: the caller has the terminal of its process, where that has one. The second is there for whoever
    wants to be told that the process is ready.
    """
    creation = begin(store, container_id, bundle, options, wait_for_start=False, foreground=foreground)
    record, warn = creation.record, creation.options.warn
    readiness: Readiness | None = None
    try:
        if creation.tells_readiness:
            from sampan.engine.readiness import Readiness

            readiness = Readiness(creation.held, record, creation.options.notify_socket)
        run_hooks(creation.held, record, "startContainer", warn)
        creation.let_go()
        run_hooks(creation.held, record, "poststart", warn)
    except HookError:
        creation.give_devices_back()
        creation.release()  # the container is gone already, with its poststop hooks
        raise
    except BaseException:
        creation.abandon()
        raise
    return creation, readiness


def _foreground(
    creation: Creation, store: Store, command: Sequence[str], notification: tuple[int, int], *, keep: bool
) -> int:
    launch, record = creation.launch, creation.record
    assert launch is not None
    creation.held.close()  # others may look at the container, signal it and delete it meanwhile
    try:
        terminal = _linux.receive_descriptor(creation.terminal[0]) if creation.terminal[0] >= 0 else -1
        status = ended_soon(launch) if terminal < 0 and notification == NOBODY else -1
        if status < 0:
            words = [*command, record.id, record.created] if command else []
            hand_over(launch, terminal, words, notification)
    except BaseException:
        launch.abort()
        creation.release()
        finish(store, record.id, record.created, creation.options.warn)
        raise
    creation.release()
    if not keep:
        finish(store, record.id, record.created, creation.options.warn)
    return status
