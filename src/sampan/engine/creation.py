"""Makes a container up to the point where it waits for `start`, and unmakes it where any step fails. Hot path.

The record is written first, so that whatever a killed creation leaves can be found and removed by the next `delete`,
or the next creation with the same id.
"""

from __future__ import annotations

import posix
import time

from sampan import _linux
from sampan.cgroups import cgroup as cgroups
from sampan.cgroups import layout
from sampan.engine import facts, opening
from sampan.engine.launch import Launch, read_init
from sampan.engine.removal import destroy, silent
from sampan.engine.share import Share
from sampan.engine.store import CONFIG, START_SOCKET, Record, cache_directory
from sampan.engine.store import CREATED as CREATED_STATUS
from sampan.errors import (
    ConfigError,
    ExistsError,
    KernelError,
    NotFoundError,
    PlatformError,
    Problem,
    SampanError,
    UsageError,
)
from sampan.linux import files, proc
from sampan.plan.compile import HOOKS_OF_CREATE, compile_plan
from sampan.plan.host import Host
from sampan.plan.namespaces import root_path
from sampan.plan.operations import CREATED, HOOKS, MAPPED, MOVED, PLACED, WATCHED
from sampan.spec.config import load, platform_problem
from sampan.spec.names import CRUN_PREFIX, PIDFD_RECEIVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sampan.engine.network_devices import NetworkDevices
    from sampan.engine.seccomp_agent import Agent
    from sampan.engine.store import Held, Store
    from sampan.plan.operations import Plan
    from sampan.spec.types import Config

NEWUSER = 0x10000000


class CreateOptions:
    """What a caller may want of a creation beyond config.json."""

    __slots__ = (
        "cgroup_manager",
        "config",
        "console_socket",
        "document",
        "environment",
        "no_new_keyring",
        "no_pivot",
        "notify_socket",
        "pid_file",
        "pidfd_socket",
        "preserve_fds",
        "remark",
        "standard",
        "warn",
    )

    def __init__(
        self,
        pid_file: str = "",
        console_socket: str = "",
        pidfd_socket: str = "",
        no_pivot: bool = False,
        preserve_fds: int = 0,
        environment: Sequence[str] = (),
        no_new_keyring: bool = False,
        notify_socket: str = "",
        remark: Callable[[str], None] = silent,
        warn: Callable[[str], None] = silent,
        cgroup_manager: str = cgroups.CGROUPFS,
        config: str = "",
        document: bytes = b"",
        standard: tuple[int, int, int] = (-1, -1, -1),
    ) -> None:
        self.pid_file = pid_file
        self.console_socket = console_socket
        self.pidfd_socket = pidfd_socket  # gets a pidfd of the process
        self.no_pivot = no_pivot
        self.preserve_fds = preserve_fds
        self.environment = environment  # what the process gets beyond its own: "NAME=value"
        self.no_new_keyring = no_new_keyring
        self.notify_socket = notify_socket  # of whoever is told that the process is ready
        self.remark = remark  # gets what is left out of the configuration, which the specification permits
        self.cgroup_manager = cgroup_manager  # cgroups.CGROUPFS, SYSTEMD or DISABLED
        self.config = config  # the configuration's path; "": the bundle's config.json
        self.document = document  # the configuration itself; b"": that of a file
        self.standard = standard  # the process's stdin, stdout and stderr; -1: the caller's
        self.warn = warn  # gets what went wrong without making the operation fail


class Creation:
    """A container being made: its directory is locked, its parts are undone by `abandon`."""

    __slots__ = (
        "agent",
        "config",
        "devices",
        "held",
        "hooks_ran",
        "host",
        "launch",
        "listener",
        "opened",
        "options",
        "record",
        "share",
        "store",
        "terminal",
        "wait_for_start",
    )

    def __init__(
        self, store: Store, container_id: str, bundle: str, options: CreateOptions, wait_for_start: bool
    ) -> None:
        """Reads and checks everything that can be checked before anything is made."""
        self.store = store
        self.options = options
        self.wait_for_start = wait_for_start
        self.hooks_ran = False
        self.listener = -1
        self.terminal = (-1, -1)  # the ends of the engine's own socket for it
        self.opened: list[int] = []
        self.launch: Launch | None = None
        self.devices: NetworkDevices | None = None
        self.agent: Agent | None = None  # of the seccomp filter, where that has one
        bundle = files.absolute(bundle)
        data = options.document or read_config(bundle, options.config)
        self.config = load_config(data, options.config or "config.json")
        opening.check_preserved(options.preserve_fds)
        if options.environment and "process" in self.config:
            process = self.config["process"]
            process["env"] = [*process.get("env", ()), *options.environment]
        self.host = Host(container_id, bundle)
        self.host.pivot = not options.no_pivot
        self.host.keyring = not options.no_new_keyring
        self.host.wait_for_start = wait_for_start
        self.host.terminal_socket = options.console_socket and files.absolute(options.console_socket)
        found = layout.detect()
        self.share = Share(self.config, container_id, found, options.cgroup_manager, options.remark)
        if self.config.get("linux", {}).get("netDevices"):
            from sampan.engine import network_devices

            network_devices.check(self.config)
        self.record = _new_record(container_id, bundle, self.config, self.host.keyring)
        if not wait_for_start and not self.record.has_process:
            rule = 'is required: "This property is REQUIRED when start is called"'
            raise ConfigError("config.json", [Problem("process", None, rule, "config.md#process")])
        self.held = _claim(store, container_id)
        try:
            self.held.write(CONFIG, data)
            if self.tells_readiness:
                from sampan.engine import readiness

                readiness.prepare(self.held, self.config)
        except BaseException:
            self.abandon()
            raise

    @property
    def tells_readiness(self) -> bool:
        """Whether somebody wants to know when the process is ready (NOTIFY_SOCKET)."""
        return bool(self.options.notify_socket) and "process" in self.config

    def make(self) -> None:
        """Everything up to the wait for `start`. On failure the caller calls `abandon`."""
        for warning in facts.compile_seccomp(self.config, self.host, cache_directory("seccomp")):
            self.options.remark(warning)
        if self.host.seccomp_notify:
            self._find_agent()
        self.share.make(self.held, self.record)
        facts.find_out(self.config, self.host, self.share.cgroup)
        self.host.cgroup_tasks = self.share.tasks_files()
        plan = compile_plan(self.config, self.host)
        self.record.operations = len(plan.operations)
        for warning in plan.warnings:
            self.options.remark(warning)
        if self.wait_for_start:
            self.listener = _linux.unix_listen(self.held.fd, START_SOCKET)
        if self.config.get("process", {}).get("terminal") and not self.options.console_socket:
            self.terminal = _linux.socket_pair()
        own = {"listener": self.listener, "terminal": self.terminal[1]}
        opening.open_all(plan.descriptors, own, self.opened)
        self.launch = Launch(plan)
        self._spawn(plan)
        self._converse(plan)

    def finish(self) -> None:
        """The container is complete: nothing undoes it any more but `delete`."""
        self.record.complete = True
        self.held.save(self.record)
        if self.wait_for_start and self.launch is not None:
            self.launch.go_on()  # and does not end with the runtime any more
        if self.options.pid_file:
            from sampan.engine.pid_file import write_pid_file

            write_pid_file(self.options.pid_file, self.record.pid)
        receiver = self.record.annotated_path(PIDFD_RECEIVER)
        if (self.options.pidfd_socket or receiver) and self.launch is not None:
            from sampan.engine.pidfd import OPTION, OWN, send

            for path, asked_by in ((self.options.pidfd_socket, OPTION), (receiver, f"annotations[{PIDFD_RECEIVER}]")):
                if path:
                    send(path, self.launch.pidfd, OWN, asked_by)

    def release(self) -> None:
        """Close all that was opened, which ends the lock; the container stays."""
        opened, self.opened = self.opened, []
        listener, self.listener = self.listener, -1
        terminal, self.terminal = self.terminal, (-1, -1)
        files.close_all([*opened, listener, *terminal])
        if self.launch is not None:
            self.launch.close()
        if self.devices is not None:
            self.devices.close()
        if self.agent is not None:
            self.agent.close()
        self.held.close()

    def abandon(self) -> None:
        """Undo everything. runtime.md#lifecycle: a failed hook ends in step 12, with the poststop hooks of step 13."""
        if self.launch is not None:
            self.launch.abort()
        self.give_devices_back()
        self.record.pid = 0
        self.record.complete = False
        try:
            destroy(self.held, self.record, self.options.warn, with_hooks=self.hooks_ran)
        finally:
            self.release()

    def __del__(self) -> None:
        """Where a signal handler of a host program has raised before anybody had this in a variable."""
        if getattr(self, "held", None) is not None and self.held.fd >= 0:
            self.abandon()

    def give_devices_back(self) -> None:
        """Move the network devices back to where they were."""
        if self.devices is not None:
            self.devices.give_back(self.options.warn)

    def check_terminal(self, *, foreground: bool) -> None:
        """Who would have the terminal? Raises UsageError where nobody would, and where nobody asked for one."""
        wanted = bool(self.config.get("process", {}).get("terminal"))
        if wanted and not foreground and not self.options.console_socket:
            raise UsageError("process.terminal is true: a container in the background needs --console-socket for it")
        if self.options.console_socket and not wanted:
            raise UsageError("--console-socket is given, but process.terminal is not true in config.json")

    def let_go(self) -> None:
        """From the wait for `start` to the user's program."""
        assert self.launch is not None
        if self.agent is not None:
            self.agent.connect()
        self.launch.go_on()
        if self.agent is not None:
            self.launch.until(WATCHED)
            self.agent.entrust(self.launch.sync, self.record, CREATED_STATUS, self.record.pid)
        self.launch.ended()

    def _find_agent(self) -> None:
        """Before anything is made. It is called at the start only: many an agent listens to one runtime at a time."""
        from sampan.engine.seccomp_agent import Agent

        self.record.notifies = True
        self.agent = Agent(self.config)
        self.agent.check()

    def _spawn(self, plan: Plan) -> None:
        assert self.launch is not None
        init = read_init()
        unified = self.share.cgroup.open_unified()
        first = 3 + self.options.preserve_fds
        try:
            self.launch.spawn(init, self.options.standard, self.opened, first, plan.clone_flags, unified)
        finally:
            posix.close(init)
            if unified >= 0:
                posix.close(unified)

    def _converse(self, plan: Plan) -> None:
        """Act at each point where init stops."""
        launch = self.launch
        assert launch is not None
        linux = self.config.get("linux", {})
        if self.share.cgroup.places:
            launch.until(PLACED)
            self.share.place(launch.pid, self.held, self.record)
            launch.go_on()
        new_user = any(ns["type"] == "user" and not ns.get("path") for ns in linux.get("namespaces", ()))
        if new_user:
            from sampan.engine.mapping import write_mappings

            launch.until(MAPPED)
            write_mappings(launch.pid, linux.get("uidMappings", ()), linux.get("gidMappings", ()))
            launch.go_on()
        if plan.device_moves:
            from sampan.engine.network_devices import NetworkDevices

            launch.until(MOVED)
            self.devices = NetworkDevices(launch.pid, self.options.remark)
            self.devices.move(plan.device_moves)
            launch.go_on()
        if any(self.record.hooks.get(kind) for kind in HOOKS_OF_CREATE):
            launch.until(HOOKS)
            self._learn_process()
            self.held.save(self.record)  # hooks may ask for the state
            self._run_hooks()
            launch.go_on()
        launch.until(CREATED)
        self._learn_process()
        self.share.hand_down(launch.pid)

    def _learn_process(self) -> None:
        assert self.launch is not None
        self.record.pid = self.launch.pid
        self.record.started = proc.start_time(self.record.pid)
        if self.record.started == 0:
            raise SampanError("the container's process was killed while it was made")

    def _run_hooks(self) -> None:
        from sampan.engine import hooks

        assert self.launch is not None
        self.hooks_ran = True
        hooks.run_in_runtime("prestart", self.record, "creating")
        hooks.run_in_runtime("createRuntime", self.record, "creating")
        inside = hooks.ContainerNamespaces(self.launch.pidfd, self.config, self.host, self.share.cgroup, None)
        hooks.run_in_container("createContainer", self.record, "creating", inside)


def begin(
    store: Store, container_id: str, bundle: str, options: CreateOptions, *, wait_for_start: bool, foreground: bool
) -> Creation:
    """A container made up to the wait for `start`, which the caller releases. Raises SampanError; then nothing is left.

    ``foreground``: the caller has the terminal of its process, where that has one.
    """
    creation = Creation(store, container_id, bundle, options, wait_for_start)
    try:
        creation.check_terminal(foreground=foreground)
        creation.make()
        creation.finish()
    except BaseException:
        creation.abandon()
        raise
    return creation


def read_config(bundle: str, path: str = "") -> bytes:
    """The configuration at ``path``, or the bundle's own. Raises UsageError with what a bundle is."""
    try:
        if path:
            return files.read(path)
        return files.read(f"{bundle}/config.json")
    except KernelError as error:
        if path:
            raise UsageError(f"--config {path} cannot be read: {error}") from None
        hint = "a bundle is a directory with config.json; `sampan spec` writes one"
        raise UsageError(f"the bundle {bundle} has no config.json that can be read: {error} ({hint})") from None


def load_config(data: bytes, document: str = "config.json") -> Config:
    """The checked configuration, and known to be for this platform."""
    config = load(data, document)
    if other := platform_problem(config):
        raise PlatformError(f"{document}: {other}")
    annotations = config.get("annotations")
    if annotations and any(name.startswith(CRUN_PREFIX) for name in annotations):
        from sampan.spec.annotations import problems

        if found := list(problems(annotations)):
            raise ConfigError(document, found)
    if "root" not in config:
        raise ConfigError(document, [Problem("root", None, "is required on Linux", "config.md#root")])
    return config


def _claim(store: Store, container_id: str) -> Held:
    """A new directory, or that of a creation that was killed, emptied. Raises ExistsError."""
    try:
        return store.make(container_id)
    except ExistsError:
        try:
            held = store.hold(container_id)
        except NotFoundError:
            return store.make(container_id)  # deleted meanwhile
        try:
            record = held.load()
        except SampanError:
            # not even a record: whoever made the directory was killed at once, and made nothing else
            if not held.has_nothing():
                held.close()
                raise
            held.empty()
            return held
        if record.complete:
            held.close()
            raise
        # we hold its lock, so nobody is creating it any more
        destroy(held, record, silent, with_hooks=False)
        held.close()
        return store.make(container_id)


def _new_record(container_id: str, bundle: str, config: Config, keyring: bool) -> Record:
    record = Record(container_id)
    record.bundle = bundle
    record.rootfs = root_path(config, bundle)
    now = time.time()
    record.created = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1e6):06d}Z"
    record.owner = posix.geteuid()
    record.has_process = "process" in config
    record.keyring = keyring
    record.annotations = config.get("annotations", {})
    record.hooks = config.get("hooks", {})
    record.cgroup = cgroups.Cgroup({}).to_state()
    for entry in config.get("linux", {}).get("namespaces", ()):
        if entry["type"] == "pid" and not entry.get("path"):
            record.own_pid_namespace = True
    return record
