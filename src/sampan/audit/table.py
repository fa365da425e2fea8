"""All rules, in the groups of a report."""

from __future__ import annotations

from sampan.audit import (
    rules_capabilities,
    rules_devices,
    rules_file_systems,
    rules_kernel_files,
    rules_mounts,
    rules_namespaces,
    rules_resources,
    rules_runtime,
    rules_seccomp,
    rules_users,
)

GROUPS = {
    "Users": rules_users.RULES,
    "Namespaces": rules_namespaces.RULES,
    "Mounts": rules_mounts.RULES,
    "File systems": rules_file_systems.RULES,
    "Files of the kernel": rules_kernel_files.RULES,
    "Capabilities": rules_capabilities.RULES,
    "System calls": rules_seccomp.RULES,
    "Devices": rules_devices.RULES,
    "Limits": rules_resources.RULES,
    "Runtime": rules_runtime.RULES,
}
RULES = tuple(rule for rules in GROUPS.values() for rule in rules)
