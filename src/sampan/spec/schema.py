"""The description of config.json, as tables for `check`: what every platform has.

`schema_process` has the process, `schema_linux` the Linux section. Only fields one by one: what depends on other fields
is in rules*.py.
"""

from __future__ import annotations

from sampan.spec.check import (
    ABSOLUTE,
    BOOL,
    ID_MAPPINGS,
    NOT_EMPTY,
    SECONDS,
    STRING,
    STRING_MAP,
    STRINGS,
)
from sampan.spec.schema_linux import LINUX
from sampan.spec.schema_process import PROCESS

ROOT = ("object", "Root", "config.md#root", ("path",), {"path": NOT_EMPTY, "readonly": BOOL})

MOUNT = (
    "object",
    "Mount",
    "config.md#mounts",
    ("destination",),
    {
        "destination": NOT_EMPTY,
        "source": STRING,
        "type": STRING,
        "options": STRINGS,
        "uidMappings": ("section", "config.md#posix-platform-mounts", ID_MAPPINGS),
        "gidMappings": ("section", "config.md#posix-platform-mounts", ID_MAPPINGS),
    },
)

HOOK = (
    "object",
    "Hook",
    "config.md#posix-platform-hooks",
    ("path",),
    {"path": ABSOLUTE, "args": STRINGS, "env": STRINGS, "timeout": SECONDS},
)
HOOK_ARRAY = ("array", HOOK, 0)
HOOKS = (
    "object",
    "Hooks",
    "config.md#posix-platform-hooks",
    (),
    {
        "prestart": HOOK_ARRAY,
        "createRuntime": HOOK_ARRAY,
        "createContainer": HOOK_ARRAY,
        "startContainer": HOOK_ARRAY,
        "poststart": HOOK_ARRAY,
        "poststop": HOOK_ARRAY,
    },
)

CONFIG = (
    "object",
    "Config",
    "config.md#configuration",
    ("ociVersion",),
    {
        "ociVersion": ("section", "config.md#specification-version", STRING),
        "root": ROOT,
        "mounts": ("section", "config.md#mounts", ("array", MOUNT, 0)),
        "process": PROCESS,
        "hostname": ("section", "config.md#hostname", STRING),
        "domainname": ("section", "config.md#domainname", STRING),
        "hooks": HOOKS,
        "annotations": ("section", "config.md#annotations", STRING_MAP),
        "linux": LINUX,
        "windows": ("platform", "windows"),
        "solaris": ("platform", "solaris"),
        "freebsd": ("platform", "freebsd"),
        "vm": ("platform", "vm"),
        "zos": ("platform", "zos"),
    },
)
