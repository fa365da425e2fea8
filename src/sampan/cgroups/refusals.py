"""What to tell when the kernel does not take a limit: why that may be, and what would do. On no path that works."""

from __future__ import annotations

import errno
import posix

from sampan.cgroups import delegation, hugepages
from sampan.cgroups.limits import UNIFIED_FIELD
from sampan.errors import KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cgroups.limits import Setting

_MISSING = "this kernel does not have that file"
_NO_CFQ = "leaf weights went with the I/O scheduler CFQ, in Linux 5.0"
_NO_SCHEDULER = "no I/O scheduler with weights is loaded: bfq is one"
# (the end of the file's name, errno) -> reason; the first that fits
_REASONS = (
    ("leaf_weight", errno.ENOENT, _NO_CFQ),
    ("leaf_weight_device", errno.ENOENT, _NO_CFQ),
    ("weight", errno.ENOENT, _NO_SCHEDULER),
    ("weight_device", errno.ENOENT, _NO_SCHEDULER),
    ("", errno.ENOENT, _MISSING),
    ("weight", errno.EOPNOTSUPP, "the I/O scheduler of that device has no weights: bfq has"),
    ("weight_device", errno.EOPNOTSUPP, "the I/O scheduler of that device has no weights: bfq has"),
    (
        "memory.limit_in_bytes",
        errno.EINVAL,
        "the kernel does not accept {value!r}, or it is more than the limit of memory and swap together",
    ),
    (
        "",
        errno.EINVAL,
        "the kernel does not accept {value!r}, or not beside the other limits of this cgroup or of its parent",
    ),
    ("", errno.ERANGE, "{value!r} is out of the kernel's range"),
    ("", errno.EBUSY, "more is in use already than {value!r} allows"),
    ("", errno.ENOSPC, "{value!r} names what the parent cgroup does not have"),
    ("", errno.ENODEV, "{value!r} names a device that this machine does not have, or only a part of one"),
    ("", errno.EACCES, "not permitted, or not within what the parent cgroup has"),
)


def explain(error: KernelError, directory: str, setting: Setting) -> KernelError:
    """The error of a ``setting`` that could not be written to its file in ``directory``, with field and reason."""
    _, name, value, field, _ = setting
    reason = next((text for end, number, text in _REASONS if error.errno == number and name.endswith(end)), "")
    reason = reason.format(value=value)
    if error.errno == errno.ENOENT and reason == _MISSING:
        reason = _missing(directory, name, field)
    if error.errno in delegation.DENIED and delegation.is_rootless():
        reason = delegation.HINT
    return KernelError(f"write {value!r} to", f"{directory}/{name}", error.errno, field, reason)


def _missing(directory: str, name: str, field: str) -> str:
    """Why there is no such file in a cgroup."""
    if not posix.access(directory, posix.F_OK):
        return "the cgroup is gone"
    controller = name.partition(".")[0]
    if controller == "hugetlb" and not field.startswith(UNIFIED_FIELD):
        return f"the sizes of huge pages here are {', '.join(hugepages.sizes(directory)) or 'none'}"
    return _MISSING
