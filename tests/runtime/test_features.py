"""features.md: what a runtime says of itself must be so."""

from __future__ import annotations

from typing import Any

import pytest

from .bundle import Bundle
from .container import Container


@pytest.fixture
def features(container: Container) -> dict[str, Any]:
    found = container.runtime.features
    if found is None:
        pytest.skip(f"{container.runtime.name} {container.runtime.version} has no `features`")
    return found


@pytest.mark.parametrize("name", ["ociVersionMin", "ociVersionMax"])
def test_its_versions_are_accepted(container: Container, bundle: Bundle, features: dict[str, Any], name: str) -> None:
    """'The runtime MUST accept this value as the `ociVersion` property of `config.json`.'"""
    bundle.set("ociVersion", features[name]).args("true")
    container.run().checked()


def test_its_actions_of_seccomp_are_recognized(container: Container, bundle: Bundle, features: dict[str, Any]) -> None:
    """'The runtime MUST recognize the elements in this array in the `syscalls[].action` property'"""
    actions = set(features["linux"]["seccomp"]["actions"]) - {"SCMP_ACT_NOTIFY"}  # which needs somebody who listens
    rules = [{"names": [name], "action": action} for name, action in zip(CALLS, sorted(actions), strict=False)]
    assert len(rules) == len(actions)
    bundle.set("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}).args("true")
    container.run().checked()


CALLS = (  # that neither a runtime nor `true` makes
    "acct add_key bpf delete_module init_module ioperm iopl kexec_load lookup_dcookie nfsservctl perf_event_open "
    "quotactl"
).split()


def test_its_supported_flags_of_seccomp_are_supported(
    container: Container, bundle: Bundle, features: dict[str, Any]
) -> None:
    """'The runtime MUST recognize and support the elements in this array in the `flags` property'"""
    flags = set(features["linux"]["seccomp"].get("supportedFlags", ()))
    # one that kills and waits belongs to a listener
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "flags": sorted(flags - {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"})}
    rule = {"names": ["acct"], "action": "SCMP_ACT_ERRNO"}
    bundle.set("linux.seccomp", {**profile, "syscalls": [rule]}).args("true")
    container.run().checked()


def test_its_namespaces_are_recognized(container: Container, bundle: Bundle, features: dict[str, Any]) -> None:
    """'The runtime MUST recognize the elements in this array as the `type` of `linux.namespaces` objects'"""
    kinds = set(features["linux"]["namespaces"]) - {"user"}  # which needs mappings
    bundle.set("linux.namespaces", [{"type": kind} for kind in sorted(kinds)]).args("true")
    container.run().checked()


def test_its_mount_options_are_recognized(container: Container, bundle: Bundle, features: dict[str, Any]) -> None:
    """'The runtime MUST recognize the elements in this array': tmpfs refuses the mount with any that is passed on."""
    listed = set(features["mountOptions"]) - NOT_OF_TMPFS
    for index, option in enumerate(sorted(listed)):
        bundle.mount(f"/mnt/{index}", "tmpfs", "tmpfs", option)
    bundle.args("true")
    container.run().checked()


# how a mount is made at all, what needs another one, what runc passes on, and what the kernel has only with quotas
NOT_OF_TMPFS = {"bind", "rbind", "remount", "idmap", "ridmap", "mand", "copy-symlink", "acl", "noacl"}
