"""`start` (runtime.md#start): lets the process of a created container become the user's program. Hot path."""

from __future__ import annotations

import posix

from sampan import _linux
from sampan.engine.launch import FAILED, REACHED, receive
from sampan.engine.removal import destroy, kill_and_wait, silent, wait_for_the_end
from sampan.engine.store import CONFIG, CREATED, NOTIFY, START_SOCKET, cache_directory
from sampan.errors import HookError, SampanError, StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.engine.readiness import Readiness
    from sampan.engine.seccomp_agent import Agent
    from sampan.engine.store import Held, Record, Store


def start(store: Store, container_id: str, notify_socket: str = "", *, warn: Callable[[str], None] = silent) -> None:
    """Start the container. Raises StateError unless it is created, HookError (then it is gone), SampanError.

    With ``notify_socket`` it returns once the process has said that it is ready, or has ended.
    """
    readiness: Readiness | None = None
    try:
        with store.hold(container_id) as held:
            record = held.load()
            _check_created(held, record)
            if notify_socket and held.has(NOTIFY):
                from sampan.engine.readiness import Readiness

                readiness = Readiness(held, record, notify_socket)
            run_hooks(held, record, "startContainer", warn)
            _let_go(held, record)
            held.unlink(START_SOCKET)
            run_hooks(held, record, "poststart", warn)
        if readiness is not None:
            readiness.wait()  # others may do with the container what they like meanwhile
    finally:
        if readiness is not None:
            readiness.close()


def _check_created(held: Held, record: Record) -> None:
    status = held.status(record)
    if status != CREATED:
        raise StateError(f"cannot start container {record.id}: it is {status}, and only a created one can be started")
    if not record.has_process:
        raise StateError(f"cannot start container {record.id}: its config.json has no `process`")


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
        inside = hooks.ContainerNamespaces(pidfd, config, host, record.group(), record)
        hooks.run_in_container(kind, record, "created", inside)
    finally:
        posix.close(pidfd)


def _let_go(held: Held, record: Record) -> None:
    """Tell init to go on, and listen on the same connection until execve closes it or init says why it could not.

    After a failure the process is gone when we return: engines remove the container at once, and containerd's shim
    takes one whose process it has not yet seen end for one that is created, and refuses, for ever.
    """
    agent = _find_agent(held) if record.notifies else None
    try:
        connection = _linux.unix_connect(held.fd, START_SOCKET, False)
    except OSError:
        raise _ended(record) from None
    try:
        posix.write(connection, b"g")
        kind, index, value, call, detail = receive(connection)
        if agent is not None and kind == REACHED:
            agent.entrust(connection, record, CREATED, record.pid)
            kind, index, value, call, detail = receive(connection)
        if kind == FAILED:
            wait_for_the_end(record)
            raise _failure(held, record, index, call, value, detail)
    except BrokenPipeError:
        raise _ended(record) from None
    finally:
        posix.close(connection)
        if agent is not None:
            agent.close()


def _ended(record: Record) -> StateError:
    wait_for_the_end(record)
    return StateError(f"cannot start container {record.id}: its process has ended")


def _find_agent(held: Held) -> Agent:
    """The seccomp agent, connected: where it is not there, the container stays as it is and can be started later."""
    from sampan.engine.seccomp_agent import Agent
    from sampan.spec.config import load

    agent = Agent(load(held.read(CONFIG)))
    agent.connect()
    return agent


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
