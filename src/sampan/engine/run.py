"""`run`: create and start in one, and, in the foreground, wait for the process and delete the container. Hot path."""

from __future__ import annotations

import posix

from sampan import _linux
from sampan.engine.creation import Creation
from sampan.engine.removal import destroy
from sampan.engine.start import run_hooks
from sampan.errors import ConfigError, HookError, NotFoundError, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.engine.creation import CreateOptions
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
) -> int:
    """Run a container; the exit status of its process as a shell sees it, or 0 where it is detached.

    In the foreground all signals of the caller but SIGCHLD and SIGPIPE go to the process: for a command line, not for a
    program that embeds sampan.
    """
    if not detach:
        _linux.block_signals()
        if subreaper:
            _linux.become_subreaper()
    creation = Creation(store, container_id, bundle, options, wait_for_start=False)
    try:
        if not creation.record.has_process:
            rule = 'is required: "This property is REQUIRED when start is called"'
            raise ConfigError("config.json", [Problem("process", None, rule, "config.md#process")])
        creation.check_terminal(foreground=not detach)
        creation.make()
        creation.finish()
    except BaseException:
        creation.abandon()
        raise
    _start(creation)
    if detach:
        creation.release()
        return 0
    return _foreground(creation, store, keep=keep)


def _start(creation: Creation) -> None:
    """From the wait for `start` to the user's program, with the hooks around it."""
    record, warn = creation.record, creation.options.warn
    try:
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


def _foreground(creation: Creation, store: Store, *, keep: bool) -> int:
    launch, record = creation.launch, creation.record
    assert launch is not None
    terminal = -1
    if creation.terminal[0] >= 0:
        terminal = _linux.receive_descriptor(creation.terminal[0])
    creation.held.close()  # others may look at the container, signal it and delete it meanwhile
    status = _linux.foreground(launch.pidfd, launch.pid, terminal)
    if terminal >= 0:
        posix.close(terminal)
    creation.release()
    if not keep:
        try:
            with store.hold(record.id) as held:
                if held.load().created == record.created:
                    destroy(held, record, creation.options.warn)
        except NotFoundError:
            pass  # somebody was quicker
    return status
