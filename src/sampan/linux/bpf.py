"""bpf(2), as far as a cgroup's device program needs it: load one, attach it. Never maps, never other program types."""

from __future__ import annotations

import posix

from sampan import _linux
from sampan.errors import KernelError


def attach_device_program(directory: str, program: bytes, field: str = "") -> None:
    """Let ``program`` decide on device accesses in the v2 cgroup at ``directory``. Raises KernelError.

    It takes the place of a single earlier program of the same cgroup; the programs of its ancestors stay in force.
    """
    step, program_fd, cgroup_fd = "open", -1, -1
    try:
        cgroup_fd = posix.open(directory, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
        step = "load a device program for"
        program_fd = _linux.bpf_load_device(program)
        step = "attach a device program to"
        _linux.bpf_attach_device(cgroup_fd, program_fd)
    except OSError as error:
        raise KernelError(step, directory, error.errno or 0, field) from None
    finally:
        for fd in (program_fd, cgroup_fd):  # an attached program lives as long as its cgroup
            if fd >= 0:
                posix.close(fd)
