"""config-linux.md, User namespace mappings: what a user may map, and what is said where it is not the user's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .container import Container
from .land import User

MAPS = "cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups"


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_one_id_is_mapped_without_help(container: Container, alice: User) -> None:
    """user_namespaces(7): a process without privileges must give up setgroups(2) to map its group."""
    own = ["0", str(alice.uid), "1"]
    hidden = f"mount --bind /dev/null {shutil.which('newuidmap')}; mount --bind /dev/null {shutil.which('newgidmap')}"
    result = container.sh(MAPS).run(before=hidden).checked()
    assert rows(result.stdout) == [own, own, ["deny"]]


def test_ranges_are_mapped_as_configured(container: Container, alice: User) -> None:
    """'Each entry has the following structure: containerID, hostID, size'"""
    first = alice.first_id
    uids = ((0, alice.uid, 1), (1, first, 10), (100, first + 500, 20))
    gids = ((0, alice.uid, 1), (5, first + 7, 1000))
    expected = [[*map(str, entry)] for entry in (*uids, *gids)]
    assert rows(container.map_ids(*uids, groups=gids).output(MAPS)) == [*expected, ["allow"]]


def test_a_range_without_the_own_id(container: Container, alice: User) -> None:
    """Root inside is nobody's account outside; what it makes is a subordinate id's."""
    container.map_ids((0, alice.first_id, 1000))
    (container.bundle / "rootfs/tmp").chmod(0o1777)
    alice.home.chmod(0o755)
    try:
        container.output("touch /tmp/made")
    finally:
        alice.home.chmod(0o700)
    assert (container.bundle / "rootfs/tmp/made").stat().st_uid == alice.first_id


def test_the_own_id_as_another_one(container: Container, alice: User) -> None:
    """As podman's --userns=keep-id does it."""
    first = alice.first_id
    container.map_ids((0, first, 1000), (1000, alice.uid, 1), (1001, first + 1000, 100)).as_user(1000, 1000)
    assert container.output("touch /tmp/made; id -u; id -g").split() == ["1000", "1000"]
    assert (container.bundle / "rootfs/tmp/made").stat().st_uid == alice.uid


def test_users_and_groups_of_a_range(container: Container, alice: User) -> None:
    """'additionalGids specifies additional group IDs in the container namespace to be added to the process.'"""
    container.map_ranges().as_user(1000, 1001, additionalGids=[5, 10]).launch()
    status = Path(f"/proc/{container.host_pid()}/status").read_text()
    found = {row[0]: row[1:] for row in rows(status) if row}
    first = alice.first_id
    assert found["Uid:"] == [str(first + 999)] * 4
    assert found["Gid:"] == [str(first + 1000)] * 4
    assert sorted(found["Groups:"]) == sorted([str(first + 4), str(first + 9)])


@pytest.mark.usefixtures("_sampan_alone")
class TestRefusals:
    """Each names the field, and what to do."""

    def test_ids_that_are_not_in_subuid(self, container: Container, alice: User) -> None:
        said = container.map_ids((0, alice.uid, 1), (1, 3000000, 10)).fails()
        assert "linux.uidMappings: newuidmap: uid range [1-11) -> [3000000-3000010) not allowed" in said
        assert f"/etc/subuid gives user alice {alice.first_id}-{alice.first_id + 65535}" in said

    def test_ids_that_are_not_in_subgid(self, container: Container, alice: User) -> None:
        own, wrong = (0, alice.uid, 1), (1, 3000000, 10)
        said = container.map_ids(own, (1, alice.first_id, 10), groups=(own, wrong)).fails()
        assert "linux.gidMappings: newgidmap: gid range [1-11) -> [3000000-3000010) not allowed" in said
        assert "/etc/subgid gives user alice" in said

    def test_one_id_too_many(self, container: Container, alice: User) -> None:
        assert "not allowed" in container.map_ids((0, alice.uid, 1), (1, alice.first_id, 65537)).fails()

    def test_the_id_of_somebody_else(self, container: Container, bob: User) -> None:
        assert "linux.uidMappings" in container.map_ids((0, bob.uid, 1)).fails()

    def test_root_of_the_host(self, container: Container) -> None:
        assert "linux.uidMappings" in container.map_ids((0, 0, 1)).fails()

    def test_a_user_without_subordinate_ids(self, container: Container) -> None:
        nobodys = container.user.land.directory / "nobodys"
        nobodys.touch()
        said = container.map_ranges().fails(before=f"mount --bind {nobodys} /etc/subuid")
        assert "/etc/subuid gives user alice no ids" in said
        assert "usermod --add-subuids" in said

    @pytest.mark.parametrize("name", ["newuidmap", "newgidmap"])
    def test_a_program_that_is_not_installed(self, container: Container, name: str) -> None:
        said = container.map_ranges().fails(before=f"mount --bind /dev/null {shutil.which(name)}")
        assert f"{name}, which is not installed" in said
        assert "linux.uidMappings" in said if name == "newuidmap" else "linux.gidMappings" in said

    def test_a_program_that_may_not_act(self, container: Container) -> None:
        """no_new_privs takes the setuid bit its meaning."""
        said = container.map_ranges().fails(options=["--no-new-privs"])
        assert "linux.uidMappings: newuidmap" in said
        assert "no_new_privs" in said

    def test_one_that_may_is_found_in_the_path(self, container: Container, alice: User) -> None:
        """Not every system has it where all others do."""
        place = alice.home / "wrappers"
        place.mkdir(exist_ok=True)
        for name in ("newuidmap", "newgidmap"):
            shutil.copy2(shutil.which(name) or "", place / name)
            (place / name).chmod(0o4755)
        hidden = "".join(f"mount --bind /dev/null {shutil.which(name)};" for name in ("newuidmap", "newgidmap"))
        environment = alice.environment | {"PATH": f"{place}:{alice.environment['PATH']}"}
        container.map_ranges().sh("id -u").run(before=hidden, environment=environment).checked()
        shutil.rmtree(place)

    def test_further_groups_with_one_id(self, container: Container) -> None:
        container.as_user(0, 0, additionalGids=[5])
        said = container.fails()
        assert "process.user.additionalGids" in said
        assert "/etc/subgid" in said

    def test_a_group_that_is_not_mapped(self, container: Container) -> None:
        container.map_ranges().as_user(0, 0, additionalGids=[70000])
        assert "linux.gidMappings" in container.fails()

    def test_a_user_who_is_not_mapped(self, container: Container) -> None:
        container.as_user(1000, 1000)
        said = container.fails()
        assert "process.user" in said
        assert "linux.uidMappings" in said
