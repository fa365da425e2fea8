"""The system calls that ordinary programs make: the filter of `spec --profile hardened`, and what the audit proposes.

A call that is in no group does not exist for the container (ENOSYS), so that programs fall back on older ones. Left out
on purpose: namespaces and mounts, modules and BPF, tracing, keyrings, io_uring, userfaultfd, NUMA placement, handles of
files, the clock, and all that is about the host as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sampan.spec.types import Seccomp

_GROUPS = {
    "files": """
        access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64
        fallocate fchdir fchmod fchmodat fchown fchownat fcntl fdatasync flock fstat fstatfs fsync ftruncate futimesat
        getcwd getdents getdents64 ioctl lchown link linkat lseek lstat mkdir mkdirat mknod mknodat newfstatat open
        openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat
        readv rename renameat renameat2 rmdir sendfile splice stat statfs statx symlink symlinkat sync sync_file_range
        syncfs tee truncate umask unlink unlinkat utime utimensat utimes vmsplice write writev
    """,
    "extended attributes": """
        fgetxattr flistxattr fremovexattr fsetxattr getxattr lgetxattr listxattr llistxattr lremovexattr lsetxattr
        removexattr setxattr
    """,
    "events of files": "inotify_add_watch inotify_init inotify_init1 inotify_rm_watch",
    "memory": """
        brk get_mempolicy madvise membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect mremap msync
        munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect
    """,
    "processes and threads": """
        arch_prctl capget capset execve execveat exit exit_group fork futex futex_waitv get_robust_list getcpu getpgid
        getpgrp getpid getppid getpriority getrlimit getrusage getsid gettid ioprio_get ioprio_set kill pidfd_open
        pidfd_send_signal prctl prlimit64 rseq sched_get_priority_max sched_get_priority_min sched_getaffinity
        sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr
        sched_setparam sched_setscheduler sched_yield set_robust_list set_tid_address setpgid setpriority setrlimit
        setsid sysinfo tgkill times tkill uname vfork wait4 waitid
    """,
    "users": """
        getegid geteuid getgid getgroups getresgid getresuid getuid setfsgid setfsuid setgid setgroups setregid
        setresgid setresuid setreuid setuid
    """,
    "sandboxes of their own": "landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp",
    "signals": """
        pause restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
        rt_sigtimedwait rt_tgsigqueueinfo sigaltstack signalfd signalfd4
    """,
    "time": """
        alarm clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep setitimer time timer_create
        timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime
    """,
    "waiting": """
        epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 poll ppoll pselect6
        select
    """,
    "sockets": """
        accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg
        sendmsg sendto setsockopt shutdown socketpair
    """,
    "talk between processes": """
        mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl
        semget semop semtimedop shmat shmctl shmdt shmget
    """,
    "asynchronous files": "io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit",
    "random numbers": "getrandom",
}

_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW*: mount, cgroup, uts, ipc, user, pid, network
_UNIX, _INET, _INET6, _NETLINK, _NETLINK_ROUTE = 1, 2, 10, 16, 0
_ASK = 0xFFFFFFFF  # personality(2): tells what is set, and sets nothing
_ENOSYS = 38


def allow_list() -> Seccomp:
    """The filter, as `linux.seccomp` has it. Foreign architectures are not in it: their calls end the process."""
    names = sorted(name for group in _GROUPS.values() for name in group.split())
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": _ENOSYS,
        "syscalls": [
            {"names": names, "action": "SCMP_ACT_ALLOW"},
            # A filter cannot see the flags of clone3: the C library goes on with clone.
            _allowed("clone", _masked(0, _NEW_NAMESPACES, 0)),
            *(_allowed("socket", _equal(0, family)) for family in (_UNIX, _INET, _INET6)),
            _allowed("socket", _equal(0, _NETLINK), _equal(2, _NETLINK_ROUTE)),  # getifaddrs(3)
            _allowed("personality", _equal(0, _ASK)),
        ],
    }


def _allowed(name: str, *arguments: dict[str, Any]) -> Any:
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": list(arguments)}


def _equal(index: int, value: int) -> dict[str, Any]:
    return {"index": index, "value": value, "op": "SCMP_CMP_EQ"}


def _masked(index: int, mask: int, value: int) -> dict[str, Any]:
    return {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
