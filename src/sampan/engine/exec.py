"""`exec`: a further process in a container that exists. Hot path.

Not an operation of runtime.md, but of every runtime: the process joins the container's cgroup and namespaces, gets the
confinement of the container's own process as far as it is not given one of its own, and becomes the program.
"""

from __future__ import annotations

import errno
import posix

from sampan import _linux
from sampan.cgroups.layout import UNIFIED
from sampan.engine import facts, opening
from sampan.engine.launch import Launch, read_init
from sampan.engine.removal import silent
from sampan.engine.store import CONFIG, PAUSED, STOPPED, cache_directory
from sampan.engine.waiting import NOBODY, hand_over
from sampan.errors import ConfigError, KernelError, Problem, SampanError, StateError, UsageError
from sampan.linux import files, proc
from sampan.plan.exec import exec_plan
from sampan.plan.host import Host
from sampan.plan.operations import WATCHED
from sampan.spec.check import listed_numbers
from sampan.spec.config import reload, validate_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from sampan.engine.seccomp_agent import Agent
    from sampan.engine.store import Record, Store
    from sampan.plan.operations import Plan
    from sampan.spec.types import Config, Process


class ExecOptions:
    """What a caller may want of a further process beyond what it is."""

    __slots__ = (
        "cgroups",
        "console_socket",
        "detach",
        "ignore_paused",
        "pid_file",
        "pidfd_socket",
        "preserve_fds",
        "remark",
        "standard",
    )

    def __init__(
        self,
        pid_file: str = "",
        console_socket: str = "",
        pidfd_socket: str = "",
        detach: bool = False,
        ignore_paused: bool = False,
        preserve_fds: int = 0,
        cgroups: Sequence[str] = (),
        remark: Callable[[str], None] = silent,
        standard: tuple[int, int, int] = (-1, -1, -1),
    ) -> None:
        self.pid_file = pid_file
        self.console_socket = console_socket
        self.pidfd_socket = pidfd_socket  # gets a pidfd of the process
        self.detach = detach
        self.ignore_paused = ignore_paused
        self.preserve_fds = preserve_fds
        self.cgroups = cgroups  # "PATH" below the container's cgroup, or "CONTROLLER[,CONTROLLER]:PATH" on v1
        self.remark = remark  # gets what is left out of the process, which the specification permits
        self.standard = standard  # its stdin, stdout and stderr; -1: the caller's


def execute(store: Store, container_id: str, describe: Callable[[Config], Process], options: ExecOptions) -> None:
    """Run the process that ``describe`` makes of the container's configuration.

    With ``options.detach`` it returns once that runs. Raises ConfigError, StateError, KernelError, NotFoundError,
    UsageError. In the foreground this is for a command line, not for a program that embeds sampan: the caller becomes
    the program that passes its signals on to the process, waits for it, and ends with its exit status.
    """
    if not options.detach:
        _linux.block_signals()
    joining = join(store, container_id, describe, options)
    if not options.detach:
        try:
            joining.stay()
        except BaseException:
            joining.abandon()
            raise
    joining.release()


def join(store: Store, container_id: str, describe: Callable[[Config], Process], options: ExecOptions) -> Joining:
    """A process that runs in the container, which is still locked: the caller releases it. Raises as `execute`."""
    joining = Joining(store, container_id, options)
    try:
        joining.begin(describe)
    except BaseException as error:
        joining.abandon()
        record = joining.record
        if isinstance(error, SampanError) and proc.is_ending(record.pid, record.started):
            raise _ended(record) from error  # the reason of whatever went wrong
        raise
    return joining


class Joining:
    """A process on its way into a container. Changes of the container are locked out until it is there."""

    __slots__ = ("agent", "held", "host", "launch", "opened", "options", "record", "status", "terminal")

    def __init__(self, store: Store, container_id: str, options: ExecOptions) -> None:
        """Raises StateError where the container cannot take a process."""
        opening.check_preserved(options.preserve_fds)
        self.options = options
        self.launch: Launch | None = None
        self.agent: Agent | None = None  # of the seccomp filter, where that has one
        self.opened: list[int] = []
        self.terminal = (-1, -1)  # the ends of the engine's own socket for it
        # what is frozen begins only when somebody thaws it, which a lock would keep out
        self.held = store.look(container_id) if options.ignore_paused else store.hold(container_id, shared=True)
        try:
            self.record = self.held.load()
            self.status = self._check_status()
        except BaseException:
            self.held.close()
            raise
        self.host = Host(container_id, self.record.bundle)

    def begin(self, describe: Callable[[Config], Process]) -> None:
        """Start it, up to the point where it has become the program. On failure the caller calls `abandon`."""
        config = reload(self.held.read(CONFIG))
        process = describe(config)
        problems = validate_process(process)
        if problems:
            raise ConfigError("the process", problems)
        if not process.get("args"):
            raise ConfigError("the process", [Problem("args", None, "is required", "config.md#process")])
        pidfd = self.record.open_process()
        if pidfd < 0:
            raise _ended(self.record)
        try:
            self._prepare(config, process)
            plan = exec_plan(config, process, self.host)
            for warning in plan.warnings:
                self.options.remark(warning)
            opening.open_all(plan.descriptors, {"process": pidfd, "terminal": self.terminal[1]}, self.opened)
        finally:
            posix.close(pidfd)
        self.launch = Launch(plan)
        self._spawn(plan, process)
        if self.agent is not None:
            self.launch.until(WATCHED)
            self.agent.entrust(self.launch.sync, self.record, self.status, self.launch.pid)
        self.launch.ended()
        if self.options.pid_file:
            from sampan.engine.pid_file import write_pid_file

            write_pid_file(self.options.pid_file, self.launch.pid)
        if self.options.pidfd_socket:
            from sampan.engine.pidfd import FURTHER, send

            send(self.options.pidfd_socket, self.launch.pidfd, FURTHER)

    def stay(self) -> NoReturn:
        """Become the program that waits for its end, and then ends as it did."""
        assert self.launch is not None
        terminal = _linux.receive_descriptor(self.terminal[0]) if self.terminal[0] >= 0 else -1
        hand_over(self.launch, terminal, (), NOBODY)

    def abandon(self) -> None:
        """End what has been started."""
        if self.launch is not None:
            self.launch.abort()
        self.release()

    def release(self) -> None:
        """Close all that was opened; the process goes on."""
        opened, self.opened = self.opened, []
        terminal, self.terminal = self.terminal, (-1, -1)
        files.close_all([*opened, *terminal])
        if self.launch is not None:
            self.launch.close()
        if self.agent is not None:
            self.agent.close()
        self.held.close()

    def _check_status(self) -> str:
        status = self.held.status(self.record)
        if not self.record.complete or status == STOPPED:
            raise StateError(f"cannot exec in container {self.record.id}: container not running (it is {status})")
        if status == PAUSED and not self.options.ignore_paused:
            rule = "it is paused (resume it first, or use --ignore-paused)"
            raise StateError(f"cannot exec in container {self.record.id}: {rule}")
        return status

    def _prepare(self, config: Config, process: Process) -> None:
        """What must be known, and had, before the plan."""
        self._check_terminal(process)
        self.host.keyring = self.record.keyring
        facts.find_out({**config, "process": process}, self.host, self.record.group())
        self.host.cgroup_full = self.record.group().is_full()
        self.host.cgroup_tasks = self._tasks_files()
        for warning in facts.compile_seccomp(config, self.host, cache_directory("seccomp")):
            self.options.remark(warning)
        if self.host.seccomp_notify:
            from sampan.engine.seccomp_agent import Agent

            self.agent = Agent(config)
            self.agent.connect()

    def _check_terminal(self, process: Process) -> None:
        """Who would have the terminal? Raises UsageError where nobody would, and where nobody asked for one."""
        wanted = bool(process.get("terminal"))
        if wanted and self.options.detach and not self.options.console_socket:
            raise UsageError("a process in the background needs --console-socket for its terminal")
        if self.options.console_socket and not wanted:
            raise UsageError("--console-socket is given, but no terminal is asked for")
        if self.options.console_socket:
            self.host.terminal_socket = files.absolute(self.options.console_socket)
        elif wanted:
            self.terminal = _linux.socket_pair()

    def _tasks_files(self) -> list[str]:
        """Where init writes "0" to be in the container's v1 cgroups, and in its class of service.

        In the v2 cgroup it is born, unless that is full.
        """
        directories = self.record.group().directories
        wanted = self.options.cgroups
        for option in wanted:
            controllers, colon, _ = option.rpartition(":")
            if colon and not directories.keys() >= set(controllers.split(",")):
                raise UsageError(
                    f"--cgroup {option}: the container has cgroups of {', '.join(filter(None, directories))}"
                )
        places = dict.fromkeys(below(name, path, wanted) for name, path in directories.items() if name != UNIFIED)
        found = [f"{place}/tasks" for place in places]
        if self.host.cgroup_full and UNIFIED in directories:
            own = "" if wanted else facts.unified_cgroup_of(self.record.pid)
            found.append(f"{own or below(UNIFIED, directories[UNIFIED], wanted)}/cgroup.procs")
        if self.record.rdt:
            from sampan.cgroups import resctrl

            found += resctrl.from_state(self.record.rdt).tasks_files()
        return found

    def _spawn(self, plan: Plan, process: Process) -> None:
        initial = listed_numbers(process.get("execCPUAffinity", {}).get("initial", ""))
        before = posix.sched_getaffinity(0) if initial else None
        init = read_init()
        try:
            if initial:
                _run_on(initial)
            self._spawn_into_cgroup(init, plan)
        finally:
            posix.close(init)
            if before:
                posix.sched_setaffinity(0, before)

    def _spawn_into_cgroup(self, init: int, plan: Plan) -> None:
        """Born in the container's v2 cgroup; or, where that has handed its controllers down, in that of its process."""
        assert self.launch is not None
        first = 3 + self.options.preserve_fds
        if self.host.cgroup_full:
            return self._spawn_in("", init, plan, first)
        directory = self.record.group().directories.get(UNIFIED, "")
        directory = directory and below(UNIFIED, directory, self.options.cgroups)
        try:
            self._spawn_in(directory, init, plan, first)
        except KernelError as error:
            if error.errno != errno.EBUSY or self.options.cgroups:
                raise
            self._spawn_in(facts.unified_cgroup_of(self.record.pid), init, plan, first)

    def _spawn_in(self, directory: str, init: int, plan: Plan, first: int) -> None:
        assert self.launch is not None
        cgroup = -1
        try:
            if directory:
                cgroup = posix.open(directory, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
            self.launch.spawn(init, self.options.standard, self.opened, first, plan.clone_flags, cgroup)
        except FileNotFoundError:
            if not self.options.cgroups:
                raise _ended(self.record) from None
            raise KernelError("open cgroup", directory, errno.ENOENT, detail="--cgroup") from None
        finally:
            if cgroup >= 0:
                posix.close(cgroup)


def below(controller: str, directory: str, wanted: Sequence[str]) -> str:
    """Where the container's cgroup for ``controller`` is ``directory``, the one below it that --cgroup asks for."""
    found = ""
    for option in wanted:
        controllers, colon, path = option.rpartition(":")
        if ".." in path.split("/"):
            raise UsageError(f"--cgroup {option}: must name a cgroup below the container's, without '..'")
        if not colon or controller in controllers.split(","):
            found = path.strip("/")
    return f"{directory}/{found}" if found else directory


def _run_on(cpus: Sequence[int]) -> None:
    """ "CPUs a runtime parent process to be run on initially, before the transition to container's cgroup" """
    try:
        posix.sched_setaffinity(0, cpus)
    except OSError as error:
        hint = "none of these processors is there and in the runtime's cpuset"
        field = "process.execCPUAffinity.initial"
        raise KernelError("sched_setaffinity", "", error.errno or 0, field, hint) from None


def _ended(record: Record) -> StateError:
    return StateError(f"cannot exec in container {record.id}: container not running (process already finished)")
