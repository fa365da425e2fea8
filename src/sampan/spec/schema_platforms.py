"""The description of config.json's sections for other platforms than Linux, as tables for `check`.

Read only when a document has such a section: to say what is wrong with it, or that it is valid but not for this
runtime.
"""

from __future__ import annotations

from sampan.spec import names
from sampan.spec.check import ABSOLUTE, BOOL, STRING, STRINGS, UINT32, UINT64

WINDOWS_DEVICE = (
    "object",
    "WindowsDevice",
    "config-windows.md#devices",
    ("id", "idType"),
    {"id": STRING, "idType": ("enum", ("class",))},
)
WINDOWS_MEMORY = ("object", "WindowsMemory", "config-windows.md#memory", (), {"limit": UINT64})
WINDOWS_CPU_AFFINITY = (
    "object",
    "WindowsCPUAffinity",
    "config-windows.md#cpu",
    ("mask", "group"),
    {"mask": UINT64, "group": UINT32},
)
WINDOWS_CPU = (
    "object",
    "WindowsCPU",
    "config-windows.md#cpu",
    (),
    {
        "count": UINT64,
        "shares": ("integer", 0, 10000, "must be a whole number from 0 to 10000"),
        "maximum": ("integer", 0, 10000, "must be a number of cycles per 10000, from 0 to 10000"),
        "affinity": ("array", WINDOWS_CPU_AFFINITY, 0),
    },
)
WINDOWS_STORAGE = (
    "object",
    "WindowsStorage",
    "config-windows.md#storage",
    (),
    {"iops": UINT64, "bps": UINT64, "sandboxSize": UINT64},
)
WINDOWS_RESOURCES = (
    "object",
    "WindowsResources",
    "config-windows.md#resources",
    (),
    {"memory": WINDOWS_MEMORY, "cpu": WINDOWS_CPU, "storage": WINDOWS_STORAGE},
)
WINDOWS_NETWORK = (
    "object",
    "WindowsNetwork",
    "config-windows.md#network",
    (),
    {
        "endpointList": STRINGS,
        "allowUnqualifiedDNSQuery": BOOL,
        "DNSSearchList": STRINGS,
        "networkSharedContainerName": STRING,
        "networkNamespace": STRING,
    },
)
WINDOWS = (
    "object",
    "Windows",
    "config-windows.md#layerfolders",
    ("layerFolders",),
    {
        "layerFolders": ("strings", 1),
        "devices": ("section", "config-windows.md#devices", ("array", WINDOWS_DEVICE, 0)),
        "resources": WINDOWS_RESOURCES,
        "network": WINDOWS_NETWORK,
        "credentialSpec": ("object", "", "config-windows.md#credential-spec", (), {}),
        "servicing": ("section", "config-windows.md#servicing", BOOL),
        "ignoreFlushesDuringBoot": ("section", "config-windows.md#ignoreflushesduringboot", BOOL),
        "hyperv": ("object", "HyperV", "config-windows.md#hyperv", (), {"utilityVMPath": STRING}),
    },
)

SOLARIS_ANET = (
    "object",
    "SolarisAnet",
    "config-solaris.md#automatic-network-anet",
    (),
    {
        "linkname": STRING,
        "lowerLink": STRING,
        "allowedAddress": STRING,
        "configureAllowedAddress": STRING,
        "defrouter": STRING,
        "macAddress": STRING,
        "linkProtection": STRING,
    },
)
SOLARIS = (
    "object",
    "Solaris",
    "config-solaris.md#solaris-application-container-configuration",
    (),
    {
        "milestone": ("section", "config-solaris.md#milestone", STRING),
        "limitpriv": ("section", "config-solaris.md#limitpriv", STRING),
        "maxShmMemory": ("section", "config-solaris.md#maxshmmemory", STRING),
        "cappedCPU": ("object", "SolarisCappedCPU", "config-solaris.md#cappedcpu", (), {"ncpus": STRING}),
        "cappedMemory": (
            "object",
            "SolarisCappedMemory",
            "config-solaris.md#cappedmemory",
            (),
            {"physical": STRING, "swap": STRING},
        ),
        "anet": ("section", "config-solaris.md#automatic-network-anet", ("array", SOLARIS_ANET, 0)),
    },
)

SHARING = ("enum", ("disable", "new", "inherit"))
SHARING_WITHOUT_DISABLE = ("enum", ("new", "inherit"))
FREEBSD_DEVICE = (
    "object",
    "FreeBSDDevice",
    "config-freebsd.md#devices",
    ("path",),
    {"path": STRING, "mode": ("integer", 0, 0o777, "must be a file mode from 0 to 511 (0777)")},
)
FREEBSD_ALLOW = (
    "object",
    "FreeBSDAllow",
    "config-freebsd.md#jail",
    (),
    {
        "setHostname": BOOL,
        "rawSockets": BOOL,
        "chflags": BOOL,
        "mount": STRINGS,
        "quotas": BOOL,
        "socketAf": BOOL,
        "mlock": BOOL,
        "reservedPorts": BOOL,
        "suser": BOOL,
    },
)
FREEBSD_JAIL = (
    "object",
    "FreeBSDJail",
    "config-freebsd.md#jail",
    (),
    {
        "parent": STRING,
        "host": SHARING_WITHOUT_DISABLE,
        "ip4": SHARING,
        "ip4Addr": STRINGS,
        "ip6": SHARING,
        "ip6Addr": STRINGS,
        "vnet": SHARING_WITHOUT_DISABLE,
        "interface": STRING,
        "vnetInterfaces": STRINGS,
        "sysvmsg": SHARING,
        "sysvsem": SHARING,
        "sysvshm": SHARING,
        "enforceStatfs": ("integer", 0, 2, "must be 0, 1 or 2"),
        "allow": FREEBSD_ALLOW,
    },
)
FREEBSD = (
    "object",
    "FreeBSD",
    "config-freebsd.md#freebsd-container-configuration",
    (),
    {
        "devices": ("section", "config-freebsd.md#devices", ("array", FREEBSD_DEVICE, 0)),
        "jail": FREEBSD_JAIL,
    },
)

VM_HYPERVISOR = (
    "object",
    "VMHypervisor",
    "config-vm.md#hypervisor-object",
    ("path",),
    {"path": ABSOLUTE, "parameters": STRINGS},
)
VM_KERNEL = (
    "object",
    "VMKernel",
    "config-vm.md#kernel-object",
    ("path",),
    {"path": ABSOLUTE, "parameters": STRINGS, "initrd": ABSOLUTE},
)
VM_IMAGE = (
    "object",
    "VMImage",
    "config-vm.md#image-object",
    ("path", "format"),
    {"path": ABSOLUTE, "format": ("enum", ("raw", "qcow2", "vdi", "vmdk", "vhd"))},
)
VM_IOMEM = (
    "object",
    "VMIOMem",
    "config-vm.md#hwconfig-object",
    ("firstMFN", "nrMFNs"),
    {"firstGFN": UINT64, "firstMFN": UINT64, "nrMFNs": UINT64},
)
VM_HW_CONFIG = (
    "object",
    "VMHWConfig",
    "config-vm.md#hwconfig-object",
    (),
    {
        "deviceTree": STRING,
        "vcpus": UINT32,
        "memory": UINT64,
        "dtdevs": STRINGS,
        "iomems": ("array", VM_IOMEM, 0),
        "irqs": ("array", UINT32, 0),
    },
)
VM = (
    "object",
    "VM",
    "config-vm.md#virtual-machine-specific-container-configuration",
    ("kernel",),
    {"hypervisor": VM_HYPERVISOR, "kernel": VM_KERNEL, "image": VM_IMAGE, "hwConfig": VM_HW_CONFIG},
)

ZOS_NAMESPACE = (
    "object",
    "ZOSNamespace",
    "config-zos.md#namespaces",
    ("type",),
    {"type": ("enum", names.ZOS_NAMESPACES), "path": ABSOLUTE},
)
ZOS = (
    "object",
    "ZOS",
    "config-zos.md#zos-container-configuration",
    (),
    {"namespaces": ("section", "config-zos.md#namespaces", ("array", ZOS_NAMESPACE, 0))},
)

PLATFORM_SECTIONS = {"windows": WINDOWS, "solaris": SOLARIS, "freebsd": FREEBSD, "vm": VM, "zos": ZOS}
