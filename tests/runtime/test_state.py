"""runtime.md: the state document; and the command line's `list`."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest

from .bundle import Bundle
from .conftest import NewContainer
from .container import Container


class TestState:
    def test_the_required_properties_are_there(self, container: Container) -> None:
        """'The state of a container includes the following properties: ociVersion ... id ... status ... bundle'"""
        assert {"ociVersion", "id", "status", "pid", "bundle"} <= container.create().state().keys()

    def test_the_version_is_one_of_the_specification(self, container: Container) -> None:
        """'ociVersion (string, REQUIRED) is version of the Open Container Initiative Runtime Specification with which
        the state complies.'"""
        assert re.fullmatch(
            r"1\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", container.create().state()["ociVersion"]
        )

    def test_the_id_is_the_container_s(self, container: Container) -> None:
        """'id (string, REQUIRED) is the container's ID.'"""
        assert container.create().state()["id"] == container.id

    def test_the_bundle_is_an_absolute_path(self, container: Container, bundle: Bundle) -> None:
        """'bundle (string, REQUIRED) is the absolute path to the container's bundle directory.'"""
        assert container.create().state()["bundle"] == str(bundle.path)

    def test_a_bundle_given_by_a_relative_path_is_absolute_too(self, container: Container, bundle: Bundle) -> None:
        """'bundle (string, REQUIRED) is the absolute path to the container's bundle directory.'"""
        container.call("create", "--bundle", "bundle", cwd=bundle.path.parent).checked()
        assert container.state()["bundle"] == str(bundle.path)

    @pytest.mark.parametrize("moment", ["created", "running"])
    def test_the_pid_is_the_container_process_s(self, container: Container, moment: str) -> None:
        """'pid (int, REQUIRED when status is created or running on Linux ...) is the ID of the container process.'"""
        container.create() if moment == "created" else container.launch()
        assert container.process.status("NSpid").split() == [str(container.pid), "1"]

    def test_annotations_are_told(self, container: Container, bundle: Bundle) -> None:
        """'annotations (map, OPTIONAL) contains the list of annotations associated with the container.'"""
        bundle.set("annotations", {"com.example.key": "value", "com.example.empty": ""})
        annotations = container.create().state()["annotations"]
        assert annotations == {"com.example.key": "value", "com.example.empty": ""}

    def test_no_annotations_are_no_annotations(self, container: Container) -> None:
        """'If no annotations were provided then this property MAY either be absent or an empty map.'"""
        assert container.create().state().get("annotations", {}) == {}

    @pytest.mark.parametrize("moment", ["created", "running", "stopped"])
    def test_the_status_follows_the_process(self, container: Container, moment: str) -> None:
        """'The value MAY be one of: creating ... created ... running ... stopped'"""
        container.create()
        if moment != "created":
            container.start()
        if moment == "stopped":
            container.kill().wait()
        assert container.status == moment

    def test_an_unknown_container_is_an_error(self, container: Container) -> None:
        """'Attempting to query a container that does not exist MUST generate an error.'"""
        assert container.fails("state").stdout == ""

    def test_no_id_is_an_error(self, container: Container) -> None:
        """'This operation MUST generate an error if it is not provided the ID of a container.'"""
        assert container.runtime.call(container.runtime.command(container.root, "state")).status != 0

    @pytest.mark.parametrize("name", ["..", "../x", "a/b"])
    def test_an_invalid_id_is_an_error(self, container: Container, name: str) -> None:
        """'Attempting to query a container that does not exist MUST generate an error.'"""
        container.id = name
        container.fails("state")

    def test_another_root_does_not_know_the_container(self, container: Container) -> None:
        """runc: '--root: root directory for storage of container state (this should be located in tmpfs)'"""
        container.create()
        other = container.root.parent / "other"
        assert container.runtime.call(container.runtime.command(other, "state", container.id)).status != 0


class TestPidFile:
    @pytest.mark.parametrize("verb", ["create", "run"])
    def test_it_holds_the_pid_and_nothing_else(self, container: Container, bundle: Bundle, verb: str) -> None:
        """runc: '--pid-file: specify the file to write the process id to'"""
        file = bundle.path / "pid"
        container.call(verb, "--pid-file", str(file), *(["--detach"] if verb == "run" else [])).checked()
        assert file.read_text() == str(container.pid)

    def test_a_relative_one_is_relative_to_the_caller(self, container: Container, bundle: Bundle) -> None:
        """As every path on a command line."""
        container.call("create", "--pid-file", "../its-pid", cwd=bundle.path).checked()
        assert (bundle.path.parent / "its-pid").read_text() == str(container.pid)

    def test_one_that_cannot_be_written_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'generating an error MUST leave the state of the environment as if the operation were never attempted'"""
        container.fails("create", "--pid-file", str(bundle.path / "nowhere/pid"))
        assert not container.exists


def listed(container: Container, *options: str) -> str:
    return container.runtime.call(container.runtime.command(container.root, "list", *options)).checked().stdout


def documents(container: Container) -> list[dict[str, Any]]:
    return json.loads(listed(container, "--format", "json")) or []


class TestList:
    def test_no_containers(self, container: Container) -> None:
        assert documents(container) == []
        assert listed(container, "--quiet") == ""

    def test_every_container_is_in_it(self, new_container: NewContainer) -> None:
        first, second = new_container(), new_container()
        second.root = first.root
        first.create()
        second.launch()
        found = {entry["id"]: entry["status"] for entry in documents(first)}
        assert found == {first.id: "created", second.id: "running"}

    def test_json_has_pid_bundle_and_time(self, container: Container, bundle: Bundle) -> None:
        container.create()
        (entry,) = documents(container)
        assert (entry["pid"], entry["bundle"]) == (container.pid, str(bundle.path))
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", entry["created"])

    def test_quiet_gives_ids_only(self, container: Container) -> None:
        container.create()
        assert listed(container, "--quiet") == f"{container.id}\n"

    def test_the_table_has_runc_s_columns(self, container: Container, bundle: Bundle) -> None:
        container.create()
        head, line = listed(container).splitlines()
        assert head.split()[:5] == ["ID", "PID", "STATUS", "BUNDLE", "CREATED"]
        assert line.split()[:4] == [container.id, str(container.pid), "created", str(bundle.path)]

    def test_a_stopped_container_has_no_pid(self, container: Container, bundle: Bundle) -> None:
        """'pid (int, REQUIRED when status is created or running on Linux'"""
        bundle.args("true")
        container.launch().wait()
        (entry,) = documents(container)
        assert (entry["status"], entry.get("pid", 0)) == ("stopped", 0)


def test_state_of_a_container_whose_pid_was_taken_by_another(container: Container, bundle: Bundle) -> None:
    """'stopped: the container process has exited': whoever else is running"""
    bundle.args("true")
    container.launch().wait()
    state = container.state()
    assert state["status"] == "stopped" and state.get("pid", 0) != os.getpid()
