"""The types of config.json's sections for other platforms. For the type checker only, through `sampan.spec.types`."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class WindowsDevice(TypedDict):
    id: str
    idType: str


class WindowsMemory(TypedDict, total=False):
    limit: int


class WindowsCPUAffinity(TypedDict):
    mask: int
    group: int


class WindowsCPU(TypedDict, total=False):
    count: int
    shares: int
    maximum: int
    affinity: list[WindowsCPUAffinity]


class WindowsStorage(TypedDict, total=False):
    iops: int
    bps: int
    sandboxSize: int


class WindowsResources(TypedDict, total=False):
    memory: WindowsMemory
    cpu: WindowsCPU
    storage: WindowsStorage


class WindowsNetwork(TypedDict, total=False):
    endpointList: list[str]
    allowUnqualifiedDNSQuery: bool
    DNSSearchList: list[str]
    networkSharedContainerName: str
    networkNamespace: str


class HyperV(TypedDict, total=False):
    utilityVMPath: str


class Windows(TypedDict):
    layerFolders: list[str]
    devices: NotRequired[list[WindowsDevice]]
    resources: NotRequired[WindowsResources]
    network: NotRequired[WindowsNetwork]
    credentialSpec: NotRequired[dict[str, object]]
    servicing: NotRequired[bool]
    ignoreFlushesDuringBoot: NotRequired[bool]
    hyperv: NotRequired[HyperV]


class SolarisCappedCPU(TypedDict, total=False):
    ncpus: str


class SolarisCappedMemory(TypedDict, total=False):
    physical: str
    swap: str


class SolarisAnet(TypedDict, total=False):
    linkname: str
    lowerLink: str
    allowedAddress: str
    configureAllowedAddress: str
    defrouter: str
    macAddress: str
    linkProtection: str


class Solaris(TypedDict, total=False):
    milestone: str
    limitpriv: str
    maxShmMemory: str
    cappedCPU: SolarisCappedCPU
    cappedMemory: SolarisCappedMemory
    anet: list[SolarisAnet]


class FreeBSDDevice(TypedDict):
    path: str
    mode: NotRequired[int]


class FreeBSDAllow(TypedDict, total=False):
    setHostname: bool
    rawSockets: bool
    chflags: bool
    mount: list[str]
    quotas: bool
    socketAf: bool
    mlock: bool
    reservedPorts: bool
    suser: bool


class FreeBSDJail(TypedDict, total=False):
    parent: str
    host: str
    ip4: str
    ip4Addr: list[str]
    ip6: str
    ip6Addr: list[str]
    vnet: str
    interface: str
    vnetInterfaces: list[str]
    sysvmsg: str
    sysvsem: str
    sysvshm: str
    enforceStatfs: int
    allow: FreeBSDAllow


class FreeBSD(TypedDict, total=False):
    devices: list[FreeBSDDevice]
    jail: FreeBSDJail


class VMHypervisor(TypedDict):
    path: str
    parameters: NotRequired[list[str]]


class VMKernel(TypedDict):
    path: str
    parameters: NotRequired[list[str]]
    initrd: NotRequired[str]


class VMImage(TypedDict):
    path: str
    format: str


class VMIOMem(TypedDict):
    firstMFN: int
    nrMFNs: int
    firstGFN: NotRequired[int]


class VMHWConfig(TypedDict, total=False):
    deviceTree: str
    vcpus: int
    memory: int
    dtdevs: list[str]
    iomems: list[VMIOMem]
    irqs: list[int]


class VM(TypedDict):
    kernel: VMKernel
    hypervisor: NotRequired[VMHypervisor]
    image: NotRequired[VMImage]
    hwConfig: NotRequired[VMHWConfig]


class ZOSNamespace(TypedDict):
    type: str
    path: NotRequired[str]


class ZOS(TypedDict, total=False):
    namespaces: list[ZOSNamespace]
