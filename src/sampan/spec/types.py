"""The types of the specification's documents: config.json 1.3, the state, the features, the container process state.

For the type checker only: import it under TYPE_CHECKING. A property that the specification calls REQUIRED is Required
here, too, so that what `spec.config.load` returns can be read with an index.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

from sampan.spec.types_linux import (
    CPU,
    BlockIO,
    Device,
    DeviceRule,
    HugepageLimit,
    IDMapping,
    IntelRdt,
    InterfacePriority,
    Linux,
    Memory,
    MemoryPolicy,
    Namespace,
    NetDevice,
    Network,
    Personality,
    Pids,
    Rdma,
    Resources,
    Seccomp,
    SeccompArgument,
    SeccompSyscall,
    ThrottleDevice,
    TimeOffset,
    WeightDevice,
)
from sampan.spec.types_platforms import VM, ZOS, FreeBSD, Solaris, Windows

__all__ = [
    "CPU",
    "VM",
    "ZOS",
    "BlockIO",
    "Capabilities",
    "Config",
    "ConsoleSize",
    "ContainerProcessState",
    "Device",
    "DeviceRule",
    "ExecCPUAffinity",
    "Features",
    "FreeBSD",
    "Hook",
    "Hooks",
    "HugepageLimit",
    "IDMapping",
    "IOPriority",
    "IntelRdt",
    "InterfacePriority",
    "Linux",
    "LinuxFeatures",
    "Memory",
    "MemoryPolicy",
    "Mount",
    "Namespace",
    "NetDevice",
    "Network",
    "Personality",
    "Pids",
    "Process",
    "Rdma",
    "Resources",
    "Rlimit",
    "Root",
    "Scheduler",
    "Seccomp",
    "SeccompArgument",
    "SeccompSyscall",
    "Solaris",
    "State",
    "ThrottleDevice",
    "TimeOffset",
    "User",
    "WeightDevice",
    "Windows",
]


class Root(TypedDict):
    path: str
    readonly: NotRequired[bool]


class Mount(TypedDict):
    destination: str
    source: NotRequired[str]
    type: NotRequired[str]
    options: NotRequired[list[str]]
    uidMappings: NotRequired[list[IDMapping]]
    gidMappings: NotRequired[list[IDMapping]]


class Hook(TypedDict):
    path: str
    args: NotRequired[list[str]]
    env: NotRequired[list[str]]
    timeout: NotRequired[int]


class Hooks(TypedDict, total=False):
    prestart: list[Hook]
    createRuntime: list[Hook]
    createContainer: list[Hook]
    startContainer: list[Hook]
    poststart: list[Hook]
    poststop: list[Hook]


class User(TypedDict, total=False):
    """On POSIX platforms `uid` and `gid` are there; on Windows only `username` can be."""

    uid: int
    gid: int
    umask: int
    additionalGids: list[int]
    username: str


class ConsoleSize(TypedDict):
    height: int
    width: int


class Capabilities(TypedDict, total=False):
    bounding: list[str]
    permitted: list[str]
    effective: list[str]
    inheritable: list[str]
    ambient: list[str]


class Rlimit(TypedDict):
    type: str
    soft: int
    hard: int


class Scheduler(TypedDict):
    policy: str
    nice: NotRequired[int]
    priority: NotRequired[int]
    flags: NotRequired[list[str]]
    runtime: NotRequired[int]
    deadline: NotRequired[int]
    period: NotRequired[int]


# `class` is a keyword: this one has to be written as a call
IOPriority = TypedDict("IOPriority", {"class": str, "priority": int})


class ExecCPUAffinity(TypedDict, total=False):
    initial: str
    final: str


class Process(TypedDict):
    """`args` is there except on Windows."""

    cwd: str
    terminal: NotRequired[bool]
    consoleSize: NotRequired[ConsoleSize]
    env: NotRequired[list[str]]
    args: NotRequired[list[str]]
    commandLine: NotRequired[str]
    rlimits: NotRequired[list[Rlimit]]
    apparmorProfile: NotRequired[str]
    capabilities: NotRequired[Capabilities]
    noNewPrivileges: NotRequired[bool]
    oomScoreAdj: NotRequired[int]
    scheduler: NotRequired[Scheduler]
    selinuxLabel: NotRequired[str]
    ioPriority: NotRequired[IOPriority]
    execCPUAffinity: NotRequired[ExecCPUAffinity]
    user: NotRequired[User]


class Config(TypedDict):
    """`root` is there except for a Hyper-V container."""

    ociVersion: str
    root: NotRequired[Root]
    mounts: NotRequired[list[Mount]]
    process: NotRequired[Process]
    hostname: NotRequired[str]
    domainname: NotRequired[str]
    hooks: NotRequired[Hooks]
    annotations: NotRequired[dict[str, str]]
    linux: NotRequired[Linux]
    windows: NotRequired[Windows]
    solaris: NotRequired[Solaris]
    freebsd: NotRequired[FreeBSD]
    vm: NotRequired[VM]
    zos: NotRequired[ZOS]


class State(TypedDict):
    """runtime.md, State."""

    ociVersion: str
    id: str
    status: str
    bundle: str
    pid: NotRequired[int]
    annotations: NotRequired[dict[str, str]]


class ContainerProcessState(TypedDict):
    """config-linux.md, The Container Process State: what a seccomp agent is sent."""

    ociVersion: str
    pid: int
    state: State
    fds: NotRequired[list[str]]
    metadata: NotRequired[str]


class CgroupFeatures(TypedDict, total=False):
    v1: bool
    v2: bool
    systemd: bool
    systemdUser: bool
    rdma: bool


class SeccompFeatures(TypedDict, total=False):
    enabled: bool
    actions: list[str]
    operators: list[str]
    archs: list[str]
    knownFlags: list[str]
    supportedFlags: list[str]


class EnabledFeature(TypedDict, total=False):
    enabled: bool


class MemoryPolicyFeatures(TypedDict, total=False):
    modes: list[str]
    flags: list[str]


class IntelRdtFeatures(TypedDict, total=False):
    enabled: bool
    schemata: bool
    monitoring: bool


class MountExtensionsFeatures(TypedDict, total=False):
    idmap: EnabledFeature


class LinuxFeatures(TypedDict, total=False):
    """features-linux.md."""

    namespaces: list[str]
    capabilities: list[str]
    cgroup: CgroupFeatures
    seccomp: SeccompFeatures
    apparmor: EnabledFeature
    selinux: EnabledFeature
    memoryPolicy: MemoryPolicyFeatures
    intelRdt: IntelRdtFeatures
    mountExtensions: MountExtensionsFeatures
    netDevices: EnabledFeature


class Features(TypedDict):
    """features.md."""

    ociVersionMin: str
    ociVersionMax: str
    hooks: NotRequired[list[str]]
    mountOptions: NotRequired[list[str]]
    annotations: NotRequired[dict[str, str]]
    potentiallyUnsafeConfigAnnotations: NotRequired[list[str]]
    linux: NotRequired[LinuxFeatures]
