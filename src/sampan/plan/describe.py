"""A plan in words: for `sampan plan`, for reviewers, for error reports. Not on the hot path."""

from __future__ import annotations

from sampan.errors import printable
from sampan.plan import mount_options as opt
from sampan.plan.mounts import BIND, CLASSIC, F_COPY_UP, F_RECURSIVE, REMOUNT, SLOT
from sampan.plan.namespaces import KEEP_GROUPS, NAMESPACES
from sampan.plan.operations import POINTS
from sampan.spec.names import CAPABILITIES, RLIMITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.plan.operations import Descriptor, DeviceMove, Operation, Plan

UNLIMITED = (1 << 64) - 1


def text(plan: Plan) -> str:
    """The plan for a person: one operation a line, in groups, each with the field of config.json that caused it."""
    lines = [("the engine", [(printable(words), cause) for words, cause in _engine_lines(plan)])]
    for operation in plan.operations:
        if operation.group != lines[-1][0]:
            lines.append((operation.group, []))
        lines[-1][1].append((printable(describe(operation)), operation.cause))
    width = min(78, max(len(words) for _, group in lines for words, _ in group))
    parts = []
    number = 0
    for name, group in lines:
        parts.append(f"{name}\n")
        for words, cause in group:
            number += 1
            comment = f"  # {printable(cause)}" if cause else ""
            parts.append(f"{number:4}  {words.ljust(width)}{comment}".rstrip() + "\n")
    parts += [f"warning: {printable(warning)}\n" for warning in plan.warnings]
    return "".join(parts)


def document(plan: Plan) -> dict[str, object]:
    """The plan for a program."""
    return {
        "version": 1,
        "namespaces": _flag_names(plan.clone_flags),
        "descriptors": [
            {"kind": descriptor.kind, "path": descriptor.path, "field": descriptor.cause}
            for descriptor in plan.descriptors
        ],
        "networkDevices": [
            {"device": move.device, "name": move.name, "field": move.cause} for move in plan.device_moves
        ],
        "operations": [
            {
                "operation": operation.name,
                "group": operation.group,
                "field": operation.cause,
                "text": describe(operation),
                "arguments": [_plain(argument) for argument in operation.args],
            }
            for operation in plan.operations
        ],
        "warnings": plan.warnings,
    }


def describe(operation: Operation) -> str:
    """One operation in words."""
    words = _WORDS.get(operation.name)
    if words is not None:
        return words(*operation.args)
    name = operation.name.replace("_", " ")
    return " ".join([name, *(str(_plain(argument)) for argument in operation.args)])


def _engine_lines(plan: Plan) -> list[tuple[str, str]]:
    lines = [(_descriptor(index, descriptor), descriptor.cause) for index, descriptor in enumerate(plan.descriptors)]
    born = _flag_names(plan.clone_flags)
    where = f"in new namespaces: {', '.join(born)}" if born else "in the runtime's namespaces"
    lines.append((f"start init {where}", "linux.namespaces"))
    return lines + [(_device_move(move), move.cause) for move in plan.device_moves]


def _descriptor(slot: int, descriptor: Descriptor) -> str:
    if descriptor.kind == "listener":
        return f"open slot {slot}: the socket on which init waits for `start`"
    if descriptor.kind == "terminal":
        return f"open slot {slot}: the socket for the terminal, {descriptor.path or 'to the engine'}"
    if descriptor.kind == "process":
        return f"open slot {slot}: the container's process"
    what = {"tree": "a detached clone of the mount", "cgroup": "the cgroup", "namespace": "the namespace"}
    mapped = ", with its ids mapped" if descriptor.id_mapping is not None else ""
    return f"open slot {slot}: {what[descriptor.kind]} {descriptor.path}{mapped}"


def _device_move(move: DeviceMove) -> str:
    """What the engine does when init waits for it."""
    named = "" if move.name == move.device else f", where it is called {move.name}"
    return f"move the network device {move.device} into the container's network namespace{named}"


def _plain(argument: int | str | bytes) -> object:
    if not isinstance(argument, bytes):
        return argument
    try:
        return argument.decode().removesuffix("\0").split("\0") if b"\0" in argument else argument.decode()
    except UnicodeDecodeError:
        return f"{len(argument)} bytes"


def _flag_names(flags: int) -> list[str]:
    return [name for name, flag in NAMESPACES.items() if flags & flag]


def _attribute_names(on: int, off: int, table: dict[str, tuple[int, int]]) -> list[str]:
    found = [name for name, (bits, _) in table.items() if bits and on & bits == bits]
    if not on & opt.ATIME:
        cleared = [name for name, (bits, gone) in table.items() if not bits and gone and off & gone == gone]
        found += [name for name in cleared if name not in ("atime", "ratime", "nostrictatime", "rnostrictatime")]
    return found


def _propagation_names(propagations: bytes) -> list[str]:
    numbers = [int.from_bytes(propagations[at : at + 8], "little") for at in range(0, len(propagations), 8)]
    return [name for number in numbers for name, bits in opt.PROPAGATION.items() if bits == number]


def _mount(
    kind: int,
    source: str,
    slot: int,
    target: str,
    file_system: str,
    data: bytes,
    on: int,
    off: int,
    r_on: int,
    r_off: int,
    propagations: bytes,
    flags: int,
    classic: int,
) -> str:
    options = _attribute_names(on, 0 if kind == REMOUNT else off, opt.ATTRIBUTES)
    options += _attribute_names(r_on, r_off, opt.RECURSIVE_ATTRIBUTES)
    options += [option for option in data.decode(errors="replace").split("\0") if option and option not in options]
    options += _propagation_names(propagations)
    options += ["tmpcopyup"] if flags & F_COPY_UP else []
    if kind in (BIND, SLOT):
        through = f" (slot {slot})" if kind == SLOT else ""
        head = f"bind{' all of' if flags & F_RECURSIVE else ''} {source}{through} on {target}"
    elif kind == REMOUNT:
        head = f"remount {target}"
    else:
        head = f"mount {file_system} on {target}" + (f" with mount(2), flags {classic:#x}" if kind == CLASSIC else "")
    return head + (f" ({', '.join(options)})" if options else "")


def _capability_names(mask: int) -> str:
    names = [name for name, bit in CAPABILITIES.items() if mask >> bit & 1]
    if len(names) == len(CAPABILITIES):
        return "all"
    return ", ".join(name.removeprefix("CAP_") for name in names) or "none"


def _capabilities(effective: int, permitted: int, inheritable: int, ambient: int) -> str:
    sets = {"effective": effective, "permitted": permitted, "inheritable": inheritable, "ambient": ambient}
    return "set capabilities: " + "; ".join(f"{name}: {_capability_names(mask)}" for name, mask in sets.items())


def _device(
    directory: str, name: str, mode: int, major: int, minor: int, uid: int, gid: int, host: str, bind: int
) -> str:
    path = f"{directory.rstrip('/')}/{name}"
    if bind:
        return f"bind the host's {host} on {path} ({major}:{minor})"
    kind = {0o020000: "character device", 0o060000: "block device", 0o010000: "fifo"}[mode & 0o170000]
    return f"make {kind} {path} {major}:{minor}, mode {mode & 0o7777:04o}, owner {uid}:{gid}"


def _limit(value: int) -> str:
    return "unlimited" if value & UNLIMITED == UNLIMITED else str(value)


def _rlimit(resource: int, soft: int, hard: int) -> str:
    name = next(name for name, number in RLIMITS.items() if number == resource)
    return f"limit {name} to {_limit(soft)}, at most {_limit(hard)}"


def _execute(arguments: bytes, environment: bytes) -> str:
    from shlex import join

    command = arguments.decode(errors="replace").removesuffix("\0").split("\0")
    count = environment.count(b"\0")
    return f"become {join(command)} (with {count} environment variables)"


def _root(path: str, flags: int) -> str:
    names = [name for name, bits in opt.PROPAGATION.items() if bits == flags]
    return f"clone the mounts of {path} and attach them as the root" + (f" ({names[0]})" if names else "")


def _propagation(flags: int) -> str:
    name = next(name for name, bits in opt.PROPAGATION.items() if bits == flags)
    return f"make {'all mounts' if flags & opt.RECURSIVE else 'the root mount'} {name.removeprefix('r')}"


def _groups(ids: bytes) -> str:
    numbers = [str(int.from_bytes(ids[at : at + 4], "little")) for at in range(0, len(ids), 4)]
    return f"set additional groups: {', '.join(numbers) or 'none'}"


_WORDS: dict[str, Callable[..., str]] = {
    "await": lambda point: f"wait for the engine: {POINTS[point]}",
    "await_start": lambda _slot, point: f"the container is created: wait until {POINTS[point]}",
    "enter_cgroup": lambda slot: f"enter the cgroup of slot {slot}",
    "join": lambda slot, flag, early: (
        f"join the {_flag_names(flag)[0]} namespace of slot {slot}"
        + (" (or after the user namespace, if it belongs to that)" if early else "")
    ),
    "unshare": lambda flags: f"make a new {' and '.join(_flag_names(flags))} namespace",
    "fork": lambda flags: (
        "give birth to the container's process"
        + (f" in new namespaces: {', '.join(_flag_names(flags))}" if flags else "")
    ),
    "become_root": lambda flags: (
        "become root of the user namespace" + (", and keep the caller's groups" if flags & KEEP_GROUPS else "")
    ),
    "time_offsets": lambda offsets, _new_user: (
        "make a new time namespace" + (f", clocks moved: {'; '.join(offsets.splitlines())}" if offsets else "")
    ),
    "loopback": lambda: "set the network device lo up",
    "hostname": lambda name: f"set the hostname to {name}",
    "domainname": lambda name: f"set the domainname to {name}",
    "session": lambda: "begin a new session",
    "undumpable": lambda: "forbid other processes to look into this one, until the user's program runs",
    "dumpable": lambda: "let the user's own hooks and exec find their way into the namespaces, while it waits",
    "private_proc": lambda: "mount a procfs for the runtime alone, attached nowhere",
    "write_proc": lambda path, value: f"write {value!r} to /proc/{path}",
    "propagation": _propagation,
    "root": _root,
    "mount": _mount,
    "mask": lambda path: f"hide {path}, if it is there",
    "readonly_path": lambda path: f"make {path} read-only, if it is there",
    "attributes": lambda path, flags: (
        f"make the mount at {path} {', '.join(_attribute_names(flags, 0, opt.ATTRIBUTES))}"
    ),
    "device": _device,
    "symlink": lambda directory, name, target, needed, _replace: (
        f"link {directory.rstrip('/')}/{name} to {target}" + (f", if {needed} is there" if needed else "")
    ),
    "terminal": lambda slot, width, height, console: (
        f"make a terminal{', bind it on /dev/console,' if console else ''} and send it through"
        f" slot {slot}" + (f" ({width} columns, {height} rows)" if width or height else "")
    ),
    "directory": lambda path: f"make the directory {path}, if it is missing",
    "pivot": lambda: "change the root to the container's, and let go of the host's",
    "move_root": lambda: "move the container's root over the host's, and enter it",
    "chroot": lambda path: f"change the root directory to {path}",
    "unmount": lambda path: f"unmount {path}",
    "keyring": lambda: "make and join a new session keyring",
    "rlimit": _rlimit,
    "umask": lambda mask: "restore the caller's umask" if mask < 0 else f"set the umask to {mask:04o}",
    "groups": _groups,
    "own_standard_streams": lambda uid: f"give stdin, stdout and stderr to user {uid}",
    "user": lambda uid, gid: f"become user {uid}, group {gid}",
    "bounding": lambda mask: f"limit the bounding set of capabilities to: {_capability_names(mask)}",
    "raise_effective": lambda: "take all permitted capabilities into effect, for the steps that follow",
    "capabilities": _capabilities,
    "no_new_privileges": lambda: "give up new privileges for ever (no_new_privs)",
    "seccomp": lambda program, flags: f"load the seccomp filter ({len(program) // 8} instructions, flags {flags:#x})",
    "seccomp_notify": lambda program, flags, _point: (
        f"load the seccomp filter ({len(program) // 8} instructions, flags {flags:#x}), "
        "and wait until the agent has its descriptor"
    ),
    "affinity": lambda mask: f"run on the processors of the mask {int.from_bytes(mask, 'little'):#x}",
    "home": lambda uid: f"set HOME to the home directory of user {uid} in the container's /etc/passwd",
    "working_directory": lambda path: f"change the working directory to {path}, inside of the root",
    "find_executable": lambda name, path: f"find the program {name}" + (f" in {path}" if "/" not in name else ""),
    "execute": _execute,
    "open_root": lambda: "take the root of the container that is there",
    "detach": lambda directory, name, mount_id: (
        f"unmount {name} in {directory}, if the mount there is still number {mount_id}"
    ),
}
