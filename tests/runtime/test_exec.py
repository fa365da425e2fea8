"""`exec`: a further process in a container. Not the specification's operation, but one that every engine uses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any

import pytest

from . import views
from .bundle import Bundle
from .conftest import NewContainer
from .container import Container, eventually
from .driver import Runtime
from .limits import needs
from .procfs import Process, children


@pytest.fixture
def running(container: Container, bundle: Bundle) -> Container:
    """A container whose process does nothing for long."""
    bundle.args("sleep", "1000")
    return container.launch()


def process_file(container: Container, **fields: Any) -> str:
    """A --process file: as the container's own process, changed."""
    path = container.directory / "process.json"
    path.write_text(json.dumps({**container.bundle.config["process"], **fields}))
    return str(path)


class TestTheProcess:
    def test_it_is_in_all_namespaces_of_the_container(self, running: Container) -> None:
        links = running.exec("sh", "-c", "cd /proc/self/ns; for n in *; do echo $n $(readlink $n); done")
        found = dict(line.split() for line in links.checked().output.splitlines())
        own = {name: os.readlink(running.process.directory / "ns" / name) for name in found}
        assert found == own

    def test_it_is_in_the_cgroup_of_the_container(self, running: Container, bundle: Bundle) -> None:
        # seen from outside: inside of a cgroup namespace every path is "/"
        assert Process(running.exec_in_background("sleep", "1000")).cgroups() == running.process.cgroups()

    @pytest.mark.parametrize("limit", [1, 2])
    def test_it_enters_a_cgroup_whose_limit_of_processes_is_reached(
        self, container: Container, bundle: Bundle, limit: int
    ) -> None:
        """Engines look after the health of a container so, and people after what has become of it"""
        needs("pids")
        bundle.set("linux.resources.pids", {"limit": limit}).args("sleep", "1000")
        container.launch()
        assert Process(container.exec_in_background("sleep", "1000")).cgroups() == container.process.cgroups()
        assert container.exec("echo", "seen").checked().output == "seen"

    def test_its_root_is_the_container_s(self, running: Container, bundle: Bundle) -> None:
        (bundle.rootfs / "mark").write_text("here")
        assert running.exec("cat", "/mark").checked().output == "here"

    def test_arguments_come_whole(self, running: Container) -> None:
        words = ("a b", "", "-x", "--", "é", "$HOME")
        assert running.exec("printf", "%s|", *words).checked().output == "|".join(words) + "|"

    def test_the_environment_is_the_container_s_and_more(self, running: Container) -> None:
        result = running.exec("--env=ONE=1", "--env=TWO=a b", "--", "env").checked()
        lines = result.output.splitlines()
        assert {"ONE=1", "TWO=a b"} <= set(lines)
        assert set(running.bundle.config["process"]["env"]) <= set(lines)

    def test_the_working_directory(self, running: Container) -> None:
        assert running.exec("--cwd=/tmp", "--", "pwd").checked().output == "/tmp"
        assert running.exec("pwd").checked().output == "/"

    def test_the_user(self, running: Container) -> None:
        result = running.exec("--user=1000:1001", "--", "sh", "-c", "id -u; id -g").checked()
        assert result.output.split() == ["1000", "1001"]

    def test_a_user_alone_keeps_the_group(self, running: Container) -> None:
        assert running.exec("-u", "1000", "--", "sh", "-c", "id -u; id -g").checked().output.split() == ["1000", "0"]

    def test_additional_groups(self, running: Container) -> None:
        result = running.exec("--additional-gids=7", "--additional-gids=8", "--", "id", "-G").checked()
        assert {"7", "8"} <= set(result.output.split())

    def test_more_capabilities(self, running: Container) -> None:
        before = running.exec("grep", "CapPrm", "/proc/self/status").checked().output.split()[1]
        after = running.exec("--cap=CAP_SYS_PTRACE", "--", "grep", "CapPrm", "/proc/self/status").checked()
        assert int(after.output.split()[1], 16) == int(before, 16) | 1 << 19

    def test_no_new_privileges(self, new_container: NewContainer) -> None:
        container = new_container()
        container.bundle.set("process.noNewPrivileges", False).args("sleep", "1000")
        container.launch()
        assert container.exec("grep", "NoNewPrivs", "/proc/self/status").checked().output.split()[1] == "0"
        result = container.exec("--no-new-privs", "--", "grep", "NoNewPrivs", "/proc/self/status").checked()
        assert result.output.split()[1] == "1"

    def test_limits_are_the_container_s(self, new_container: NewContainer) -> None:
        container = new_container()
        container.bundle.set("process.rlimits", [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 99}])
        container.bundle.args("sleep", "1000")
        container.launch()
        assert container.exec("sh", "-c", "ulimit -n; ulimit -Hn").checked().output.split() == ["77", "99"]

    def test_the_seccomp_profile_is_the_container_s(self, new_container: NewContainer) -> None:
        container = new_container()
        rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}
        container.bundle.set("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]})
        container.bundle.args("sleep", "1000")
        container.launch()
        assert "not permitted" in container.exec("mkdir", "/tmp/new").stderr

    def test_no_descriptor_of_the_runtime_is_open(self, running: Container) -> None:
        result = running.exec("sh", "-c", "exec ls /proc/self/fd").checked()
        assert set(result.output.split()) <= {"0", "1", "2", "3"}  # 3: the directory that ls reads

    def test_preserved_descriptors(self, running: Container) -> None:
        passed = running.directory / "passed"
        passed.write_text("passed on")
        execute = running.runtime.command(running.root, "exec", "--preserve-fds=1", running.id, "sh", "-c", "cat <&3")
        result = running.runtime.call(["sh", "-c", 'exec 3<"$0"; exec "$@"', str(passed), *execute])
        assert result.checked().output == "passed on"


class TestProcessFile:
    def test_the_file_says_it_all(self, running: Container) -> None:
        user = {"uid": 5, "gid": 5}
        path = process_file(
            running, args=["sh", "-c", "pwd; id -u; echo $NEW"], cwd="/tmp", env=["PATH=/bin", "NEW=x"], user=user
        )
        assert running.exec("--process", path, "--").checked().output.split() == ["/tmp", "5", "x"]

    def test_its_oom_score(self, running: Container) -> None:
        path = process_file(running, args=["cat", "/proc/self/oom_score_adj"], oomScoreAdj=500)
        assert running.exec("-p", path, "--").checked().output == "500"

    def test_a_file_that_is_not_there_is_an_error(self, running: Container) -> None:
        result = running.exec("--process=/nowhere.json", "--")
        assert result.status != 0
        assert "/nowhere.json" in result.stderr

    def test_a_broken_file_is_an_error(self, running: Container) -> None:
        path = process_file(running, cwd=5)
        result = running.exec("--process", path, "--")
        assert result.status != 0
        assert "cwd" in result.stderr


class TestTheEnd:
    @pytest.mark.parametrize("code", [0, 1, 42, 127, 255])
    def test_the_exit_code_is_the_process_s(self, running: Container, code: int) -> None:
        assert running.exec("sh", "-c", f"exit {code}").status == code

    def test_death_by_a_signal_gives_128_and_its_number(self, running: Container) -> None:
        assert running.exec("sh", "-c", "kill -KILL $$").status == 128 + signal.SIGKILL

    def test_signals_are_forwarded(self, running: Container) -> None:
        script = "trap 'exit 42' TERM; echo ready; while true; do usleep 5000; done"
        command = running.runtime.command(running.root, "exec", running.id, "sh", "-c", script)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 42
        process.communicate()

    def test_the_container_goes_on(self, running: Container) -> None:
        running.exec("true").checked()
        assert running.status == "running"

    def test_stdin_reaches_the_process(self, running: Container) -> None:
        assert running.exec("cat", stdin="some input").checked().stdout == "some input"

    def test_much_output_passes_whole(self, running: Container) -> None:
        assert running.exec("seq", "200000").checked().output.splitlines()[-1] == "200000"


class TestDetached:
    def test_it_runs_on(self, running: Container) -> None:
        pid = running.exec_in_background("sleep", "1000")
        assert Process(pid).arguments() == ["sleep", "1000"]
        assert pid in children(os.getpid())

    def test_its_files_stay_open(self, running: Container) -> None:
        running.exec_in_background("sh", "-c", "usleep 50000; echo late")
        running.wait_for_output("late")


class TestErrors:
    def test_an_unknown_program(self, running: Container) -> None:
        result = running.exec("no-such-program")
        assert result.status != 0
        assert "executable file not found in $PATH" in result.stderr

    def test_a_path_that_is_not_there(self, running: Container) -> None:
        result = running.exec("/no/such/program")
        assert result.status != 0
        assert "no such file or directory" in result.stderr.lower()

    def test_a_file_that_may_not_run(self, running: Container) -> None:
        result = running.exec("/etc/passwd")
        assert result.status != 0
        assert "permission denied" in result.stderr.lower()

    def test_the_status_is_not_the_one_of_a_program(self, runtime: Runtime, running: Container) -> None:
        if runtime.name == "crun":
            pytest.skip("crun ends with 1")
        assert running.exec("no-such-program").status == 255

    def test_an_unknown_container(self, container: Container) -> None:
        result = container.exec("true")
        assert result.status != 0
        assert "does not exist" in result.stderr

    def test_a_stopped_container(self, container: Container, bundle: Bundle) -> None:
        bundle.args("true")
        container.launch().wait_until("stopped")
        assert container.exec("true").status != 0

    def test_no_command(self, running: Container) -> None:
        assert running.exec("--").status != 0

    def test_a_directory_that_is_not_there(self, runtime: Runtime, running: Container) -> None:
        assert running.exec("--cwd=/not/there", "--", "true").status != 0

    def test_nothing_is_left_in_the_container(self, running: Container) -> None:
        running.exec("no-such-program")
        eventually(lambda: running.exec("ps", "-o", "comm").output.split() == ["COMMAND", "sleep", "ps"], "an end")


class TestPaused:
    def test_it_is_an_error(self, running: Container) -> None:
        running.call("pause").checked()
        try:
            result = running.exec("true")
            assert result.status != 0
            assert "paused" in result.stderr
        finally:
            running.call("resume").checked()

    def test_with_the_option_it_begins_when_the_container_goes_on(self, runtime: Runtime, running: Container) -> None:
        if runtime.name == "crun":
            pytest.skip("crun has no --ignore-paused")
        running.call("pause").checked()
        command = running.runtime.command(running.root, "exec", "--ignore-paused", running.id, "echo", "late")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.3)
        finally:
            running.call("resume").checked()
        assert process.communicate(timeout=10)[0] == "late\n"


class TestOtherContainers:
    def test_a_created_one(self, container: Container, bundle: Bundle) -> None:
        container.create()
        assert container.exec("echo", "in").checked().output == "in"

    def test_one_that_joined_others_namespaces(self, running: Container, new_container: NewContainer) -> None:
        second = new_container()
        for kind in ("network", "ipc"):
            second.bundle.namespace(kind, f"{running.process.directory}/ns/{'net' if kind == 'network' else kind}")
        second.bundle.args("sleep", "2000")
        second.launch()
        names = second.exec("readlink", "/proc/self/ns/net").checked().output
        assert names == os.readlink(running.process.directory / "ns/net")

    def test_one_without_a_pid_namespace(self, container: Container, bundle: Bundle) -> None:
        bundle.without_namespace("pid").args("sleep", "1000")
        container.launch()
        assert container.exec("echo", "in").checked().output == "in"

    def test_one_with_a_user_namespace(self, container: Container, bundle: Bundle) -> None:
        bundle.user_namespace().args("sleep", "1000")
        container.launch()
        assert container.exec("sh", "-c", "id -u; cat /proc/self/uid_map").checked().output.split()[0] == "0"

    def test_a_cgroup_below_the_container_s(self, runtime: Runtime, running: Container) -> None:
        controller = "memory" if "memory" in views.controllers() else next(iter(views.controllers()))
        if views.is_pure_v2() or runtime.name == "crun":
            pytest.skip("a v2 cgroup with processes cannot be divided; crun's option is another")
        (running.cgroup(controller) / "sub").mkdir()
        pid = running.exec_in_background("sleep", "1000", options=(f"--cgroup={controller}:sub",))
        assert Process(pid).cgroups()[controller] == running.process.cgroups()[controller] + "/sub"
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        eventually(lambda: not (running.cgroup(controller) / "sub/cgroup.procs").read_text(), "an empty cgroup")
        (running.cgroup(controller) / "sub").rmdir()

    def test_fifty_at_once(self, running: Container) -> None:
        command = running.runtime.command(running.root, "exec", running.id, "echo")
        started = [
            subprocess.Popen([*command, str(n)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            for n in range(50)
        ]
        assert [process.communicate(timeout=60)[0] for process in started] == [f"{n}\n" for n in range(50)]
