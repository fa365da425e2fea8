"""`start` (runtime.md#start): lets the process of a created container become the user's program. Hot path."""

from __future__ import annotations

import posix

from sampan import _linux
from sampan.engine.launch import FAILED, receive
from sampan.engine.removal import destroy, kill_and_wait, silent
from sampan.engine.store import CONFIG, CREATED, START_SOCKET, cache_directory
from sampan.errors import HookError, SampanError, StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.engine.store import Held, Record, Store


def start(store: Store, container_id: str, warn: Callable[[str], None] = silent) -> None:
    """Start the container. Raises StateError unless it is created, HookError (then it is gone), SampanError."""
    with store.hold(container_id) as held:
        record = held.load()
        status = held.status(record)
        if status != CREATED:
            raise StateError(
                f"cannot start container {container_id}: it is {status}, and only a created one can be started"
            )
        if not record.has_process:
            raise StateError(f"cannot start container {container_id}: its config.json has no `process`")
        run_hooks(held, record, "startContainer", warn)
        _let_go(held, record)
        held.unlink(START_SOCKET)
        run_hooks(held, record, "poststart", warn)


def run_hooks(held: Held, record: Record, kind: str, warn: Callable[[str], None]) -> None:
    """The hooks around the start; if one fails, "generate an error, stop the container, and continue at step 12"."""
    if not record.hooks.get(kind):
        return
    from sampan.engine import hooks

    try:
        if kind == "poststart":
            hooks.run_in_runtime(kind, record, "running")
        else:
            _run_in_container(held, record, kind)
    except HookError:
        kill_and_wait(record)
        destroy(held, record, warn)
        raise


def _run_in_container(held: Held, record: Record, kind: str) -> None:
    from sampan.engine import facts, hooks
    from sampan.plan.host import Host
    from sampan.spec.config import load

    pidfd = record.open_process()
    if pidfd < 0:
        raise HookError(f"hooks.{kind}: the container's process has ended")
    try:
        config = load(held.read(CONFIG))
        host = Host(record.id, record.bundle)
        facts.find_out(config, host, record.group())
        facts.compile_seccomp(config, host, cache_directory("seccomp"))
        inside = hooks.ContainerNamespaces(pidfd, config, host, record.group(), confined=True)
        hooks.run_in_container(kind, record, "created", inside)
    finally:
        posix.close(pidfd)


def _let_go(held: Held, record: Record) -> None:
    """Tell init to go on, and listen on the same connection until execve closes it or init says why it could not."""
    try:
        connection = _linux.unix_connect(held.fd, START_SOCKET, False)
    except OSError:
        raise StateError(f"cannot start container {record.id}: its process has ended") from None
    try:
        posix.write(connection, b"g")
        kind, index, value, call, detail = receive(connection)
        if kind == FAILED:
            raise _failure(held, record, index, call, value, detail)
    except BrokenPipeError:
        raise StateError(f"cannot start container {record.id}: its process has ended") from None
    finally:
        posix.close(connection)


def _failure(held: Held, record: Record, index: int, call: str, value: int, detail: str) -> SampanError:
    """The error of an operation after the wait: one of the last of the plan, which are those of the process."""
    from sampan.engine import facts
    from sampan.engine.failures import explain
    from sampan.plan.host import Host
    from sampan.plan.operations import Plan
    from sampan.plan.process import add_process
    from sampan.spec.config import load

    config = load(held.read(CONFIG))
    host = Host(record.id, record.bundle)
    facts.find_out(config, host, record.group())
    facts.compile_seccomp(config, host, cache_directory("seccomp"))
    plan = Plan()
    add_process(plan, config, host, -1)
    return explain(plan.operations[index - record.operations], call, value, detail)
