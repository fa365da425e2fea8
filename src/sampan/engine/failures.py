"""Words for what init could not do: the engines above a runtime choose their own exit status by some of them."""

from __future__ import annotations

import errno

from sampan.errors import ExecutableError, KernelError, SampanError
from sampan.plan.process import SCHEDULER_POLICIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.plan.operations import Operation


# What to do about an operation that failed with an error.
HINTS = {
    (
        "root",
        errno.EACCES,
    ): "every directory above it must let through the user that the container's root is on the host",
    ("mount", errno.ENODEV): "this kernel does not know the type of file system",
    ("mount", errno.ENOTDIR): "a directory cannot be mounted over a file, nor a file over a directory",
    ("fork", errno.EPERM): "this host may forbid user namespaces to users: see the sysctls "
    "kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns",
    ("fork", errno.ENOSPC): "the limit of namespaces in /proc/sys/user is reached, or they are nested too deep",
    ("loopback", errno.EPERM): "a new network namespace takes CAP_NET_ADMIN, or a new user namespace around it",
    ("device", errno.ENOENT): "in a user namespace a device is the host's own, at the same path",
    ("enter_cgroup", errno.ENOSPC): "its cpuset has no processors or no memory nodes",
    ("rlimit", errno.EPERM): "raising a hard limit needs CAP_SYS_RESOURCE, which the runtime does not have",
    ("groups", errno.EPERM): "a user who maps no more than the own group cannot have others: map a range of "
    "/etc/subgid in linux.gidMappings, or leave process.user.additionalGids out",
    ("groups", errno.EINVAL): "each must be mapped by linux.gidMappings",
    ("user", errno.EINVAL): "its uid must be mapped by linux.uidMappings, and its gid by linux.gidMappings",
    ("scheduler", errno.EPERM): "a lower nice value than the runtime's own needs CAP_SYS_NICE",
    ("scheduler", errno.EBUSY): "the processors have no time left for it: lower the runtime or lengthen the period",
    ("scheduler", errno.EOPNOTSUPP): "this kernel has no SCHED_FLAG_UTIL_CLAMP_MIN and _MAX (CONFIG_UCLAMP_TASK)",
    ("seccomp_notify", errno.EBUSY): "this process has a seccomp filter with a listener already: there can be one only",
    (
        "seccomp_notify",
        errno.EAGAIN,
    ): "init needs a second thread: pids.limit and the scheduler's policy must allow one",
    ("io_priority", errno.EPERM): "IOPRIO_CLASS_RT needs CAP_SYS_NICE or CAP_SYS_ADMIN",
    ("memory_policy", errno.EINVAL): "each node must be there, have memory, and be in the container's cpuset",
    ("memory_policy", errno.ENOSYS): "this kernel knows no memory policies (CONFIG_NUMA)",
    ("affinity", errno.EINVAL): "none of these processors is there and in the container's cpuset",
    ("time_offsets", errno.ERANGE): "no clock of a container can stand before 0, nor later than 146 years",
}
# The same for mounts that were not permitted, by the type of file system.
MOUNT_HINTS = {
    "sysfs": "only who owns the network namespace may mount it: give the container one of its own, or bind the host's "
    'by {"destination": "/sys", "type": "none", "source": "/sys", "options": ["rbind", "ro"]}',
    "proc": "only who owns the pid namespace may mount it, and in a user namespace only where the runtime's own /proc "
    "is not partly covered, as it is in a container with linux.maskedPaths or readonlyPaths",
    "mqueue": "only who owns the ipc namespace may mount it: give the container one of its own",
    "": "the kernel lets only root of the host mount this type of file system",
}
# The same for files of /proc, by the first part of their paths: those of the process, and sysctls.
PROC_HINTS = {
    ("sys", errno.ENOENT): "this kernel has no such sysctl",
    ("self", errno.EACCES): "a lower value than the runtime's own needs CAP_SYS_RESOURCE",
}


def explain(operation: Operation, call: str, error: int, detail: str) -> SampanError:
    """The error for an operation that failed with ``error`` in the system call ``call``."""
    if operation.name in ("find_executable", "execute"):
        return _executable(operation, error)
    if operation.name == "working_directory":
        return KernelError("chdir to cwd", _text(operation.args[0]), error, operation.cause, detail)
    subject = _subject(operation)
    hints = [hint for hint in (detail, _hint(operation, error, detail)) if hint]
    return KernelError(f"{operation.name.replace('_', ' ')}: {call}", subject, error, operation.cause, "; ".join(hints))


def _executable(operation: Operation, error: int) -> SampanError:
    """In runc's words: podman and docker look for "executable file not found", "no such file or directory" and
    "permission denied"."""
    from posix import strerror

    name = _text(operation.args[0])
    if error == errno.ENOENT and operation.name == "find_executable" and "/" not in name:
        reason = "executable file not found in $PATH"
    elif error == errno.ENOEXEC:
        reason = "exec format error: it is neither a program for this machine nor a script with #! in its first line"
    else:
        reason = strerror(error).lower()
    if error == errno.ENOENT and operation.name == "execute":
        reason += " (the file is there, but the interpreter or loader that it names is not)"
    return ExecutableError(f'process.args[0]: exec: "{name}": {reason}', error)


def _subject(operation: Operation) -> str:
    """The one argument that a person would name."""
    args = operation.args
    if operation.name == "mount":
        _, source, _, target, kind, *_ = (_text(argument) for argument in args)
        return f"{kind or source} on {target}"
    if operation.name in ("device", "symlink"):
        return f"{_text(args[0]).rstrip('/')}/{_text(args[1])}"
    return args[0] if args and isinstance(args[0], str) else ""


def _text(argument: int | str | bytes) -> str:
    """An argument, or the first of the strings that it holds."""
    if isinstance(argument, bytes):
        return argument.partition(b"\0")[0].decode(errors="surrogateescape")
    return str(argument)


def _hint(operation: Operation, error: int, detail: str) -> str:
    if operation.name == "mount" and operation.args[4] and error in (errno.EPERM, errno.EINVAL):
        return _mount_hint(str(operation.args[4]), error, detail)
    if operation.name == "scheduler":
        return _scheduler_hint(int(operation.args[0]), error)
    if operation.name == "write_proc":
        return PROC_HINTS.get((str(operation.args[0]).partition("/")[0], error), "")
    return HINTS.get((operation.name, error), "")


def _mount_hint(kind: str, error: int, detail: str) -> str:
    if error == errno.EPERM:
        return MOUNT_HINTS.get(kind, MOUNT_HINTS[""])
    for name in ("uid", "gid"):
        if f"Invalid {name}" in detail:
            return f"it must be one that linux.{name}Mappings maps"
    return ""


def _scheduler_hint(policy: int, error: int) -> str:
    if error == errno.EPERM and policy == SCHEDULER_POLICIES["SCHED_DEADLINE"]:
        return "SCHED_DEADLINE needs CAP_SYS_NICE, and a process that may run on every processor"
    if error == errno.EPERM and policy in (SCHEDULER_POLICIES["SCHED_FIFO"], SCHEDULER_POLICIES["SCHED_RR"]):
        return (
            "it needs CAP_SYS_NICE and, where cgroups divide the real time among them, "
            "linux.resources.cpu.realtimeRuntime"
        )
    if error == errno.EINVAL and policy == SCHEDULER_POLICIES["SCHED_ISO"]:
        return "no Linux kernel has SCHED_ISO: use another policy"
    return HINTS.get(("scheduler", error), "")
