"""config.md#posix-platform-hooks: runs hooks at the points that the engine gives. Imported only where there are hooks.

Hooks of the runtime namespace are children of the engine. Those of the container namespace are a small plan of
their own:
join the container's namespaces, become the hook; `startContainer` hooks, whose program is the container's own file, are
confined as its process is.
"""

from __future__ import annotations

import posix
import time

from sampan import _linux
from sampan.engine.launch import Launch, read_init
from sampan.errors import HookError, KernelError, SampanError
from sampan.linux import proc
from sampan.plan.hook import container_hook_plan
from sampan.plan.namespaces import namespace_flags
from sampan.plan.operations import WATCHED
from sampan.spec import state
from sampan.spec.names import HOOKS_STDERR, HOOKS_STDOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sampan.cgroups.cgroup import Cgroup
    from sampan.engine.store import Record
    from sampan.plan.host import Host
    from sampan.spec.types import Config, Hook, State

    Start = Callable[[Hook, tuple[int, int, int]], tuple[int, int]]

OUTPUT_SHOWN = 2000  # bytes of a failed hook's output in the error
_REAPED = "cannot be told: the program that embeds sampan ignores SIGCHLD, or reaps children that are not its own"


def _state(record: Record, status: str, pid: int) -> State:
    return state.build(record.id, status, record.bundle, pid, record.annotations)


def run_in_runtime(kind: str, record: Record, status: str) -> None:
    """All hooks of a kind that runs in the runtime namespace, in order. Raises HookError at the first that fails."""
    _run_all(kind, record, _state(record, status, record.pid), _start_in_runtime)


def run_poststop(record: Record, warn: Callable[[str], None]) -> None:
    """As it says: "If any `poststop` hook fails, the runtime MUST log a warning, but the remaining hooks and lifecycle
    continue".
    """
    document = _linux.json_dumps(_state(record, "stopped", 0))
    for index, hook in enumerate(record.hooks.get("poststop", ())):
        try:
            _run(f"hooks.poststop[{index}]", hook, record, document, _start_in_runtime)
        except HookError as error:
            warn(str(error))


def run_in_container(kind: str, record: Record, status: str, container: ContainerNamespaces) -> None:
    """All hooks of a kind that runs in the container namespace. Raises HookError at the first that fails."""
    if not record.hooks.get(kind):
        return
    document = _state(record, status, proc.pid_inside(record.pid))
    _run_all(kind, record, document, container.start)


class ContainerNamespaces:
    """The namespaces and the cgroup of a container for its hooks; with a record they are confined as its process."""

    __slots__ = ("cgroup", "config", "confined", "flags", "host", "pidfd")

    def __init__(self, pidfd: int, config: Config, host: Host, cgroup: Cgroup, confined: Record | None) -> None:
        self.pidfd = pidfd
        self.cgroup = cgroup
        self.flags = namespace_flags(config)
        self.config = config
        self.confined = confined
        self.host = host

    def start(self, hook: Hook, standard: tuple[int, int, int]) -> tuple[int, int]:
        """Start the hook; its pid and pidfd."""
        plan = container_hook_plan(hook, self.flags, self.config if self.confined else None, self.host)
        tasks = [posix.open(path, posix.O_WRONLY | posix.O_CLOEXEC) for path in self.host.cgroup_tasks]
        init = read_init()
        unified = self.cgroup.open_unified()
        launch = Launch(plan)
        try:
            launch.spawn(init, standard, (self.pidfd, *tasks), 3, 0, unified)
            if self.confined and self.host.seccomp_notify:
                self._entrust(launch, self.confined)
            launch.ended()
            posix.close(launch.sync)
            return launch.pid, launch.pidfd
        except BaseException:
            launch.abort()
            launch.close()
            raise
        finally:
            for fd in (init, unified, *tasks):
                if fd >= 0:
                    posix.close(fd)

    def _entrust(self, launch: Launch, record: Record) -> None:
        """The hook has a filter of its own, and tells the agent of it as every process does."""
        from sampan.engine.seccomp_agent import Agent
        from sampan.engine.store import CREATED

        agent = Agent(self.config)
        try:
            agent.connect()
            launch.until(WATCHED)
            agent.entrust(launch.sync, record, CREATED, launch.pid)
        finally:
            agent.close()


def _run_all(kind: str, record: Record, document: State, start: Start) -> None:
    hooks: Sequence[Hook] = record.hooks.get(kind, ())  # type: ignore[assignment]
    for index, hook in enumerate(hooks):
        _run(f"hooks.{kind}[{index}]", hook, record, _linux.json_dumps(document), start)


def _run(field: str, hook: Hook, record: Record, state_document: bytes, start: Start) -> None:
    path = hook["path"]
    stdin = _linux.sealed_memfd("state", state_document)
    posix.lseek(stdin, 0, 0)
    output = posix.memfd_create("hook-output", posix.MFD_CLOEXEC)
    opened = [stdin, output]
    try:
        stdout = _stream(record, HOOKS_STDOUT, output, opened)
        stderr = _stream(record, HOOKS_STDERR, output, opened)
        pid, pidfd = start(hook, (stdin, stdout, stderr))
    except (OSError, SampanError) as error:
        reason = posix.strerror(error.errno or 0).lower() if isinstance(error, OSError) else str(error)
        raise HookError(f"{field}: the hook {path} could not be started: {reason}") from None
    else:
        try:
            _wait(field, hook, pid, pidfd, output)
        finally:
            posix.close(pidfd)
    finally:
        for fd in opened:
            posix.close(fd)


def _stream(record: Record, annotation: str, output: int, opened: list[int]) -> int:
    """The file that an annotation names for what hooks write, or ``output``, which nobody sees unless they fail."""
    path = record.annotated_path(annotation)
    if not path:
        return output
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_NOCTTY | posix.O_CLOEXEC
    try:
        opened.append(posix.open(path, flags, 0o600))
    except OSError as error:
        raise KernelError("open", path, error.errno or 0, f"annotations[{annotation}]") from None
    return opened[-1]


def _wait(field: str, hook: Hook, pid: int, pidfd: int, output: int) -> None:
    timeout = hook.get("timeout", 0)
    begun = time.monotonic()
    if _linux.wait_readable((pidfd,), timeout * 1000 if timeout else -1) < 0 and timeout:
        posix.killpg(pid, 9)  # with its children; it leads its group, and is not reaped
        _reap(pidfd)
        raise HookError(f"{field}: the hook {hook['path']} took longer than its timeout of {timeout} s and was killed")
    exited, status = _reap(pidfd)
    if exited and status == 0:
        return
    how = "exit status" if exited else "signal"
    said = posix.pread(output, OUTPUT_SHOWN, 0).decode(errors="replace").strip()
    more = f"; it said: {said}" if said else ""
    seconds = time.monotonic() - begun
    raise HookError(f"{field}: the hook {hook['path']} failed: {how} {status} after {seconds:.1f} s{more}")


def _reap(pidfd: int) -> tuple[bool, int]:
    """Whether it has exited, and with which status; or by which signal it has ended."""
    try:
        ended = posix.waitid(posix.P_PIDFD, pidfd, posix.WEXITED)
    except ChildProcessError:  # the library is in a program that reaps whatever it finds
        from sampan.linux.pidfd import exit_status

        try:
            status = exit_status(pidfd)
        except OSError:
            status = None
        if status is None:
            raise HookError(f"how a hook has ended {_REAPED}") from None
        return posix.WIFEXITED(status), posix.WEXITSTATUS(status) or posix.WTERMSIG(status)
    assert ended is not None
    return ended.si_code == posix.CLD_EXITED, ended.si_status


def _start_in_runtime(hook: Hook, standard: tuple[int, int, int]) -> tuple[int, int]:
    environment = {}
    for entry in hook.get("env", ()):
        name, _, value = entry.partition("=")
        environment[name] = value
    actions: Sequence[tuple[int, ...]] = [(posix.POSIX_SPAWN_DUP2, fd, place) for place, fd in enumerate(standard)]
    arguments = hook.get("args") or [hook["path"]]
    default = range(1, 32)
    pid = posix.posix_spawn(
        hook["path"],
        arguments,
        environment,
        file_actions=actions,
        setpgroup=0,
        setsigmask=(),
        setsigdef=[number for number in default if number not in (9, 19)],
    )
    try:
        return pid, _linux.pidfd_open(pid)
    except ProcessLookupError:
        raise HookError(f"how it has ended {_REAPED}") from None
