"""The end of a process: awaited by its pidfd, so that no other child of the program is touched, and remembered."""

from __future__ import annotations

import os
import select
from _thread import allocate_lock

from sampan.api.status import ExitStatus
from sampan.linux.files import close_all
from sampan.linux.pidfd import exit_status

GRACE = 100  # milliseconds that another's child may stay unreaped, which hides its status
_LONGEST = 2**31 - 1  # milliseconds, for poll(2)


class Ending:
    """Of the process behind a pidfd, which is closed with this. Any number of threads may wait for it.

    Without a pidfd (-1) the process has ended, and nobody knows how.
    """

    __slots__ = ("_lock", "_status", "pidfd")

    def __init__(self, pidfd: int) -> None:
        self.pidfd = pidfd
        self._status = None if pidfd >= 0 else ExitStatus()
        self._lock = allocate_lock()

    def poll(self) -> ExitStatus | None:
        """How it has ended; None where it has not."""
        with self._lock:
            if self._status is None and self.pidfd >= 0:
                self._status = _ask(self.pidfd)
            return self._status

    def wait(self, timeout: float | None) -> ExitStatus | None:
        """The same, after at most ``timeout`` seconds (None: as long as it takes)."""
        status = self.poll()
        if status is not None:
            return status
        self.await_end(timeout)
        return self.poll()

    def await_end(self, timeout: float | None) -> bool:
        """Whether it has ended after at most ``timeout`` seconds. It is not reaped."""
        pidfd = self.duplicate()
        try:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            return bool(poll.poll(None if timeout is None else min(max(0, timeout * 1000), _LONGEST)))
        finally:
            os.close(pidfd)

    def duplicate(self) -> int:
        """A pidfd of the caller's, which `close` in another thread does not take away. Raises ValueError if it has."""
        with self._lock:
            if self.pidfd < 0:
                raise ValueError("this object has been closed")
            return os.dup(self.pidfd)

    def is_foreign(self) -> bool:
        """Whether the process is not this program's child, and asking how it has ended may take a moment (GRACE)."""
        with self._lock:
            if self._status is not None or self.pidfd < 0:
                return False
            try:
                os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return True
            return False

    def close(self) -> None:
        """Give the pidfd back. What has ended by now is reaped, and its status kept."""
        self.poll()
        with self._lock:
            descriptors, self.pidfd = [self.pidfd], -1
            close_all(descriptors)


def _ask(pidfd: int) -> ExitStatus | None:
    try:
        ended = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
    except ChildProcessError:  # another's child, or reaped by a program that reaps whatever it finds
        return _ask_kernel(pidfd)
    if ended is None:
        return None
    if ended.si_code == os.CLD_EXITED:
        return ExitStatus(code=ended.si_status)
    return ExitStatus(signal=ended.si_status)


def _ask_kernel(pidfd: int) -> ExitStatus | None:
    """Of a process that is not for us to reap: the kernel tells its status once somebody has."""
    if not _events(pidfd, select.POLLIN, 0):
        return None
    try:
        status = exit_status(pidfd)
        if status is None and _events(pidfd, 0, GRACE):
            status = exit_status(pidfd)
    except OSError:
        status = None  # this kernel does not tell
    if status is None:
        return ExitStatus()
    if os.WIFSIGNALED(status):
        return ExitStatus(signal=os.WTERMSIG(status))
    return ExitStatus(code=os.WEXITSTATUS(status))


def _events(pidfd: int, wanted: int, patience: int) -> bool:
    """Whether the process has ended (POLLIN), or has been reaped, which the kernel always tells (POLLHUP)."""
    poll = select.poll()
    poll.register(pidfd, wanted)
    return bool(poll.poll(patience))
