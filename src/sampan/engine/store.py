"""Containers' state directories: one a container below the root, with its record, its lock, and the socket on which its
init waits for `start`. Hot path.

The lock is flock(2) on the directory itself. The record is written to a new file and renamed, so that whoever reads it
finds it whole; a record that is broken or somebody else's is an error, never a guess.

A record says which process is killed, which cgroups are removed and which hooks are run: it is believed only in a
directory that nobody else can write to (engine/trust.py). Directories are opened once, and then used by descriptor.
"""

from __future__ import annotations

import errno
import posix

from sampan._linux import json_dumps, json_loads, lock_file, unix_connect
from sampan.cgroups import cgroup
from sampan.errors import ExistsError, KernelError, NotFoundError, StateError, UsageError, printable
from sampan.linux import files, proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any

    from sampan.spec.types import Hooks

VERSION = 1
RECORD, CONFIG, START_SOCKET, NOTIFY = "state.json", "config.json", "start", "notify"
BEFORE_RECORD = frozenset((CONFIG, f".{CONFIG}.new", f".{RECORD}.new", START_SOCKET, NOTIFY))
CREATING, CREATED, RUNNING, PAUSED, STOPPED = "creating", "created", "running", "paused", "stopped"
# of a file's mode; a group of the user's own may write what a usual umask has made, but never what is made here
_S_IFMT, _S_IFREG, _OTHERS_MAY_WRITE, _EVERYBODY_MAY_WRITE = 0o170000, 0o100000, 0o022, 0o002
_OPEN_DIRECTORY = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC
_STICKY = 0o1000


class Record:
    """What is remembered of a container. Its status is not: that is asked of the process, each time."""

    __slots__ = (
        "annotations",
        "bundle",
        "cgroup",
        "complete",
        "created",
        "has_process",
        "hooks",
        "id",
        "keyring",
        "notifies",
        "operations",
        "own_pid_namespace",
        "owner",
        "pid",
        "rdt",
        "rootfs",
        "started",
    )

    def __init__(self, container_id: str) -> None:
        self.id = container_id
        self.bundle = ""
        self.rootfs = ""
        self.created = ""  # RFC 3339
        self.owner = 0  # uid
        self.pid = 0
        self.started = 0  # the start time of the process, clock ticks since boot
        self.operations = 0  # how many its plan has
        self.complete = False  # False while it is being created, and after a creation that was killed
        self.keyring = True  # False: --no-new-keyring
        self.notifies = False  # True: the seccomp filter has an agent, which `start` informs
        self.own_pid_namespace = False
        self.has_process = True
        self.cgroup: dict[str, Any] = {}
        self.rdt: dict[str, Any] = {}  # of cgroups.resctrl; empty where the container has no share of its own
        self.annotations: dict[str, str] = {}
        self.hooks: Hooks = {}

    def to_document(self) -> dict[str, object]:
        return {"version": VERSION, **{name: getattr(self, name) for name in self.__slots__}}

    @classmethod
    def from_document(cls, container_id: str, document: object) -> Record:
        """Raises StateError for anything but a record of this container in this version."""
        record = cls(container_id)
        if not isinstance(document, dict) or document.get("version") != VERSION:
            raise StateError(f"container {container_id}: its record was not written by this version of sampan")
        for name in cls.__slots__:
            value = document.get(name)
            if type(value) is not type(getattr(record, name)):
                raise _damaged(container_id, f"{name} is {value!r}")
            setattr(record, name, value)
        if record.id != container_id:
            raise StateError(f"container {container_id}: its record is that of {record.id!r}")
        record._check_contents()
        return record

    def _check_contents(self) -> None:
        """Raises StateError before anybody acts on paths, signals the processes of a cgroup, or runs a hook."""
        for name, value in self.annotations.items():
            if type(value) is not str:
                raise _damaged(self.id, f"annotations[{name!r}] is {value!r}")
        if self.hooks:
            from sampan.spec.check import check
            from sampan.spec.schema import HOOKS

            for problem in check(self.hooks, HOOKS):
                raise _damaged(self.id, f"hooks.{problem}")
        try:
            self.group()
            if self.rdt:
                from sampan.cgroups import resctrl

                resctrl.from_state(self.rdt)
        except ValueError as error:
            raise _damaged(self.id, str(error)) from None

    def open_process(self) -> int:
        """A pidfd of its process, or -1 if that has ended."""
        return proc.open_process(self.pid, self.started) if self.pid > 0 else -1

    def annotated_path(self, annotation: str) -> str:
        """The path that an annotation names, where a relative one begins at the bundle; "" where there is none."""
        path = self.annotations.get(annotation, "")
        return path if not path or path.startswith("/") else f"{self.bundle}/{path}"

    def group(self) -> cgroup.Cgroup:
        return cgroup.from_state(self.cgroup)


class Held:
    """A container's directory, locked until `close` or the end of a `with` block."""

    __slots__ = ("fd", "id", "locked", "path", "root")

    def __init__(self, path: str, container_id: str, fd: int, root: int) -> None:
        """Takes over both descriptors: of the directory, and of the one that it is in."""
        self.locked = False  # by us
        self.path = path  # for messages
        self.id = container_id
        self.fd = fd
        self.root = root

    def __enter__(self) -> Held:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        descriptors = [self.root, self.fd]
        self.fd = self.root = -1
        files.close_all(descriptors)

    def __del__(self) -> None:
        self.close()  # a signal handler of a host program may raise where nobody could have closed it yet

    def load(self) -> Record:
        """Raises StateError where the record is missing or damaged."""
        try:
            document = json_loads(self.read(RECORD))
        except (KernelError, ValueError) as error:
            raise StateError(printable(f"container {self.id}: its record cannot be read: {error}")) from None
        return Record.from_document(self.id, document)

    def read(self, name: str) -> bytes:
        """A file of the directory: never what a link or a FIFO there stands for. Raises KernelError."""
        flags = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
        try:
            fd = posix.open(name, flags, dir_fd=self.fd)
        except OSError as error:
            raise KernelError("open", f"{self.path}/{name}", error.errno or 0) from None
        try:
            if posix.fstat(fd).st_mode & _S_IFMT != _S_IFREG:
                raise KernelError("read", f"{self.path}/{name}", errno.EINVAL, detail="it is no regular file")
            return files.read_fd(fd)
        except OSError as error:
            raise KernelError("read", f"{self.path}/{name}", error.errno or 0) from None
        finally:
            posix.close(fd)

    def save(self, record: Record) -> None:
        self.write(RECORD, json_dumps(record.to_document()))

    def write(self, name: str, data: bytes) -> None:
        """A file of the directory, whole or not at all."""
        new = f".{name}.new"
        flags = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW | posix.O_NONBLOCK
        files.write(new, data, flags=flags, dir_fd=self.fd)
        posix.rename(new, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def status(self, record: Record) -> str:
        """runtime.md#state, from what the process is doing now; and "paused", which every engine knows."""
        if not record.complete:
            return CREATING if self._is_locked_by_another() else STOPPED
        if record.started == 0 or proc.start_time(record.pid) != record.started:
            return STOPPED
        if record.group().is_frozen():  # asked first: a frozen init does not answer who knocks
            return PAUSED
        return CREATED if self._waits_for_start() else RUNNING

    def _is_locked_by_another(self) -> bool:
        """Whether somebody is at work on it: what was left incomplete by a creation that was killed is not locked."""
        return not self.locked and not lock_file(self.fd, False, False)  # flock(2) would convert our own lock

    def _waits_for_start(self) -> bool:
        try:
            posix.stat(START_SOCKET, dir_fd=self.fd)
            posix.close(unix_connect(self.fd, START_SOCKET, False))
        except OSError:
            return False
        return True

    def has(self, name: str) -> bool:
        """Whether there is a file or directory ``name``."""
        return name in posix.listdir(self.fd)

    def has_nothing(self) -> bool:
        """Whether it holds nothing but what is written before the first record, by a creation that was killed there."""
        return BEFORE_RECORD.issuperset(posix.listdir(self.fd))

    def remove(self) -> None:
        """The directory and all in it; the record last, so that a removal that is killed can be finished."""
        self.empty()
        posix.rmdir(self.id, dir_fd=self.root)

    def empty(self) -> None:
        """All that is in the directory."""
        for name in sorted(posix.listdir(self.fd), key=RECORD.__eq__):
            if name == NOTIFY:
                self._remove_notify()
            else:
                self.unlink(name)

    def unlink(self, name: str) -> None:
        posix.unlink(name, dir_fd=self.fd)

    def _remove_notify(self) -> None:
        directory = posix.open(NOTIFY, _OPEN_DIRECTORY | posix.O_NOFOLLOW, dir_fd=self.fd)
        try:
            for name in posix.listdir(directory):
                posix.unlink(name, dir_fd=directory)
        finally:
            posix.close(directory)
        posix.rmdir(NOTIFY, dir_fd=self.fd)


class Store:
    """All containers below one root directory."""

    __slots__ = ("root",)

    def __init__(self, root: str) -> None:
        self.root = root

    def make(self, container_id: str) -> Held:
        """A new directory, locked. Raises ExistsError.

        What a creation that was killed has left is not a container: the caller finds its record incomplete.
        """
        path = self._path(container_id)
        self._make_root()
        while True:
            self._make_directory(container_id, path)
            try:
                held = self.hold(container_id)
            except NotFoundError:
                continue  # somebody took it for a killed creation's and removed it before it was locked
            if not posix.listdir(held.fd):
                return held
            held.close()  # ... or has made a container in it
            raise ExistsError(f"a container with the id {container_id} exists already")

    def _make_directory(self, container_id: str, path: str) -> None:
        root = self._open_root()
        try:
            posix.mkdir(container_id, 0o700, dir_fd=root)
        except FileExistsError:
            raise ExistsError(f"a container with the id {container_id} exists already") from None
        except OSError as error:
            raise KernelError("mkdir", path, error.errno or 0) from None
        finally:
            posix.close(root)

    def _path(self, container_id: str) -> str:
        if container_id in ("", ".", "..") or "/" in container_id or "\0" in container_id:
            raise UsageError(f"{container_id!r} cannot be a container's id")
        return f"{self.root}/{container_id}"

    def look(self, container_id: str) -> Held:
        """The directory of a container, not locked: to read its record, which is whole at any time.

        So that a hook may ask for the state of the container for which it runs. Raises NotFoundError, and StateError
        where others may write it: a record of theirs would have us signal, remove and run what they want.
        """
        path = self._path(container_id)
        try:
            root = self._open_root()
        except NotFoundError:
            raise NotFoundError(f"container {container_id} does not exist") from None
        held = Held(path, container_id, -1, root)
        try:
            held.fd = _open_own(root, container_id, path)
        except BaseException as error:
            held.close()
            if not isinstance(error, OSError):
                raise
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise NotFoundError(f"container {container_id} does not exist") from None
            raise KernelError("open", path, error.errno or 0) from None
        return held

    def hold(self, container_id: str, *, shared: bool = False) -> Held:
        """The directory of a container, locked for a change. Raises NotFoundError.

        ``shared`` locks out changes only: many may add a process to one container at the same time.
        """
        while True:
            held = self.look(container_id)
            lock_file(held.fd, not shared, True)
            # somebody may have removed the directory, and made it anew, while this waited for the lock
            if _same_file(held.fd, held.root, container_id):
                held.locked = True
                return held
            held.close()

    def ids(self) -> list[str]:
        """The ids of all containers, sorted."""
        try:
            root = self._open_root()
        except NotFoundError:
            return []
        try:
            names = posix.listdir(root)
        finally:
            posix.close(root)
        return sorted(name for name in names if not name.startswith("."))

    def _open_root(self) -> int:
        """A descriptor of the root directory. Raises NotFoundError, KernelError, StateError where others write there.

        In one that everybody may write to, only a sticky bit keeps others from replacing a container by their own.
        """
        try:
            root = posix.open(self.root, _OPEN_DIRECTORY)
        except FileNotFoundError:
            raise NotFoundError(f"the directory {self.root} does not exist") from None
        except OSError as error:
            raise KernelError("open", self.root, error.errno or 0) from None
        status = posix.fstat(root)
        if _is_trusted(status) and (not status.st_mode & _EVERYBODY_MAY_WRITE or status.st_mode & _STICKY):
            return root
        posix.close(root)
        from sampan.engine.trust import distrusted

        raise distrusted(f"the directory of containers' states, {self.root},", status)

    def _make_root(self) -> None:
        # In $XDG_RUNTIME_DIR what is not sticky may be removed when it gets old (XDG Base Directory Specification).
        own = 0o700 if posix.geteuid() == 0 else 0o700 | _STICKY
        path = ""
        for part in self.root.split("/")[1:] if self.root.startswith("/") else self.root.split("/"):
            path = f"{path}/{part}" if path or self.root.startswith("/") else part
            try:
                posix.mkdir(path, own if path == self.root else 0o711)
            except FileExistsError:
                continue
            except OSError as error:
                raise KernelError("mkdir", path, error.errno or 0) from None


def _damaged(container_id: str, what: str) -> StateError:
    return StateError(printable(f"container {container_id}: its record is damaged: {what}"))


def default_root(environment: Mapping[bytes, bytes]) -> str:
    """Where containers' states are kept if nothing else is said, as runc chooses it. Raises UsageError."""
    own = environment.get(b"XDG_RUNTIME_DIR", b"").decode(errors="surrogateescape")
    if posix.geteuid() == 0 and not (own and _is_foreign_root(environment)):
        return "/run/sampan"
    if not own:
        raise UsageError("neither --root is given nor XDG_RUNTIME_DIR set, so there is no place for containers' states")
    return f"{own}/sampan"


def _is_foreign_root(environment: Mapping[bytes, bytes]) -> bool:
    """Whether this is root of a user namespace only, made by a rootless engine, and not told to act as real root."""
    mapping = files.read("/proc/self/uid_map").split()
    return mapping != [b"0", b"0", b"4294967295"] and environment.get(b"USER") != b"root"


def cache_directory(name: str) -> str | None:
    """A directory for what may be thrown away at any time, the same for all roots; None where the user has no place."""
    if posix.geteuid() == 0:
        return f"/run/sampan/.{name}"
    own = posix.environ.get(b"XDG_RUNTIME_DIR", b"").decode(errors="surrogateescape")
    return f"{own}/sampan/.{name}" if own else None


def _open_own(root: int, name: str, path: str) -> int:
    """A container's directory. Raises OSError, StateError where it is another user's."""
    fd = -1
    try:
        fd = posix.open(name, _OPEN_DIRECTORY | posix.O_NOFOLLOW, dir_fd=root)
        status = posix.fstat(fd)
    except PermissionError:
        status = posix.stat(name, dir_fd=root, follow_symlinks=False)
    if fd >= 0:
        if _is_trusted(status) and not status.st_mode & _OTHERS_MAY_WRITE:
            return fd
        posix.close(fd)
    from sampan.engine.trust import distrusted

    raise distrusted(f"container {name}: its directory {path}", status)


def _is_trusted(status: posix.stat_result) -> bool:
    """Whether what is in the directory was written by this user, or by root, who could do anything anyway."""
    return status.st_uid in (posix.geteuid(), 0)


def _same_file(fd: int, directory: int, name: str) -> bool:
    try:
        there, here = posix.stat(name, dir_fd=directory, follow_symlinks=False), posix.fstat(fd)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
