"""``linux.intelRdt``: the container's share of caches and memory bandwidth, in the resctrl file system. Hot path.

A directory at its top is a class of service (CLOS): what is in its ``tasks`` gets what its ``schemata`` say. One in the
``mon_groups`` of a class counts for some of its tasks. The kernel makes the files of both, and moves the tasks of what
is removed to what is above. Used only for a container that has the field: "If `intelRdt` is not set, the runtime MUST
NOT manipulate any `resctrl` pseudo-filesystems."
"""

from __future__ import annotations

import errno
import posix

from sampan._linux import lock_file
from sampan.cgroups import layout, schemata
from sampan.errors import ConfigError, KernelError, Problem
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sampan.spec.types import IntelRdt

    State = dict[str, object]

SECTION = "config-linux.md#intelrdt"
FIELD = "linux.intelRdt"
FILE_SYSTEM = 0x7655821  # RDTGROUP_SUPER_MAGIC of linux/magic.h
_STATE = {"point": str, "directory": str, "monitor": str, "ours": bool, "before": str, "clos": str}
_SCHEMATA = f"{FIELD}.schemata"
_OF_FILES = (errno.ENOENT, errno.EEXIST, errno.EACCES, errno.EROFS)  # found before resctrl is asked


def find() -> str:
    """Where resctrl is mounted in the mount namespace of this process. Raises ConfigError where it is not."""
    for line in files.lines(files.read("/proc/self/mountinfo")):
        head, _, tail = line.partition(b" - ")
        if tail.startswith(b"resctrl "):
            fields = head.split(b" ")
            point = layout.unescape(fields[4])
            if fields[3] == b"/" and layout.device_of(point) == fields[2].decode():  # all of it, and not hidden
                return point
    # "If no mounted `resctrl` pseudo-filesystem is available in the runtime mount namespace, the runtime MUST generate
    # an error."
    raise _problem(
        FIELD,
        None,
        "needs the resctrl file system, which is not mounted: on a machine that has it (/proc/filesystems), "
        "`mount -t resctrl resctrl /sys/fs/resctrl` makes it available",
    )


class Group:
    """The container's class of service, and its monitoring group where one is asked for.

    ``point`` is the mount point of resctrl. Nothing is looked at, and nothing is made, before `prepare`.
    """

    __slots__ = ("_rdt", "before", "directory", "monitor", "ours", "point")

    def __init__(self, point: str, container_id: str, rdt: IntelRdt) -> None:
        clos = rdt.get("closID", "")
        self.point = point
        # "value `/` means that the container MUST be assigned to the default CLOS (the root of the resctrl filesystem)"
        # "If `closID` is not set, runtimes MUST use the container ID [...] and create the `<container-id>` directory."
        self.directory = point if clos == "/" else f"{point}/{clos or container_id}"
        self.monitor = f"{self.directory}/mon_groups/{container_id}" if rdt.get("enableMonitoring") else ""
        self._rdt = rdt
        self.ours = False  # has the directory been made by us?
        self.before = ""  # the schemata that a directory of somebody else had before they were changed

    def prepare(self, remember: Callable[[State], None]) -> None:
        """Make what has to be made and write the schemata. What fails leaves nothing behind.

        ``remember`` gets what `from_state` needs: before something is made, for the case that this process is killed,
        and when it has failed. Raises ConfigError, KernelError.
        """
        fd = _open(self.point)
        try:
            lock_file(fd, True, True)  # so do all that share a resctrl (the kernel's documentation, "Locking")
            self._check()
            self.ours = not _exists(self.directory)
            lines = self._lines()
            if lines and not self.ours:
                self.before = files.read(f"{self.directory}/schemata").decode()
            remember(self.to_state())
            try:
                self._make(lines)
            except BaseException:
                self.undo()
                remember({})
                raise
        finally:
            posix.close(fd)

    def tasks_files(self) -> list[str]:
        """The files that put a thread, or a process of one thread, into the class and into the monitoring group.

        It may write "0" to each by itself. In this order: a monitoring group takes only the tasks of its class.
        """
        return [f"{directory}/tasks" for directory in (self.directory, self.monitor) if directory]

    def assign(self, task: int) -> None:
        """Put a thread, or a process of one thread, into the class and the monitoring group. Raises KernelError."""
        for path in self.tasks_files():
            self._write(path, str(task), FIELD)

    def assign_all(self, list_processes: Callable[[], Iterable[int]]) -> None:
        """Put processes that run already into the class, with all their threads, and what these make meanwhile."""
        assigned: set[int] = set()
        while found := {task for pid in list_processes() for task in _threads(pid)} - assigned:
            for task in found:
                try:
                    self.assign(task)
                except KernelError as error:
                    if error.errno != errno.ESRCH:  # it has ended
                        raise
            assigned |= found

    def change(self, lines: Iterable[str]) -> None:
        """Write other schemata. What is refused changes nothing. Raises KernelError."""
        path = f"{self.directory}/schemata"
        before = files.read(path).decode()
        try:
            self._write_schemata(lines, FIELD)
        except KernelError:
            self._restore(before)
            raise

    def remove(self) -> None:
        """Remove the container's own directories; a class that was there before, or that has a name, stays.

        "The runtime MUST delete the MON group after the container is deleted." Raises KernelError.
        """
        # "If `closID` is not set and the runtime has created the sub-directory, the runtime MUST remove the
        # sub-directory when the container is deleted."; "If `closID` is set or the runtime has not created the
        # sub-directory, the runtime MUST NOT remove the sub-directory when the container is deleted."
        self._remove_directories(self.ours and not self._rdt.get("closID"))

    def undo(self) -> None:
        """As if `prepare` had never been: for a container whose creation failed. Raises KernelError."""
        if self.before:
            self._restore(self.before)
        # others may have come to a class with a name; they would be moved out of it without a word
        shared = self._rdt.get("closID") and _exists(self.directory) and files.read(f"{self.directory}/tasks").strip()
        self._remove_directories(self.ours and not shared)

    def to_state(self) -> State:
        """What ``from_state`` needs, as a JSON object."""
        return {
            "point": self.point,
            "directory": self.directory,
            "monitor": self.monitor,
            "ours": self.ours,
            "before": self.before,
            "clos": self._rdt.get("closID", ""),
        }

    def _lines(self) -> list[str]:
        """The lines for ``schemata``, in the order in which they must be written."""
        rdt = self._rdt
        lines = (rdt.get("l3CacheSchema", ""), rdt.get("memBwSchema", ""), *rdt.get("schemata", ()))
        return [line for line in lines if line]

    def _check(self) -> None:
        exists = _is_group(self.directory)
        clos = self._rdt.get("closID")
        if self.monitor and not _exists(f"{self.point}/mon_groups"):
            raise _problem(f"{FIELD}.enableMonitoring", True, "cannot be applied: this machine cannot monitor")
        if self.monitor and _exists(self.monitor):
            raise KernelError("make monitoring group", self.monitor, errno.EEXIST, f"{FIELD}.enableMonitoring")
        if not exists and _exists(self.directory):
            rule = f"must be another name: {self.directory} exists, and is not a class of service"
            raise _problem(f"{FIELD}.closID", clos, rule)
        if not clos:
            return
        if not exists and not self._lines():
            # "If such pre-configured directory `closID` exists, runtime MUST assign container to this `closID` and
            # generate an error if directory does not exist."
            rule = f"must be there as {self.directory}, or come with l3CacheSchema, memBwSchema or schemata to make it"
            raise _problem(f"{FIELD}.closID", clos, rule)
        if exists:
            self._compare()

    def _compare(self) -> None:
        # "runtimes MUST compare `l3CacheSchema` and/or `memBwSchema` value with `schemata` file, and generate an error
        # if doesn't match"; but for what the field `schemata` overrules, which is written last
        found: schemata.Values = {}
        for name in ("l3CacheSchema", "memBwSchema"):
            line = str(self._rdt.get(name, ""))
            if not line:
                continue
            found = found or schemata.parse(files.read(f"{self.directory}/schemata").decode())
            wanted = schemata.parse(line)
            for key in schemata.parse("\n".join(self._rdt.get("schemata", ()))):
                wanted.pop(key, None)
            different = schemata.differences(wanted, found, self._steps(wanted))
            if different:
                rule = f"must match the schemata of {self.directory}, that exists and has {', '.join(different)}"
                raise _problem(f"{FIELD}.{name}", line, rule)

    def _steps(self, values: schemata.Values) -> Mapping[str, int]:
        """The granularity of each resource that is bandwidth."""
        steps = {}
        for resource, _ in values:
            try:
                steps[resource] = int(files.read(f"{self.point}/info/{resource}/bandwidth_gran"))
            except (KernelError, ValueError):
                continue  # a cache
        return steps

    def _make(self, lines: Iterable[str]) -> None:
        if self.ours:
            self._mkdir(self.directory, FIELD)
        self._write_schemata(lines, _SCHEMATA if self._rdt.get("schemata") else FIELD)
        if self.monitor:
            monitor, self.monitor = self.monitor, ""  # one that exists is not ours to remove
            self._mkdir(monitor, f"{FIELD}.enableMonitoring")
            self.monitor = monitor

    def _write_schemata(self, lines: Iterable[str], field: str) -> None:
        for batch in schemata.batches(list(lines)):
            self._write(f"{self.directory}/schemata", batch, field)

    def _restore(self, before: str) -> None:
        try:
            self._write_schemata(before.splitlines(), FIELD)
        except KernelError:
            pass  # the error that led here is the one to tell

    def _remove_directories(self, directory: bool) -> None:
        for path in (self.monitor, self.directory if directory else ""):
            try:
                if path:
                    posix.rmdir(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise self._error("remove", path, error.errno or 0, FIELD) from None

    def _mkdir(self, path: str, field: str) -> None:
        try:
            posix.mkdir(path, 0o755)
        except OSError as error:
            raise self._error("make", path, error.errno or 0, field) from None

    def _write(self, path: str, text: str, field: str) -> None:
        try:
            files.write(path, text)
        except KernelError as error:
            raise self._error(f"write {text.strip()!r} to", path, error.errno, field) from None

    def _error(self, operation: str, path: str, number: int, field: str) -> KernelError:
        """With the reason, which resctrl keeps in a file, unless it has not been asked at all."""
        reason = "ok"
        if number not in _OF_FILES:
            try:
                reason = files.read(f"{self.point}/info/last_cmd_status").decode().strip()
            except KernelError:
                pass  # it has gone away
        return KernelError(operation, path, number, field, "" if reason == "ok" else reason)


def from_state(document: Mapping[str, object]) -> Group:
    """The group that `Group.to_state` described. Raises ValueError for what it cannot have written: its directories
    will be removed.
    """
    for name, kind in _STATE.items():
        if type(document.get(name)) is not kind:
            raise ValueError(f"rdt.{name} is {document.get(name)!r}")
    point, directory, monitor, clos = (str(document[name]) for name in ("point", "directory", "monitor", "clos"))
    if not layout.is_plain_path(point):
        raise ValueError(f"rdt.point is {point!r}")
    if directory != point and not _is_child(directory, point):
        raise ValueError(f"rdt.directory is {directory!r}, which is not in {point!r}")
    if monitor and not _is_child(monitor, f"{directory}/mon_groups"):
        raise ValueError(f"rdt.monitor is {monitor!r}, which is not in {directory!r}")
    if not layout.is_below(f"{point}/tasks" if directory == point else directory, (FILE_SYSTEM,)):
        raise ValueError(f"rdt.directory is {directory!r}, which is not in resctrl")
    group = Group(point, "", {"closID": clos} if clos else {})
    group.directory, group.monitor = directory, monitor
    group.ours = document["ours"] is True
    group.before = str(document["before"])
    return group


def _is_child(path: str, directory: str) -> bool:
    return layout.is_plain_path(path) and path.rpartition("/")[0] == directory


def update(
    state: Mapping[str, object],
    container_id: str,
    rdt: IntelRdt,
    list_processes: Callable[[], Iterable[int]],
    remember: Callable[[State], None],
) -> None:
    """Change ``l3CacheSchema`` and ``memBwSchema`` of a container that runs. Raises ConfigError, KernelError.

    ``state`` is what ``remember`` got last, or empty for a container without ``intelRdt``: then it gets a class of its
    own, with all of its processes.
    """
    from sampan.spec.rules_rare import intel_rdt_problems

    problems = list(intel_rdt_problems(rdt))
    if problems:
        raise ConfigError("update", problems)
    if state:
        from_state(state).change([line for line in (rdt.get("l3CacheSchema"), rdt.get("memBwSchema")) if line])
        return
    group = Group(find(), container_id, rdt)
    group.prepare(remember)
    try:
        group.assign_all(list_processes)
    except BaseException:
        group.undo()
        remember({})
        raise


def _open(point: str) -> int:
    try:
        return posix.open(point, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except OSError as error:
        raise KernelError("open", point, error.errno or 0, FIELD) from None


def _threads(pid: int) -> list[int]:
    try:
        return [int(name) for name in posix.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []  # it has ended


def _exists(path: str) -> bool:
    return posix.access(path, posix.F_OK)


def _is_group(directory: str) -> bool:
    """Has it what the kernel makes in a class of service, and not in the other directories that are beside it?"""
    return _exists(f"{directory}/tasks")


def _problem(field: str, value: object, rule: str) -> ConfigError:
    return ConfigError("config.json", [Problem(field, value, rule, SECTION)])
