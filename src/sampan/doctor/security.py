"""The security modules of the kernel that a configuration can name profiles and labels of: AppArmor and SELinux."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.doctor.row import NO, OK, UNKNOWN, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.doctor.host import Host

_SECURITYFS = "/sys/kernel/security"


def rows(host: Host) -> Iterator[Row]:
    """The three rows."""
    yield _active(host)
    yield _apparmor(host)
    yield _selinux(host)


def _active(host: Host) -> Row:
    identity = ("security.modules", "security modules")
    names = (host.read(f"{_SECURITYFS}/lsm") or "").replace(",", " ")
    if names:
        return Row(*identity, OK, names)
    if not host.has(_SECURITYFS):
        why = "the kernel has none: nothing but namespaces, capabilities and seccomp confines a container"
        return Row(*identity, NO, "", why, "use a kernel that is built with CONFIG_SECURITY=y")
    why = f"{_SECURITYFS}/lsm cannot be read: securityfs is not mounted, or the kernel has no security modules"
    return Row(*identity, UNKNOWN, "", why, f"as root: mount -t securityfs securityfs {_SECURITYFS}")


def _apparmor(host: Host) -> Row:
    identity = ("security.apparmor", "AppArmor")
    if host.read("/sys/module/apparmor/parameters/enabled") != "Y":
        why = "not enabled: a configuration with process.apparmorProfile is refused"
        fix = "boot with apparmor=1 security=apparmor on a kernel with CONFIG_SECURITY_APPARMOR=y, or name no profile"
        return Row(*identity, NO, "", why, fix)
    own = host.read("/proc/self/attr/apparmor/current") or host.read("/proc/self/attr/current") or "unknown"
    return Row(*identity, OK, f"this process: {own}; {_profiles(host)}")


def _profiles(host: Host) -> str:
    """How many profiles there are, by mode."""
    text = host.read(f"{_SECURITYFS}/apparmor/profiles")
    if text is None:
        return "which profiles are loaded, only root can see"
    modes = [line.rpartition(" (")[2].rstrip(")") for line in text.splitlines()]
    counts = [f"{modes.count(mode)} in mode {mode}" for mode in sorted(set(modes))]
    return f"profiles: {', '.join(counts) or 'none'}"


def _selinux(host: Host) -> Row:
    identity = ("security.selinux", "SELinux")
    mode = host.read("/sys/fs/selinux/enforce")
    if mode is None:
        why = "not enabled: a configuration with process.selinuxLabel or linux.mountLabel is refused"
        fix = "boot with selinux=1 security=selinux on a kernel and a distribution with a policy, or name no label"
        return Row(*identity, NO, "", why, fix)
    own = (host.read("/proc/self/attr/current") or "unknown").rstrip("\0")
    return Row(*identity, OK, f"{'enforcing' if mode == '1' else 'permissive'}; this process: {own}")
