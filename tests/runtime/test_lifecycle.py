"""runtime.md: create, start, kill and delete, their order, and what each of them refuses."""

from __future__ import annotations

import json
import os
import signal

import pytest

from .bundle import Bundle
from .conftest import NewContainer
from .container import Container


class TestCreate:
    def test_the_container_is_created(self, container: Container) -> None:
        """'This operation MUST create a new container.'"""
        assert container.create().status == "created"

    def test_the_program_is_not_run(self, container: Container, bundle: Bundle) -> None:
        """'the user-specified program (from process) MUST NOT be run at this time'"""
        bundle.sh("touch /ran")
        container.create()
        assert not (bundle.rootfs / "ran").exists()

    def test_the_environment_is_made(self, container: Container, bundle: Bundle) -> None:
        """'the resources requested in the config.json MUST be created' (a mount that only the container has)"""
        bundle.mount("/fresh", "tmpfs", "tmpfs")
        assert container.create().process.mount("/fresh").kind == "tmpfs"

    def test_a_used_id_is_an_error(self, container: Container) -> None:
        """'If the ID provided is not unique across all containers within the scope of the runtime ... the
        implementation MUST generate an error and a new container MUST NOT be created.'"""
        container.create()
        before = container.state()
        container.fails("create")
        assert container.state() == before

    def test_the_id_of_a_stopped_container_is_used_too(self, container: Container, bundle: Bundle) -> None:
        """'If the ID provided is not unique across all containers within the scope of the runtime ...'"""
        bundle.args("true")
        container.launch().wait_until("stopped")
        container.fails("create")

    def test_the_same_bundle_serves_two_containers(self, new_container: NewContainer) -> None:
        """A bundle is only input: 'a set of files ... containing all the necessary data'"""
        first, second = new_container(), new_container()
        second.bundle = first.bundle
        assert first.create().pid != second.create().pid

    @pytest.mark.parametrize("name", ["{id}/b", "/{id}", "../{id}", "..", "."])
    def test_an_invalid_id_is_an_error(self, container: Container, name: str) -> None:
        """'If the ID provided ... is not valid in any other way, the implementation MUST generate an error'"""
        container.bundle.write()
        container.id = name.format(id=container.id)
        container.fails("create")
        found = {path.name for path in container.directory.iterdir()} - {"root"}
        assert found == {"bundle", "tmp", "stdout", "stderr"}
        assert not container.root.exists() or list(container.root.iterdir()) == []

    def test_an_empty_id_is_an_error(self, container: Container) -> None:
        """'This operation MUST generate an error if it is not provided ... the container ID'"""
        container.id = ""
        container.fails("create")

    @pytest.mark.parametrize("name", ["a b", "a:b", "a*b"])
    def test_an_id_of_other_signs_is_an_error(self, container: Container, name: str) -> None:
        """runc: 'invalid id format' for all but [A-Za-z0-9_+.-]"""
        container.id = f"{container.id}{name}"
        container.fails("create")

    @pytest.mark.parametrize("name", ["A", "0", "a.b", "a_b", "a-b", "a+b"])
    def test_letters_digits_and_some_signs_are_valid_ids(self, container: Container, name: str) -> None:
        """runc: 'invalid id format' for all but [A-Za-z0-9_+.-]"""
        container.id = f"{container.id}{name}"
        assert container.create().state()["id"] == container.id

    def test_no_bundle_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'This operation MUST generate an error if it is not provided a path to the bundle'"""
        container.fails("create", "--bundle", str(bundle.path / "nowhere"))

    def test_a_bundle_without_config_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """bundle.md: 'This REQUIRED file MUST reside in the root of the bundle directory'"""
        container.fails("create", "--bundle", str(bundle.aside("empty")))

    def test_the_bundle_is_the_working_directory_by_default(self, container: Container, bundle: Bundle) -> None:
        """runc: '--bundle: path to the root of the bundle directory, defaults to the current directory'"""
        bundle.args("echo", "hello")
        assert container.call("run", cwd=bundle.path).checked().output == "hello"

    def test_the_root_may_be_an_absolute_path(self, container: Container, bundle: Bundle) -> None:
        """'On POSIX platforms, path is either an absolute path or a relative path to the bundle.'"""
        bundle.set("root.path", str(bundle.rootfs))
        assert container.output("cat /etc/group") == "root:x:0:"


class TestConfigAfterCreate:
    """'Any changes made to the config.json file after this operation will not have an effect on the container.'"""

    def test_changed_arguments_have_no_effect(self, container: Container, bundle: Bundle) -> None:
        bundle.args("echo", "before")
        container.create()
        bundle.args("echo", "after").write()
        container.start().wait()
        assert container.stdout == "before\n"

    def test_a_removed_config_has_no_effect(self, container: Container, bundle: Bundle) -> None:
        bundle.args("echo", "hello")
        container.create()
        (bundle.path / "config.json").unlink()
        container.start().wait()
        assert container.stdout == "hello\n"
        container.delete()

    def test_changed_annotations_have_no_effect(self, container: Container, bundle: Bundle) -> None:
        bundle.set("annotations", {"com.example.when": "before"})
        container.create()
        bundle.set("annotations", {"com.example.when": "after"}).write()
        assert container.state()["annotations"]["com.example.when"] == "before"

    def test_changed_hooks_have_no_effect(self, container: Container, bundle: Bundle) -> None:
        bundle.hook("poststop", f"cat > {bundle.path}/state; echo before > {bundle.path}/hook")
        container.create()
        bundle.drop("hooks").hook("poststop", f"cat > {bundle.path}/state; echo after > {bundle.path}/hook").write()
        container.delete("--force")
        assert (bundle.path / "hook").read_text() == "before\n"


class TestStart:
    def test_the_program_runs(self, container: Container, bundle: Bundle) -> None:
        """'This operation MUST run the user-specified program as specified by process.'"""
        bundle.args("echo", "hello")
        container.launch().wait()
        assert container.stdout == "hello\n"

    def test_the_container_is_running(self, container: Container) -> None:
        """'running: the container process has executed the user-specified program but has not exited'"""
        assert container.launch().status == "running"

    def test_the_process_stays_the_same(self, container: Container) -> None:
        """'pid ... is the ID of the container process': of the one that create made"""
        container.create()
        created = container.pid
        assert container.start().pid == created

    def test_starting_twice_is_an_error(self, container: Container) -> None:
        """'Attempting to start a container that is not created MUST have no effect on the container and MUST generate
        an error.'"""
        container.launch()
        before = container.state()
        container.fails("start")
        assert container.state() == before

    def test_starting_a_stopped_container_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'Attempting to start a container that is not created ... MUST generate an error.'"""
        bundle.args("true")
        container.launch().wait_until("stopped")
        container.fails("start")

    def test_starting_an_unknown_container_is_an_error(self, container: Container) -> None:
        """'Attempting to start a container that is not created ... MUST generate an error.'"""
        container.fails("start")

    def test_starting_a_container_whose_init_was_killed_is_an_error(self, container: Container) -> None:
        """'Attempting to start a container that is not created ... MUST generate an error.'"""
        os.kill(container.create().pid, signal.SIGKILL)
        container.wait_until("stopped")
        container.fails("start")

    def test_starting_without_a_process_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'This operation MUST generate an error if process was not set.' (runtimes may refuse to create already)"""
        bundle.drop("process")
        if container.call("create").status == 0:
            container.fails("start")

    def test_a_command_started_by_create_alone_survives_its_creator(self, container: Container) -> None:
        """'The entity using a runtime to create a container MUST be able to use the operations defined in this
        specification against that same container.' (a second process does)"""
        container.create()
        assert container.process.status("State") != "Z (zombie)"
        container.start().kill("KILL").wait_until("stopped")


class TestDelete:
    def test_a_stopped_container_is_gone(self, container: Container, bundle: Bundle) -> None:
        """'Deleting a container MUST delete the resources that were created during the create step.'"""
        bundle.args("true")
        container.launch().wait_until("stopped").delete()
        assert not container.exists

    def test_deleting_a_running_container_is_an_error(self, container: Container) -> None:
        """'Attempting to delete a container that is not stopped MUST have no effect on the container and MUST generate
        an error.'"""
        container.launch()
        before = container.state()
        container.fails("delete")
        assert container.state() == before

    def test_deleting_a_created_container_is_an_error(self, container: Container) -> None:
        """'Attempting to delete a container that is not stopped MUST have no effect on the container and MUST generate
        an error.'"""
        container.create()
        before = container.state()
        container.fails("delete")
        assert container.state() == before

    def test_deleting_an_unknown_container_is_an_error(self, container: Container) -> None:
        """'Attempting to delete a container that is not stopped ... MUST generate an error.'"""
        container.fails("delete")

    def test_deleting_twice_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'Attempting to delete a container that is not stopped ... MUST generate an error.'"""
        bundle.args("true")
        container.launch().wait_until("stopped").delete()
        container.fails("delete")

    def test_the_id_can_be_used_again(self, container: Container, bundle: Bundle) -> None:
        """'Once a container is deleted its ID MAY be used by a subsequent container.'"""
        bundle.args("true")
        container.launch().wait_until("stopped").delete()
        assert container.create().status == "created"

    def test_the_bundle_is_not_deleted(self, container: Container, bundle: Bundle) -> None:
        """'resources associated with the container, but not created by this container, MUST NOT be deleted'"""
        aside = bundle.aside("volume")
        bundle.bind(aside, "/volume").sh("echo kept > /volume/file")
        container.launch().wait()
        container.delete()
        assert (aside / "file").read_text() == "kept\n"
        assert json.loads((bundle.path / "config.json").read_text()) == bundle.config

    @pytest.mark.parametrize("moment", ["created", "running", "stopped"])
    def test_force_deletes_in_any_state(self, container: Container, moment: str) -> None:
        """runc: '--force: forcibly deletes the container if it is still running (uses SIGKILL)'"""
        container.create()
        if moment != "created":
            container.start()
        if moment == "stopped":
            container.kill().wait_until("stopped")
        container.delete("--force")
        assert not container.exists
        container.wait()

    def test_force_deletes_what_does_not_exist(self, container: Container) -> None:
        """podman, containerd: `delete --force` after the container is gone succeeds"""
        container.delete("--force")

    def test_force_ends_every_process_of_the_container(self, container: Container, bundle: Bundle) -> None:
        """'Deleting a container MUST delete the resources that were created during the create step.'"""
        bundle.without_namespace("pid").sh("sleep 1000 & sleep 1000 & echo ready; wait")
        container.launch().wait_for_output("ready").delete("--force")
        # the container fixture looks for processes left behind
