"""The description of config.json's `process`, which `exec` gets by itself, as a table for `check`. Hot path."""

from __future__ import annotations

from sampan.spec import names
from sampan.spec.check import (
    BOOL,
    CONSOLE_CELLS,
    ID,
    INT32,
    NUMBERS,
    STRING,
    STRINGS,
    UINT64,
)

USER = (
    "object",
    "User",
    "config.md#user",
    (),
    {
        "uid": ID,
        "gid": ID,
        "umask": ("integer", 0, 0o777, "must be a umask from 0 to 511 (0777)"),
        "additionalGids": ("array", ID, 0),
        "username": STRING,
    },
)

CONSOLE_SIZE = (
    "object",
    "ConsoleSize",
    "config.md#process",
    ("height", "width"),
    {"height": CONSOLE_CELLS, "width": CONSOLE_CELLS},
)

CAPABILITIES = (
    "object",
    "Capabilities",
    "config.md#linux-process",
    (),
    {"bounding": STRINGS, "permitted": STRINGS, "effective": STRINGS, "inheritable": STRINGS, "ambient": STRINGS},
)

RLIMIT = (
    "object",
    "Rlimit",
    "config.md#posix-process",
    ("type", "soft", "hard"),
    {"type": STRING, "soft": UINT64, "hard": UINT64},
)

SCHEDULER = (
    "object",
    "Scheduler",
    "config.md#linux-process",
    ("policy",),
    {
        "policy": ("enum", names.SCHEDULER_POLICIES),
        "nice": ("integer", -20, 19, "must be a nice value from -20 to 19"),
        "priority": INT32,
        "flags": ("array", ("enum", names.SCHEDULER_FLAGS), 0),
        "runtime": UINT64,
        "deadline": UINT64,
        "period": UINT64,
    },
)

IO_PRIORITY = (
    "object",
    "IOPriority",
    "config.md#linux-process",
    ("class", "priority"),
    {
        "class": ("enum", names.IO_PRIORITY_CLASSES),
        "priority": ("integer", 0, 7, "must be a priority from 0 (highest) to 7 (lowest)"),
    },
)

EXEC_CPU_AFFINITY = (
    "object",
    "ExecCPUAffinity",
    "config.md#linux-process",
    (),
    {"initial": NUMBERS, "final": NUMBERS},
)

PROCESS = (
    "object",
    "Process",
    "config.md#process",
    ("cwd",),
    {
        "terminal": BOOL,
        "consoleSize": CONSOLE_SIZE,
        "cwd": STRING,
        "env": STRINGS,
        "args": STRINGS,
        "commandLine": STRING,
        "rlimits": ("array", RLIMIT, 0),
        "apparmorProfile": STRING,
        "capabilities": CAPABILITIES,
        "noNewPrivileges": BOOL,
        "oomScoreAdj": ("integer", -1000, 1000, "must be a whole number from -1000 to 1000"),
        "scheduler": SCHEDULER,
        "selinuxLabel": STRING,
        "ioPriority": IO_PRIORITY,
        "execCPUAffinity": EXEC_CPU_AFFINITY,
        "user": USER,
    },
)
