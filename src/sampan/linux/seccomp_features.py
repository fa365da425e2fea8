"""What `linux.seccomp` may say here, as features-linux.md has it. Asks libseccomp and the kernel; loads no filter."""

from __future__ import annotations

import ctypes
import errno
import posix

from sampan.linux.seccomp_profile import ACTIONS, FLAGS, NEW_LISTENER, OPERATORS, architecture_token
from sampan.spec.names import SECCOMP_ARCHITECTURES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.spec.types import Seccomp, SeccompFeatures

SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}
SET_MODE_FILTER = 1


def structure(takes: Callable[[Seccomp], bool]) -> SeccompFeatures:
    """The object; ``takes`` says of a profile whether a container may have it."""
    return {
        "enabled": True,
        "actions": sorted(name for name in ACTIONS if takes(_profile(name))),
        "operators": sorted(OPERATORS),
        "archs": sorted(filter(architecture_token, SECCOMP_ARCHITECTURES)),
        "knownFlags": list(FLAGS),
        # "The runtime MUST recognize and support the elements in this array"
        "supportedFlags": [name for name in FLAGS if _is_usable(name, takes) and kernel_knows(FLAGS[name])],
    }


def _profile(action: str, flags: tuple[str, ...] = ()) -> Seccomp:
    profile: Seccomp = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["getpid"], "action": action}],
        "flags": list(flags),
    }
    return profile


def _is_usable(flag: str, takes: Callable[[Seccomp], bool]) -> bool:
    """Whether any profile may have it: one flag is for those only that notify a listener."""
    return any(takes(_profile(action, (flag,))) for action in ("SCMP_ACT_ALLOW", "SCMP_ACT_NOTIFY"))


def kernel_knows(flag: int) -> bool:
    """Whether seccomp(2) takes a flag. Asked without a filter: it looks at the flags first, then for the filter."""
    libc = ctypes.CDLL(None, use_errno=True)
    if flag == FLAGS["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]:
        flag |= NEW_LISTENER  # EINVAL without
    number = SYS_SECCOMP[posix.uname().machine]
    libc.syscall(ctypes.c_long(number), ctypes.c_uint(SET_MODE_FILTER), ctypes.c_uint(flag), None)
    return ctypes.get_errno() == errno.EFAULT
