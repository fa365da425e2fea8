"""Writes a plan in the form that init reads (native/decode.h). Knows nothing of what the operations mean."""

from __future__ import annotations

from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.plan.operations import Operation, Plan

MAGIC = b"SMPN"
VERSION = 1
# An operation's code is its place in this list, as in the table of native/init.c.
OPERATIONS = (
    "await",
    "await_start",
    "enter_cgroup",
    "join",
    "unshare",
    "fork",
    "become_root",
    "time_offsets",
    "loopback",
    "hostname",
    "domainname",
    "session",
    "undumpable",
    "dumpable",
    "private_proc",
    "write_proc",
    "propagation",
    "root",
    "mount",
    "mask",
    "readonly_path",
    "attributes",
    "device",
    "symlink",
    "terminal",
    "directory",
    "pivot",
    "move_root",
    "chroot",
    "unmount",
    "keyring",
    "rlimit",
    "umask",
    "groups",
    "own_standard_streams",
    "user",
    "bounding",
    "raise_effective",
    "capabilities",
    "no_new_privileges",
    "seccomp",
    "seccomp_notify",
    "personality",
    "scheduler",
    "io_priority",
    "affinity",
    "memory_policy",
    "home",
    "working_directory",
    "find_executable",
    "execute",
    "open_root",
    "detach",
)
# Far above any real plan, far below what could wrap a 32 bit length (CVE-2021-43784).
MAX_SIZE = 64 << 20
MAX_OPERATIONS = 65536

_NUMBER = b"\0\0\0\0\x08\0\0\0"
_PADDING = (
    b"\0\0\0\0\0\0\0\0",
    b"\0\0\0\0\0\0\0",
    b"\0\0\0\0\0\0",
    b"\0\0\0\0\0",
    b"\0\0\0\0",
    b"\0\0\0",
    b"\0\0",
    b"\0",
)


def encode(plan: Plan) -> bytes:
    """The bytes of the plan. Raises SampanError where it is too large."""
    count = len(plan.operations)
    if count > MAX_OPERATIONS:
        raise SampanError(
            f"the plan of this configuration has {count} operations; at most {MAX_OPERATIONS} are allowed"
        )
    codes = {name: index for index, name in enumerate(OPERATIONS)}
    parts = [b""]
    for operation in plan.operations:
        _encode_operation(operation, codes[operation.name], parts)
    size = sum(map(len, parts)) + 16
    if size > MAX_SIZE:
        raise SampanError(f"the plan of this configuration has {size} bytes; at most {MAX_SIZE} are allowed")
    parts[0] = MAGIC + _u32(VERSION) + _u32(count) + _u32(size)
    return b"".join(parts)


def _encode_operation(operation: Operation, code: int, parts: list[bytes]) -> None:
    parts.append(_u32(code) + _u32(len(operation.args)))
    for argument in operation.args:
        if isinstance(argument, int):
            # masks use all 64 bits: the sign is init's to interpret
            parts.append(_NUMBER + (argument & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "little"))
            continue
        data = argument.encode("utf-8", "surrogateescape") if isinstance(argument, str) else argument
        parts.append(b"\1\0\0\0" + _u32(len(data)) + data + _PADDING[len(data) & 7])


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "little")


def strings(values: list[str] | tuple[str, ...]) -> bytes:
    """Several strings in one argument, each ended by NUL."""
    return "".join([value + "\0" for value in values]).encode("utf-8", "surrogateescape")
