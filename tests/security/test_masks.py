"""What covers masked paths, and the container's terminal: things that nobody can exchange for others."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from runtime.container import Container

from .adversary import Programs, swapping, tried
from .conftest import Without
from .defences import CHECKED_DEVPTS, CHECKED_NULL_DEVICE, CONSOLE_WITHOUT_LINKS, NULL_WITHOUT_LINKS


class TestTheNullDevice:
    """CVE-2025-31133 (runc), CVE-2025-62161 (youki): 'the /dev/null used for maskedPaths replaced by a symlink: the
    bind mount went to an attacker's choice'."""

    def attack(self, container: Container) -> str:
        """What a masked file shows where the image's own volume on /dev has something else as its null device."""
        bundle = container.bundle
        for entry in ("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"):
            bundle.without_mount(entry)
        volume = bundle.aside("dev")
        (volume / "null").symlink_to("/proc/sys/kernel/core_pattern")
        bundle.bind(volume, "/dev").file("masked", "to be hidden").set("linux.maskedPaths", ["/masked"])
        bundle.args("cat", "/masked")
        return container.run().stdout

    def test_is_the_real_one(self, container: Container) -> None:
        assert self.attack(container) == ""

    def test_is_any_file_for_an_old_runc(self, runc: Container) -> None:
        assert self.attack(runc) == Path("/proc/sys/kernel/core_pattern").read_text()

    def test_is_any_file_without_the_check(self, without: Without) -> None:
        assert self.attack(without(CHECKED_NULL_DEVICE, NULL_WITHOUT_LINKS)) != ""

    def test_one_that_cannot_be_written_stays_so(self, container: Container) -> None:
        """Else the container could write what is hidden, and change the device of the host"""
        bundle = container.bundle.file("masked", "to be hidden").set("linux.maskedPaths", ["/masked"])
        bundle.capabilities("CAP_FOWNER", "CAP_CHOWN").sh("chmod 777 /masked; chown 1 /masked; stat -c %a:%u /masked")
        assert container.run().stdout == "666:0\n"
        status = Path("/dev/null").stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o666, 0)

    def exchanged(self, container: Container, programs: Programs, tries: int) -> int:
        bundle = container.bundle
        for entry in ("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"):
            bundle.without_mount(entry)
        volume = bundle.aside("dev")
        os.mknod(volume / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        (volume / "other").symlink_to("/secret")
        bundle.file("secret", "secret").bind(volume, "/dev").file("masked", "to be hidden")
        bundle.set("linux.maskedPaths", ["/masked"]).args("cat", "/masked")
        with swapping(programs, volume / "null", volume / "other"):
            return tried(lambda: "secret" in container.run().stdout, tries)

    def test_that_is_exchanged(self, container: Container, programs: Programs, race_tries: int) -> None:
        assert self.exchanged(container, programs, race_tries) == 0

    def test_that_is_exchanged_without_the_check(self, without: Without, programs: Programs) -> None:
        assert self.exchanged(without(CHECKED_NULL_DEVICE, NULL_WITHOUT_LINKS), programs, 100) > 0


class TestTheTerminal:
    """CVE-2025-52565 (runc): '/dev/console bind mounted from a path that could be exchanged, before masks were up'."""

    def create(self, container: Container) -> bool:
        """Creates it with a terminal; whether the runtime did so."""
        address = container.bundle.path / "console"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(address))
            listener.listen()
            listener.settimeout(5)
            container.bundle.set("process.terminal", True)
            created = container.call("create", "--console-socket", str(address)).status == 0
            if created:
                connection, _ = listener.accept()
                with connection:
                    for descriptor in socket.recv_fds(connection, 100, 2)[1]:
                        os.close(descriptor)
        address.unlink()
        return created

    def dev_of_the_image(self, container: Container) -> Path:
        volume = container.bundle.aside("dev")
        (volume / "pts").mkdir()
        os.mknod(volume / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        bundle = container.bundle.without_mount("/dev/shm").without_mount("/dev/mqueue")
        for entry in bundle.get("mounts"):
            if entry["destination"] == "/dev":
                entry.update({"type": "bind", "source": str(volume), "options": ["bind"]})
        return volume

    def overmounted(self, container: Container) -> bool:
        """Whether the terminal covers a file that a link of the image names in place of /dev/console."""
        volume = self.dev_of_the_image(container)
        (volume / "console").symlink_to("/etc/passwd")
        self.create(container)
        return any(mount.target == "/etc/passwd" for mount in container.process.mounts())

    def test_covers_no_other_file(self, container: Container) -> None:
        assert not self.overmounted(container)

    def test_covers_any_file_if_links_are_followed(self, without: Without) -> None:
        assert self.overmounted(without(CONSOLE_WITHOUT_LINKS))

    def not_on_devpts(self, container: Container) -> bool:
        """Whether a /dev/pts/ptmx of the image, which is a terminal of somebody else, is taken."""
        volume = self.dev_of_the_image(container)
        container.bundle.without_mount("/dev/pts")
        os.mknod(volume / "pts/ptmx", stat.S_IFCHR | 0o666, os.makedev(5, 2))
        container.bundle.mount("/dev/pts/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666")
        return self.create(container)

    def test_is_on_a_devpts(self, container: Container) -> None:
        assert not self.not_on_devpts(container)
        assert not container.exists

    def test_is_anywhere_without_the_check(self, without: Without) -> None:
        assert self.not_on_devpts(without(CHECKED_DEVPTS))


@pytest.mark.parametrize("path", ["/proc/self/fd/3", "/proc/self/exe", "/proc/self/root"])
def test_no_magic_link_is_followed(container: Container, path: str) -> None:
    """'with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS'"""
    container.bundle.symlink("link", path).set("linux.maskedPaths", ["/link"]).args("true")
    assert container.run().status == 1
