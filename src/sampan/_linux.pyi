"""Types and meaning of the functions of native/linux_module.c. All raise OSError with the kernel's errno."""

def json_loads(data: bytes | str, /) -> object:
    """The value of a JSON document (RFC 8259, strictly). Raises ValueError("line 3, column 5: ...")."""

def json_dumps(value: object, indent: int = 0, /) -> bytes:
    """The JSON text of dict, list, tuple, str, int, float, bool and None; compact where ``indent`` is 0."""

def spawn(
    init: int, standard: tuple[int, int, int], descriptors: tuple[int, ...], first: int, flags: int, cgroup: int, /
) -> tuple[int, int]:
    """Start the program in the descriptor ``init`` with clone3(``flags``), in the v2 cgroup of the directory
    ``cgroup`` (-1: the caller's).

    It gets ``standard`` as 0, 1, 2 (-1: the caller's) and ``descriptors`` from number ``first`` on, which is its only
    argument. Returns its pid and a pidfd.
    """

def block_signals() -> None:
    """Hold back all signals of the calling process, whatever it is told."""

def signal_descriptor() -> int:
    """A descriptor that can be read while signals are held back, other than SIGCHLD and SIGPIPE."""

def become_subreaper() -> None:
    """Make the calling process the parent of its descendants' orphans."""

def sealed_memfd(name: str, data: bytes, executable: bool = False, /) -> int:
    """An anonymous file that holds ``data`` and can never be changed."""

def socket_pair() -> tuple[int, int]:
    """Two ends of a connection that keeps messages apart."""

def unix_listen(directory: int, name: str, /) -> int:
    """A listening socket that keeps messages apart, bound to ``name`` below the directory descriptor."""

def unix_connect(directory: int, name: str, stream: bool, /) -> int:
    """A connection to the socket ``name`` below the directory: a stream, or one that keeps messages apart."""

def receive_descriptor(connection: int, /) -> int:
    """The descriptor that the other side sends next."""

def pidfd_open(pid: int, /) -> int: ...
def pidfd_signal(pidfd: int, number: int, /) -> None: ...
def open_tree(path: str, flags: int, /) -> int:
    """A detached clone of the mount at ``path``."""

def mount_setattr(fd: int, recursive: bool, on: int, off: int, propagation: int, userns: int, /) -> None: ...
def lock_file(fd: int, exclusive: bool, wait: bool, /) -> bool:
    """flock(2); False where another holds the lock and ``wait`` is false."""

def wait_readable(descriptors: tuple[int, ...], timeout: int, /) -> int:
    """The first descriptor that can be read or was closed within ``timeout`` milliseconds (-1: for ever), or -1."""

def namespace_type(fd: int, /) -> int:
    """The CLONE_NEW* flag of the namespace that the descriptor stands for."""

def bpf_load_device(instructions: bytes, /) -> int: ...
def bpf_attach_device(cgroup: int, program: int, /) -> None: ...
def statfs_type(path: str, /) -> int:
    """The magic number of the file system at ``path``."""

def netlink_socket(namespace: int, /) -> int:
    """A socket of rtnetlink(7) in the network namespace of the descriptor (-1: the caller's), connected to the kernel.

    Strict dumps, and errors in words without the request (NETLINK_GET_STRICT_CHK, NETLINK_EXT_ACK, NETLINK_CAP_ACK).
    """
