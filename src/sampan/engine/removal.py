"""Removes what a container is made of: processes, cgroup, state directory; then the poststop hooks. Hot path.

Every step may find its part gone already: a removal that was killed is finished by the next one.
"""

from __future__ import annotations

import errno
import posix
import time

from sampan import _linux
from sampan.errors import KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.engine.store import Held, Record

SIGKILL = 9
PATIENCE = 10  # seconds that a killed process may take to end
_SOON = 100  # milliseconds, after which it is looked what keeps it


def silent(message: str) -> None:
    """Drops a message that nobody wants."""


def destroy(held: Held, record: Record, warn: Callable[[str], None], *, with_hooks: bool = True) -> None:
    """runtime.md#lifecycle, steps 12 and 13. The process must have been killed. Raises KernelError for what remains."""
    group = record.group()
    if not record.own_pid_namespace or not record.complete:
        group.kill(SIGKILL)
    group.remove()
    if record.rdt:
        from sampan.cgroups import resctrl

        share = resctrl.from_state(record.rdt)
        if record.complete:
            share.remove()
        else:
            share.undo()
    held.remove()
    if with_hooks and record.hooks.get("poststop"):
        from sampan.engine import hooks

        hooks.run_poststop(record, warn)


def kill_and_wait(record: Record) -> None:
    """End all processes of the container. Raises KernelError where one does not end in time."""
    pidfd = record.open_process()
    if pidfd >= 0:
        try:
            _linux.pidfd_signal(pidfd, SIGKILL)
        except ProcessLookupError:
            pass
    try:
        if not record.own_pid_namespace:
            record.group().kill(SIGKILL)
        if pidfd >= 0:
            _wait(record, pidfd)
    finally:
        if pidfd >= 0:
            posix.close(pidfd)


def wait_for_the_end(record: Record) -> None:
    """Wait for a process that is ending by itself. Raises KernelError where it does not in time."""
    pidfd = record.open_process()
    if pidfd >= 0:
        try:
            _wait(record, pidfd)
        finally:
            posix.close(pidfd)


def _wait(record: Record, pidfd: int) -> None:
    """Wait for the process to end: as the init of a pid namespace it does so after all others there."""
    deadline = time.monotonic() + PATIENCE
    while _linux.wait_readable((pidfd,), _SOON) < 0:
        if time.monotonic() > deadline:
            hint = (
                f"it is ending, but has not ended within {PATIENCE} s: the kernel is busy for it, or for one below it"
            )
            raise KernelError("wait for process", str(record.pid), errno.ETIMEDOUT, detail=hint)
        record.group().release()  # or one is frozen, which on v1 keeps it alive
