"""Which devices a cgroup's processes may use: the rules of config.json written to v1, or attached to v2. Hot path."""

from __future__ import annotations

from sampan.cgroups import delegation, devices
from sampan.cgroups.layout import UNIFIED
from sampan.errors import ConfigError, KernelError, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sampan.spec.types import Resources


def limit(directories: Mapping[str, str], resources: Resources, made: Collection[str]) -> None:
    """Apply ``linux.resources.devices`` and the default devices. Raises ConfigError, KernelError.

    ``made`` are the directories that are new: what an older one says already need not be written again.
    """
    entries = resources.get("devices", [])
    rules, problems = devices.parse(entries)
    if problems:
        raise ConfigError("config.json", problems)
    rules += devices.defaults()
    try:
        if "devices" in directories:
            from sampan.cgroups import v1

            v1.write_devices(directories["devices"], rules, directories["devices"] in made)
        elif UNIFIED in directories:
            from sampan.cgroups import device_program
            from sampan.linux import bpf

            bpf.attach_device_program(directories[UNIFIED], device_program.assemble(rules), devices.FIELD)
        elif any(not rule.allow for rule in rules) and not delegation.is_rootless():
            rule = "cannot be applied: there is no cgroup hierarchy that controls devices"
            raise ConfigError("config.json", [Problem(devices.FIELD, None, rule, devices.SECTION)])
    except devices.HoleError as error:
        raise ConfigError("config.json", [devices.hole(error, entries)]) from None
    except KernelError as error:
        # Who is not root of the host cannot make device nodes either, and reaches only what its owner lets it.
        if error.errno not in delegation.DENIED or not delegation.is_rootless():
            raise
