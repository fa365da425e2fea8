"""What a plan is made of. An operation is one thing that init does; a descriptor is one thing that the engine opens
for it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.spec.types import IDMapping

    Argument = int | str | bytes

# The points at which init stops and the engine acts; runtime.md#lifecycle has the hooks.
MAPPED, HOOKS, CREATED, PLACED, MOVED, WATCHED = 1, 2, 3, 4, 5, 6
POINTS = {
    PLACED: "systemd has put this process into the container's cgroup",
    MAPPED: "the ids of the user namespace are mapped",
    MOVED: "the network devices are in this namespace",
    HOOKS: "the hooks of create have run",
    CREATED: "`start` is asked for",
    WATCHED: "the seccomp agent has the descriptor of the filter",
}

NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000


class Operation:
    """One operation of init: its name, its arguments, the field of config.json that asked for it, its group for a
    reader.
    """

    __slots__ = ("args", "cause", "group", "name")

    def __init__(self, name: str, args: tuple[Argument, ...], cause: str, group: str) -> None:
        self.name = name
        self.args = args
        self.cause = cause
        self.group = group


class Descriptor:
    """Something that the engine opens before init starts, since only the runtime may or can: init gets its number.

    ``kind`` is "namespace" (``flags``: its CLONE_NEW* type), "cgroup" (the file by which init enters a v1 cgroup),
    "tree" (a detached clone of the mount at ``path``), "listener" (the socket on which init waits for `start`),
    "terminal" (the socket to which the terminal goes, at ``path``, or the engine's own where that is "") or "process"
    (a pidfd of the container's process, whose namespaces are joined).
    """

    __slots__ = ("cause", "flags", "id_mapping", "id_mapping_recursive", "kind", "path", "slave")

    def __init__(self, kind: str, path: str, cause: str, flags: int = 0) -> None:
        self.kind = kind
        self.path = path
        self.cause = cause
        self.flags = flags
        self.slave = False  # mounts on the host may show up in the tree, mounts in the tree never on the host
        self.id_mapping: tuple[Sequence[IDMapping], Sequence[IDMapping]] | str | None = None  # str: a namespace's path
        self.id_mapping_recursive = False


class DeviceMove:
    """A network device that the engine moves into the container's network namespace.

    ``name`` is what it is called there; the kernel puts a number in the place of %d.
    """

    __slots__ = ("cause", "device", "name")

    def __init__(self, device: str, name: str, cause: str) -> None:
        self.device = device
        self.name = name
        self.cause = cause


class Plan:
    """All that makes one container, in order.

    ``clone_flags`` are the namespaces that the process is born into; where some must be joined first, the plan has a
    `fork` operation instead and ``clone_flags`` is 0.
    """

    __slots__ = ("clone_flags", "descriptors", "device_moves", "group", "operations", "warnings")

    def __init__(self) -> None:
        self.clone_flags = 0
        self.operations: list[Operation] = []
        self.descriptors: list[Descriptor] = []
        self.device_moves: list[DeviceMove] = []
        self.warnings: list[str] = []
        self.group = ""  # of the operations that are added next

    def add(self, name: str, cause: str, *args: Argument) -> None:
        self.operations.append(Operation(name, args, cause, self.group))

    def slot(self, descriptor: Descriptor) -> int:
        """The number by which operations name the descriptor."""
        self.descriptors.append(descriptor)
        return len(self.descriptors) - 1
