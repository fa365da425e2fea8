"""`exec`: every option of runc's command line, in all the ways to write it, with good values and bad ones."""

from __future__ import annotations

import os
import signal
import stat
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from . import cgroupfs
from .bundle import Bundle
from .conftest import NewContainer
from .container import Container, eventually
from .driver import Result
from .procfs import Process, descendants
from .test_exec import process_file

WRITTEN = ("--{name}={value}", "--{name} {value}", "-{name}={value}")  # the last is how Go's flag package takes it


@pytest.fixture
def running(container: Container, bundle: Bundle) -> Container:
    """A container whose process does nothing for long."""
    bundle.args("sleep", "1000")
    return container.launch()


def call(container: Container, *words: str) -> Result:
    """`exec` with the words as they are."""
    return container.runtime.call(container.runtime.command(container.root, "exec", *words))


def becomes_sleep(pid: int) -> None:
    """runc returns a moment before execve(2)."""
    eventually(lambda: Process(pid).arguments() == ["sleep", "1000"], "the program")


def fails(container: Container, *options: str, command: tuple[str, ...] = ("true",)) -> Result:
    """`exec` is an error, and no process of it is left."""
    before = {*descendants(os.getpid())}
    result = call(container, *options, container.id, *command)
    assert result.status != 0, result
    assert result.stderr
    eventually(lambda: before.issuperset(running_below()), "the end of what was started")
    assert container.status in ("running", "created", "paused")
    return result


def running_below() -> set[int]:
    return {pid for pid in descendants(os.getpid()) if os.path.exists(f"/proc/{pid}/exe")}


def has_no_process(cgroup: Path) -> bool:
    return not (cgroup / "cgroup.procs").read_text()


def sh(container: Container, script: str, *options: str) -> str:
    return call(container, *options, container.id, "sh", "-c", script).checked().output


class TestHowTheyAreWritten:
    @pytest.mark.parametrize("form", WRITTEN)
    @pytest.mark.parametrize(
        ("name", "value", "script", "expected"),
        [
            ("cwd", "/tmp", "pwd", "/tmp"),
            ("env", "WORD=value", "echo $WORD", "value"),
            ("user", "5:6", "id -u; id -g", "5\n6"),
            ("additional-gids", "77", "id -G", "0 77"),
        ],
    )
    def test_long_names(self, running: Container, form: str, name: str, value: str, script: str, expected: str) -> None:
        words = form.format(name=name, value=value).split(" ")
        assert sh(running, script, *words) == expected

    @pytest.mark.parametrize("equals", ["-{name}={value}", "-{name} {value}"])
    @pytest.mark.parametrize(
        ("name", "value", "script", "expected"),
        [("e", "WORD=value", "echo $WORD", "value"), ("u", "5:6", "id -u", "5"), ("g", "77", "id -G", "0 77")],
    )
    def test_short_names(
        self, running: Container, equals: str, name: str, value: str, script: str, expected: str
    ) -> None:
        assert sh(running, script, *equals.format(name=name, value=value).split(" ")) == expected

    @pytest.mark.parametrize("option", ["-c", "--cap"])
    def test_a_capability(self, running: Container, option: str) -> None:
        found = sh(running, "grep CapBnd /proc/self/status", option, "CAP_SYS_PTRACE")
        assert int(found.split()[1], 16) >> 19 & 1

    @pytest.mark.parametrize("option", ["-d", "--detach", "--detach=true"])
    def test_detach(self, running: Container, option: str) -> None:
        pid_file = running.directory / "detached"
        null = os.open("/dev/null", os.O_RDWR)
        with open(null, "r+") as streams:
            command = running.runtime.command(
                running.root, "exec", option, "--pid-file", str(pid_file), running.id, "sleep", "1000"
            )
            running.runtime.call(command, stdout=streams, stderr=streams).checked()
        becomes_sleep(int(pid_file.read_text()))

    def test_not_to_detach(self, running: Container) -> None:
        assert sh(running, "echo here", "--detach=false") == "here"

    def test_the_last_of_several_counts(self, running: Container) -> None:
        assert sh(running, "pwd; id -u", "--cwd=/", "--cwd=/tmp", "--user=5", "--user=6") == "/tmp\n6"

    def test_lists_grow(self, running: Container) -> None:
        options = ["-e", "A=1", "-e=B=2", "-e", "C=3=4", "-e", "D="]
        assert sh(running, "echo $A $B $C $D.", *options) == "1 2 3=4 ."
        assert sh(running, "id -G", "--additional-gids", "8", "--additional-gids=9") == "0 8 9"

    def test_the_last_value_of_a_variable_counts(self, running: Container) -> None:
        assert sh(running, "echo $TERM", "--env=TERM=first", "--env=TERM=second") == "second"

    def test_options_after_the_id_are_the_command_s(self, running: Container) -> None:
        result = call(running, running.id, "echo", "--cwd", "/tmp", "-d")
        assert result.checked().output == "--cwd /tmp -d"


class TestEnvironment:
    def test_a_variable_of_the_container_is_replaced(self, running: Container) -> None:
        assert sh(running, "echo $TERM; env | grep -c TERM=", "--env=TERM=dumb") == "dumb\n1"

    @pytest.mark.parametrize("value", ["", "NAME", "=value"])
    def test_what_has_no_name_and_value(self, running: Container, value: str) -> None:
        """A variable without a value is no variable; whether that is an error is not said, but nothing else happens."""
        result = call(running, f"--env={value}", running.id, "env")
        assert result.status != 0 or "PATH=" in result.output

    def test_path_decides_what_is_found(self, running: Container, bundle: Bundle) -> None:
        bundle.file("opt/hello", "#!/bin/sh\necho hello\n", mode=0o755)
        assert call(running, "--env=PATH=/opt:/bin", running.id, "hello").checked().output == "hello"


class TestUser:
    @pytest.mark.parametrize(
        "value", ["root", "1000:x", "1000:", ":1000", "-1", "1000:-1", "1:2:3", "4294967296", "0x10", " 1", "1.5"]
    )
    def test_what_is_no_id_is_an_error(self, running: Container, value: str) -> None:
        fails(running, f"--user={value}")

    @pytest.mark.parametrize("value", ["-1", "wheel", "1,x", "4294967296"])
    def test_what_is_no_group_is_an_error(self, running: Container, value: str) -> None:
        fails(running, f"--additional-gids={value}")

    def test_home_is_the_user_s(self, running: Container, bundle: Bundle) -> None:
        (bundle.rootfs / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
        assert sh(running, "echo $HOME", "--user=1000") == "/home/user"

    def test_the_container_s_groups_stay(self, container: Container, bundle: Bundle) -> None:
        bundle.user(1000, 1001, additionalGids=[5]).args("sleep", "1000")
        container.launch()
        assert set(sh(container, "id -G", "-g", "8").split()) == {"1001", "5", "8"}

    def test_the_container_s_umask_stays(self, container: Container, bundle: Bundle) -> None:
        bundle.user(0, 0, umask=0o027).args("sleep", "1000")
        container.launch()
        sh(container, "touch /made", "--user=0:0")
        assert stat.S_IMODE((bundle.rootfs / "made").stat().st_mode) == 0o640


class TestRights:
    def test_an_unknown_capability_is_not_granted(self, running: Container) -> None:
        """Like those of config.json: a warning at most"""
        before = sh(running, "grep CapPrm /proc/self/status")
        result = call(running, "--cap=NOPE", running.id, "grep", "CapPrm", "/proc/self/status")
        assert result.status != 0 or result.output == before

    def test_several_capabilities(self, running: Container) -> None:
        found = sh(running, "grep CapPrm /proc/self/status", "--cap=CAP_SYS_PTRACE", "--cap", "CAP_CHOWN").split()[1]
        assert int(found, 16) & (1 << 19 | 1) == 1 << 19 | 1

    def test_they_are_not_inherited_by_others(self, running: Container) -> None:
        """CVE-2022-29162: not in the inheritable set, from where files could give them to other programs"""
        found = sh(running, "grep CapInh /proc/self/status", "--cap=CAP_SYS_PTRACE").split()[1]
        assert int(found, 16) == 0

    @pytest.mark.parametrize("option", ["--apparmor=docker-default", "--process-label=system_u:system_r:any_t:s0"])
    def test_a_label_without_its_module_is_an_error(self, running: Container, option: str) -> None:
        there = "/sys/module/apparmor/parameters/enabled" if "apparmor" in option else "/sys/fs/selinux/enforce"
        if Path(there).exists():
            pytest.skip("this machine has the module")
        fails(running, option)

    def test_no_new_privileges_is_what_the_flag_says(self, running: Container) -> None:
        assert sh(running, "grep NoNewPrivs /proc/self/status", "--no-new-privs=true").split()[1] == "1"


class TestWorkingDirectory:
    @pytest.mark.parametrize("value", ["/not/there", "/etc/passwd"])
    def test_what_is_no_directory_is_an_error(self, running: Container, value: str) -> None:
        fails(running, f"--cwd={value}")

    def test_a_relative_one_is_an_error_or_below_the_root(self, running: Container) -> None:
        result = call(running, "--cwd=tmp", running.id, "pwd")
        assert result.status != 0 or result.output == "/tmp"

    def test_one_that_is_a_link_leads_nowhere_outside(self, running: Container, bundle: Bundle) -> None:
        (bundle.rootfs / "link").symlink_to("/tmp")
        assert sh(running, "pwd -P", "--cwd=/link") == "/tmp"

    def test_a_descriptor_of_the_runtime_leads_nowhere(self, running: Container) -> None:
        """CVE-2024-21626"""
        for number in range(3, 20):
            result = call(running, f"--cwd=/proc/self/fd/{number}", running.id, "ls")
            assert result.status != 0


class TestPidFile:
    def test_it_has_the_pid_of_the_process(self, running: Container) -> None:
        becomes_sleep(running.exec_in_background("sleep", "1000"))

    def test_an_older_one_is_replaced(self, running: Container) -> None:
        (running.directory / "exec-pid").write_text("123456789 and more")
        becomes_sleep(running.exec_in_background("sleep", "1000"))

    @pytest.mark.parametrize("detached", [True, False])
    def test_in_a_directory_that_is_not_there(self, running: Container, detached: bool) -> None:
        options = ["--pid-file=/not/there/pid", *(["--detach"] if detached else [])]
        fails(running, *options, command=("sleep", "1000"))


class TestDescriptors:
    @pytest.mark.parametrize("value", ["99", "1"])
    def test_one_that_is_closed_is_an_error(self, running: Container, value: str) -> None:
        message = fails(running, f"--preserve-fds={value}").stderr
        if running.runtime.is_sampan:
            assert "--preserve-fds" in message and "descriptor 3" in message

    @pytest.mark.parametrize("value", ["-1", "x", "1.5", "99999999999999999999"])
    def test_what_is_no_number_is_an_error(self, running: Container, value: str) -> None:
        fails(running, f"--preserve-fds={value}")

    def test_of_a_new_container_too(self, container: Container) -> None:
        message = container.fails("create", "--preserve-fds=5").stderr
        if container.runtime.is_sampan:
            assert "--preserve-fds" in message and "descriptor 3" in message

    def test_the_others_do_not_come_along(self, running: Container) -> None:
        listing = running.runtime.command(
            running.root, "exec", "--preserve-fds=1", running.id, "sh", "-c", "exec ls /proc/self/fd"
        )
        with_more = 'exec 3</dev/null 4</dev/null 5</dev/null; exec "$@"'
        result = running.runtime.call(["sh", "-c", with_more, "sh", *listing])
        assert set(result.checked().output.split()) == {"0", "1", "2", "3", "4"}  # 4: the directory that ls reads


class TestCgroup:
    @pytest.mark.parametrize("value", ["../..", "..", "a/../../b", "/not/there", "not/there"])
    def test_what_is_not_below_the_container_s_is_an_error(self, running: Container, value: str) -> None:
        fails(running, f"--cgroup={value}")

    def test_of_a_controller_that_is_not_there(self, running: Container) -> None:
        fails(running, "--cgroup=nonsense:/")

    def test_the_container_s_own(self, running: Container) -> None:
        running.exec_in_background("sleep", "1000", options=("--cgroup=/",))

    def test_one_below_it_in_every_hierarchy(self, running: Container) -> None:
        """`--cgroup=PATH` without a controller is meant for all"""
        below = [cgroupfs.directory(running.process, name) / "sub" for name in running.process.cgroups()]
        below = [path for path in dict.fromkeys(below) if running.id in str(path)]
        for path in below:
            path.mkdir()
            for name in ("cpuset.cpus", "cpuset.mems"):
                if (path / name).exists():  # a cpuset of v1 begins with nothing, and takes no process
                    (path / name).write_text((path.parent / name).read_text())
        pid = running.exec_in_background("sleep", "1000", options=("--cgroup=sub",))
        found = Process(pid).cgroups()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        for path in below:
            eventually(partial(has_no_process, path), "an empty cgroup")
            path.rmdir()
        expected = {name: f"{path}/sub" for name, path in running.process.cgroups().items() if running.id in path}
        assert {name: found[name] for name in expected} == expected


class TestTheFile:
    """--process, with every field of the process object."""

    def test_every_field(self, running: Container, bundle: Bundle) -> None:
        bundle.directory("srv")
        script = (
            "pwd; id -u; id -g; umask; echo $NAME; ulimit -n; ulimit -Hn; grep -h 'NoNewPrivs\\|CapBnd\\|CapAmb' "
            "/proc/self/status; cat /proc/self/oom_score_adj"
        )
        sets = ("bounding", "permitted", "inheritable", "effective", "ambient")
        path = process_file(
            running,
            args=["sh", "-c", script],
            cwd="/srv",
            env=["PATH=/bin", "NAME=its own"],
            user={"uid": 5, "gid": 6, "umask": 0o027, "additionalGids": [7]},
            rlimits=[{"type": "RLIMIT_NOFILE", "soft": 44, "hard": 55}],
            capabilities={name: ["CAP_CHOWN"] for name in sets},
            noNewPrivileges=False,
            oomScoreAdj=123,
            terminal=False,
        )
        found = call(running, "--process", path, running.id).checked().output.split("\n")
        assert found[:7] == ["/srv", "5", "6", "0027", "its own", "44", "55"]
        assert [int(line.split()[1], 16) for line in found[7:10]] == [1, 1, 0]
        if running.runtime.is_sampan:
            assert found[10] == "123"

    def test_what_it_does_not_say_is_not_the_container_s(self, running: Container) -> None:
        """A process object is whole: what is not in it has no value"""
        minimal = {"args": ["sh", "-c", "echo $TERM.; grep CapBnd /proc/self/status"], "cwd": "/"}
        path = process_file(running, **minimal, env=["PATH=/bin"], capabilities={}, rlimits=[])
        name, bounding = call(running, "-p", path, running.id).checked().output.split("\n")
        assert name == "."
        assert int(bounding.split()[1], 16) == 0

    @pytest.mark.parametrize("form", ["--process {}", "--process={}", "-p {}", "-p={}"])
    def test_how_it_is_written(self, running: Container, form: str) -> None:
        path = process_file(running, args=["echo", "here"])
        assert call(running, *form.format(path).split(" "), running.id).checked().output == "here"

    @pytest.mark.parametrize(
        "field, value",
        [
            ("args", []),
            ("args", None),
            ("cwd", "tmp"),
            ("cwd", None),
            ("user", {"uid": -1, "gid": 0}),
            ("env", ["NAME"]),
            ("capabilities", ["CAP_KILL"]),
            ("oomScoreAdj", 1001),
        ],
    )
    def test_a_broken_field_is_an_error(self, running: Container, field: str, value: Any) -> None:
        path = process_file(running, **{"args": ["true"], field: value})
        message = fails(running, "--process", path, command=()).stderr
        if running.runtime.is_sampan:
            assert field in message

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '"sh"', '{"args": ["true"], "cwd": "/"} more'])
    def test_what_is_no_process_is_an_error(self, running: Container, text: str) -> None:
        path = running.directory / "broken.json"
        path.write_text(text)
        fails(running, "--process", str(path), command=())


class TestErrors:
    @pytest.mark.parametrize("words", [["--nonsense"], ["--cwd"], ["-x"], ["--detach=maybe"], ["--tty=maybe"]])
    def test_what_is_no_option_is_an_error(self, running: Container, words: list[str]) -> None:
        assert call(running, *words, running.id).status != 0

    def test_no_id(self, running: Container) -> None:
        assert call(running).status != 0

    def test_a_program_that_cannot_be_run_leaves_nothing(self, running: Container) -> None:
        for program in ("no-such-program", "/etc/passwd", "/nowhere/at/all", "/tmp"):
            fails(running, command=(program,))
        fails(running, "--detach", f"--pid-file={running.directory}/none", command=("no-such-program",))
        assert not (running.directory / "none").exists()


class TestStatus:
    def test_a_container_that_has_ended(self, container: Container, bundle: Bundle) -> None:
        bundle.args("true")
        container.launch().wait_until("stopped")
        result = call(container, container.id, "true")
        assert result.status == 255 or container.runtime.name == "crun"
        assert "stopped" in result.stderr or "not running" in result.stderr

    def test_a_container_whose_process_was_killed(self, running: Container) -> None:
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        result = call(running, running.id, "true")
        assert result.status == 255 or running.runtime.name == "crun"
        assert "stopped" in result.stderr or "not running" in result.stderr

    def test_a_created_one_stays_so(self, container: Container) -> None:
        container.create()
        assert sh(container, "echo in") == "in"
        assert container.status == "created"
        container.start()

    def test_a_program_that_ends_at_once_in_the_background(self, running: Container) -> None:
        running.exec_in_background("true")
        assert running.status == "running"

    def test_with_many_containers_each_has_its_own(self, running: Container, new_container: NewContainer) -> None:
        other = new_container()
        other.bundle.set("hostname", "other").args("sleep", "1000")
        other.launch()
        assert [sh(one, "hostname") for one in (running, other)] == ["container", "other"]
