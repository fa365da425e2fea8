"""Configurations that the specification calls wrong: one change each to a good one, the field, and the sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .bundle import Bundle

Change = Callable[[Bundle], Bundle]


@dataclass(frozen=True)
class Broken:
    name: str
    field: str  # what a good message names
    sentence: str
    change: Change


def setting(field: str, value: Any) -> Change:
    return lambda bundle: bundle.set(field, value)


def without(field: str) -> Change:
    return lambda bundle: bundle.drop(field)


def adding(field: str, value: Any) -> Change:
    return lambda bundle: bundle.add(field, value)


def user_namespace(field: str, value: Any) -> Change:
    return lambda bundle: bundle.user_namespace().set(field, value)


VALID_VALUES = "Runtimes MUST generate an error when invalid or unsupported values are encountered."
HOOK_PATH = "This specification extends the IEEE standard in that path MUST be absolute."
MAPPED = {"containerID": 0, "hostID": 100000, "size": 65536}

ROOT_AND_PROCESS = [
    Broken("no ociVersion", "ociVersion", "ociVersion (string, REQUIRED)", without("ociVersion")),
    Broken(
        "ociVersion is no version",
        "ociVersion",
        "ociVersion (string, REQUIRED) MUST be in SemVer v2.0.0 format",
        setting("ociVersion", "one"),
    ),
    Broken(
        "ociVersion of another major",
        "ociVersion",
        "retains forward and backward compatibility within major versions",
        setting("ociVersion", "2.0.0"),
    ),
    Broken("ociVersion is a number", "ociVersion", "ociVersion (string, REQUIRED)", setting("ociVersion", 1.0)),
    Broken("no root", "root", "On all other platforms, this field is REQUIRED.", without("root")),
    Broken("no root.path", "root.path", "path (string, REQUIRED)", without("root.path")),
    Broken("empty root.path", "root.path", "A directory MUST exist at the path declared", setting("root.path", "")),
    Broken("root.readonly is a word", "root.readonly", "readonly (bool, OPTIONAL)", setting("root.readonly", "yes")),
    Broken("no args", "process.args", "at least one entry is REQUIRED (non-Windows)", without("process.args")),
    Broken("empty args", "process.args", "at least one entry is REQUIRED (non-Windows)", setting("process.args", [])),
    Broken("args is a string", "process.args", "args (array of strings, OPTIONAL)", setting("process.args", "sh")),
    Broken("args of numbers", "process.args", "args (array of strings, OPTIONAL)", setting("process.args", [1])),
    Broken("no cwd", "process.cwd", "cwd (string, REQUIRED)", without("process.cwd")),
    Broken("relative cwd", "process.cwd", "This value MUST be an absolute path.", setting("process.cwd", "tmp")),
    Broken("empty cwd", "process.cwd", "This value MUST be an absolute path.", setting("process.cwd", "")),
    Broken("negative uid", "process.user.uid", "uid (int, REQUIRED)", setting("process.user.uid", -1)),
    Broken("uid too large", "process.user.uid", VALID_VALUES, setting("process.user.uid", 1 << 32)),
    Broken("uid is a word", "process.user.uid", "uid (int, REQUIRED)", setting("process.user.uid", "root")),
    Broken("env is a map", "process.env", "env (array of strings, OPTIONAL)", setting("process.env", {"PATH": "/bin"})),
    Broken(
        "an unknown rlimit",
        "process.rlimits",
        "The runtime MUST generate an error for any values which cannot be mapped to a relevant kernel interface.",
        setting("process.rlimits", [{"type": "RLIMIT_LUCK", "soft": 1, "hard": 1}]),
    ),
    Broken(
        "an rlimit twice",
        "process.rlimits",
        "If rlimits contains duplicated entries with same type, the runtime MUST generate an error.",
        adding("process.rlimits", {"type": "RLIMIT_NOFILE", "soft": 5, "hard": 5}),
    ),
    Broken(
        "soft above hard",
        "process.rlimits",
        "rlim.rlim_cur MUST match the configured value.",
        setting("process.rlimits", [{"type": "RLIMIT_NOFILE", "soft": 200, "hard": 100}]),
    ),
    Broken("oomScoreAdj too large", "process.oomScoreAdj", VALID_VALUES, setting("process.oomScoreAdj", 1001)),
    Broken("annotations of numbers", "annotations", "Values MUST be strings.", setting("annotations", {"a": 1})),
    Broken(
        "annotation without name", "annotations", "Keys MUST NOT be an empty string.", setting("annotations", {"": "a"})
    ),
    Broken("hostname is a number", "hostname", "hostname (string, OPTIONAL)", setting("hostname", 5)),
    Broken("hostname too long", "hostname", VALID_VALUES, setting("hostname", "x" * 65)),
]

MOUNTS = [
    Broken("no destination", "mounts", "destination (string, REQUIRED)", adding("mounts", {"type": "tmpfs"})),
    Broken("mounts is a map", "mounts", "mounts (array of objects, OPTIONAL)", setting("mounts", {"a": "b"})),
    Broken(
        "options is a string",
        "mounts",
        "options (array of strings, OPTIONAL)",
        adding("mounts", {"destination": "/a", "type": "tmpfs", "options": "ro"}),
    ),
]

HOOKS = [
    Broken("hook without path", "hooks.createRuntime", "path (string, REQUIRED)", adding("hooks.createRuntime", {})),
    *(
        Broken(f"relative path of {kind}", f"hooks.{kind}", HOOK_PATH, adding(f"hooks.{kind}", {"path": "bin/true"}))
        for kind in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
    ),
    *(
        Broken(
            f"hook timeout of {timeout}",
            "hooks.createRuntime",
            "If set, timeout MUST be greater than zero.",
            adding("hooks.createRuntime", {"path": "/bin/true", "timeout": timeout}),
        )
        for timeout in (0, -1)
    ),
]

LINUX = [
    Broken(
        "namespace of unknown type", "linux.namespaces", VALID_VALUES, adding("linux.namespaces", {"type": "cosmic"})
    ),
    Broken("namespace without type", "linux.namespaces", "type (string, REQUIRED)", adding("linux.namespaces", {})),
    Broken(
        "namespace twice",
        "linux.namespaces",
        "If a namespaces field contains duplicated namespaces with same type, the runtime MUST generate an error.",
        adding("linux.namespaces", {"type": "ipc"}),
    ),
    Broken(
        "namespace with relative path",
        "linux.namespaces",
        "This value MUST be an absolute path in the runtime mount namespace.",
        lambda bundle: bundle.namespace("network", "self/ns/net"),
    ),
    Broken(
        "overlapping mappings",
        "linux.uidMappings",
        "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error",
        user_namespace("linux.uidMappings", [MAPPED, MAPPED | {"containerID": 5}]),
    ),
    Broken(
        "mapping of no ids",
        "linux.uidMappings",
        "size - is the number of ids to be mapped.",
        user_namespace("linux.uidMappings", [MAPPED | {"size": 0}]),
    ),
    Broken(
        "device of unknown type",
        "linux.devices",
        "type (string, REQUIRED) - type of device: c, b, u or p.",
        adding("linux.devices", {"path": "/dev/x", "type": "z", "major": 1, "minor": 1}),
    ),
    Broken(
        "device without path",
        "linux.devices",
        "path (string, REQUIRED)",
        adding("linux.devices", {"type": "c", "major": 1, "minor": 3}),
    ),
    Broken(
        "device without numbers",
        "linux.devices",
        "major, minor (int64, REQUIRED unless type is p)",
        adding("linux.devices", {"path": "/dev/x", "type": "c"}),
    ),
    Broken(
        "relative masked path",
        "linux.maskedPaths",
        "The values MUST be absolute paths in the container namespace.",
        setting("linux.maskedPaths", ["etc/passwd"]),
    ),
    Broken(
        "relative readonly path",
        "linux.readonlyPaths",
        "The values MUST be absolute paths in the container namespace.",
        setting("linux.readonlyPaths", ["etc/passwd"]),
    ),
    Broken(
        "unknown propagation",
        "linux.rootfsPropagation",
        "Its value is either shared, slave, private or unbindable.",
        setting("linux.rootfsPropagation", "viral"),
    ),
    Broken(
        "unknown sysctl",
        "linux.sysctl",
        "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error",
        setting("linux.sysctl", {"net.no.such.thing": "1"}),
    ),
    Broken("sysctl of the host", "linux.sysctl", "for the container", setting("linux.sysctl", {"kernel.panic": "1"})),
    Broken(
        "device rule without allow",
        "linux.resources.devices",
        "allow (boolean, REQUIRED)",
        adding("linux.resources.devices", {"access": "rwm"}),
    ),
    Broken(
        "device rule with unknown access",
        "linux.resources.devices",
        "A composition of r (read), w (write), and m (mknod).",
        adding("linux.resources.devices", {"allow": True, "access": "x"}),
    ),
    Broken(
        "memory limit is a word",
        "linux.resources.memory.limit",
        "limit (int64, OPTIONAL)",
        setting("linux.resources.memory", {"limit": "64M"}),
    ),
    Broken(
        "swappiness above 100",
        "linux.resources.memory.swappiness",
        "The values are from 0 to 100.",
        setting("linux.resources.memory", {"swappiness": 101}),
    ),
    Broken(
        "seccomp without default action",
        "linux.seccomp.defaultAction",
        "defaultAction (string, REQUIRED)",
        setting("linux.seccomp", {"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}),
    ),
    Broken(
        "seccomp with unknown action",
        "linux.seccomp.defaultAction",
        "Allowed values are the same as syscalls[].action.",
        setting("linux.seccomp", {"defaultAction": "SCMP_ACT_FORGIVE"}),
    ),
    Broken(
        "seccomp rule without names",
        "linux.seccomp.syscalls",
        "names MUST contain at least one entry.",
        setting("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_ERRNO"}]}),
    ),
    Broken(
        "intelRdt without resctrl",
        "linux.intelRdt",
        "If no mounted resctrl pseudo-filesystem is available in the runtime mount namespace, the runtime MUST "
        "generate an error.",
        setting("linux.intelRdt", {"closID": "nowhere"}),
    ),
    Broken(
        "unknown personality",
        "linux.personality",
        "The valid list of constants is shown below. ... LINUX, LINUX32",
        setting("linux.personality", {"domain": "SOLARIS"}),
    ),
]

TABLE = [*ROOT_AND_PROCESS, *MOUNTS, *HOOKS, *LINUX]
