"""The description of config.json's section `linux`, as tables for `check` (config-linux.md)."""

from __future__ import annotations

from sampan.spec import names
from sampan.spec.check import (
    ABSOLUTE,
    ABSOLUTES,
    BOOL,
    BYTES_OR_UNLIMITED,
    ERRNO,
    ID,
    ID_MAPPINGS,
    INT64,
    MAJOR,
    MINOR,
    NUMBERS,
    STRING,
    STRING_MAP,
    STRINGS,
    TASKS_OR_UNLIMITED,
    UINT16,
    UINT32,
    UINT64,
)

NAMESPACE = (
    "object",
    "Namespace",
    "config-linux.md#namespaces",
    ("type",),
    {"type": ("enum", names.NAMESPACES), "path": ABSOLUTE},
)

TIME_OFFSET = (
    "object",
    "TimeOffset",
    "config-linux.md#offset-for-time-namespace",
    (),
    {"secs": INT64, "nanosecs": ("integer", 0, 999999999, "must be a number of nanoseconds from 0 to 999999999")},
)
DEVICE = (
    "object",
    "Device",
    "config-linux.md#devices",
    ("type", "path"),
    {
        "type": ("enum", names.DEVICE_TYPES),
        "path": ABSOLUTE,
        "major": MAJOR,
        "minor": MINOR,
        "fileMode": UINT32,
        "uid": ID,
        "gid": ID,
    },
)

NET_DEVICE = ("object", "NetDevice", "config-linux.md#network-devices", (), {"name": STRING})

DEVICE_RULE = (
    "object",
    "DeviceRule",
    "config-linux.md#allowed-device-list",
    ("allow",),
    {
        "allow": BOOL,
        "type": ("enum", names.DEVICE_RULE_TYPES),
        "major": INT64,
        "minor": INT64,
        "access": ("format", "access"),
    },
)

MEMORY = (
    "object",
    "Memory",
    "config-linux.md#memory",
    (),
    {
        "limit": BYTES_OR_UNLIMITED,
        "reservation": BYTES_OR_UNLIMITED,
        "swap": BYTES_OR_UNLIMITED,
        "kernel": BYTES_OR_UNLIMITED,
        "kernelTCP": BYTES_OR_UNLIMITED,
        "swappiness": ("integer", 0, 100, "must be a whole number from 0 to 100"),
        "disableOOMKiller": BOOL,
        "useHierarchy": BOOL,
        "checkBeforeUpdate": BOOL,
    },
)

CPU = (
    "object",
    "CPU",
    "config-linux.md#cpu",
    (),
    {
        "shares": UINT64,
        "quota": INT64,
        "burst": UINT64,
        "period": UINT64,
        "realtimeRuntime": INT64,
        "realtimePeriod": UINT64,
        "cpus": NUMBERS,
        "mems": NUMBERS,
        "idle": ("integer", 0, 1, "must be 0 (default behavior) or 1 (SCHED_IDLE)"),
    },
)

WEIGHT_DEVICE = (
    "object",
    "WeightDevice",
    "config-linux.md#block-io",
    ("major", "minor"),
    {"major": MAJOR, "minor": MINOR, "weight": UINT16, "leafWeight": UINT16},
)
THROTTLE_DEVICE = (
    "object",
    "ThrottleDevice",
    "config-linux.md#block-io",
    ("major", "minor", "rate"),
    {"major": MAJOR, "minor": MINOR, "rate": UINT64},
)
THROTTLE_DEVICES = ("array", THROTTLE_DEVICE, 0)
BLOCK_IO = (
    "object",
    "BlockIO",
    "config-linux.md#block-io",
    (),
    {
        "weight": UINT16,
        "leafWeight": UINT16,
        "weightDevice": ("array", WEIGHT_DEVICE, 0),
        "throttleReadBpsDevice": THROTTLE_DEVICES,
        "throttleWriteBpsDevice": THROTTLE_DEVICES,
        "throttleReadIOPSDevice": THROTTLE_DEVICES,
        "throttleWriteIOPSDevice": THROTTLE_DEVICES,
    },
)

HUGEPAGE_LIMIT = (
    "object",
    "HugepageLimit",
    "config-linux.md#huge-page-limits",
    ("pageSize", "limit"),
    {"pageSize": ("format", "page size"), "limit": UINT64},
)

INTERFACE_PRIORITY = (
    "object",
    "InterfacePriority",
    "config-linux.md#network",
    ("name", "priority"),
    {"name": ("format", "word"), "priority": UINT32},
)
NETWORK = (
    "object",
    "Network",
    "config-linux.md#network",
    (),
    {"classID": UINT32, "priorities": ("array", INTERFACE_PRIORITY, 0)},
)

PIDS = ("object", "Pids", "config-linux.md#pids", (), {"limit": TASKS_OR_UNLIMITED})

RDMA = ("object", "Rdma", "config-linux.md#rdma", (), {"hcaHandles": UINT32, "hcaObjects": UINT32})

RESOURCES = (
    "object",
    "Resources",
    "config-linux.md#control-groups",
    (),
    {
        "devices": ("section", "config-linux.md#allowed-device-list", ("array", DEVICE_RULE, 0)),
        "memory": MEMORY,
        "cpu": CPU,
        "blockIO": BLOCK_IO,
        "hugepageLimits": ("section", "config-linux.md#huge-page-limits", ("array", HUGEPAGE_LIMIT, 0)),
        "network": NETWORK,
        "pids": PIDS,
        "rdma": ("section", "config-linux.md#rdma", ("map", RDMA, ())),
        "unified": ("section", "config-linux.md#unified", STRING_MAP),
    },
)

INTEL_RDT = (
    "object",
    "IntelRdt",
    "config-linux.md#intelrdt",
    (),
    {
        "closID": STRING,
        "l3CacheSchema": STRING,
        "memBwSchema": STRING,
        "schemata": STRINGS,
        "enableMonitoring": BOOL,
    },
)

MEMORY_POLICY = (
    "object",
    "MemoryPolicy",
    "config-linux.md#memory-policy",
    ("mode",),
    {
        "mode": ("enum", names.MEMORY_POLICY_MODES),
        "nodes": NUMBERS,
        "flags": ("array", ("enum", names.MEMORY_POLICY_FLAGS), 0),
    },
)

SECCOMP_ARGUMENT = (
    "object",
    "SeccompArgument",
    "config-linux.md#seccomp",
    ("index", "value", "op"),
    {
        "index": ("integer", 0, 5, "must be the index of a system call's argument, from 0 to 5"),
        "value": UINT64,
        "valueTwo": UINT64,
        "op": ("enum", names.SECCOMP_OPERATORS),
    },
)
SECCOMP_SYSCALL = (
    "object",
    "SeccompSyscall",
    "config-linux.md#seccomp",
    ("names", "action"),
    {
        "names": ("strings", 1),
        "action": ("enum", names.SECCOMP_ACTIONS),
        "errnoRet": ERRNO,
        "args": ("array", SECCOMP_ARGUMENT, 0),
    },
)
SECCOMP = (
    "object",
    "Seccomp",
    "config-linux.md#seccomp",
    ("defaultAction",),
    {
        "defaultAction": ("enum", names.SECCOMP_ACTIONS),
        "defaultErrnoRet": ERRNO,
        "architectures": ("array", ("enum", names.SECCOMP_ARCHITECTURES), 0),
        "flags": ("array", ("enum", names.SECCOMP_FLAGS), 0),
        "listenerPath": STRING,
        "listenerMetadata": STRING,
        "syscalls": ("array", SECCOMP_SYSCALL, 0),
    },
)

PERSONALITY = (
    "object",
    "Personality",
    "config-linux.md#personality",
    ("domain",),
    {"domain": ("enum", names.PERSONALITY_DOMAINS), "flags": STRINGS},
)

LINUX = (
    "object",
    "Linux",
    "config-linux.md#linux-container-configuration",
    (),
    {
        "namespaces": ("section", "config-linux.md#namespaces", ("array", NAMESPACE, 0)),
        "uidMappings": ("section", "config-linux.md#user-namespace-mappings", ID_MAPPINGS),
        "gidMappings": ("section", "config-linux.md#user-namespace-mappings", ID_MAPPINGS),
        "timeOffsets": ("section", "config-linux.md#offset-for-time-namespace", ("map", TIME_OFFSET, names.CLOCKS)),
        "devices": ("section", "config-linux.md#devices", ("array", DEVICE, 0)),
        "netDevices": ("section", "config-linux.md#network-devices", ("map", NET_DEVICE, ())),
        "cgroupsPath": ("section", "config-linux.md#cgroups-path", STRING),
        "resources": RESOURCES,
        "intelRdt": INTEL_RDT,
        "memoryPolicy": MEMORY_POLICY,
        "sysctl": ("section", "config-linux.md#sysctl", STRING_MAP),
        "seccomp": SECCOMP,
        "rootfsPropagation": ("section", "config-linux.md#rootfs-mount-propagation", ("enum", names.PROPAGATIONS)),
        "maskedPaths": ("section", "config-linux.md#masked-paths", ABSOLUTES),
        "readonlyPaths": ("section", "config-linux.md#readonly-paths", ABSOLUTES),
        "mountLabel": ("section", "config-linux.md#mount-label", STRING),
        "personality": PERSONALITY,
    },
)
