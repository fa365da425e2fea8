"""`mounts add` and `mounts remove`: mounts of a container that exists. The verb is that of newer versions of crun."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from .bundle import Bundle
from .container import Container
from .driver import Result, Runtime


@pytest.fixture(autouse=True)
def _has_the_verb(runtime: Runtime) -> None:
    if runtime.name == "runc":
        pytest.skip("`mounts` is crun's; runc has no such verb")
    if runtime.name == "crun":
        known = runtime.call([runtime.path, "mounts", "--help"])
        if known.status != 0:
            pytest.skip("this crun is older than its verb `mounts`")


@pytest.fixture
def running(container: Container, bundle: Bundle) -> Container:
    bundle.aside("data").joinpath("file").write_text("of the host\n")
    return container.launch()


def call(container: Container, action: str, mounts: Any, stdin: bool = False) -> Result:
    """With the mounts in a file, or on standard input."""
    text = mounts if isinstance(mounts, str) else json.dumps(mounts)
    path = container.directory / "mounts.json"
    path.write_text(text)
    source = "-" if stdin else str(path)
    command = container.runtime.command(container.root, "mounts", action, container.id, source)
    return container.runtime.call(command, stdin=text if stdin else None)


def bind(container: Container, destination: str = "/data", *options: str, **more: Any) -> dict[str, Any]:
    source = str(container.bundle.path / "data")
    return {"destination": destination, "type": "none", "source": source, "options": ["bind", *options], **more}


def tmpfs(destination: str, *options: str) -> dict[str, Any]:
    return {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": list(options)}


def targets(container: Container) -> list[str]:
    return [mount.target for mount in container.process.mounts()]


class TestAdd:
    def test_a_bind_mount(self, running: Container) -> None:
        call(running, "add", [bind(running)]).checked()
        assert running.exec("cat", "/data/file").checked().output == "of the host"

    def test_of_a_file(self, running: Container) -> None:
        source = str(running.bundle.path / "data/file")
        call(running, "add", [bind(running, "/etc/one", source=source)]).checked()
        assert running.exec("cat", "/etc/one").checked().output == "of the host"

    def test_the_container_s_own_process_sees_it(self, container: Container, bundle: Bundle) -> None:
        bundle.aside("data").joinpath("file").write_text("of the host\n")
        bundle.sh("while ! cat /data/file 2> /dev/null; do sleep 0.05; done; sleep 60")
        container.launch()
        call(container, "add", [bind(container)]).checked()
        container.wait_for_output("of the host")

    def test_a_relative_source_begins_at_the_bundle(self, running: Container) -> None:
        """config.md, Mounts: 'either absolute or relative to the bundle'"""
        call(running, "add", [bind(running, source="data")]).checked()
        assert running.exec("cat", "/data/file").checked().output == "of the host"

    def test_its_options_hold(self, running: Container) -> None:
        call(running, "add", [bind(running, "/data", "ro", "nosuid", "nodev", "noexec")]).checked()
        assert {"ro", "nosuid", "nodev", "noexec"} <= running.process.mount("/data").options

    def test_a_file_system(self, running: Container) -> None:
        call(running, "add", [tmpfs("/scratch", "size=64k", "mode=1700", "nodev")]).checked()
        mount = running.process.mount("/scratch")
        assert mount.kind == "tmpfs"
        assert {"size=64k", "mode=1700"} <= mount.data

    def test_several_in_their_order(self, running: Container) -> None:
        """config.md, Mounts: 'The runtime MUST mount entries in the listed order.'"""
        call(running, "add", [tmpfs("/scratch"), bind(running, "/scratch/data")]).checked()
        assert {"/scratch", "/scratch/data"} <= set(targets(running))
        assert running.exec("cat", "/scratch/data/file").checked().output == "of the host"

    def test_from_standard_input(self, running: Container) -> None:
        call(running, "add", [tmpfs("/scratch")], stdin=True).checked()
        assert running.process.mount("/scratch").kind == "tmpfs"

    def test_the_host_does_not_see_it(self, running: Container) -> None:
        before = Path("/proc/self/mountinfo").read_text()
        call(running, "add", [tmpfs("/scratch")]).checked()
        assert Path("/proc/self/mountinfo").read_text() == before

    def test_in_a_user_namespace(self, container: Container, bundle: Bundle) -> None:
        bundle.aside("data").joinpath("file").write_text("of the host\n")
        bundle.user_namespace()
        container.launch()
        call(container, "add", [bind(container), tmpfs("/scratch")]).checked()
        assert container.exec("cat", "/data/file").checked().output == "of the host"
        assert container.process.mount("/scratch").kind == "tmpfs"

    def test_of_a_created_container(self, container: Container, bundle: Bundle) -> None:
        bundle.aside("data").joinpath("file").write_text("of the host\n")
        bundle.sh("cat /data/file")
        container.create()
        call(container, "add", [bind(container)]).checked()
        container.start().wait_for_output("of the host")

    def test_of_a_paused_container(self, running: Container) -> None:
        running.call("pause").checked()
        call(running, "add", [tmpfs("/scratch")]).checked()
        running.call("resume").checked()
        assert running.process.mount("/scratch").kind == "tmpfs"

    def test_the_cgroups(self, running: Container) -> None:
        call(running, "add", [{"destination": "/cgroups", "type": "cgroup", "source": "cgroup"}]).checked()
        assert any(mount.target.startswith("/cgroups") for mount in running.process.mounts())


class TestSafety:
    def test_a_link_cannot_lead_out_of_the_container(self, container: Container, bundle: Bundle) -> None:
        """A destination is found inside of the container's root, whatever the container has put on its path."""
        bundle.symlink("link", "../../../../..//target").aside("target")
        container.launch()
        call(container, "add", [tmpfs("/link")]).checked()
        assert container.process.mount("/target").kind == "tmpfs"

    def test_a_link_to_the_root_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """Nobody in the container would see it, but for what joins it later."""
        bundle.symlink("link", "/")
        container.launch()
        assert call(container, "add", [tmpfs("/link")]).status != 0
        assert container.exec("test", "-d", "/proc/self").status == 0

    def test_a_link_does_not_lead_to_what_is_removed(self, container: Container, bundle: Bundle) -> None:
        """Or the container could have the masks of its /proc taken away."""
        bundle.set("linux.maskedPaths", ["/proc/version"]).symlink("link", "/proc/version")
        container.launch()
        assert call(container, "remove", [tmpfs("/link")]).status != 0
        assert "/proc/version" in targets(container)

    def test_a_link_on_the_way_neither(self, container: Container, bundle: Bundle) -> None:
        bundle.set("linux.maskedPaths", ["/proc/version"]).symlink("link", "/proc")
        container.launch()
        assert call(container, "remove", [tmpfs("/link/version")]).status != 0
        assert "/proc/version" in targets(container)


class TestRemove:
    def test_what_was_added(self, running: Container) -> None:
        before = targets(running)
        call(running, "add", [bind(running), tmpfs("/scratch")]).checked()
        call(running, "remove", [bind(running), tmpfs("/scratch")]).checked()
        assert targets(running) == before

    def test_a_file(self, running: Container) -> None:
        before = targets(running)
        mount = bind(running, "/etc/one", source=str(running.bundle.path / "data/file"))
        call(running, "add", [mount]).checked()
        call(running, "remove", [mount]).checked()
        assert targets(running) == before

    def test_what_is_in_use(self, running: Container) -> None:
        """It is no longer seen; who has a file of it open keeps that."""
        call(running, "add", [tmpfs("/scratch")]).checked()
        running.exec_in_background("sh", "-c", "cd /scratch; sleep 60")
        call(running, "remove", [tmpfs("/scratch")]).checked()
        assert "/scratch" not in targets(running)

    def test_only_the_destination_counts(self, running: Container) -> None:
        call(running, "add", [bind(running)]).checked()
        call(running, "remove", [{"destination": "data/"}], stdin=True).checked()
        assert "/data" not in targets(running)

    def test_what_the_configuration_has_mounted(self, container: Container, bundle: Bundle) -> None:
        bundle.mount("/scratch", "tmpfs", "tmpfs")
        container.launch()
        call(container, "remove", [tmpfs("/scratch")]).checked()
        assert "/scratch" not in targets(container)

    def test_what_lies_below_goes_with_it(self, running: Container) -> None:
        call(running, "add", [tmpfs("/scratch"), tmpfs("/scratch/inner")]).checked()
        call(running, "remove", [tmpfs("/scratch")]).checked()
        assert not [target for target in targets(running) if target.startswith("/scratch")]

    def test_of_two_at_one_place_the_upper(self, running: Container) -> None:
        call(running, "add", [tmpfs("/data"), bind(running)]).checked()
        call(running, "remove", [tmpfs("/data")]).checked()
        assert running.process.mount("/data").kind == "tmpfs"

    def test_both_of_two_at_one_place(self, running: Container) -> None:
        both = [tmpfs("/data"), bind(running)]
        call(running, "add", both).checked()
        call(running, "remove", both).checked()
        assert "/data" not in targets(running)

    def test_in_a_user_namespace(self, container: Container, bundle: Bundle) -> None:
        bundle.user_namespace().aside("data")
        before = targets(container.launch())
        call(container, "add", [bind(container), tmpfs("/scratch")]).checked()
        call(container, "remove", [bind(container), tmpfs("/scratch")]).checked()
        assert targets(container) == before

    def test_a_name_with_signs_that_mountinfo_escapes(self, running: Container) -> None:
        before = targets(running)
        call(running, "add", [tmpfs("/a b\\c\td")]).checked()
        call(running, "remove", [tmpfs("/a b\\c\td")]).checked()
        assert targets(running) == before


class TestErrors:
    """Each names the field, and changes nothing."""

    @pytest.mark.parametrize(
        ("mounts", "field"),
        [
            ("nonsense", "JSON"),
            ("{}", "array"),
            ([{"type": "tmpfs"}], "mounts[0].destination"),
            ([{"destination": "/x", "options": "ro"}], "mounts[0].options"),
            ([{"destination": "/x"}], "mounts[0].type"),
            ([{"destination": "/x", "options": ["bind"]}], "mounts[0].source"),
            ([{"destination": "/", "type": "tmpfs"}], "mounts[0].destination"),
            ([{"destination": "/proc", "options": ["remount", "ro"]}], "mounts[0].options"),
            ([{"destination": "/x", "source": "/no/where", "options": ["bind"]}], "mounts[0].source"),
            ([{"destination": "/x", "type": "nosuchfs"}], "mounts[0]"),
            ([{"destination": "/x", "type": "tmpfs", "options": ["nonsense=1"]}], "mounts[0]"),
        ],
    )
    def test_what_cannot_be_added(self, running: Container, mounts: Any, field: str) -> None:
        before = targets(running)
        done = call(running, "add", mounts)
        assert done.status == 1
        assert field in done.stderr
        assert targets(running) == before

    def test_all_are_added_or_none(self, running: Container) -> None:
        before = targets(running)
        done = call(running, "add", [tmpfs("/one"), tmpfs("/one/two"), bind(running), tmpfs("/bad", "nonsense=1")])
        assert "mounts[3]" in done.stderr
        assert targets(running) == before

    @pytest.mark.parametrize("destination", ["/nothing/here", "/tmp", "/", "/proc/self/fd"])
    def test_what_is_not_mounted_cannot_be_removed(self, running: Container, destination: str) -> None:
        before = targets(running)
        call(running, "add", [tmpfs("/scratch")]).checked()
        done = call(running, "remove", [tmpfs(destination), tmpfs("/scratch")])
        assert "mounts[0].destination" in done.stderr
        assert done.status == 1
        assert targets(running) == [*before, "/scratch"]

    def test_a_stopped_container(self, running: Container) -> None:
        running.kill().wait()
        running.wait_until("stopped")
        assert "stopped" in call(running, "add", [tmpfs("/scratch")]).stderr

    def test_no_container(self, container: Container) -> None:
        assert "does not exist" in call(container, "add", [tmpfs("/scratch")]).stderr

    def test_a_mount_namespace_that_is_others(self, container: Container, bundle: Bundle) -> None:
        bundle.namespace("mount", f"/proc/{os.getpid()}/ns/mnt").set("mounts", [])
        for name in ("maskedPaths", "readonlyPaths", "rootfsPropagation"):
            bundle.drop(f"linux.{name}")
        if container.call("create").status != 0:
            pytest.skip("this bundle cannot be run in the test's own mount namespace")
        assert "mount namespace" in call(container, "add", [tmpfs("/scratch")]).stderr

    def test_an_unknown_action(self, running: Container) -> None:
        assert call(running, "replace", [tmpfs("/scratch")]).status == 1
