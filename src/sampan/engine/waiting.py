"""Staying with a process in the foreground. Hot path.

An interpreter need not be there for as long as a container is: it hands the waiting over to a program of a few
kilobytes (native/wait.c), which is this same process then, with its children, and its signals still held back. What is
left to do at the end is done by another interpreter.
"""

from __future__ import annotations

import posix

from sampan import _linux
from sampan.errors import KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from sampan.engine.launch import Launch

SHORT = 200  # milliseconds that are not worth a second start of the interpreter

NOBODY = (-1, -1)  # is told that the process is ready


def ended_soon(launch: Launch) -> int:
    """The exit status, as a shell sees it, of a process that ends within a moment; -1 where there is more to wait for.

    That is also a signal of the caller's, which must not be late.
    """
    signals = _linux.signal_descriptor()
    try:
        if _linux.wait_readable((launch.pidfd, signals), SHORT) != launch.pidfd:
            return -1
    finally:
        posix.close(signals)
    result = posix.waitid(posix.P_PIDFD, launch.pidfd, posix.WEXITED)
    assert result is not None
    return result.si_status if result.si_code == posix.CLD_EXITED else 128 + result.si_status


def hand_over(launch: Launch, terminal: int, command: Sequence[str], notification: tuple[int, int]) -> NoReturn:
    """Become the program that waits for the process. It becomes ``command``, with the exit status as one word more.

    Where ``command`` is empty, it ends with that status. ``terminal`` is the near side of the process's, or -1;
    ``notification`` the socket on which the process says that it is ready and the one to whoever is told, or NOBODY.
    Raises KernelError where that program cannot be run.
    """
    path = _linux.__file__.rpartition("/")[0] + "/sampan-wait"
    descriptors = (launch.pidfd, terminal, *notification)
    for fd in descriptors:
        if fd >= 0:
            posix.set_inheritable(fd, True)
    numbers = (launch.pidfd, launch.pid, terminal, *notification)
    try:
        posix.execve(path, ["sampan-wait", *map(str, numbers), *command], posix.environ)
    except OSError as error:
        hint = "sampan's installation is not whole: install it again"
        raise KernelError("execve", path, error.errno or 0, detail=hint) from None
