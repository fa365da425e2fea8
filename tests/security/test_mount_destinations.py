"""Where mounts and their missing mount points land: never outside of the container's root."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from runtime.container import Container
from runtime.procfs import Mount, parse_mounts

from .adversary import Programs, swapping, tried
from .conftest import Without
from .defences import REAL_DIRECTORY, RESOLVED_IN_ROOT

# a hook of the host, which sees init's mounts before the change of root hides those outside of it
_SHOW_MOUNTS = r"""cat /proc/$(sed 's/.*"pid": *\([0-9]*\).*/\1/')/mountinfo >"""


def run_and_see_mounts(container: Container) -> list[Mount]:
    """Runs the container, or fails to; what init had mounted when it came to the hooks."""
    seen = container.bundle.path / "mountinfo"
    seen.unlink(missing_ok=True)
    container.bundle.drop("hooks").hook("createRuntime", f"{_SHOW_MOUNTS} {seen}").args("true")
    if container.run().status != 0:
        container.call("delete", "--force")
    return parse_mounts(seen.read_text()) if seen.exists() else []


def is_below(path: str, directory: Path) -> bool:
    return Path(path).is_relative_to(directory)


class TestALinkOfTheImage:
    """CVE-2019-18837 (crun): 'mount destination followed a symlink of the image to the host'."""

    def attack(self, container: Container, victim: Path) -> bool:
        container.bundle.symlink("link", str(victim)).mount("/link/made", "tmpfs", "tmpfs")
        mounts = run_and_see_mounts(container)
        return os.listdir(victim) != ["secret"] or any(is_below(mount.target, victim) for mount in mounts)

    def test_stays_in_the_root(self, container: Container, victim: Path) -> None:
        assert not self.attack(container, victim)
        assert container.bundle.rootfs.joinpath(*victim.parts[1:], "made").is_dir()

    def test_leads_out_without_the_resolution_in_the_root(self, without: Without, victim: Path) -> None:
        assert self.attack(without(RESOLVED_IN_ROOT), victim)

    @pytest.mark.parametrize("kind", ["bind a directory", "bind a file", "device", "cwd", "tmpfs", "sysfs", "cgroup"])
    def test_for_all_that_is_made(self, container: Container, victim: Path, kind: str) -> None:
        bundle = container.bundle.symlink("link", str(victim))
        match kind:
            case "bind a directory":
                bundle.bind(bundle.aside("volume"), "/link/made")
            case "bind a file":
                bundle.bind(bundle.aside("file", "content"), "/link/made")
            case "device":
                device = {"path": "/link/made", "type": "c", "major": 1, "minor": 5}
                bundle.add("linux.devices", device)
            case "cwd":
                bundle.set("process.cwd", "/link/made")
            case _:
                bundle.mount("/link/made", kind, kind)
        mounts = run_and_see_mounts(container)
        assert os.listdir(victim) == ["secret"]
        assert not any(is_below(mount.target, victim) for mount in mounts)


class TestALinkThatIsExchanged:
    """CVE-2021-30465 (runc): 'mount destination exchanged for a symlink between check and mount'; CVE-2024-45310
    (runc): 'missing mount points made with mkdir -p followed an exchanged symlink: empty directories on the host'."""

    def attack(self, container: Container, victim: Path, programs: Programs, tries: int, destination: str) -> int:
        volume = container.bundle.aside("volume")
        (volume / "a").mkdir()
        (volume / "b").symlink_to(victim)
        container.bundle.bind(volume, "/volume").mount("/volume/a", "tmpfs", "tmpfs")

        numbers = itertools.count()

        def once() -> bool:
            if destination != "a":  # something that is not there yet
                container.bundle.set("mounts.-1.destination", f"/volume/a/made-{next(numbers)}/deep")
            mounts = run_and_see_mounts(container)
            return os.listdir(victim) != ["secret"] or any(is_below(mount.target, victim) for mount in mounts)

        with swapping(programs, volume / "a", volume / "b"):
            return tried(once, tries)

    @pytest.mark.parametrize("destination", ["a", "a/made"])
    def test_stays_in_the_root(
        self, container: Container, victim: Path, programs: Programs, race_tries: int, destination: str
    ) -> None:
        assert self.attack(container, victim, programs, race_tries, destination) == 0

    @pytest.mark.parametrize("destination", ["a", "a/made"])
    def test_leads_out_without_the_resolution_in_the_root(
        self, without: Without, victim: Path, programs: Programs, destination: str
    ) -> None:
        assert self.attack(without(RESOLVED_IN_ROOT), victim, programs, 100, destination) > 0

    def test_leads_out_of_an_old_runc(self, runc: Container, victim: Path, programs: Programs) -> None:
        """CVE-2024-45310"""
        assert self.attack(runc, victim, programs, 300, "a/made") > 0


class TestProcAndSys:
    """CVE-2019-19921, CVE-2023-27561 (runc): '/proc or /sys in the rootfs a symlink: mounts landed elsewhere, masks
    missed'."""

    def attack(self, container: Container, name: str) -> bool:
        container.bundle.directory(f"elsewhere/{name}").symlink(name, f"/elsewhere/{name}")
        mounts = run_and_see_mounts(container)
        return any(is_below(mount.target, container.bundle.rootfs / "elsewhere") for mount in mounts)

    @pytest.mark.parametrize("name", ["proc", "sys"])
    def test_a_link_is_an_error(self, container: Container, name: str) -> None:
        assert not self.attack(container, name)
        assert "must be a real directory of the root filesystem" in container.run().stderr

    @pytest.mark.parametrize("name", ["proc", "sys"])
    def test_a_link_above_it_is_an_error(self, container: Container, name: str) -> None:
        bundle = (
            container.bundle.directory("elsewhere").symlink("above", "/elsewhere").mount(f"/above/{name}", name, name)
        )
        bundle.config["mounts"][-1]["type"] = {"proc": "proc", "sys": "sysfs"}[name]
        assert "must be a real directory of the root filesystem" in container.run().stderr

    @pytest.mark.parametrize("name", ["proc", "sys"])
    def test_a_link_is_followed_without_that_rule(self, without: Without, name: str) -> None:
        assert self.attack(without(REAL_DIRECTORY), name)

    def exchanged(self, container: Container, programs: Programs, tries: int) -> int:
        bundle = container.bundle.directory("elsewhere")
        (bundle.rootfs / "decoy").symlink_to("/elsewhere")
        elsewhere = bundle.rootfs / "elsewhere"

        def once() -> bool:
            mounts = run_and_see_mounts(container)
            return any(is_below(mount.target, elsewhere) for mount in mounts)

        with swapping(programs, bundle.rootfs / "proc", bundle.rootfs / "decoy"):
            return tried(once, tries)

    def test_a_link_that_is_exchanged(self, container: Container, programs: Programs, race_tries: int) -> None:
        assert self.exchanged(container, programs, race_tries) == 0

    def test_a_link_that_is_exchanged_is_followed_without_that_rule(self, without: Without, programs: Programs) -> None:
        assert self.exchanged(without(REAL_DIRECTORY), programs, 100) > 0


class TestDev:
    """CVE-2026-41579 (runc): '/dev in the image a symlink: limited writes on the host while devices were made'."""

    def attack(self, container: Container, victim: Path) -> bool:
        bundle = container.bundle.set(
            "mounts", [entry for entry in container.bundle.get("mounts") if "/dev" not in str(entry)]
        )
        bundle.symlink("dev", str(victim)).args("true")
        container.run()
        return os.listdir(victim) != ["secret"]

    def test_stays_in_the_root(self, container: Container, victim: Path) -> None:
        assert not self.attack(container, victim)
        assert container.bundle.rootfs.joinpath(*victim.parts[1:], "null").is_char_device()

    def test_leads_out_of_an_old_runc(self, runc: Container, victim: Path) -> None:
        assert self.attack(runc, victim)

    def test_leads_out_without_the_resolution_in_the_root(self, without: Without, victim: Path) -> None:
        assert self.attack(without(RESOLVED_IN_ROOT), victim)
