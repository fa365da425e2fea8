"""The annotations `run.oci.*`: crun's conventions, which podman and others use. What each one is for: docs/crun.md."""

from __future__ import annotations

import base64
import errno
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import cgroupfs, views
from .bundle import Bundle
from .container import Container
from .driver import Runtime

RETURN, ALLOW, ERRNO = 0x06, 0x7FFF0000, 0x00050000


@pytest.fixture(autouse=True)
def _knows_them(runtime: Runtime) -> None:
    if runtime.name == "runc":
        pytest.skip("runc knows no annotations run.oci.*")


def annotate(bundle: Bundle, name: str, value: str) -> Bundle:
    bundle.config.setdefault("annotations", {})[f"run.oci.{name}"] = value
    return bundle


def test_an_unknown_one_is_no_error(container: Container, bundle: Bundle) -> None:
    """config.md, Annotations: 'Implementations that are reading/processing this configuration file MUST NOT generate an
    error if they encounter an unknown annotation key.'"""
    annotate(bundle, "nobody_knows_this", "1")
    assert container.output("echo there") == "there"


class TestKeepOriginalGroups:
    """podman's `--group-add keep-groups`: the process keeps the groups of whoever calls the runtime."""

    @pytest.fixture(autouse=True)
    def _groups(self) -> Iterator[None]:
        before = os.getgroups()
        os.setgroups([0, 4321, 4322])
        yield
        os.setgroups(before)

    def test_the_process_keeps_them(self, container: Container, bundle: Bundle) -> None:
        annotate(bundle, "keep_original_groups", "1").user(33, 33)
        assert container.output("id -G") == "33 0 4321 4322"

    def test_so_does_exec(self, container: Container, bundle: Bundle) -> None:
        annotate(bundle, "keep_original_groups", "1").user(33, 33)
        container.launch()
        assert container.exec("id", "-G").checked().output == "33 0 4321 4322"

    def test_in_a_user_namespace_those_that_it_does_not_map_are_nobody_s(
        self, container: Container, bundle: Bundle
    ) -> None:
        annotate(bundle, "keep_original_groups", "1").user_namespace()
        assert container.output("grep ^Groups: /proc/self/status").split() == ["Groups:", *3 * ["65534"]]

    def test_without_it_they_are_dropped(self, container: Container, bundle: Bundle) -> None:
        bundle.user(33, 33)
        assert container.output("id -G") == "33"

    def test_0_means_no(self, container: Container, bundle: Bundle) -> None:
        annotate(bundle, "keep_original_groups", "0").user(33, 33)
        assert container.output("id -G") == "33"


class TestUnknownSystemCalls:
    """run.oci.seccomp_fail_unknown_syscall: a name that libseccomp does not know is an error, and not left out."""

    @pytest.fixture(autouse=True)
    def _profile(self, bundle: Bundle) -> None:
        rule = {"names": ["mkdir", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EXDEV}
        bundle.set("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]})

    def test_it_is_left_out(self, container: Container) -> None:
        assert container.output("echo there") == "there"

    def test_with_the_annotation_it_is_an_error(self, container: Container, bundle: Bundle) -> None:
        annotate(bundle, "seccomp_fail_unknown_syscall", "1")
        assert "no_such_call" in container.fails("create").stderr
        assert not container.exists

    def test_also_when_the_filter_was_made_before(self, container: Container, bundle: Bundle) -> None:
        container.output("true")
        annotate(bundle, "seccomp_fail_unknown_syscall", "1")
        assert "no_such_call" in container.fails("create").stderr

    def test_0_means_no(self, container: Container, bundle: Bundle) -> None:
        annotate(bundle, "seccomp_fail_unknown_syscall", "0")
        assert container.output("echo there") == "there"

    def test_a_profile_of_known_calls_is_none(self, container: Container, bundle: Bundle) -> None:
        annotate(bundle, "seccomp_fail_unknown_syscall", "1").set("linux.seccomp.syscalls.0.names", ["mkdir"])
        assert container.output("echo there") == "there"


def program(*instructions: tuple[int, int, int, int]) -> str:
    """BPF instructions in base64."""
    return base64.b64encode(b"".join(struct.pack("=HBBI", *one) for one in instructions)).decode()


ALLOWS = program((RETURN, 0, 0, ALLOW))
LOAD_NUMBER, JUMP_EQUAL = 0x20, 0x15
MKDIR = {"x86_64": 83, "aarch64": 34}[os.uname().machine]  # on aarch64 mkdirat
FORBIDS = program(
    (LOAD_NUMBER, 0, 0, 0), (JUMP_EQUAL, 0, 1, MKDIR), (RETURN, 0, 0, ERRNO | errno.EXDEV), (RETURN, 0, 0, ALLOW)
)


class TestRawFilter:
    """run.oci.seccomp_bpf_data: the filter itself, as base64 of what seccomp(2) takes."""

    def test_it_is_loaded(self, container: Container, bundle: Bundle) -> None:
        annotate(bundle, "seccomp_bpf_data", ALLOWS)
        assert container.output("grep ^Seccomp: /proc/self/status").split() == ["Seccomp:", "2"]

    def test_it_decides(self, container: Container, bundle: Bundle) -> None:
        annotate(bundle, "seccomp_bpf_data", FORBIDS)
        assert "cross-device" in container.output("mkdir /made 2>&1 || true")

    def test_it_replaces_the_profile(self, container: Container, bundle: Bundle) -> None:
        rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}
        bundle.set("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]})
        annotate(bundle, "seccomp_bpf_data", ALLOWS)
        assert container.output("mkdir /made && echo made") == "made"

    def test_without_new_privileges(self, container: Container, bundle: Bundle) -> None:
        annotate(bundle, "seccomp_bpf_data", FORBIDS).user(33, 33).set("process.noNewPrivileges", True)
        assert container.output("grep ^Seccomp: /proc/self/status").split() == ["Seccomp:", "2"]

    def test_exec_gets_it_too(self, container: Container, bundle: Bundle, runtime: Runtime) -> None:
        annotate(bundle, "seccomp_bpf_data", FORBIDS)
        container.launch()
        assert container.exec("grep", "^Seccomp:", "/proc/self/status").checked().output.split() == ["Seccomp:", "2"]

    @pytest.mark.parametrize(
        "text", ["", "????", "AAAA", base64.b64encode(bytes(12)).decode(), program((0xFFFF, 0, 0, 0))]
    )
    def test_what_is_no_filter_is_an_error(self, container: Container, bundle: Bundle, text: str) -> None:
        annotate(bundle, "seccomp_bpf_data", text)
        container.fails("run")
        assert not container.exists


class TestHandler:
    """run.oci.handler: not a process of this kernel, but a virtual machine (krun), a module of WebAssembly (wasm)."""

    @pytest.mark.parametrize("name", ["krun", "wasm", "nosuch"])
    def test_one_that_the_runtime_lacks_is_an_error(self, container: Container, bundle: Bundle, name: str) -> None:
        """What asks for another kind of isolation must not run without it."""
        annotate(bundle, "handler", name)
        assert "run.oci.handler" in container.fails("create").stderr
        assert not container.exists


class TestPidfdReceiver:
    """run.oci.pidfd_receiver: a socket that gets a pidfd of the container's process."""

    def test_it_is_sent(self, container: Container, bundle: Bundle) -> None:
        path = container.directory / "receiver"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(path))
            listener.listen()
            listener.settimeout(10)
            annotate(bundle, "pidfd_receiver", str(path))
            container.create()
            connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            _, descriptors, _, _ = socket.recv_fds(connection, 100, 2)
        fields = Path(f"/proc/self/fdinfo/{descriptors[0]}").read_text()
        os.close(descriptors[0])
        assert f"Pid:\t{container.pid}\n" in fields

    def test_nobody_listens(self, container: Container, bundle: Bundle) -> None:
        path = f"{container.directory}/nobody"
        annotate(bundle, "pidfd_receiver", path)
        assert path in container.fails("create").stderr
        assert not container.exists


READ = "cat > /dev/null"  # a hook that does not read the state can end crun with SIGPIPE


class TestHooks:
    """run.oci.hooks.stdout and stderr: files that what hooks write is appended to."""

    KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")

    def test_of_all_kinds(self, container: Container, bundle: Bundle) -> None:
        for kind in self.KINDS:
            bundle.hook(kind, f"{READ}; echo {kind} out; echo {kind} err >&2")
        annotate(bundle, "hooks.stdout", str(bundle.path / "out"))
        annotate(bundle, "hooks.stderr", str(bundle.path / "err"))
        bundle.args("true")
        container.run().checked()
        for stream in ("out", "err"):  # in any order: crun does not wait for startContainer hooks
            lines = (bundle.path / stream).read_text().splitlines()
            assert sorted(lines) == sorted(f"{kind} {stream}" for kind in self.KINDS)

    def test_what_was_in_the_file_stays(self, container: Container, bundle: Bundle) -> None:
        file = bundle.aside("out", "before\n")
        annotate(bundle.hook("prestart", f"{READ}; echo after"), "hooks.stdout", str(file))
        container.create()
        assert file.read_text() == "before\nafter\n"

    def test_a_relative_path_begins_at_the_bundle(self, container: Container, bundle: Bundle) -> None:
        annotate(bundle.hook("prestart", f"{READ}; echo said"), "hooks.stdout", "out")
        container.create()
        assert (bundle.path / "out").read_text() == "said\n"

    def test_the_file_stays_the_caller_s(self, container: Container, bundle: Bundle) -> None:
        """The user of a container must not get a file of the host."""
        annotate(bundle.hook("startContainer", f"{READ}; echo said"), "hooks.stdout", "out").user(33, 33)
        container.launch()
        assert (bundle.path / "out").read_text() == "said\n"
        assert (bundle.path / "out").stat().st_uid == 0

    def test_a_file_that_cannot_be_opened_is_an_error(self, container: Container, bundle: Bundle) -> None:
        annotate(bundle.hook("prestart", f"{READ}; echo said"), "hooks.stdout", "/nowhere/out")
        assert "/nowhere/out" in container.fails("create").stderr
        assert not container.exists


class TestDelegatedCgroup:
    """run.oci.delegate-cgroup: the process is in a cgroup below the container's, which the container manages itself."""

    @pytest.fixture
    def delegated(self, container: Container, bundle: Bundle) -> Container:
        if not views.is_pure_v2():
            pytest.skip("this view of the cgroups is not pure v2: --cgroup-view=v2")
        annotate(bundle, "delegate-cgroup", "payload").namespace("cgroup")
        return container

    def test_the_process_is_below_the_root_of_its_cgroup_namespace(self, delegated: Container) -> None:
        assert delegated.output("grep ^0: /proc/self/cgroup") == "0::/payload"

    def test_it_belongs_to_the_container_s_root(self, delegated: Container, bundle: Bundle) -> None:
        bundle.user_namespace(100000)
        directory = cgroupfs.directory(delegated.launch().process, "")
        assert directory.name == "payload"
        assert {directory.stat().st_uid, (directory / "cgroup.procs").stat().st_uid} == {100000}
        assert directory.parent.stat().st_uid == 0

    def test_limits_are_those_of_the_container_s(self, delegated: Container, bundle: Bundle) -> None:
        if "pids" not in views.controllers():
            pytest.skip("this view of the cgroups has no pids controller")
        bundle.set("linux.resources.pids", {"limit": 50})
        directory = cgroupfs.directory(delegated.launch().process, "")
        assert (directory.parent / "pids.max").read_text() == "50\n"

    def test_its_whole_life(self, delegated: Container) -> None:
        delegated.launch()
        assert delegated.exec("echo", "there").checked().output == "there"
        delegated.call("pause").checked()
        assert delegated.status == "paused"
        delegated.call("resume").checked()
        delegated.kill().wait()
        delegated.wait_until("stopped").delete()
        assert not delegated.exists

    def test_on_v1_it_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """config-linux.md: 'Cgroup delegation is not secure in cgroups v1.'"""
        if views.is_pure_v2():
            pytest.skip("this view of the cgroups is pure v2: --cgroup-view=v1")
        annotate(bundle, "delegate-cgroup", "payload")
        assert "delegate-cgroup" in container.fails("create").stderr
        assert not container.exists
