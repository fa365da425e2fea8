"""config-linux.md, Seccomp: system calls that an agent decides (SCMP_ACT_NOTIFY)."""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .bundle import Bundle
from .container import Container, eventually
from .driver import Result
from .seccomp_agent import Agent, Answer, Call, fail_with, go_on

MKDIR = ["mkdir", "mkdirat"]
MKDIR_NUMBERS = {83, 258} if os.uname().machine == "x86_64" else {34}
EXECVE_NUMBER = 59 if os.uname().machine == "x86_64" else 221
METADATA = "MKNOD=/dev/null,/dev/net/tun;BPF_MAP_TYPES=hash,array"

MakeAgent = Callable[..., Agent]


@pytest.fixture
def make_agent(container: Container) -> Iterator[MakeAgent]:
    made: list[Agent] = []

    def make(name: str = "agent.sock", decide: Callable[[Call], Answer | None] = go_on) -> Agent:
        made.append(Agent(container.directory / name, decide))
        return made[-1]

    yield make
    container.clean_up()  # before the last who could answer has gone
    for agent in made:
        agent.close()


@pytest.fixture
def agent(make_agent: MakeAgent) -> Agent:
    return make_agent()


def notify(bundle: Bundle, agent: Agent | Path | None, names: list[str] = MKDIR, **more: Any) -> Bundle:
    """A filter that allows everything, and asks the agent about these."""
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": names, "action": "SCMP_ACT_NOTIFY"}],
        **({} if agent is None else {"listenerPath": str(getattr(agent, "path", agent))}),
        **more,
    }
    return bundle.set("linux.seccomp", profile)


class Console:
    """Where a terminal goes."""

    def __init__(self, container: Container) -> None:
        path = container.directory / "console.sock"
        self.option = f"--console-socket={path}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(10)

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def read_until(self, word: bytes) -> bytes:
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(10)
            (terminal,) = socket.recv_fds(connection, 100, 1)[1]
        with open(terminal, "rb", buffering=0) as stream:
            shown = b""
            while word not in shown:
                assert select.select([stream], [], [], 10)[0], shown
                shown += stream.read(1000)
        return shown


class TestAnswers:
    """'specifies the path of UNIX domain socket over which the runtime will send the container process state data
    structure when the SCMP_ACT_NOTIFY action is used.'"""

    def test_an_error(self, container: Container, bundle: Bundle, make_agent: MakeAgent) -> None:
        notify(bundle, make_agent(decide=fail_with(errno.EXDEV))).args("mkdir", "/made")
        assert "Invalid cross-device link" in container.run().stderr
        assert not (bundle.rootfs / "made").exists()

    def test_success_of_a_call_that_is_not_made(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        agent.decide = lambda _: Answer(value=0)
        notify(bundle, agent).args("mkdir", "/made")
        container.run().checked()
        assert not (bundle.rootfs / "made").exists()
        assert {call.number for call in agent.calls} <= MKDIR_NUMBERS

    def test_a_value(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        agent.decide = lambda _: Answer(value=4242)
        notify(bundle, agent, ["getppid"])
        assert container.output("echo $PPID") == "4242"

    def test_the_call_goes_on(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        """SECCOMP_USER_NOTIF_FLAG_CONTINUE"""
        notify(bundle, agent).args("mkdir", "/made")
        container.run().checked()
        assert (bundle.rootfs / "made").is_dir()
        assert len(agent.calls) == 1

    def test_of_a_created_container(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        notify(bundle, agent).sh("mkdir /made; exec sleep 1000")
        container.launch()
        eventually((bundle.rootfs / "made").is_dir)
        assert agent.wait_for_call().pid == container.pid or len(agent.calls) == 1

    @pytest.mark.parametrize("flag", ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"])
    def test_with_a_flag(self, container: Container, bundle: Bundle, make_agent: MakeAgent, flag: str) -> None:
        """'flags (array of strings, OPTIONAL) - list of flags to use with seccomp(2).'"""
        if not container.runtime.admits("linux", "seccomp", "supportedFlags", flag):
            pytest.skip(f"no {flag}")
        notify(bundle, make_agent(decide=fail_with(errno.EXDEV)), flags=[flag]).args("mkdir", "/made")
        assert "Invalid cross-device link" in container.run().stderr

    def test_comparisons(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        """'args - the specific syscall in seccomp.'"""
        agent.decide = fail_with(errno.EXDEV)
        notify(bundle, agent)
        bundle.set("linux.seccomp.syscalls.0.names", ["unshare"])
        bundle.set("linux.seccomp.syscalls.0.args", [{"index": 0, "value": 0x4000000, "op": "SCMP_CMP_EQ"}])
        container.output("unshare -u true 2>/tmp/uts; unshare -i true 2>/tmp/ipc; true")
        assert "cross-device" in (bundle.rootfs / "tmp/uts").read_text()
        assert "cross-device" not in (bundle.rootfs / "tmp/ipc").read_text()


class TestTheProcess:
    """Whatever it may do, its filter is loaded, and in the kernel's order."""

    @pytest.mark.parametrize("no_new_privileges", [True, False])
    @pytest.mark.parametrize("capabilities", [(), ("CAP_KILL",)], ids=["none", "kill"])
    @pytest.mark.parametrize("uid", [0, 1000])
    def test_of_any_rights(
        self,
        container: Container,
        bundle: Bundle,
        make_agent: MakeAgent,
        no_new_privileges: bool,
        capabilities: tuple[str, ...],
        uid: int,
    ) -> None:
        notify(bundle, make_agent(decide=fail_with(errno.EXDEV))).user(uid, uid).capabilities(*capabilities)
        bundle.set("process.noNewPrivileges", no_new_privileges)
        bundle.sh("mkdir /tmp/made 2>&1; grep -E 'NoNewPrivs|CapEff|^Seccomp:' /proc/self/status")
        message, *fields = container.run().checked().output.splitlines()
        assert "Invalid cross-device link" in message
        found = dict(line.split(":\t") for line in fields)
        effective = 0 if uid else (1 << 5 if capabilities else 0)
        assert (int(found["CapEff"], 16), found["NoNewPrivs"]) == (effective, str(int(no_new_privileges)))
        assert found["Seccomp"] == "2"

    def test_in_a_user_namespace(self, container: Container, bundle: Bundle, make_agent: MakeAgent) -> None:
        notify(bundle, make_agent(decide=fail_with(errno.EXDEV))).args("mkdir", "/made").user_namespace()
        assert "Invalid cross-device link" in container.run().stderr

    def test_in_the_pid_namespace_of_another(self, container: Container, bundle: Bundle, make_agent: MakeAgent) -> None:
        """'pid (int, REQUIRED) is the container process ID, as seen by the runtime.'"""
        agent = make_agent(decide=fail_with(errno.EXDEV))
        notify(bundle, agent).sh("mkdir /made; exec sleep 1000").namespace("pid", f"/proc/{os.getpid()}/ns/pid")
        container.launch()
        assert agent.message()["pid"] == container.pid

    def test_in_a_time_namespace(self, container: Container, bundle: Bundle, make_agent: MakeAgent) -> None:
        if not container.runtime.admits("linux", "namespaces", "time"):
            pytest.skip("no time namespaces")
        notify(bundle, make_agent(decide=fail_with(errno.EXDEV))).args("mkdir", "/made").namespace("time")
        bundle.set("linux.timeOffsets", {"boottime": {"secs": 1000}})
        assert "Invalid cross-device link" in container.run().stderr

    def test_no_descriptor_of_it_is_left(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        """The container must not decide its own system calls."""
        notify(bundle, agent)
        script = "mkdir /made; exec ls -l /proc/self/fd"
        shown = container.output(script)
        assert "seccomp" not in shown
        assert {line.split()[8] for line in shown.splitlines() if "->" in line} <= {"0", "1", "2", "3"}

    def test_exec_leaves_no_descriptor(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        notify(bundle, agent)
        container.launch()
        shown = container.exec("ls", "-l", "/proc/self/fd").checked().output
        assert "seccomp" not in shown
        assert {line.split()[8] for line in shown.splitlines() if "->" in line} <= {"0", "1", "2", "3"}

    def test_it_is_the_only_thread_and_has_no_child(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        notify(bundle, agent)
        container.launch()
        assert os.listdir(f"/proc/{container.pid}/task") == [str(container.pid)]
        assert Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text() == ""

    def test_a_terminal(self, container: Container, bundle: Bundle, make_agent: MakeAgent) -> None:
        """config.md: 'terminal (bool, OPTIONAL) specifies whether a terminal is attached to the process'"""
        agent = make_agent(decide=fail_with(errno.EXDEV))
        notify(bundle, agent).sh("mkdir /made; tty; sleep 1000").set("process.terminal", True)
        with Console(container) as console:
            container.create(console.option).start()
            assert b"Invalid cross-device link" in console.read_until(b"/dev/")


class TestAnySystemCall:
    """'names (array of strings, REQUIRED) - the names of the syscalls.' None is said to be an exception."""

    @pytest.mark.parametrize("no_new_privileges", [True, False])
    @pytest.mark.parametrize("name", ["write", "read", "sendmsg", "close", "execve", "capset", "futex", "sched_yield"])
    @pytest.mark.parametrize("verb", ["run", "exec"])
    def test_it_is_decided_by_the_agent(
        self, container: Container, bundle: Bundle, agent: Agent, name: str, no_new_privileges: bool, verb: str
    ) -> None:
        notify(bundle, agent, [name]).set("process.noNewPrivileges", no_new_privileges)
        assert _hello(container, verb).checked().output == "hello"

    @pytest.mark.parametrize("verb", ["run", "exec"])
    def test_all_of_them(self, container: Container, bundle: Bundle, agent: Agent, verb: str) -> None:
        """'defaultAction - the default action for seccomp. Allowed values are the same as syscalls[].action.'"""
        notify(bundle, agent, defaultAction="SCMP_ACT_NOTIFY", syscalls=[])
        assert _hello(container, verb).checked().output == "hello"
        assert EXECVE_NUMBER in {call.number for call in agent.calls}

    def test_a_filter_that_denies_what_the_runtime_would_need_to_hand_it_over(
        self, container: Container, bundle: Bundle, make_agent: MakeAgent
    ) -> None:
        """'action (string, REQUIRED) - the action for seccomp rules.'"""
        notify(bundle, make_agent(decide=fail_with(errno.EXDEV))).args("mkdir", "/made")
        names = ["sendmsg", "recvmsg", "read", "futex", "close", "sched_yield"]
        bundle.add("linux.seccomp.syscalls", {"names": names, "action": "SCMP_ACT_ERRNO"})
        assert "Invalid cross-device link" in container.run().stderr

    def test_execve_is_denied_by_the_agent(self, container: Container, bundle: Bundle, make_agent: MakeAgent) -> None:
        """runtime.md: 'If any error occurs ... the runtime MUST generate an error'"""
        agent = make_agent(decide=lambda c: Answer(error=-errno.EACCES) if c.number == EXECVE_NUMBER else go_on(c))
        notify(bundle, agent, ["execve"]).args("true")
        result = container.run()
        assert result.status != 0
        assert "permission denied" in result.stderr.lower()


def _hello(container: Container, verb: str) -> Result:
    if verb == "run":
        container.bundle.args("echo", "hello")
        return container.run()
    container.launch()
    return container.exec("echo", "hello")


class TestTheContainerProcessState:
    """'The container runtime MUST send the container process state over the UNIX socket as regular payload serialized
    in JSON and file descriptors MUST be sent using SCM_RIGHTS.'"""

    def test_of_a_container(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        """'state (state, REQUIRED) is the state of the container.' 'metadata (string, OPTIONAL) opaque metadata.'

        The status is 'creating' in the text's example; by runtime.md#state it may be 'created' as well: 'the runtime
        has finished the create operation ... and the container process has neither exited nor executed the
        user-specified program'.
        """
        notify(bundle, agent, listenerMetadata=METADATA).set("annotations", {"myKey": "myValue"})
        container.launch()
        message = agent.message()
        state = message.pop("state")
        assert state.pop("status") in {"creating", "created"}
        assert (state.pop("ociVersion"), message.pop("ociVersion")) == (container.state()["ociVersion"],) * 2
        assert state == {
            "id": container.id,
            "pid": container.pid,
            "bundle": str(bundle.path),
            "annotations": {"myKey": "myValue"},
        }
        assert message == {
            "fds": ["seccompFd"],
            "pid": container.pid,
            "metadata": METADATA,
            "descriptors received": 1,
        }
        assert agent.nothing_more()

    def test_of_run(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        """'The runtime MUST send exactly one container process state per connection.'"""
        notify(bundle, agent)
        container.call("run", "--detach").checked()
        message = agent.message()
        assert message["state"]["pid"] == message["pid"] == container.pid
        assert message["state"]["status"] in {"creating", "created"}
        assert not message.get("metadata")
        assert agent.nothing_more()

    def test_of_exec(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        """'pid (int, REQUIRED) is the container process ID, as seen by the runtime.'"""
        notify(bundle, agent, listenerMetadata=METADATA)
        container.launch()
        agent.message()
        pid = container.exec_in_background("sleep", "1000")
        message = agent.message()
        assert message["fds"] == ["seccompFd"]
        assert message["descriptors received"] == 1
        assert message["metadata"] == METADATA
        assert message["pid"] == pid != container.pid
        assert (message["state"]["pid"], message["state"]["status"]) == (container.pid, "running")

    def test_of_exec_in_a_created_container(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        notify(bundle, agent)
        container.create()
        pid = container.exec_in_background("sleep", "1000")
        assert (
            eventually(lambda: (message := agent.message())["pid"] == pid and message)["state"]["status"] == "created"
        )

    def test_the_connection_is_closed(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        """'The connection MUST NOT be reused and it MUST be closed after sending a seccomp state.'"""
        notify(bundle, agent).args("mkdir", "/made")
        agent.decide = lambda call: go_on(call) if agent.was_closed.wait(5) else Answer(error=-errno.ETIMEDOUT)
        container.run().checked()

    def test_one_of_any_size(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        """'The container runtime MAY use several sendmsg(2) calls to send the aforementioned data.'"""
        annotations = {f"key{number}": "x" * 1000 for number in range(500)}
        notify(bundle, agent).set("annotations", annotations)
        container.call("run", "--detach").checked()
        message = agent.message()
        assert message["state"]["annotations"] == annotations
        assert message["descriptors received"] == 1

    def test_a_socket_of_a_long_path(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        """'specifies the path of UNIX domain socket'; an address of a socket holds 107 bytes, a path more"""
        directory = container.directory / ("d" * 100) / ("e" * 100)
        directory.parent.mkdir()
        directory.symlink_to(container.directory)
        notify(bundle, directory / agent.path.name).args("mkdir", "/made")
        container.run().checked()
        assert len(agent.calls) == 1


class TestExec:
    @pytest.fixture
    def running(self, container: Container, bundle: Bundle, make_agent: MakeAgent) -> Container:
        notify(bundle, make_agent(decide=fail_with(errno.EXDEV)))
        return container.launch()

    def test_a_further_process(self, running: Container) -> None:
        assert "Invalid cross-device link" in running.exec("mkdir", "/made").stderr

    def test_a_process_of_a_file(self, running: Container) -> None:
        process = {"args": ["mkdir", "/made"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 5, "gid": 5}}
        path = running.directory / "process.json"
        path.write_text(json.dumps(process))
        assert "Invalid cross-device link" in running.exec(f"--process={path}", "--").stderr

    def test_many_at_once(self, running: Container) -> None:
        """'The connection MUST NOT be reused'"""
        command = running.runtime.command(running.root, "exec", running.id, "mkdir", "/made")
        commands = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(8)]
        assert all("Invalid cross-device link" in process.communicate(timeout=20)[1] for process in commands)

    def test_in_a_user_namespace(self, container: Container, bundle: Bundle, make_agent: MakeAgent) -> None:
        notify(bundle, make_agent(decide=fail_with(errno.EXDEV))).user_namespace()
        container.launch()
        assert "Invalid cross-device link" in container.exec("mkdir", "/made").stderr

    def test_a_terminal(self, running: Container) -> None:
        with Console(running) as console:
            running.exec_in_background("sh", "-c", "mkdir /made; tty", options=("--tty", console.option))
            assert b"Invalid cross-device link" in console.read_until(b"/dev/")


class TestHooks:
    def test_start_container(self, container: Container, bundle: Bundle, make_agent: MakeAgent) -> None:
        """config.md: 'startContainer: ... MUST be executed in the container namespace'"""
        agent = make_agent(decide=fail_with(errno.EXDEV))
        notify(bundle, agent).hook("startContainer", "mkdir /by-hook; true").args("mkdir", "/made")
        assert "Invalid cross-device link" in container.run().stderr
        assert not (bundle.rootfs / "by-hook").exists()


class TestNobodyListens:
    """'If sending to this socket fails, the runtime MUST generate an error.'"""

    def test_there_is_no_socket(self, container: Container, bundle: Bundle) -> None:
        notify(bundle, container.directory / "nobody.sock")
        for verb in ("create", "run"):
            assert "nobody.sock" in container.fails(verb).stderr
            assert not container.exists

    def test_run(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        agent.close()
        notify(bundle, agent)
        assert "refused" in container.fails("run").stderr
        assert not container.exists

    def test_create_and_start(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        """The one or the other"""
        agent.close()
        notify(bundle, agent)
        if container.call("create").status == 0:
            assert "refused" in container.fails("start").stderr

    def test_exec(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        notify(bundle, agent)
        container.launch()
        agent.close()
        assert "refused" in container.exec("true").stderr
        assert container.status == "running"

    def test_it_is_no_socket(self, container: Container, bundle: Bundle) -> None:
        notify(bundle, bundle.aside("file", ""))
        container.fails("create")
        assert not container.exists

    def test_no_path(self, container: Container, bundle: Bundle) -> None:
        notify(bundle, None)
        assert "listenerPath" in container.fails("create").stderr
        assert not container.exists

    def test_no_action_needs_it(self, container: Container, bundle: Bundle) -> None:
        """'If the SCMP_ACT_NOTIFY action is not used this value is ignored.'"""
        notify(bundle, container.directory / "nobody.sock")
        bundle.set("linux.seccomp.syscalls.0.action", "SCMP_ACT_ALLOW")
        assert container.output("echo hello") == "hello"


class TestAnAgentThatDies:
    def test_the_call_is_enosys(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        """seccomp_unotify(2): without anybody who has the descriptor, the call fails with ENOSYS"""
        agent.keeps = False
        notify(bundle, agent).args("mkdir", "/made")
        assert "Function not implemented" in container.run().stderr

    def test_nothing_hangs(self, container: Container, bundle: Bundle, agent: Agent) -> None:
        notify(bundle, agent)
        container.launch()
        agent.close()
        assert container.exec("true").status != 0
        assert container.kill().wait() == -9
        container.delete()

    def test_while_a_call_waits(self, container: Container, bundle: Bundle, make_agent: MakeAgent) -> None:
        agent = make_agent(decide=lambda _: None)
        notify(bundle, agent).sh("mkdir /made 2>&1; exec sleep 1000")
        container.launch()
        agent.wait_for_call()
        agent.close()
        container.wait_for_output("Function not implemented")


class TestAnAgentThatNeverAnswers:
    @pytest.fixture
    def silent(self, make_agent: MakeAgent) -> Agent:
        return make_agent(decide=lambda _: None)

    def test_kill(self, container: Container, bundle: Bundle, silent: Agent) -> None:
        notify(bundle, silent).args("mkdir", "/made")
        container.create()
        container.call("start").checked()
        silent.wait_for_call()
        assert container.status == "running"
        assert container.kill().wait() == -9
        container.delete()

    def test_delete(self, container: Container, bundle: Bundle, silent: Agent) -> None:
        notify(bundle, silent).args("mkdir", "/made")
        container.create()
        container.call("start").checked()
        silent.wait_for_call()
        container.exec("true").checked()
        container.delete("--force")

    def test_a_further_process_that_waits(self, container: Container, bundle: Bundle, silent: Agent) -> None:
        notify(bundle, silent)
        container.launch()
        command = container.runtime.command(container.root, "exec", container.id, "mkdir", "/made")
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            silent.wait_for_call()
            container.exec("true").checked()
            container.delete("--force")
            process.wait(20)

    @pytest.mark.parametrize("verb", ["start", "run", "exec"])
    @pytest.mark.parametrize("pid_namespace", [True, False])
    def test_a_program_that_does_not_begin(
        self, container: Container, bundle: Bundle, make_agent: MakeAgent, verb: str, pid_namespace: bool
    ) -> None:
        """'delete': whatever holds its lock meanwhile, a container can be removed by force"""
        agent = make_agent()
        notify(bundle, agent, ["execve"])
        if not pid_namespace:
            bundle.without_namespace("pid")
        if verb == "exec":
            container.launch()
            agent.calls.clear()
        agent.decide = lambda _: None
        process: subprocess.Popen[Any]
        if verb == "run":
            process = container.run_in_background()
        else:
            if verb == "start":
                container.create()
            words = [container.id, *(["true"] if verb == "exec" else [])]
            command = container.runtime.command(container.root, verb, *words)
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: agent.calls, "the agent is asked for the program")
        removed = container.call("delete", "--force")
        process.wait(20)
        assert verb == "run" or removed.status == 0  # `run` deletes what has ended, too: it may be quicker
        assert not container.exists


class TestCrunsWays:
    """crun(1): 'run.oci.seccomp.receiver=PATH: ... the seccomp listener is sent to the UNIX socket listening on the
    specified path. It can also set with the RUN_OCI_SECCOMP_RECEIVER environment variable. ... It must be an absolute
    path.'"""

    @pytest.fixture(autouse=True)
    def _knows_them(self, container: Container) -> None:
        if container.runtime.name == "runc":
            pytest.skip("not runc's")

    def who_is_asked(
        self, container: Container, make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch, *places: str
    ) -> list[str]:
        agents = {place: make_agent(place, fail_with(errno.EXDEV)) for place in places}
        bundle = notify(container.bundle, agents.get("listenerPath")).args("mkdir", "/made")
        if "annotation" in agents:
            bundle.set("annotations", {"run.oci.seccomp.receiver": str(agents["annotation"].path)})
        if "variable" in agents:
            monkeypatch.setenv("RUN_OCI_SECCOMP_RECEIVER", str(agents["variable"].path))
        assert "Invalid cross-device link" in container.run().stderr
        return [place for place, agent in agents.items() if agent.calls]

    @pytest.mark.parametrize(
        "places",
        [("variable",), ("annotation",), ("annotation", "variable"), ("listenerPath", "annotation", "variable")],
        ids="-".join,
    )
    def test_the_first_of_them_counts(
        self, container: Container, make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch, places: tuple[str, ...]
    ) -> None:
        assert self.who_is_asked(container, make_agent, monkeypatch, *places) == [places[0]]

    def test_a_relative_path(self, container: Container, bundle: Bundle) -> None:
        notify(bundle, None).set("annotations", {"run.oci.seccomp.receiver": "agent.sock"})
        container.fails("create")
        assert not container.exists


class TestRootless:
    """The runtime as an ordinary user, who owns the namespaces of the container, and nothing else."""

    UID = 1000

    @pytest.fixture(autouse=True)
    def _is_possible_here(self) -> None:
        probe = subprocess.run([*self.as_user(), "unshare", "-Ur", "true"], capture_output=True, text=True)
        if probe.returncode != 0:
            pytest.skip(f"no user namespaces for users: {probe.stderr}")

    def as_user(self) -> list[str]:
        """With one right more, which access(2) respects: a developer's interpreter may be in root's home."""
        right = "+dac_read_search"
        readable = (f"--inh-caps={right}", f"--ambient-caps={right}", "--securebits=+no_setuid_fixup")
        return ["setpriv", f"--reuid={self.UID}", f"--regid={self.UID}", "--clear-groups", *readable]

    def arrange(self, container: Container, agent: Agent) -> None:
        bundle = notify(container.bundle, agent).without_mount("/sys/fs/cgroup")
        bundle.config["linux"].pop("resources", None)
        mapping = {"containerID": 0, "hostID": self.UID, "size": 1}
        bundle.set("linux.uidMappings", [mapping]).set("linux.gidMappings", [mapping]).namespace("user")
        for mount in bundle.config["mounts"]:
            mount["options"] = [option for option in mount.get("options", []) if option != "gid=5"]
        bundle.write()
        for path in (container.directory, *container.directory.rglob("*")):
            if path.name != "busybox":  # one inode for all bundles
                os.lchown(path, self.UID, self.UID)

    def call(self, container: Container, *words: str) -> Result:
        environment = {"XDG_RUNTIME_DIR": str(container.directory), "HOME": str(container.directory)}
        command = container.runtime.command(container.root, *words)
        return container.runtime.call([*self.as_user(), *command], environment=environment)

    def test_run(self, container: Container, bundle: Bundle, make_agent: MakeAgent) -> None:
        agent = make_agent(decide=fail_with(errno.EXDEV))
        bundle.sh("mkdir /made")
        self.arrange(container, agent)
        assert "Invalid cross-device link" in self.call(container, "run", "-b", str(bundle.path), container.id).stderr
        message = agent.message()
        assert message["pid"] == message["state"]["pid"] == agent.calls[0].pid

    def test_exec(self, container: Container, bundle: Bundle, make_agent: MakeAgent) -> None:
        agent = make_agent(decide=fail_with(errno.EXDEV))
        self.arrange(container, agent)
        command = container.runtime.command(container.root, "run", "-b", str(bundle.path), container.id)
        environment = os.environ | {"XDG_RUNTIME_DIR": str(container.directory)}
        null = subprocess.DEVNULL
        with subprocess.Popen([*self.as_user(), *command], env=environment, stdin=null, stdout=null) as process:
            try:
                agent.message()
                eventually(lambda: "running" in self.call(container, "state", container.id).stdout)
                assert "Invalid cross-device link" in self.call(container, "exec", container.id, "mkdir", "/x").stderr
            finally:
                self.call(container, "delete", "--force", container.id)
                process.kill()
