"""`SCMP_ACT_NOTIFY`: gives the descriptor of a process's filter to the agent that decides its system calls.

config-linux.md#the-container-process-state. Imported only where a profile notifies: sockets of the standard library are
not for the hot path. How init gets the descriptor out while nobody answers yet is told in native/notify.c.
"""

from __future__ import annotations

import errno
import posix
import sys
from _socket import AF_UNIX, SCM_RIGHTS, SO_SNDTIMEO, SOCK_CLOEXEC, SOCK_STREAM, SOL_SOCKET, socket

from sampan import _linux
from sampan.errors import ConfigError, KernelError, Problem, SampanError
from sampan.spec import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.engine.store import Record
    from sampan.spec.types import Config

SECTION = "config-linux.md#seccomp"
LISTENER_PATH = "linux.seccomp.listenerPath"
# crun's ways to name the agent of a profile that has no listenerPath
ANNOTATION, VARIABLE = "run.oci.seccomp.receiver", "RUN_OCI_SECCOMP_RECEIVER"

DESCRIPTORS = ["seccompFd"]
PATIENCE = 10  # seconds: an agent that takes no connection, or does not read, must not keep the container locked
OPEN_DIRECTORY = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC
FILE_TYPE, SOCKET = 0o170000, 0o140000


def address(config: Config) -> tuple[str, str]:
    """The path of the agent's socket, and which field says it. Raises ConfigError where none does."""
    places = {
        LISTENER_PATH: config.get("linux", {}).get("seccomp", {}).get("listenerPath", ""),
        f"annotations[{ANNOTATION}]": config.get("annotations", {}).get(ANNOTATION, ""),
        VARIABLE: posix.environ.get(VARIABLE.encode(), b"").decode(errors="surrogateescape"),
    }
    for field, path in places.items():
        if path and (path[0] != "/" or "\0" in path):
            raise ConfigError("config.json", [Problem(field, path, "must be the absolute path of a socket", SECTION)])
        if path:
            return path, field
    rule = "is required where SCMP_ACT_NOTIFY is used: nobody would answer the system call"
    raise ConfigError("config.json", [Problem(LISTENER_PATH, None, rule, SECTION)])


class Agent:
    """The agent of one process's filter: "The connection MUST NOT be reused"."""

    __slots__ = ("connection", "field", "metadata", "path")

    def __init__(self, config: Config) -> None:
        """Raises ConfigError."""
        self.path, self.field = address(config)
        self.metadata = config.get("linux", {}).get("seccomp", {}).get("listenerMetadata", "")
        self.connection: socket | None = None

    def check(self) -> None:
        """Raises KernelError where there is no socket. If nobody listens, the connection tells, later: on each one the
        runtime "MUST send exactly one container process state".
        """
        try:
            kind = posix.stat(self.path).st_mode & FILE_TYPE
        except OSError as error:
            raise self._failure("find", error) from None
        if kind != SOCKET:
            raise self._failure("connect to", OSError(errno.ENOTSOCK, ""))

    def connect(self) -> None:
        """Raises KernelError."""
        directory, _, name = self.path.rpartition("/")
        place = -1
        self.connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
        # not settimeout(): a socket that does not block cannot wait for its turn either
        patience = PATIENCE.to_bytes(8, sys.byteorder) + bytes(8)  # struct timeval
        self.connection.setsockopt(SOL_SOCKET, SO_SNDTIMEO, patience)
        try:
            place = posix.open(directory or "/", OPEN_DIRECTORY)  # a socket's address has room for 107 bytes only
            self.connection.connect(f"/proc/self/fd/{place}/{name}")
        except OSError as error:
            self.close()
            raise self._failure("connect to", error) from None
        finally:
            if place >= 0:
                posix.close(place)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def entrust(self, sync: int, record: Record, status: str, pid: int) -> None:
        """Where the init at the other end of ``sync`` has come to WATCHED: the agent gets the descriptor of its filter.

        ``pid`` is that process as the runtime sees it, ``status`` the container's. Raises KernelError where the agent
        does not take it, SampanError where init has ended; then the user's program does not begin.
        """
        try:
            posix.write(sync, b"g")
            listener = _linux.receive_descriptor(sync)
        except OSError:
            raise SampanError("init ended with its new seccomp filter: it was killed") from None
        of_container = state.build(record.id, status, record.bundle, record.pid, record.annotations)
        document = state.build_process_state(of_container, pid, DESCRIPTORS, self.metadata)
        try:
            self._send(_linux.json_dumps(document), listener)
            posix.write(sync, b"g")
        except BrokenPipeError:
            raise SampanError("init ended while its seccomp agent was informed: it was killed") from None
        finally:
            posix.close(listener)
            self.close()

    def _send(self, document: bytes, listener: int) -> None:
        """Where it takes more than one message, "the file descriptors MUST be sent only in the first call"."""
        assert self.connection is not None
        rights = (SOL_SOCKET, SCM_RIGHTS, listener.to_bytes(4, sys.byteorder))
        try:
            sent = self.connection.sendmsg([document], [rights])
            self.connection.sendall(document[sent:])
        except OSError as error:
            raise self._failure("send the seccomp descriptor to", error) from None

    def _failure(self, what: str, error: OSError) -> KernelError:
        number = error.errno or errno.ENAMETOOLONG
        if number == errno.EAGAIN:
            number = errno.ETIMEDOUT
        return KernelError(what, self.path, number, self.field, "the seccomp agent must listen there")
