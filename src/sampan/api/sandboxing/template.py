"""What a sandbox is made of: the hardened profile, cut to size. One template serves any number of sandboxes."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import secrets
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from sampan.api.making import containers, load
from sampan.api.spec import Spec
from sampan.cgroups.delegation import is_rootless
from sampan.engine import profiles
from sampan.errors import KernelError, SampanError, UsageError
from sampan.profiles.hardened import RANGES, range_of_ids
from sampan.spec.sizes import bytes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sampan.spec.types import Mount, Process, Rlimit

    Size = int | str
    Resource = Literal["memory", "cpu", "processes"]
    Means = Literal["cgroup", "rlimit", "nothing"]

WORK = "/tmp"
_PAGE = 4096
_SMALL = 1 << 20  # bytes of the file systems that are for little
PREFIX = "sandbox-"  # of the ids of containers
_DIRECTORY = "sampan-sandbox-"
_LEAST_MEMORY = 8 << 20
_SEGMENTS = frozenset(("shmget",))
_UNCOUNTED = frozenset(("shmget", "memfd_create"))  # memory that no limit of a process counts


class Options(TypedDict, total=False):
    """What a sandbox is made with; what is not said is as below. Sizes are bytes, or like "64M"."""

    rootfs: str | os.PathLike[str] | None  # the directory that is its root, read-only; None: the host's programs
    memory: Size  # "256M": of all in it together, with its files
    cpus: float  # 1.0: how many processors it may keep busy
    processes: int  # 64: at one time, threads counted
    work: Size  # "64M": the files below /tmp, which are in its memory
    output: Size  # "1M": how much is kept of each of stdout and stderr
    timeout: float | None  # 10.0: seconds that a run may take; None: any number
    executable: bool  # False: whether files below /tmp may be run as programs
    env: Mapping[str, str] | None  # variables that each run gets
    root: str | os.PathLike[str] | None  # where containers' states are kept; None: where the command keeps them
    configure: Callable[[Spec], Spec] | None  # gets the configuration, and gives one that is more as it should be


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sandbox, and each run in it, may use at most."""

    memory: int  # bytes
    cpus: float
    processes: int
    work: int  # bytes
    output: int  # bytes of each of stdout and stderr
    timeout: float | None  # seconds

    @classmethod
    def of(cls, memory: Size, cpus: float, processes: int, work: Size, output: Size, timeout: float | None) -> Limits:
        """Raises UsageError for what makes no sense."""
        found = cls(_bytes("memory", memory), cpus, processes, _bytes("work", work), _bytes("output", output), timeout)
        if found.memory < _LEAST_MEMORY:
            raise UsageError(f"memory must be at least {_LEAST_MEMORY} bytes: no program begins with {memory!r}")
        if not 0.01 <= cpus <= 1 << 16:
            raise UsageError(f"cpus must be 0.01 or more, not {cpus!r}")
        if processes < 1:
            raise UsageError(f"processes must be 1 or more, not {processes!r}")
        if not _PAGE <= found.work <= found.memory // 2:
            raise UsageError(f"work must be at most half of memory, of which its files take: {work!r} of {memory!r}")
        if timeout is not None and timeout <= 0:
            raise UsageError(f"timeout must be more than 0, or None, not {timeout!r}")
        return found


class Template:
    """Makes configurations. Where the root shows the host's programs it has a directory, which `close` removes."""

    def __init__(
        self,
        *,
        rootfs: str | os.PathLike[str] | None = None,
        memory: Size = "256M",
        cpus: float = 1.0,
        processes: int = 64,
        work: Size = "64M",
        output: Size = "1M",
        timeout: float | None = 10.0,
        executable: bool = False,
        env: Mapping[str, str] | None = None,
        root: str | os.PathLike[str] | None = None,
        configure: Callable[[Spec], Spec] | None = None,
    ) -> None:
        """Of `Options`. Raises UsageError, KernelError."""
        self.root = root
        _sweep(root)
        self.limits = Limits.of(memory, cpus, processes, work, output, timeout)
        self.rootless = is_rootless()
        found = profiles.controllers(rootless=self.rootless)
        self.enforced: Mapping[Resource, Means] = _enforced(found)
        self.cgroup_manager: Literal["cgroupfs", "disabled"] = "cgroupfs" if found or self.rootless else "disabled"
        self._numbers = itertools.count(secrets.randbelow(RANGES))
        self._environment = env or {}
        self._remove: weakref.finalize[[Path, int, int], Template] | None = None
        spec = Spec.hardened(rootless=self.rootless).with_args(["/proc/self/fd/0"])  # which is sampan-hold
        spec = self._limited(self._rooted(spec, rootfs), executable=executable)
        self.bundle: str = spec.to_dict()["root"]["path"]
        self._document = (spec if configure is None else configure(spec)).validate().to_dict()
        self._process: Process = self._document["process"]
        if rootfs is None:
            _make_mount_points(Path(self.bundle), self._document["mounts"])

    def config(self) -> dict[str, Any]:
        """Of one more sandbox. Root's have ids of their own, so that two of them are strangers to each other."""
        if self.rootless:
            return self._document
        ids = [range_of_ids(next(self._numbers) % RANGES)]
        return {**self._document, "linux": {**self._document["linux"], "uidMappings": ids, "gidMappings": ids}}

    def process(self, args: list[str], env: Mapping[str, str] | None, cwd: str) -> Process:
        """A program that is run in a sandbox, as the user that nobody trusts."""
        own = self._process
        added = [f"{name}={value}" for name, value in {**self._environment, **(env or {})}.items()]
        return {**own, "args": args, "env": [*own.get("env", ()), *added], "cwd": cwd, "rlimits": self._rlimits()}

    def close(self) -> None:
        """Remove the directory. No sandbox may be there any more."""
        if self._remove is not None:
            self._remove()

    def _rooted(self, spec: Spec, rootfs: str | os.PathLike[str] | None) -> Spec:
        if rootfs is None:
            return spec.with_host_rootfs(self._make_directory() / "rootfs")
        path = os.path.abspath(os.fspath(rootfs))
        if not os.path.isdir(path):
            raise UsageError(f"rootfs must be a directory, and {path} is none")
        return spec.with_rootfs(path, readonly=True)

    def _make_directory(self) -> Path:
        """For the root that shows the host; locked as long as this is there."""
        try:
            directory = Path(tempfile.mkdtemp(prefix=_DIRECTORY))
            lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise KernelError("make a directory in", tempfile.gettempdir(), error.errno or 0) from None
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not directory.exists():  # another program has taken it for what a killed one has left
            os.close(lock)
            return self._make_directory()
        self._remove = weakref.finalize(self, _remove, directory, lock, os.getpid())
        directory.chmod(0o755)  # the sandbox's user is another one on the host
        return directory

    def _limited(self, spec: Spec, *, executable: bool) -> Spec:
        limits = self.limits
        shared = max(_PAGE, limits.work // 4)
        spec = spec.tmpfs(WORK, size=limits.work, executable=executable, options=[f"nr_inodes={limits.work // _PAGE}"])
        spec = spec.tmpfs("/dev/shm", size=shared).tmpfs("/dev", size=_SMALL, mode=0o755, options=["strictatime"])
        spec = spec.without_mounts("/run")  # /tmp is the place to write
        # segments live on without a process: they shall not take all of the memory from the next run
        if self.rootless:  # whose kernel.shmall nobody may set
            spec = _without_calls(spec, _SEGMENTS)
        else:
            spec = spec.with_sysctl({"kernel.shmall": str(shared // _PAGE)})
        by_cgroup = {name for name, means in self.enforced.items() if means == "cgroup"}
        if "memory" in by_cgroup:
            spec = spec.limit(memory=limits.memory, memory_swap=limits.memory)
        else:
            spec = _without_calls(spec, _UNCOUNTED)
        if "cpu" in by_cgroup:
            spec = spec.limit(cpus=limits.cpus)
        if "processes" in by_cgroup:
            spec = spec.limit(pids=limits.processes + 2)  # beside the first one, and the one that joins
        return spec

    def _rlimits(self) -> list[Rlimit]:
        """The second line, where there is no cgroup for it: limits of each process, and of the number of them."""
        found = list(self._process.get("rlimits", ()))
        values = {"RLIMIT_FSIZE": self.limits.work}
        if self.enforced["memory"] == "rlimit":
            values["RLIMIT_AS"] = self.limits.memory
        if self.enforced["processes"] == "rlimit":
            values["RLIMIT_NPROC"] = self.limits.processes + 1
        return found + [{"type": name, "soft": value, "hard": value} for name, value in values.items()]


def _bytes(name: str, size: Size) -> int:
    number = bytes_of(size) if isinstance(size, str) else size
    if number is None or number < 0:
        raise UsageError(f'{name} must be a number of bytes, or a size like "64M", not {size!r}')
    return number


def _enforced(controllers: set[str]) -> dict[Resource, Means]:
    """By what each limit is kept."""
    # Since Linux 5.14 the processes of each user namespace are counted apart.
    counted = tuple(map(int, os.uname().release.split(".")[:2])) >= (5, 14)
    return {
        "memory": "cgroup" if "memory" in controllers else "rlimit",
        "cpu": "cgroup" if "cpu" in controllers else "nothing",
        "processes": "cgroup" if "pids" in controllers else "rlimit" if counted else "nothing",
    }


def _without_calls(spec: Spec, names: frozenset[str]) -> Spec:
    """With a filter that knows them no more."""
    profile = spec.to_dict()["linux"]["seccomp"]
    for rule in profile["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name not in names]
    return spec.with_seccomp(profile)


def _make_mount_points(rootfs: Path, mounts: list[Mount]) -> None:
    """For what `configure` mounts: the sandbox's own root cannot write there. Not below what is mounted itself."""
    places = [PurePosixPath("/", mount["destination"]) for mount in mounts]
    for mount, place in zip(mounts, places, strict=True):
        target = rootfs / place.relative_to("/")
        within = {rootfs / above.relative_to("/") for above in place.parents}
        if ".." in place.parts or within & {rootfs / other.relative_to("/") for other in places}:
            continue
        if any(above.is_symlink() for above in (target, *within)) or target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.isdir(mount.get("source", "")) or mount.get("type") not in ("bind", "none", None):
            target.mkdir()
        else:
            target.touch()


def _remove(directory: Path, lock: int, owner: int) -> None:
    if os.getpid() == owner:  # and not a fork of that program, which ends earlier
        shutil.rmtree(directory, ignore_errors=True)
    os.close(lock)


def _sweep(root: str | os.PathLike[str] | None) -> None:
    """Remove what is left of programs of this user that were killed: their sandboxes have ended with them."""
    for state in containers(root=root):
        if state.id.startswith(PREFIX) and state.status == "stopped":
            with contextlib.suppress(SampanError), load(state.id, root=root) as container:
                container.delete()
    for directory in Path(tempfile.gettempdir()).glob(f"{_DIRECTORY}*"):
        with contextlib.suppress(OSError):
            _remove_unlocked(directory)


def _remove_unlocked(directory: Path) -> None:
    """Raises OSError where it is in use, or another user's."""
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(lock).st_uid == os.geteuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
    finally:
        os.close(lock)
