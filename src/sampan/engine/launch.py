"""Starts init with a plan and talks with it: where it has come to, and which operation failed. Hot path."""

from __future__ import annotations

import errno
import posix

from sampan import _linux
from sampan.errors import KernelError, SampanError
from sampan.linux import files
from sampan.plan.operations import PLACED, POINTS
from sampan.plan.wire import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.plan.operations import Operation, Plan

# struct message of native/init.c: kind u32, index u32, value i64, call char[64], detail char[440]
REACHED, FORKED, FAILED = 1, 2, 3
MESSAGE_SIZE = 520
SIGKILL = 9
SPAWN_HINTS = {
    errno.ENOSPC: "the limit of namespaces in /proc/sys/user is reached",
    errno.EPERM: "who is not root makes them in a user namespace: `sampan spec --rootless` writes a config.json for it",
}


def read_init() -> int:
    """A descriptor of the program init that nobody can change."""
    return read_program("init")


def read_program(name: str) -> int:
    """A descriptor of one of the static programs that nobody can change: a sealed memfd (CVE-2019-5736).

    Where executable memfds are forbidden (vm.memfd_noexec), a read-only clone of the mount that it is on, which no
    namespace holds.
    """
    path = f"{_linux.__file__.rpartition('/')[0]}/{name}"
    program = files.read(path)
    try:
        return _linux.sealed_memfd(f"sampan-{name.removeprefix('sampan-')}", program, True)
    except OSError as error:
        if error.errno != errno.EACCES:
            raise KernelError("memfd_create", name, error.errno or 0) from None
    try:
        tree = _linux.open_tree(path, 0)
        _linux.mount_setattr(tree, False, 1, 0, 0, -1)
    except OSError as error:
        hint = f"this host forbids executable memfds (vm.memfd_noexec), and the mount of {name} cannot be cloned"
        raise KernelError("clone", path, error.errno or 0, detail=hint) from None
    return tree


class Launch:
    """One init: started, listened to, and killed if its container must not be."""

    __slots__ = ("expects_birth", "operations", "pid", "pidfd", "plan", "sync")

    def __init__(self, plan: Plan) -> None:
        self.plan = encode(plan)
        self.operations = plan.operations
        self.expects_birth = any(operation.name == "fork" for operation in plan.operations)
        self.sync = -1
        self.pid = -1
        self.pidfd = -1

    def spawn(
        self,
        init: int,
        standard: tuple[int, int, int],
        slots: Sequence[int],
        first: int,
        clone_flags: int,
        cgroup: int,
    ) -> None:
        """Start it; ``first`` is the number of its first descriptor that is not the user's. Raises KernelError."""
        ours, theirs = _linux.socket_pair()
        self.sync = ours
        plan = -1
        try:
            plan = _linux.sealed_memfd("sampan-plan", self.plan)
            self.pid, self.pidfd = _linux.spawn(init, standard, (plan, theirs, *slots), first, clone_flags, cgroup)
        except OSError as error:
            hint = SPAWN_HINTS.get(error.errno or 0, "")
            raise KernelError("start init", "", error.errno or 0, "linux.namespaces", hint) from None
        finally:
            posix.close(theirs)
            if plan >= 0:
                posix.close(plan)

    def until(self, point: int) -> None:
        """Let init go on until it has come to ``point``. Raises KernelError with what failed before."""
        if not self._listen(point):
            raise SampanError(f"init ended before {POINTS[point]}: it was killed (out of memory?)")

    def ended(self) -> None:
        """Listen until init has become the user's program. Raises KernelError where it could not."""
        self._listen(0)

    def _listen(self, point: int) -> bool:
        """True at ``point``, False at the end of the connection.

        Where one process gives birth to the next, both speak: what the child says may arrive before the news of its
        birth. Only at PLACED it is not born yet.
        """
        reached = False
        problem: SampanError | None = None
        while True:
            kind, index, value, call, detail = receive(self.sync)
            if kind == FORKED:
                self._adopt(value)
            elif kind == REACHED:
                reached = value == point
            elif kind == FAILED:
                problem = failure(self.operations[index], call, value, detail)
            if problem is not None and (kind == 0 or not self.expects_birth):
                raise problem
            if kind == 0 or (reached and (point == PLACED or not self.expects_birth)):
                return reached

    def go_on(self) -> None:
        """Let init leave the point at which it waits."""
        try:
            posix.write(self.sync, b"g")
        except OSError:
            raise SampanError("init ended while it waited: it was killed") from None

    def abort(self) -> None:
        """Kill and reap it, and with it, as the init of its pid namespace, all that it started."""
        if self.pidfd < 0:
            return
        try:
            _linux.pidfd_signal(self.pidfd, SIGKILL)
        except ProcessLookupError:
            pass
        self.reap()

    def reap(self) -> None:
        """Wait for its end."""
        try:
            posix.waitid(posix.P_PIDFD, self.pidfd, posix.WEXITED)
        except ChildProcessError:
            pass

    def take_pidfd(self) -> int:
        """The process's pidfd, which is the caller's from now on."""
        pidfd, self.pidfd = self.pidfd, -1
        return pidfd

    def close(self) -> None:
        """Give the descriptors back; the process goes on."""
        descriptors = [self.sync, self.pidfd]
        self.sync = self.pidfd = -1
        files.close_all(descriptors)

    def _adopt(self, pid: int) -> None:
        """The first process made the second and is done: from now on this is about the second."""
        try:
            pidfd = _linux.pidfd_open(pid)  # our child, and not reaped: it cannot be another process
        except ProcessLookupError:
            pidfd = -1  # ended already, in a program that lets the kernel or a handler reap whatever it finds
        self.reap()
        of_the_first = [self.pidfd]
        self.pid, self.pidfd = pid, pidfd
        files.close_all(of_the_first)
        self.expects_birth = False


def receive(sync: int) -> tuple[int, int, int, str, str]:
    """A message of init: kind (0: the connection has ended), operation, value, system call, detail."""
    try:
        message = posix.read(sync, MESSAGE_SIZE)
    except ConnectionResetError:
        message = b""
    if len(message) < MESSAGE_SIZE:
        return 0, 0, 0, "", ""
    number = int.from_bytes
    call = message[16:80].partition(b"\0")[0].decode(errors="replace")
    detail = message[80:].partition(b"\0")[0].decode(errors="replace").strip()
    return (
        number(message[0:4], "little"),
        number(message[4:8], "little"),
        number(message[8:16], "little", signed=True),
        call,
        detail,
    )


def failure(operation: Operation, call: str, error: int, detail: str) -> SampanError:
    """The error of an operation that init could not carry out."""
    from sampan.engine.failures import explain

    return explain(operation, call, error, detail)
