"""NOTIFY_SOCKET: a container says that it is ready to whoever manages this command, as a service of systemd does.

The manager's socket is none of the container's business (sd_notify(3) tells it more than that, and it would believe the
container). So the process gets one of the runtime's own, whose one message that is passed on is "READY=", with the pid
of the process to watch. Imported only where NOTIFY_SOCKET is set.
"""

from __future__ import annotations

import errno
import posix
import sys
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_CLOEXEC, SOCK_DGRAM, SOL_SOCKET, socket

from sampan import _linux
from sampan.engine.store import NOTIFY
from sampan.errors import KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.engine.store import Held, Record
    from sampan.spec.types import Config

SOCKET = "notify.sock"
DIRECTORY_INSIDE = "/run/notify"
MESSAGE_SIZE = 4096
PATIENCE = 30_000  # milliseconds that the manager may take to have read everything


def prepare(held: Held, config: Config) -> None:
    """Give the process a place where the socket will be, and the variable that says so. Raises KernelError."""
    source = f"{held.path}/{NOTIFY}"
    try:
        posix.mkdir(source, 0o755)
        posix.chmod(source, 0o755)  # whatever the umask: the process may be anybody
    except OSError as error:
        raise KernelError("mkdir", source, error.errno or 0) from None
    options = ["bind", "nosuid", "noexec", "nodev", "ro"]
    mount = {"destination": DIRECTORY_INSIDE, "type": "bind", "source": source, "options": options}
    config["mounts"] = [*config.get("mounts", ()), mount]  # type: ignore[list-item]
    process = config["process"]
    process["env"] = [*process.get("env", ()), f"NOTIFY_SOCKET={DIRECTORY_INSIDE}/{SOCKET}"]


class Readiness:
    """What the process may say, and the manager who wants to hear it."""

    __slots__ = ("_manager", "_pid", "_pidfd", "_socket")

    def __init__(self, held: Held, record: Record, manager: str) -> None:
        """Listen. ``manager`` is the value of NOTIFY_SOCKET: a path, or a name after "@". Raises KernelError."""
        self._socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC)
        self._manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC)
        self._pid = record.pid
        self._pidfd = record.open_process()
        path = f"/proc/self/fd/{held.fd}/{NOTIFY}/{SOCKET}"  # a socket's path must be short, and ours need not be
        try:
            self._socket.bind(path)
            posix.chmod(path, 0o777)
        except OSError as error:
            self.close()
            raise KernelError("bind", f"{held.path}/{NOTIFY}/{SOCKET}", error.errno or 0) from None
        try:
            self._manager.connect("\0" + manager[1:] if manager[0] == "@" else manager)
        except OSError as error:
            self.close()
            raise KernelError(
                "connect to", manager, error.errno or errno.ENAMETOOLONG, detail="NOTIFY_SOCKET"
            ) from None

    def descriptors(self) -> tuple[int, int]:
        """For the program that waits in the foreground: the process's end, and the manager's."""
        return self._socket.fileno(), self._manager.fileno()

    def wait(self) -> None:
        """Until the process has said that it is ready, and the manager knows; or until it has ended."""
        ours = self._socket.fileno()
        while self._pidfd >= 0 and _linux.wait_readable((ours, self._pidfd), -1) == ours:
            for line in self._socket.recv(MESSAGE_SIZE).split(b"\n"):
                if line.startswith(b"READY="):
                    self._tell(line)
                    return

    def close(self) -> None:
        self._socket.close()
        self._manager.close()
        if self._pidfd >= 0:
            posix.close(self._pidfd)
            self._pidfd = -1

    def _tell(self, ready: bytes) -> None:
        """And let the manager read it while this process is there: it asks the kernel who has sent something."""
        ours, theirs = posix.pipe2(posix.O_CLOEXEC)
        try:
            self._manager.send(ready + b"\n")
            self._manager.send(b"MAINPID=%d\n" % self._pid)
            self._manager.sendmsg([b"BARRIER=1"], [(SOL_SOCKET, SCM_RIGHTS, theirs.to_bytes(4, sys.byteorder))])
            posix.close(theirs)
            theirs = -1
            _linux.wait_readable((ours,), PATIENCE)
        except OSError:
            pass  # it has no ear for us any more
        finally:
            for fd in (ours, theirs):
                if fd >= 0:
                    posix.close(fd)
