"""What the kernel tells of a process by its pidfd: how it has ended, to whoever has one. Off the hot path."""

from __future__ import annotations

from fcntl import ioctl

# struct pidfd_info of linux/pidfd.h, in its first version: since Linux 6.13, with the exit status since 6.15
_SIZE = 64
_EXIT_CODE = slice(60, 64)
_GET_INFO = 0xC000FF0B | _SIZE << 16
_INFO_EXIT = 1 << 3


def exit_status(pidfd: int) -> int | None:
    """As wait(2) gives it; None where the process has not been reaped yet. Raises OSError where this is not known."""
    info = bytearray(_SIZE)
    info[0:8] = _INFO_EXIT.to_bytes(8, "little")
    ioctl(pidfd, _GET_INFO, info)
    known = int.from_bytes(info[0:8], "little") & _INFO_EXIT
    return int.from_bytes(info[_EXIT_CODE], "little") if known else None
