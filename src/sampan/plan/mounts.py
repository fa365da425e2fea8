"""config.md#mounts: each entry of `mounts` as operations. Bind mounts, file systems, remounts, and the mounts of
cgroups.
"""

from __future__ import annotations

from sampan.errors import ConfigError, Problem
from sampan.plan import mount_options as opt
from sampan.plan.operations import Descriptor
from sampan.plan.wire import strings
from sampan.spec.names import MOUNT_CONTEXT_TYPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.plan.host import CgroupMount, Host
    from sampan.plan.operations import Plan
    from sampan.spec.types import Config, Mount

# kinds and flags of the operation `mount`, as native/mounts.c numbers them
FILESYSTEM, BIND, SLOT, REMOUNT, CLASSIC = 0, 1, 2, 3, 4
F_RECURSIVE, F_SOURCE_NOFOLLOW, F_TARGET_NOFOLLOW = 1, 2, 4
F_COPY_UP, F_REAL_DIRECTORY, F_MODE_OF_TARGET = 8, 16, 32
# fsconfig(2) takes no longer value, mount(2) no more data
MAX_OPTION, MAX_DATA = 255, 4095
SECTION = "config.md#mounts"


class Surroundings:
    """What all mounts of one container share."""

    __slots__ = ("config", "host", "in_user_namespace", "joined", "new_cgroup_namespace", "plan", "sealed_later")

    def __init__(self, plan: Plan, config: Config, host: Host, *, joined: bool = False) -> None:
        namespaces = {entry["type"]: entry.get("path", "") for entry in config.get("linux", {}).get("namespaces", ())}
        self.plan = plan
        self.config = config
        self.host = host
        self.joined = joined  # is init in the mount namespace of a container that exists, without the host's paths?
        self.in_user_namespace = "user" in namespaces
        self.new_cgroup_namespace = namespaces.get("cgroup") == ""
        self.sealed_later: list[tuple[str, str]] = []  # (path, field): made read-only when all below is made


def add_mounts(surroundings: Surroundings) -> None:
    """All of `mounts`, "in the listed order"."""
    surroundings.plan.group = "mounts"
    for index, mount in enumerate(surroundings.config.get("mounts", ())):
        _add_mount(surroundings, mount, f"mounts[{index}]")


def _add_mount(surroundings: Surroundings, mount: Mount, field: str) -> None:
    options = opt.MountOptions(mount.get("options", ()))
    kind = mount.get("type", "")
    if "remount" in options.manners:
        _remount(surroundings, mount, options, field)
    elif options.is_bind or kind == "bind":
        _bind(surroundings, mount, options, field)
    elif kind in ("cgroup", "cgroup2"):
        _cgroup(surroundings, mount, options, field)
    else:
        _file_system(surroundings, mount, options, field)


def _target(mount: Mount) -> str:
    """The destination; "it MAY be a relative path, in which case it MUST be interpreted as relative to "/"."""
    return "/" + mount["destination"].lstrip("/")


def _mount(
    plan: Plan,
    field: str,
    kind: int,
    target: str,
    options: opt.MountOptions,
    *,
    source: str = "",
    slot: int = -1,
    file_system: str = "",
    data: bytes = b"",
    flags: int = 0,
    classic: int = 0,
    clear: int = 0,
) -> None:
    propagations = b"".join([propagation.to_bytes(8, "little") for propagation in options.propagations])
    attributes = (options.set, clear, options.recursive_set, options.recursive_clear)
    plan.add("mount", field, kind, source, slot, target, file_system, data, *attributes, propagations, flags, classic)


def _bind(surroundings: Surroundings, mount: Mount, options: opt.MountOptions, field: str) -> None:
    source = mount.get("source", "")
    if not source:
        raise ConfigError("config.json", [Problem(f"{field}.source", None, "is required for a bind mount", SECTION)])
    if not source.startswith("/"):
        source = f"{surroundings.host.bundle}/{source}"
    flags = F_RECURSIVE if "rbind" in options.manners else 0
    if "src-nofollow" in options.manners or "copy-symlink" in options.manners:
        flags |= F_SOURCE_NOFOLLOW
    if "dest-nofollow" in options.manners:
        flags |= F_TARGET_NOFOLLOW
    tree = _tree_of_engine(surroundings, mount, options, source, flags, field)
    # As the engines' other runtimes do, "rw", "suid", "dev" and "exec" do not lift what the source's own mount
    # forbids: an administrator's read-only mount stays one. The recursive forms ("rrw") do, where the kernel lets them.
    clear = options.clear & (opt.ATIME | opt.NODIRATIME)
    if tree is None:
        _mount(surroundings.plan, field, BIND, _target(mount), options, source=source, flags=flags, clear=clear)
    else:
        slot = surroundings.plan.slot(tree)
        _mount(
            surroundings.plan, field, SLOT, _target(mount), options, source=source, slot=slot, flags=flags, clear=clear
        )


def _tree_of_engine(
    surroundings: Surroundings, mount: Mount, options: opt.MountOptions, source: str, flags: int, field: str
) -> Descriptor | None:
    """The source as something that the engine opens: what init could not reach, or may not map, or would cut off."""
    privileged = surroundings.host.privileged
    id_mapped = "idmap" in options.manners or "ridmap" in options.manners or mount.get("uidMappings")
    # init's mounts are slaves of the host's; only a clone made outside of its namespace can be their peer, which takes
    # root: for others "shared" is what the container makes of it with the namespaces below its own
    shared = privileged and any(propagation & opt.SHARED for propagation in options.propagations)
    if not (id_mapped or shared or surroundings.joined or (surroundings.in_user_namespace and privileged)):
        return None
    at_flags = (0x8000 if flags & F_RECURSIVE else 0) | (0x100 if flags & F_SOURCE_NOFOLLOW else 0)
    tree = Descriptor("tree", source, field, at_flags)
    tree.slave = not shared
    if id_mapped:
        linux = surroundings.config.get("linux", {})
        tree.id_mapping_recursive = "ridmap" in options.manners
        if mount.get("uidMappings"):  # an empty array says no more than none
            tree.id_mapping = (mount["uidMappings"], mount["gidMappings"])
        elif options.id_mapping:
            from sampan.plan import id_mapping_option

            tree.id_mapping = id_mapping_option.parse(options.id_mapping, linux, f"{field}.options")
        elif linux.get("uidMappings"):
            tree.id_mapping = (linux["uidMappings"], linux.get("gidMappings", ()))
        else:
            paths = [entry.get("path", "") for entry in linux.get("namespaces", ()) if entry["type"] == "user"]
            tree.id_mapping = paths[0]
    return tree


def _remount(surroundings: Surroundings, mount: Mount, options: opt.MountOptions, field: str) -> None:
    if options.propagations or options.recursive_set or options.recursive_clear:
        rule = "cannot combine remount with propagation or recursive attributes; make them a mount of their own"
        raise ConfigError("config.json", [Problem(f"{field}.options", None, rule, SECTION)])
    data = [] if options.is_bind else _file_system_options(options)
    # mount(2) gives a remounted mount the flags that are listed and no others
    everything = opt.RDONLY | opt.NOSUID | opt.NODEV | opt.NOEXEC | opt.NODIRATIME | opt.NOSYMFOLLOW
    clear = everything & ~options.set
    _mount(surroundings.plan, field, REMOUNT, _target(mount), options, data=strings(data), clear=clear)


def _file_system_options(options: opt.MountOptions) -> list[str]:
    data = ["ro"] if options.set & opt.RDONLY else []
    data += [name for flag, name in opt.SUPERBLOCK_NAMES.items() if options.superblock & flag]
    # mount(2) takes quotes off (SELinux contexts have commas), fsconfig(2) takes a value as it is
    return data + [option.replace('="', "=").removesuffix('"') if '="' in option else option for option in options.data]


def _file_system(surroundings: Surroundings, mount: Mount, options: opt.MountOptions, field: str) -> None:
    plan, target, kind = surroundings.plan, _target(mount), mount.get("type", "")
    if not kind or kind == "none":
        rule = "is required for a mount that is not a bind mount (no `bind` or `rbind` in its options)"
        raise ConfigError("config.json", [Problem(f"{field}.type", kind or None, rule, SECTION)])
    options.data += [options.id_mapping] if options.id_mapping else []  # of bind mounts alone: the kernel refuses it
    flags = F_REAL_DIRECTORY if kind in ("proc", "sysfs") else 0
    if "dest-nofollow" in options.manners:
        flags |= F_TARGET_NOFOLLOW
    label = surroundings.config.get("linux", {}).get("mountLabel", "")
    if label and kind not in ("proc", "sysfs"):
        context = surroundings.config.get("annotations", {}).get(MOUNT_CONTEXT_TYPE, "context")
        options.data.append(f'{context}="{label}"')
    if kind == "tmpfs":
        flags |= F_COPY_UP if "tmpcopyup" in options.manners else 0
        if not any(option.startswith("mode=") for option in options.data):
            flags |= F_MODE_OF_TARGET
        if options.set & opt.RDONLY and (target == "/dev" or flags & F_COPY_UP):
            # things are made in it before it is sealed
            options.set &= ~opt.RDONLY
            surroundings.sealed_later.append((target, field))
    source = mount.get("source", "") or kind
    data = _file_system_options(options)
    too_long = any(len(option.encode()) > MAX_OPTION for option in (source, *data))
    if too_long or options.superblock & (opt.I_VERSION | opt.SILENT):
        _classic(plan, mount, options, source, flags, field)
    else:
        _mount(
            plan, field, FILESYSTEM, target, options, source=source, file_system=kind, data=strings(data), flags=flags
        )


def _classic(plan: Plan, mount: Mount, options: opt.MountOptions, source: str, flags: int, field: str) -> None:
    """mount(2), for what the newer calls cannot say: very long options, and two flags of the superblock."""
    data = ",".join(options.data).encode()
    problem = ""
    if len(data) > MAX_DATA:
        problem = f"are too long: the kernel takes {MAX_DATA} bytes of file system options"
    elif flags & F_COPY_UP:
        problem = "cannot be combined: iversion, silent or options of over 255 bytes, and tmpcopyup"
    if problem:
        raise ConfigError("config.json", [Problem(f"{field}.options", None, problem, SECTION)])
    classic = opt.classic_flags(options.set, options.superblock)
    _mount(
        plan,
        field,
        CLASSIC,
        _target(mount),
        options,
        source=source,
        file_system=mount.get("type", ""),
        data=data,
        flags=flags,
        classic=classic,
    )


def _cgroup(surroundings: Surroundings, mount: Mount, options: opt.MountOptions, field: str) -> None:
    options.data.clear()  # engines pass on options of other file systems; cgroupfs has none of them
    target = _target(mount)
    hierarchies = surroundings.host.cgroup_mounts
    unified = [hierarchy for hierarchy in hierarchies if not hierarchy.name]
    if len(hierarchies) == 1 and unified:
        _one_hierarchy(surroundings, unified[0], target, options, field)
        return
    # v1: a directory in memory, in it a mount for every hierarchy, and links for the names that share one
    outside = opt.MountOptions(("nosuid", "nodev", "noexec"))
    data = strings(("mode=755",))
    _mount(surroundings.plan, field, FILESYSTEM, target, outside, source="tmpfs", file_system="tmpfs", data=data)
    for hierarchy in hierarchies:
        if hierarchy.name:
            _one_hierarchy(surroundings, hierarchy, f"{target}/{hierarchy.name}", options, field)
        for alias in hierarchy.aliases:
            surroundings.plan.add("symlink", field, target, alias, hierarchy.name, "", 0)
    if options.set & opt.RDONLY:
        surroundings.plan.add("attributes", field, target, opt.RDONLY)


def _one_hierarchy(
    surroundings: Surroundings, hierarchy: CgroupMount, target: str, options: opt.MountOptions, field: str
) -> None:
    plan = surroundings.plan
    if surroundings.new_cgroup_namespace:
        kind = "cgroup" if hierarchy.name else "cgroup2"
        data = strings(hierarchy.options)
        _mount(plan, field, FILESYSTEM, target, options, source="cgroup", file_system=kind, data=data)
        return
    if surroundings.joined or (surroundings.in_user_namespace and surroundings.host.privileged):
        tree = Descriptor("tree", hierarchy.directory, field)
        tree.slave = True
        _mount(plan, field, SLOT, target, options, source=hierarchy.directory, slot=plan.slot(tree))
        return
    _mount(plan, field, BIND, target, options, source=hierarchy.directory)
