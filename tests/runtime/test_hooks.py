"""config.md, POSIX-platform Hooks: when each kind runs, where, and what it is given."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from .bundle import Bundle
from .container import Container, eventually
from .procfs import Process

KINDS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
IN_CONTAINER = {"createContainer", "startContainer"}
CREATING = ["prestart", "createRuntime", "createContainer"]
STATUS = {kind: {"creating", "created"} for kind in CREATING} | {
    "startContainer": {"created", "creating"},
    "poststart": {"running"},
    "poststop": {"stopped"},
}


@pytest.fixture
def shared(bundle: Bundle) -> Path:
    """A directory that hooks see by this very path, on the host and in the container."""
    directory = bundle.aside("shared")
    directory.chmod(0o777)
    bundle.bind(directory, str(directory))
    return directory


def written(path: Path) -> str:
    """What a hook wrote. (The text does not say that `start` waits for startContainer hooks.)"""
    eventually(path.exists, f"{path.name}, which the hook should write")
    return path.read_text()


def whole_life(container: Container) -> None:
    container.bundle.args("true")
    container.launch().wait()
    container.delete()


class TestOrder:
    def test_the_kinds(self, container: Container, bundle: Bundle, shared: Path) -> None:
        """runtime.md#lifecycle, steps 3 to 13"""
        for kind in reversed(KINDS):
            bundle.hook(kind, f"echo {kind} >> {shared}/order")
        whole_life(container)
        assert (shared / "order").read_text().split() == KINDS

    @pytest.mark.parametrize("kind", KINDS)
    def test_within_a_kind(self, container: Container, bundle: Bundle, shared: Path, kind: str) -> None:
        """'Hooks MUST be called in the listed order.'"""
        for number in range(5):
            bundle.hook(kind, f"echo {number} >> {shared}/order")
        whole_life(container)
        assert (shared / "order").read_text().split() == ["0", "1", "2", "3", "4"]

    @pytest.mark.parametrize("verb", ["create", "start", "delete"])
    def test_the_operation_that_calls_them(self, container: Container, bundle: Bundle, shared: Path, verb: str) -> None:
        """'called as part of the create operation'; 'as part of the start operation'; 'before the start operation
        returns'; 'before the delete operation returns'"""
        expected = {"create": KINDS[:3], "start": KINDS[3:5], "delete": KINDS[5:]}
        for kind in KINDS:
            bundle.hook(kind, f"echo {kind} >> {shared}/order")
        order = shared / "order"
        bundle.args("true")
        container.create()
        if verb != "create":
            order.unlink()
            container.start().wait()
        if verb == "delete":
            order.unlink()
            container.delete()
        assert order.read_text().split() == expected[verb]

    def test_start_container_runs_before_the_program(self, container: Container, bundle: Bundle) -> None:
        """'The startContainer hooks MUST be called before the user-specified process is executed'"""
        bundle.hook("startContainer", "echo hook > /order").sh("echo program >> /order")
        container.launch().wait()
        assert (bundle.rootfs / "order").read_text().split() == ["hook", "program"]

    def test_poststart_runs_after_the_program_was_started(self, container: Container, bundle: Bundle) -> None:
        """'The poststart hooks MUST be called after the user-specified process is executed'"""
        bundle.hook(
            "poststart", f"pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/'); cat /proc/$pid/cmdline > {bundle.path}/it"
        )
        container.launch()
        assert (bundle.path / "it").read_text() == "sleep\x001000\x00"

    def test_poststop_runs_when_the_container_is_gone(self, container: Container, bundle: Bundle) -> None:
        """'The poststop hooks MUST be called after the container is deleted'"""
        command = " ".join(container.runtime.command(container.root, "state", container.id))
        bundle.hook("poststop", f"{command} > /dev/null 2>&1; echo $? > {bundle.path}/status").args("true")
        container.launch().wait()
        container.delete()
        assert (bundle.path / "status").read_text() != "0\n"

    def test_all_of_them_in_a_run(self, container: Container, bundle: Bundle, shared: Path) -> None:
        """`run` is create, start and delete"""
        for kind in KINDS:
            bundle.hook(kind, f"echo {kind} >> {shared}/order")
        bundle.args("true")
        container.run().checked()
        assert (shared / "order").read_text().split() == KINDS

    def test_poststop_runs_for_a_container_deleted_by_force(self, container: Container, bundle: Bundle) -> None:
        """runtime.md#lifecycle, step 13"""
        bundle.hook("poststop", f"touch {bundle.path}/ran")
        container.launch().delete("--force")
        assert (bundle.path / "ran").exists()


@pytest.mark.parametrize("kind", ["createRuntime", "poststop"])
def test_no_descriptor_of_the_runtime_is_open(container: Container, bundle: Bundle, shared: Path, kind: str) -> None:
    """Also where the command has waited for the process meanwhile."""
    bundle.hook(kind, f"ls /proc/self/fd > {shared}/open").args("sleep", "0.4")
    container.run().checked()
    assert set((shared / "open").read_text().split()) <= {"0", "1", "2", "3"}  # the last is that of ls


class TestState:
    def states(self, container: Container, shared: Path, kind: str) -> dict[str, Any]:
        bundle = container.bundle.set("annotations", {"com.example.key": "value"})
        bundle.hook(kind, f"cat > {shared}/new && mv {shared}/new {shared}/state")
        container.launch()
        if kind == "poststop":
            container.kill().wait()
            container.delete()
        state: dict[str, Any] = json.loads(written(shared / "state"))
        return state

    @pytest.mark.parametrize("kind", KINDS)
    def test_its_fields(self, container: Container, bundle: Bundle, shared: Path, kind: str) -> None:
        """'The state of the container MUST be passed to hooks over stdin'"""
        state = self.states(container, shared, kind)
        assert state["ociVersion"].startswith("1.")
        assert (state["id"], state["bundle"]) == (container.id, str(bundle.path))
        assert state["annotations"]["com.example.key"] == "value"

    @pytest.mark.parametrize("kind", KINDS)
    def test_its_status(self, container: Container, shared: Path, kind: str) -> None:
        """runtime.md#state: 'creating ... created ... running ... stopped'"""
        assert self.states(container, shared, kind)["status"] in STATUS[kind]

    @pytest.mark.parametrize("kind", ["prestart", "createRuntime", "poststart"])
    def test_the_pid_in_the_runtime_namespace(self, container: Container, shared: Path, kind: str) -> None:
        """'For hooks executed in the runtime namespace, it is the pid as seen by the runtime.'"""
        assert self.states(container, shared, kind)["pid"] == container.pid

    @pytest.mark.parametrize("kind", sorted(IN_CONTAINER))
    def test_the_pid_in_the_container_namespace(self, container: Container, shared: Path, kind: str) -> None:
        """'For hooks executed in the container namespace, it is the pid as seen by the container.'"""
        assert self.states(container, shared, kind)["pid"] == 1

    def test_every_hook_of_a_kind_gets_it(self, container: Container, bundle: Bundle, shared: Path) -> None:
        """'The state of the container MUST be passed to hooks over stdin'"""
        for number in range(3):
            bundle.hook("createRuntime", f"cat > {shared}/{number}")
        container.create()
        assert {json.loads((shared / str(number)).read_text())["id"] for number in range(3)} == {container.id}

    def test_a_hook_that_does_not_read_it_is_fine(self, container: Container, bundle: Bundle) -> None:
        """'so that they may do work': may"""
        bundle.set("annotations", {"com.example.long": "x" * 200_000})
        bundle.add("hooks.createRuntime", {"path": "/bin/true"})
        container.create()


class TestNamespaces:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("namespace", ["mnt", "net", "uts", "ipc"])
    def test_each_runs_where_it_should(
        self, container: Container, bundle: Bundle, shared: Path, kind: str, namespace: str
    ) -> None:
        """The table of 'Summary': runtime, or container"""
        bundle.hook(kind, f"readlink /proc/self/ns/{namespace} > {shared}/new && mv {shared}/new {shared}/namespace")
        container.launch()
        its_own = container.process.namespace(namespace)
        if kind == "poststop":
            container.kill().wait()
            container.delete()
        found = written(shared / "namespace").strip()
        assert found == (its_own if kind in IN_CONTAINER else Process().namespace(namespace))

    def test_create_container_resolves_on_the_host(self, container: Container, bundle: Bundle) -> None:
        """'The createContainer hooks' path MUST resolve in the runtime namespace.'"""
        script = bundle.aside("hook", f"#!/bin/sh\ntouch {bundle.path}/ran\n")
        script.chmod(0o755)
        bundle.add("hooks.createContainer", {"path": str(script)})
        container.create()
        assert (bundle.path / "ran").exists()

    def test_create_container_sees_the_mounts(self, container: Container, bundle: Bundle) -> None:
        """'this would happen before the pivot_root operation is executed but after the mount namespace was created and
        setup'"""
        bundle.mount("/data", "tmpfs", "marker").hook(
            "createContainer", f"cat /proc/self/mountinfo > {bundle.path}/seen"
        )
        container.create()
        assert f"{bundle.rootfs}/data" in (bundle.path / "seen").read_text()

    def test_create_runtime_runs_before_pivot_root(self, container: Container, bundle: Bundle) -> None:
        """'but before the pivot_root or any equivalent operation has been executed': the init still sees the host's
        root"""
        bundle.hook(
            "createRuntime", f"pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/'); ls /proc/$pid/root/ > {bundle.path}/seen"
        )
        container.create()
        assert set((bundle.path / "seen").read_text().split()) == {n for n in os.listdir("/") if not n.startswith(".")}

    def test_start_container_resolves_in_the_container(self, container: Container, bundle: Bundle) -> None:
        """'The startContainer hooks' path MUST resolve in the container namespace.'"""
        bundle.file("opt/hook", "#!/bin/sh\ntouch /ran\n", mode=0o755)
        bundle.add("hooks.startContainer", {"path": "/opt/hook"})
        container.launch()
        eventually((bundle.rootfs / "ran").exists, "the hook")

    @pytest.mark.parametrize("kind", ["prestart", "createRuntime"])
    def test_the_network_can_be_prepared(self, container: Container, bundle: Bundle, kind: str) -> None:
        """'e.g. the network namespace could be specified in this hook'"""
        bundle.hook(kind, "pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/'); nsenter -t $pid -n ip link set lo up")
        container.create()
        assert "127.0.0.1" in Path(f"/proc/{container.pid}/net/fib_trie").read_text()


class TestWhatTheyAreGiven:
    @pytest.mark.parametrize("kind", KINDS)
    def test_arguments(self, container: Container, bundle: Bundle, shared: Path, kind: str) -> None:
        """'args (array of strings, OPTIONAL) with the same semantics as IEEE Std 1003.1-2008 execv's argv.'"""
        words = ["sh", "-c", f'printf "%s|" "$0" "$@" > {shared}/words', "zero", "a b", ""]
        bundle.add(f"hooks.{kind}", {"path": "/bin/sh", "args": words})
        whole_life(container)
        assert (shared / "words").read_text() == "zero|a b||"

    @pytest.mark.parametrize("kind", KINDS)
    def test_environment(
        self, container: Container, bundle: Bundle, shared: Path, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """'env (array of strings, OPTIONAL) with the same semantics as IEEE Std 1003.1-2008's environ.'"""
        monkeypatch.setenv("OF_THE_CALLER", "1")
        bundle.hook(kind, f"env > {shared}/environ", env=["ONE=1", "PATH=/bin:/usr/bin"])
        whole_life(container)
        names = {line.partition("=")[0] for line in (shared / "environ").read_text().splitlines()}
        assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {"ONE", "PATH"}  # a shell adds the others itself

    def test_no_arguments(self, container: Container, bundle: Bundle) -> None:
        """'args (array of strings, OPTIONAL)'"""
        script = bundle.aside("hook", f'#!/bin/sh\nprintf "%s|%s" "$0" "$#" > {bundle.path}/words\n')
        script.chmod(0o755)
        bundle.add("hooks.createRuntime", {"path": str(script)})
        container.create()
        assert (bundle.path / "words").read_text() == f"{script}|0"

    def test_a_hook_within_its_timeout_is_fine(self, container: Container, bundle: Bundle) -> None:
        """'timeout (int, OPTIONAL) is the number of seconds before aborting the hook.'"""
        bundle.hook("createRuntime", "sleep 0.1", timeout=10)
        container.create()

    @pytest.mark.parametrize("kind", ["createRuntime", "poststart"])
    def test_its_output_does_not_disturb_the_state_document(
        self, container: Container, bundle: Bundle, kind: str
    ) -> None:
        """Hooks may print; engines parse what the runtime prints."""
        bundle.hook(kind, "echo noise")
        assert container.launch().state()["id"] == container.id
