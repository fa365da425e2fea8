"""What the compiler of plans must know beyond config.json: facts of the host and of this creation. Plain data, no
calls.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class CgroupMount:
    """One hierarchy of cgroups that a mount of type `cgroup` shows: the container's own directory in it."""

    __slots__ = ("aliases", "directory", "name", "options")

    def __init__(self, name: str, directory: str, options: tuple[str, ...], aliases: tuple[str, ...] = ()) -> None:
        self.name = name  # "cpu,cpuacct"; "" is the v2 hierarchy
        self.directory = directory
        self.options = options  # those of a mount of the hierarchy: ("cpu", "cpuacct"), ("none", "name=systemd")
        self.aliases = aliases  # further names of the same directory: ("cpu", "cpuacct")


class Host:
    """The facts. What is not said is taken as: an unprivileged caller on a kernel with nothing optional."""

    __slots__ = (
        "apparmor",
        "bundle",
        "capabilities",
        "cgroup_full",
        "cgroup_mounts",
        "cgroup_placed",
        "cgroup_tasks",
        "identifier",
        "keyring",
        "pivot",
        "privileged",
        "proc_mounts",
        "seccomp_filter",
        "seccomp_flags",
        "seccomp_notify",
        "selinux",
        "terminal_size",
        "terminal_socket",
        "wait_for_start",
    )

    def __init__(self, identifier: str, bundle: str) -> None:
        self.identifier = identifier  # the container's id
        self.bundle = bundle  # absolute path
        self.capabilities = -1  # mask of those that the runtime can give away; -1: all
        self.cgroup_mounts: Sequence[CgroupMount] = ()
        self.cgroup_full = False  # True: no process may be born in it, only enter it
        self.cgroup_placed = False  # True: somebody else (systemd) moves init into its cgroup, and init waits for it
        self.cgroup_tasks: Sequence[str] = ()  # the `tasks` files of the container's v1 cgroups; v2 needs none
        self.apparmor = False
        self.selinux = False
        self.pivot = True  # False: --no-pivot
        self.privileged = True  # may the runtime itself mount and clone mounts? (CAP_SYS_ADMIN)
        self.keyring = True  # False: --no-new-keyring
        self.proc_mounts: Sequence[str] = ()  # procfs and sysfs of the host, where pivot is False
        self.seccomp_filter = b""  # linux.seccomp, compiled
        self.seccomp_flags = 0
        self.seccomp_notify = False  # True: an agent decides some system calls
        self.terminal_size = (0, 0)  # width and height of the caller's, for a process that is not told another
        self.terminal_socket = ""  # where the terminal goes: a socket's path, or "" for the engine
        self.wait_for_start = False  # True: init waits for `start` on a socket of its own, not for the engine
