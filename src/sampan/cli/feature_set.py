"""The Features structure (features.md) of this build. Has no list of its own.

Names are those of the tables that configurations are read and compiled with. What no table says is tried: a small
configuration that asks for it is compiled, and what is refused is no feature.
"""

from __future__ import annotations

from sampan import __version__
from sampan.cli.main import VERBS
from sampan.cli.settings import CGROUP_MANAGERS
from sampan.errors import ConfigError
from sampan.plan import mount_options
from sampan.plan.compile import compile_plan
from sampan.plan.host import Host
from sampan.plan.namespaces import NAMESPACES
from sampan.plan.process import MEMORY_POLICIES, MEMORY_POLICY_FLAGS
from sampan.spec import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.plan.operations import Plan
    from sampan.spec.types import (
        CgroupFeatures,
        Config,
        Features,
        IDMapping,
        Linux,
        LinuxFeatures,
        Mount,
        Process,
        Seccomp,
        SeccompFeatures,
    )


def document() -> Features:
    """What `sampan features` prints."""
    return {
        "ociVersionMin": names.OLDEST_SPEC_VERSION,
        "ociVersionMax": names.SPEC_VERSION,
        "hooks": list(names.HOOKS),
        "mountOptions": _mount_options(),
        "linux": _linux(),
        "annotations": _annotations(),
        "potentiallyUnsafeConfigAnnotations": list(names.UNSAFE_ANNOTATIONS),
    }


def _mount_options() -> list[str]:
    known = {
        *mount_options.ATTRIBUTES,
        *mount_options.RECURSIVE_ATTRIBUTES,
        *mount_options.PROPAGATION,
        *mount_options.SUPERBLOCK,
        *mount_options.MANNERS,
        *mount_options.WITHOUT_MEANING,
    }
    return sorted(known - {""})


def _linux() -> LinuxFeatures:
    return {
        "namespaces": sorted(NAMESPACES),
        "capabilities": list(names.CAPABILITIES),
        "cgroup": _cgroup(),
        "seccomp": _seccomp(),
        "apparmor": {"enabled": _writes_label({"cwd": "/", "args": ["sh"], "apparmorProfile": "a"})},
        "selinux": {"enabled": _writes_label({"cwd": "/", "args": ["sh"], "selinuxLabel": "a"})},
        "memoryPolicy": {"modes": list(MEMORY_POLICIES), "flags": list(MEMORY_POLICY_FLAGS)},
        "intelRdt": {"enabled": True, "schemata": True, "monitoring": True},
        "mountExtensions": {"idmap": {"enabled": _maps_ids_of_mounts()}},
        "netDevices": {"enabled": _moves_devices()},
    }


def _cgroup() -> CgroupFeatures:
    systemd = "systemd" in CGROUP_MANAGERS  # that of the system or, asked in the same way, that of a user
    return {"v1": True, "v2": True, "systemd": systemd, "systemdUser": systemd, "rdma": True}


def _seccomp() -> SeccompFeatures:
    try:
        from sampan.linux import seccomp_features
    except ImportError:  # no libseccomp: every profile is an error
        return {"enabled": False}
    return seccomp_features.structure(_takes_profile)


def _annotations() -> dict[str, str]:
    found = {
        "org.opencontainers.runc.checkpoint.enabled": "true" if "checkpoint" in VERBS else "false",
        "sampan.version": __version__,
    }
    try:
        from sampan._seccomp import version
    except ImportError:
        return found
    return {"io.github.seccomp.libseccomp.version": ".".join(map(str, version())), **found}


def _takes_profile(profile: Seccomp) -> bool:
    from sampan.engine.facts import compile_seccomp

    try:
        compile_seccomp({"ociVersion": names.SPEC_VERSION, "linux": {"seccomp": profile}}, _host(), None)
    except ConfigError:
        return False
    return True


def _writes_label(process: Process) -> bool:
    plan = _plan(process=process)
    return plan is not None and any(operation.name == "write_proc" for operation in plan.operations)


def _maps_ids_of_mounts() -> bool:
    mapping: list[IDMapping] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    mount: Mount = {"destination": "/mnt", "source": "/srv", "options": ["bind"]}
    plan = _plan(mount={**mount, "uidMappings": mapping, "gidMappings": mapping})
    return plan is not None and any(descriptor.id_mapping for descriptor in plan.descriptors)


def _moves_devices() -> bool:
    return _plan(linux={"netDevices": {"eth0": {}}}) is not None


def _plan(*, process: Process | None = None, mount: Mount | None = None, linux: Linux | None = None) -> Plan | None:
    """The plan of a small configuration with one thing more; None where this release refuses that."""
    config: Config = {
        "ociVersion": names.SPEC_VERSION,
        "root": {"path": "rootfs"},
        "process": process or {"cwd": "/", "args": ["sh"]},
        "mounts": [mount] if mount else [],
        "linux": {"namespaces": [{"type": "mount"}, {"type": "network"}], **(linux or {})},
    }
    try:
        return compile_plan(config, _host())
    except ConfigError:
        return None


def _host() -> Host:
    """A host that has everything: what a kernel lacks does not count here."""
    host = Host("features", "/")
    host.apparmor = host.selinux = True
    return host
