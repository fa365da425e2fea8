"""config-linux.md, Cgroup ownership: a container may divide its own cgroup on v2, if it sees it writable."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import cgroupfs, views
from .bundle import Bundle
from .container import Container

CGROUPS = "/sys/fs/cgroup"
HOST_ID = 100000


def writable(bundle: Bundle) -> Bundle:
    """A user namespace, a cgroup namespace, and the cgroup mounted without `ro`."""
    bundle.user_namespace(HOST_ID).namespace("cgroup").without_mount(CGROUPS)
    return bundle.mount(CGROUPS, "cgroup", "cgroup", "nosuid", "noexec", "nodev")


def owners(container: Container) -> dict[str, int]:
    """The uids of the container's v2 cgroup (".") and of the files in it."""
    directory = cgroupfs.directory(container.process, "")
    return {path.name if path != directory else ".": path.stat().st_uid for path in (directory, *directory.iterdir())}


class TestV2:
    @pytest.fixture(autouse=True)
    def _view(self) -> None:
        if not views.is_pure_v2():
            pytest.skip("this view of the cgroups is not pure v2: --cgroup-view=v2")

    def test_the_container_can_make_cgroups_and_move_its_processes(self, container: Container, bundle: Bundle) -> None:
        """'Runtimes SHOULD change the cgroup ownership if ... the cgroup filesystem is to be mounted read/write'"""
        writable(bundle)
        script = f"cd {CGROUPS} && mkdir inner && echo $$ > inner/cgroup.procs && cat /proc/self/cgroup"
        assert container.output(script).endswith("/inner")

    def test_it_cannot_change_its_own_limits(self, container: Container, bundle: Bundle) -> None:
        """'The runtime SHOULD NOT change the ownership of any other files.'"""
        writable(bundle)
        said = container.output(f"(echo max > {CGROUPS}/cgroup.max.descendants) 2>&1 || true")
        assert said.endswith("Permission denied")

    def test_the_directory_and_the_listed_files_belong_to_the_user(self, container: Container, bundle: Bundle) -> None:
        """'change the owner of the container's cgroup to the host uid that maps to the value of process.user.uid';
        'only ... the container's cgroup directory and files within that directory that are listed in
        /sys/kernel/cgroup/delegate'"""
        writable(bundle).user(33, 33)
        found = owners(container.launch())
        listed = {".", *Path("/sys/kernel/cgroup/delegate").read_text().split()} & set(found)
        assert {name for name, uid in found.items() if uid == HOST_ID + 33} == listed
        assert {uid for name, uid in found.items() if name not in listed} == {0}

    def test_a_user_without_user_namespace_is_the_host_s(self, container: Container, bundle: Bundle) -> None:
        """'the host uid that maps to the value of process.user.uid': that very uid"""
        bundle.namespace("cgroup").without_mount(CGROUPS).user(33, 33)
        bundle.mount(CGROUPS, "cgroup", "cgroup", "nosuid", "noexec", "nodev")
        assert owners(container.launch())["."] == 33

    def test_not_with_a_read_only_mount(self, container: Container, bundle: Bundle) -> None:
        """'The options field does not contain the value "ro"'"""
        bundle.user_namespace(HOST_ID).namespace("cgroup")  # the default mount is read-only
        assert set(owners(container.launch()).values()) == {0}

    def test_not_without_the_mount(self, container: Container, bundle: Bundle) -> None:
        """'If the configuration does not specify such a mount, the runtime SHOULD NOT change the cgroup ownership.'"""
        bundle.user_namespace(HOST_ID).namespace("cgroup").without_mount(CGROUPS)
        assert set(owners(container.launch()).values()) == {0}

    def test_what_the_container_made_is_deleted_with_it(self, container: Container, bundle: Bundle) -> None:
        """'Deleting a container MUST delete the resources that were created'; the fixture looks for what is left"""
        writable(bundle).sh(f"mkdir -p {CGROUPS}/left/by/it; sleep 60")
        container.launch()
        container.kill().delete("--force")


def test_not_where_v1_is_in_use(container: Container, bundle: Bundle) -> None:
    """'Runtimes SHOULD NOT change the ownership of container cgroups when cgroups v1 is in use.'"""
    if views.is_pure_v2():
        pytest.skip("this view of the cgroups has no v1 hierarchy")
    writable(bundle)
    process = container.launch().process
    directories = {cgroupfs.directory(process, controller) for controller in cgroupfs.hierarchies()}
    assert {path.stat().st_uid for directory in directories for path in (directory, *directory.iterdir())} == {0}
