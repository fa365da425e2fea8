"""Writes below /proc: sysctls, labels, and scores reach the kernel, whatever the image makes of /proc."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runtime.container import Container
from runtime.procfs import Process

from .conftest import Without
from .defences import OWN_PROCFS

_FORWARDING = "sys/net/ipv4/ip_forward"


class TestSysctls:
    """CVE-2025-52881 (runc), CVE-2025-54867, CVE-2025-62596 (youki): 'writes redirected by a crafted /proc';
    CVE-2019-16884, CVE-2023-28642 (runc): 'a volume or symlink over /proc made the AppArmor label write go nowhere'."""

    def attack(self, container: Container) -> bool:
        """A volume of the image on /proc; whether the write went into it, and not to the kernel."""
        volume = container.bundle.aside("proc")
        fake = volume / _FORWARDING
        fake.parent.mkdir(parents=True)
        fake.write_text("0\n")
        bundle = container.bundle.without_mount("/proc").set("linux.maskedPaths", []).set("linux.readonlyPaths", [])
        bundle.bind(volume, "/proc").set("linux.sysctl", {"net.ipv4.ip_forward": "1"})
        container.create()
        return fake.read_text() != "0\n" or _forwarding_of(container) != "1"

    def attack_with_a_tmpfs(self, container: Container) -> bool:
        """In place of a part of /proc/sys."""
        bundle = container.bundle.set("linux.maskedPaths", []).set("linux.readonlyPaths", [])
        bundle.mount("/proc/sys/net/ipv4", "tmpfs", "tmpfs").set("linux.sysctl", {"net.ipv4.ip_forward": "1"})
        container.create()
        return _forwarding_of(container) != "1"

    def test_reach_the_kernel(self, container: Container) -> None:
        assert not self.attack(container)

    def test_reach_the_kernel_where_a_tmpfs_covers_them(self, container: Container) -> None:
        assert not self.attack_with_a_tmpfs(container)

    def test_go_into_a_tmpfs_with_an_old_runc(self, runc: Container) -> None:
        assert self.attack_with_a_tmpfs(runc)

    def test_go_into_the_volume_through_the_container_s_proc(self, without: Without) -> None:
        assert self.attack(without(OWN_PROCFS))

    def redirected(self, container: Container) -> Path:
        """A link of the image in place of the parameter; the file that it leads to."""
        volume = container.bundle.aside("proc")
        (volume / _FORWARDING).parent.mkdir(parents=True)
        (volume / "victim").write_text("untouched")
        (volume / _FORWARDING).symlink_to("/proc/victim")
        bundle = container.bundle.without_mount("/proc").set("linux.maskedPaths", []).set("linux.readonlyPaths", [])
        bundle.bind(volume, "/proc").set("linux.sysctl", {"net.ipv4.ip_forward": "1"})
        container.call("create")
        return volume / "victim"

    def test_are_not_redirected(self, container: Container) -> None:
        assert self.redirected(container).read_text() == "untouched"

    @pytest.mark.parametrize(
        "name", ["net/../../sysrq-trigger", "net/ipv4/../../kernel/panic", "kernel.panic", "../sysrq-trigger", "net/"]
    )
    def test_name_a_parameter_of_a_namespace(self, container: Container, name: str) -> None:
        """Nothing of the host is written because of a name."""
        container.bundle.set("linux.sysctl", {name: "0"})
        assert "linux.sysctl" in container.fails("create").stderr
        assert not container.exists


def _forwarding_of(container: Container) -> str:
    """The real value in the container's network namespace, read through a procfs of it."""
    command = ["nsenter", "-n", "-t", str(container.process.pid), "cat", f"/proc/{_FORWARDING}"]
    return container.runtime.call(command).checked().output


def test_the_oom_score_reaches_the_kernel(container: Container) -> None:
    """CVE-2025-52881: of the same kind as labels, where this kernel has no security module"""
    volume = container.bundle.aside("proc")
    (volume / "self").mkdir()
    (volume / "self/oom_score_adj").write_text("0")
    container.bundle.without_mount("/proc").set("linux.maskedPaths", []).set("linux.readonlyPaths", [])
    container.bundle.bind(volume, "/proc").set("process.oomScoreAdj", 900).args("sleep", "1000")
    container.launch()
    assert container.process.read("oom_score_adj").strip() == "900"
    process = container.exec_in_background("sleep", "1000")
    assert Process(process).read("oom_score_adj").strip() == "900"
    assert (volume / "self/oom_score_adj").read_text() == "0"
    shutil.rmtree(volume / "self")


@pytest.mark.parametrize("field", ["apparmorProfile", "selinuxLabel"])
def test_a_label_that_cannot_be_applied_is_an_error(container: Container, field: str) -> None:
    """'what cannot be applied is an error, never a warning'"""
    module = {"apparmorProfile": "/sys/kernel/security/apparmor", "selinuxLabel": "/sys/fs/selinux/enforce"}[field]
    if Path(module).exists():
        pytest.skip(f"this kernel has {module}: the label may be applied")
    container.bundle.set(f"process.{field}", "some_label")
    assert f"process.{field}" in container.fails("create").stderr
