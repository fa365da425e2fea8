"""The Features structure (features.md): its description, and judging one. Off the hot path."""

from __future__ import annotations

from sampan.errors import Problem
from sampan.spec import names
from sampan.spec.check import BOOL, STRING, STRING_MAP, STRINGS, check
from sampan.spec.rules import is_semantic_version

ENABLED = ("object", "EnabledFeature", "", (), {"enabled": BOOL})

CGROUP = (
    "object",
    "CgroupFeatures",
    "features-linux.md#cgroup",
    (),
    {"v1": BOOL, "v2": BOOL, "systemd": BOOL, "systemdUser": BOOL, "rdma": BOOL},
)
SECCOMP = (
    "object",
    "SeccompFeatures",
    "features-linux.md#seccomp",
    (),
    {
        "enabled": BOOL,
        "actions": ("array", ("enum", names.SECCOMP_ACTIONS), 0),
        "operators": ("array", ("enum", names.SECCOMP_OPERATORS), 0),
        "archs": ("array", ("enum", names.SECCOMP_ARCHITECTURES), 0),
        "knownFlags": ("array", ("enum", names.SECCOMP_FLAGS), 0),
        "supportedFlags": ("array", ("enum", names.SECCOMP_FLAGS), 0),
    },
)
MEMORY_POLICY = (
    "object",
    "MemoryPolicyFeatures",
    "features-linux.md#memorypolicy",
    (),
    {
        "modes": ("array", ("enum", names.MEMORY_POLICY_MODES), 0),
        "flags": ("array", ("enum", names.MEMORY_POLICY_FLAGS), 0),
    },
)
INTEL_RDT = (
    "object",
    "IntelRdtFeatures",
    "features-linux.md#intel-rdt",
    (),
    {"enabled": BOOL, "schemata": BOOL, "monitoring": BOOL},
)

LINUX = (
    "object",
    "LinuxFeatures",
    "features-linux.md#linux-features-structure",
    (),
    {
        "namespaces": ("section", "features-linux.md#namespaces", ("array", ("enum", names.NAMESPACES), 0)),
        "capabilities": ("section", "features-linux.md#capabilities", STRINGS),
        "cgroup": CGROUP,
        "seccomp": SECCOMP,
        "apparmor": ("section", "features-linux.md#apparmor", ENABLED),
        "selinux": ("section", "features-linux.md#selinux", ENABLED),
        "memoryPolicy": MEMORY_POLICY,
        "intelRdt": INTEL_RDT,
        "mountExtensions": (
            "object",
            "MountExtensionsFeatures",
            "features-linux.md#mountextensions",
            (),
            {"idmap": ENABLED},
        ),
        "netDevices": ("section", "features-linux.md#netdevices", ENABLED),
    },
)

FEATURES = (
    "object",
    "Features",
    "features.md#specification-version",
    ("ociVersionMin", "ociVersionMax"),
    {
        "ociVersionMin": STRING,
        "ociVersionMax": STRING,
        "hooks": ("section", "features.md#hooks", STRINGS),
        "mountOptions": ("section", "features.md#mount-options", STRINGS),
        "annotations": ("section", "features.md#annotations", STRING_MAP),
        "potentiallyUnsafeConfigAnnotations": (
            "section",
            "features.md#unsafe-annotations-in-configjson",
            STRINGS,
        ),
        "linux": LINUX,
    },
)


def validate(document: object) -> list[Problem]:
    """Everything in a decoded Features structure that breaks the specification."""
    found = list(check(document, FEATURES))
    if not isinstance(document, dict):
        return found
    section = "features.md#specification-version"
    versions = []
    for name in ("ociVersionMin", "ociVersionMax"):
        version = document.get(name)
        if isinstance(version, str) and is_semantic_version(version):
            versions.append(precedence(version))
        elif isinstance(version, str):
            found.append(Problem(name, version, "must be a version in SemVer 2.0.0 format", section))
    if len(versions) == 2 and versions[1] < versions[0]:
        # "The value MUST NOT be less than the value of the `ociVersionMin` property."
        found.append(
            Problem("ociVersionMax", document["ociVersionMax"], "must not be less than ociVersionMin", section)
        )
    return found


def precedence(version: str) -> tuple[object, ...]:
    """What a valid semantic version is ordered by: numbers, then a release after its pre-releases; never the build."""
    core, dash, prerelease = version.partition("+")[0].partition("-")
    numbers = tuple(int(part) for part in core.split("."))
    # numeric identifiers come before others, and are compared as numbers
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in prerelease.split("."))
    return (*numbers, not dash, parts)
