"""The rules of a document for Linux: namespaces and what needs them, id mappings, mounts, devices, sysctl, seccomp.

What would act on the host instead of the container, because its namespace is the host's, is refused here. Hot path.
"""

from __future__ import annotations

from sampan.errors import Problem
from sampan.spec.names import IPC_SYSCTLS, SECCOMP_ACTIONS_WITH_ERRNO, UTS_SYSCTLS, sysctl_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sampan.spec.types import Config, IDMapping, Linux, Seccomp

    # type -> the path of the namespace to join, or "" for a new one; None: not known, the document has them wrong
    Namespaces = dict[str, str] | None

MAX_ID = 4294967295
MAX_MAPPINGS = 340  # the kernel's UID_GID_MAP_MAX_EXTENTS
MAX_NAME = 64  # the kernel's __NEW_UTS_LEN

RESOURCES_WITH_RULES = ("memory", "cpu", "blockIO", "hugepageLimits", "rdma", "unified")
RARE = ("intelRdt", "memoryPolicy", "netDevices", "personality")


def linux_problems(config: Config, namespaces: Namespaces) -> Iterator[Problem]:
    linux: Linux = config.get("linux", {})
    yield from _namespaces(linux)
    yield from _needed_namespaces(config, linux, namespaces)
    yield from _names(config, namespaces)
    yield from _user_namespace(linux, namespaces)
    if "mounts" in config:
        yield from _mounts(config, namespaces)
    if "devices" in linux:
        yield from _devices(linux)
    if "sysctl" in linux:
        yield from _sysctl(config, linux["sysctl"], namespaces)
    if "seccomp" in linux:
        yield from _seccomp(linux["seccomp"])
    path = linux.get("cgroupsPath", "")
    if ".." in path and ".." in path.split("/"):
        yield Problem("linux.cgroupsPath", path, 'must not have a component ".."', "config-linux.md#cgroups-path")
    yield from _less_common(config, linux, namespaces)


def _less_common(config: Config, linux: Linux, namespaces: Namespaces) -> Iterator[Problem]:
    resources = linux.get("resources", {})
    for name in RESOURCES_WITH_RULES:
        if name in resources:
            from sampan.spec.rules_resources import resources_problems

            yield from resources_problems(resources)
            break
    for name in RARE:
        if name in linux:
            from sampan.spec.rules_rare import rare_problems

            yield from rare_problems(config, namespaces)
            break


def _namespaces(linux: Linux) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, namespace in enumerate(linux.get("namespaces", ())):
        kind = namespace.get("type", "")
        if kind in seen:
            # "If a `namespaces` field contains duplicated namespaces with same `type`, the runtime MUST generate an
            # error."
            rule = f"must not be there twice: linux.namespaces[{seen[kind]}] has it, too"
            yield Problem(f"linux.namespaces[{index}].type", kind, rule, "config-linux.md#namespaces")
        elif kind:
            seen[kind] = index


def _needed_namespaces(config: Config, linux: Linux, namespaces: Namespaces) -> Iterator[Problem]:
    if namespaces is None:
        return
    if "mount" not in namespaces:
        rule = "needs a mount namespace in linux.namespaces, or it would change the host's mounts"
        if config.get("mounts"):
            yield Problem("mounts", None, rule, "config.md#mounts")
        if linux.get("rootfsPropagation"):
            yield Problem("linux.rootfsPropagation", None, rule, "config-linux.md#rootfs-mount-propagation")
        if linux.get("maskedPaths"):
            yield Problem("linux.maskedPaths", None, rule, "config-linux.md#masked-paths")
        if linux.get("readonlyPaths"):
            yield Problem("linux.readonlyPaths", None, rule, "config-linux.md#readonly-paths")
    if linux.get("timeOffsets") and namespaces.get("time") != "":
        rule = "needs a new time namespace in linux.namespaces: the clocks of others cannot be moved"
        yield Problem("linux.timeOffsets", None, rule, "config-linux.md#offset-for-time-namespace")


def _names(config: Config, namespaces: Namespaces) -> Iterator[Problem]:
    for field, name in (("hostname", config.get("hostname")), ("domainname", config.get("domainname"))):
        if not name:
            continue
        if namespaces is not None and "uts" not in namespaces:
            rule = "needs a uts namespace in linux.namespaces, or it would change the host's name"
            yield Problem(field, name, rule, f"config.md#{field}")
        if len(name.encode()) > MAX_NAME:
            yield Problem(field, name, f"must not be longer than {MAX_NAME} bytes", f"config.md#{field}")


def _user_namespace(linux: Linux, namespaces: Namespaces) -> Iterator[Problem]:
    section = "config-linux.md#user-namespace-mappings"
    sides = (("linux.uidMappings", linux.get("uidMappings")), ("linux.gidMappings", linux.get("gidMappings")))
    for field, mappings in sides:
        if mappings:
            yield from mapping_problems(mappings, field, section)
            if namespaces is not None and "user" not in namespaces:
                yield Problem(field, None, "needs a user namespace in linux.namespaces", section)
        elif namespaces is not None and namespaces.get("user") == "":
            yield Problem(field, None, "is required for a new user namespace", section)


def mapping_problems(mappings: Sequence[IDMapping], field: str, section: str) -> Iterator[Problem]:
    """The problems of one map of a user namespace or mount, which the kernel would refuse with a bare EINVAL."""
    if len(mappings) > MAX_MAPPINGS:
        yield Problem(field, None, f"must have at most {MAX_MAPPINGS} entries, the kernel's limit", section)
    for side in ("containerID", "hostID"):
        ranges = []
        for index, mapping in enumerate(mappings):
            first, size = mapping.get(side), mapping.get("size")
            if not isinstance(first, int) or not isinstance(size, int):
                continue  # reported by `check`
            if size == 0 and side == "hostID":
                yield Problem(f"{field}[{index}].size", 0, "must be at least 1", section)
            if first + size > MAX_ID:
                rule = f"must leave room for {size} ids below {MAX_ID}"
                yield Problem(f"{field}[{index}].{side}", first, rule, section)
            ranges.append((first, size, index))
        yield from _overlaps(ranges, field, side, section)


def _overlaps(ranges: list[tuple[int, int, int]], field: str, side: str, section: str) -> Iterator[Problem]:
    end, owner = -1, 0
    for first, size, index in sorted(ranges):
        if first < end:
            later, earlier = max(index, owner), min(index, owner)
            yield Problem(f"{field}[{later}].{side}", None, f"must not overlap {field}[{earlier}]", section)
        if first + size > end:
            end, owner = first + size, index


def _mounts(config: Config, namespaces: Namespaces) -> Iterator[Problem]:
    section = "config.md#posix-platform-mounts"
    for index, mount in enumerate(config["mounts"]):
        uids, gids = mount.get("uidMappings"), mount.get("gidMappings")
        if uids or gids:
            # "If specified, it MUST be specified along with `gidMappings`.", and the reverse
            for name, mappings in (("uidMappings", uids), ("gidMappings", gids)):
                if mappings:
                    yield from mapping_problems(mappings, f"mounts[{index}].{name}", section)
                else:
                    other = "gidMappings" if name == "uidMappings" else "uidMappings"
                    yield Problem(f"mounts[{index}].{name}", None, f"is required together with {other}", section)
        elif namespaces is not None and "user" not in namespaces:
            # "If there are no `uidMappings` and `gidMappings` specified and the container isn't using user namespaces,
            # an error MUST be returned." (config.md, Linux mount options)
            options = mount.get("options", ())
            if "idmap" in options or "ridmap" in options:
                rule = "must not have idmap without uidMappings and gidMappings, as the container has no user namespace"
                yield Problem(f"mounts[{index}].options", options, rule, "config.md#linux-mount-options")


def _devices(linux: Linux) -> Iterator[Problem]:
    for index, device in enumerate(linux["devices"]):
        kind = device.get("type", "p")
        for number in ("major", "minor"):
            if kind != "p" and number not in device:
                rule = f"is required for a device of type {kind}"
                yield Problem(f"linux.devices[{index}].{number}", None, rule, "config-linux.md#devices")


def _sysctl(config: Config, parameters: dict[str, str], namespaces: Namespaces) -> Iterator[Problem]:
    for name, value in parameters.items():
        rule = _sysctl_rule(sysctl_path(name), config, namespaces)
        if rule:
            yield Problem(f'linux.sysctl["{name}"]', value, rule, "config-linux.md#sysctl")


def _sysctl_rule(path: str, config: Config, namespaces: Namespaces) -> str:
    for component in path.split("/"):
        if component in ("", ".", ".."):
            return "must have the name of a kernel parameter as its key"
    if path.startswith("net/"):
        needed = "network"
    elif path.startswith("fs/mqueue/") or path in IPC_SYSCTLS:
        needed = "ipc"
    elif path in UTS_SYSCTLS:
        needed = "uts"
        field = path.removeprefix("kernel/")
        if field in config:
            return f"must not be set together with the field {field}"
    else:
        return "must be a parameter that belongs to a namespace: this one would change the host"
    if namespaces is not None and needed not in namespaces:
        return f"needs a namespace of type {needed} in linux.namespaces, or it would change the host"
    return ""


def _seccomp(seccomp: Seccomp) -> Iterator[Problem]:
    section = "config-linux.md#seccomp"
    no_errno = "must not be set: only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take an error number"
    action = seccomp.get("defaultAction")
    if action and "defaultErrnoRet" in seccomp and action not in SECCOMP_ACTIONS_WITH_ERRNO:
        # "When the action doesn't support an errno, the runtime MUST print and error and fail."
        yield Problem("linux.seccomp.defaultErrnoRet", seccomp["defaultErrnoRet"], no_errno, section)
    for index, syscall in enumerate(seccomp.get("syscalls", ())):
        action = syscall.get("action")
        if action and "errnoRet" in syscall and action not in SECCOMP_ACTIONS_WITH_ERRNO:
            yield Problem(f"linux.seccomp.syscalls[{index}].errnoRet", syscall["errnoRet"], no_errno, section)
    if seccomp.get("listenerMetadata") and not seccomp.get("listenerPath"):
        # "This field MUST NOT be set if `listenerPath` is not set."
        rule = "must not be set without listenerPath"
        yield Problem("linux.seccomp.listenerMetadata", seccomp["listenerMetadata"], rule, section)
