"""The description of a container's state and of the container process state, as tables for `check`."""

from __future__ import annotations

from sampan.spec.check import ABSOLUTE, NOT_EMPTY, STRING, STRING_MAP, STRINGS

PID = ("integer", 0, 2147483647, "must be a process id")

STATE = (
    "object",
    "State",
    "runtime.md#state",
    ("ociVersion", "id", "status", "bundle"),
    {
        "ociVersion": STRING,
        "id": NOT_EMPTY,
        # "Additional values MAY be defined by the runtime"
        "status": NOT_EMPTY,
        "pid": PID,
        "bundle": ABSOLUTE,
        "annotations": STRING_MAP,
    },
)

CONTAINER_PROCESS_STATE = (
    "object",
    "ContainerProcessState",
    "config-linux.md#the-container-process-state",
    ("ociVersion", "pid", "state"),
    {"ociVersion": STRING, "fds": STRINGS, "pid": PID, "metadata": STRING, "state": STATE},
)
