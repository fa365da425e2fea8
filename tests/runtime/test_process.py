"""config.md, Process: arguments, environment, working directory, user, limits."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from .bundle import Bundle
from .container import Container
from .procfs import Process


class TestArguments:
    def test_they_are_the_process_s(self, container: Container, bundle: Bundle) -> None:
        """'args (array of strings, OPTIONAL) with similar semantics to IEEE Std 1003.1-2008 execvp's argv'"""
        bundle.args("sleep", "1000")
        assert container.launch().process.arguments() == ["sleep", "1000"]

    @pytest.mark.parametrize("word", ["", " ", "a b", "$HOME", "*", "'", '"', "\n", "ü", "\\", "-x"])
    def test_they_arrive_as_they_are(self, container: Container, bundle: Bundle, word: str) -> None:
        """'with similar semantics to execvp's argv': nothing expands them"""
        bundle.args("printf", "[%s]", word)
        assert container.run().stdout == f"[{word}]"

    def test_many_arguments(self, container: Container, bundle: Bundle) -> None:
        """'args (array of strings, OPTIONAL)'"""
        bundle.args("sh", "-c", "echo $#", "sh", *["word"] * 5000)
        assert container.run().output == "5000"

    def test_one_long_argument(self, container: Container, bundle: Bundle) -> None:
        """'args (array of strings, OPTIONAL)'"""
        bundle.args("sh", "-c", 'printf %s "$1" | wc -c', "sh", "x" * 100_000)
        assert container.run().output == "100000"

    def test_the_program_is_looked_for_in_path(self, container: Container, bundle: Bundle) -> None:
        """'that entry is used with the same semantics as execvp's file'"""
        bundle.file("opt/tools/hello", "#!/bin/sh\necho hello\n", mode=0o755)
        bundle.set("process.env", ["PATH=/nowhere:/opt/tools:/bin"]).args("hello")
        assert container.run().output == "hello"

    @pytest.mark.parametrize(("program", "cwd"), [("/opt/hello", "/"), ("./hello", "/opt"), ("../opt/hello", "/opt")])
    def test_a_program_with_a_slash_is_not_looked_for(
        self, container: Container, bundle: Bundle, program: str, cwd: str
    ) -> None:
        """'that entry is used with the same semantics as execvp's file'"""
        bundle.file("opt/hello", "#!/bin/sh\necho hello\n", mode=0o755).set("process.cwd", cwd).args(program)
        assert container.run().output == "hello"

    @pytest.mark.parametrize("verb", ["run", "create and start"])
    def test_a_missing_program_is_an_error(self, container: Container, bundle: Bundle, verb: str) -> None:
        """'This operation MUST run the user-specified program': an engine shows 127 when it reads these words"""
        bundle.args("no-such-program")
        if verb == "run":
            message = container.fails("run").stderr
        else:
            created = container.call("create")
            message = (container.fails("start") if created.status == 0 else created).stderr
        assert "executable file not found" in message or "no such file or directory" in message.lower()

    def test_a_missing_program_with_a_path_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """An engine shows 127 when it reads these words"""
        bundle.args("/no/such/program")
        assert "no such file or directory" in container.fails("run").stderr.lower()

    @pytest.mark.parametrize("program", ["/opt/file"])
    def test_a_file_that_is_not_executable_is_an_error(
        self, container: Container, bundle: Bundle, program: str
    ) -> None:
        """An engine shows 126 when it reads these words"""
        bundle.file("opt/file", "text", mode=0o644).args(program)
        assert "permission denied" in container.fails("run").stderr.lower()

    def test_a_file_that_is_no_program_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'This operation MUST run the user-specified program'; execve(2): ENOEXEC"""
        bundle.file("opt/file", "\x7fnot a program", mode=0o755).args("/opt/file")
        assert "exec format error" in container.fails("run").stderr.lower()

    def test_a_start_that_fails_is_over_when_the_process_has_ended(self, container: Container, bundle: Bundle) -> None:
        """Engines then delete the container at once; containerd's shim refuses to, where it has not seen the end yet"""
        bundle.file("opt/file", "\x7fnot a program", mode=0o755).args("/opt/file")
        process = container.create().pid
        other = container.exec_in_background("sleep", "1000")
        reaper = threading.Timer(0.5, os.waitpid, (other, 0))  # till then the first process cannot end, which kills it
        reaper.start()
        try:
            assert "exec format error" in container.fails("start").stderr.lower()
            assert os.waitpid(process, os.WNOHANG)[0] == process, "it has not ended yet"
        finally:
            reaper.join()


class TestEnvironment:
    def test_it_is_exactly_the_configured_one(self, container: Container, bundle: Bundle) -> None:
        """'env (array of strings, OPTIONAL) with the same semantics as IEEE Std 1003.1-2008's environ'"""
        bundle.set("process.env", ["PATH=/bin", "HOME=/root", "ONE=1", "EMPTY=", "SPACES=a b  c", "EQUALS=a=b"])
        environment = container.launch().process.environment()
        assert environment == ["PATH=/bin", "HOME=/root", "ONE=1", "EMPTY=", "SPACES=a b  c", "EQUALS=a=b"]

    def test_nothing_of_the_caller_s_is_in_it(
        self, container: Container, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """'env (array of strings, OPTIONAL)'"""
        monkeypatch.setenv("SECRET_OF_THE_CALLER", "1")
        assert not any("SECRET" in variable for variable in container.launch().process.environment())

    @pytest.mark.parametrize(("uid", "home"), [(0, "/root"), (1000, "/home/user"), (4242, "/")])
    def test_home_is_the_user_s(self, container: Container, bundle: Bundle, uid: int, home: str) -> None:
        """runc: HOME of the container's passwd where env has none, else /"""
        bundle.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
        bundle.user(uid, uid)
        assert container.output("echo $HOME") == home

    def test_a_configured_home_stays(self, container: Container, bundle: Bundle) -> None:
        """'env (array of strings, OPTIONAL)'"""
        bundle.environment("HOME=/elsewhere")
        assert container.output("echo $HOME") == "/elsewhere"

    def test_a_missing_passwd_is_no_error(self, container: Container, bundle: Bundle) -> None:
        """'symbolic name for uid and gid ... are left to upper levels to derive (i.e. /etc/passwd parsing'"""
        (bundle.rootfs / "etc/passwd").unlink()
        container.output("true")

    def test_no_environment(self, container: Container, bundle: Bundle) -> None:
        """'env (array of strings, OPTIONAL)'"""
        bundle.drop("process.env").args("/bin/true")
        container.run().checked()


class TestWorkingDirectory:
    def test_it_is_the_configured_one(self, container: Container, bundle: Bundle) -> None:
        """'cwd (string, REQUIRED) is the working directory that will be set for the executable.'"""
        bundle.set("process.cwd", "/etc")
        assert container.output("pwd") == "/etc"

    def test_a_missing_one_is_made(self, container: Container, bundle: Bundle) -> None:
        """runc makes it"""
        bundle.set("process.cwd", "/deep/down/below")
        assert container.output("pwd") == "/deep/down/below"

    def test_one_in_a_mount(self, container: Container, bundle: Bundle) -> None:
        """'cwd': after the mounts"""
        bundle.bind(bundle.aside("volume"), "/data").set("process.cwd", "/data")
        container.output("touch here")
        assert (bundle.path / "volume/here").exists()

    def test_a_file_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error'"""
        bundle.set("process.cwd", "/etc/passwd")
        assert container.run().status != 0

    def test_one_that_the_user_owns_but_others_may_not_enter(self, container: Container, bundle: Bundle) -> None:
        """'cwd': the user's own home of mode 0700"""
        bundle.directory("home")
        os.chown(bundle.rootfs / "home", 1000, 1000)
        (bundle.rootfs / "home").chmod(0o700)
        bundle.user(1000, 1000).set("process.cwd", "/home")
        assert container.output("pwd") == "/home"


class TestUser:
    def test_uid_and_gid(self, container: Container, bundle: Bundle) -> None:
        """'uid - specifies the user ID in the container namespace. gid - specifies the group ID'"""
        bundle.user(1000, 1001)
        assert container.output("id -u; id -g") == "1000\n1001"

    def test_real_effective_and_saved_ids(self, container: Container, bundle: Bundle) -> None:
        """'uid - specifies the user ID in the container namespace'"""
        bundle.user(1000, 1001)
        process = container.launch().process
        assert process.status("Uid").split() == ["1000"] * 4
        assert process.status("Gid").split() == ["1001"] * 4

    def test_additional_groups(self, container: Container, bundle: Bundle) -> None:
        """'additionalGids specifies additional group IDs in the container namespace to be added to the process.'"""
        bundle.user(1000, 1001, additionalGids=[5, 7, 65000])
        assert container.launch().process.status("Groups").split() == ["5", "7", "65000"]

    def test_no_other_groups(self, container: Container, bundle: Bundle) -> None:
        """'additionalGids specifies additional group IDs': the caller's are not among them"""
        bundle.user(1000, 1001)
        assert set(container.launch().process.status("Groups").split()) <= {"1001"}

    @pytest.mark.parametrize("mask", [0o000, 0o022, 0o027, 0o077])
    def test_umask(self, container: Container, bundle: Bundle, mask: int) -> None:
        """'umask (int, OPTIONAL) specifies the umask of the user.'"""
        bundle.user(0, 0, umask=mask)
        container.output("touch /made")
        assert stat.S_IMODE((bundle.rootfs / "made").stat().st_mode) == 0o666 & ~mask

    @pytest.mark.parametrize("mask", [0o022, 0o077])
    def test_no_umask_is_the_caller_s(self, container: Container, bundle: Bundle, mask: int) -> None:
        """'If unspecified, the umask should not be changed from the calling process' umask.'"""
        before = os.umask(mask)
        try:
            assert int(container.launch().process.status("Umask"), 8) == mask
        finally:
            os.umask(before)

    def test_a_user_can_write_to_its_stdout(self, container: Container, bundle: Bundle) -> None:
        """Streams that root opened work for the process's user: as /dev/stdout too, by shells and daemons"""
        bundle.user(1000, 1000)
        assert container.output("echo hello > /dev/stdout") == "hello"


class TestLimits:
    @pytest.mark.parametrize(
        ("name", "title", "value"),
        [
            ("RLIMIT_NOFILE", "Max open files", 777),
            ("RLIMIT_NPROC", "Max processes", 1000),
            ("RLIMIT_CPU", "Max cpu time", 5000),
            ("RLIMIT_FSIZE", "Max file size", 10_000_000),
            ("RLIMIT_DATA", "Max data size", 1_000_000_000),
            ("RLIMIT_STACK", "Max stack size", 1_000_000),
            ("RLIMIT_AS", "Max address space", 10_000_000_000),
            ("RLIMIT_MEMLOCK", "Max locked memory", 65536),
            ("RLIMIT_LOCKS", "Max file locks", 100),
            ("RLIMIT_SIGPENDING", "Max pending signals", 500),
            ("RLIMIT_MSGQUEUE", "Max msgqueue size", 65536),
            ("RLIMIT_NICE", "Max nice priority", 0),
            ("RLIMIT_RTPRIO", "Max realtime priority", 0),
            ("RLIMIT_RTTIME", "Max realtime timeout", 1000),
            ("RLIMIT_RSS", "Max resident set", 1_000_000_000),
            ("RLIMIT_CORE", "Max core file size", 0),
        ],
    )
    def test_each_one(self, container: Container, bundle: Bundle, name: str, title: str, value: int) -> None:
        """'rlim.rlim_cur MUST match the configured value. ... rlim.rlim_max MUST match the configured value.'"""
        bundle.set("process.rlimits", [{"type": name, "soft": value, "hard": value}])
        assert container.launch().process.limit(title) == (str(value), str(value))

    def test_soft_and_hard(self, container: Container, bundle: Bundle) -> None:
        """'soft (uint64, REQUIRED) the value of the limit enforced ... hard (uint64, REQUIRED) the ceiling'"""
        bundle.set("process.rlimits", [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}])
        assert container.launch().process.limit("Max open files") == ("100", "200")

    def test_several(self, container: Container, bundle: Bundle) -> None:
        """'rlimits (array of objects, OPTIONAL)'"""
        names = {"RLIMIT_NOFILE": "Max open files", "RLIMIT_NPROC": "Max processes"}
        bundle.set("process.rlimits", [{"type": name, "soft": 150, "hard": 150} for name in names])
        process = container.launch().process
        assert [process.limit(title) for title in names.values()] == [("150", "150")] * 2

    def test_the_others_are_the_caller_s(self, container: Container, bundle: Bundle) -> None:
        """'rlimits (array of objects, OPTIONAL) allows setting resource limits for the process': the listed ones"""
        bundle.drop("process.rlimits")
        mine = Process()
        process = container.launch().process
        for title in ("Max open files", "Max processes", "Max stack size"):
            assert process.limit(title) == mine.limit(title)


class TestTheRest:
    @pytest.mark.parametrize(("wanted", "shown"), [(True, "1"), (False, "0")])
    def test_no_new_privileges(self, container: Container, bundle: Bundle, wanted: bool, shown: str) -> None:
        """'setting noNewPrivileges to true prevents the process from gaining additional privileges'"""
        bundle.set("process.noNewPrivileges", wanted)
        assert container.launch().process.status("NoNewPrivs") == shown

    @pytest.mark.parametrize("value", [100, 1000])
    def test_oom_score_adj(self, container: Container, bundle: Bundle, value: int) -> None:
        """'If oomScoreAdj is set, the runtime MUST set oom_score_adj to the given value.'"""
        bundle.set("process.oomScoreAdj", value)
        assert container.launch().process.read("oom_score_adj").strip() == str(value)

    def test_no_oom_score_adj_is_the_caller_s(self, container: Container) -> None:
        """'If oomScoreAdj is not set, the runtime MUST NOT change the value of oom_score_adj.'"""
        assert container.launch().process.read("oom_score_adj") == Process().read("oom_score_adj")

    def test_only_the_standard_streams_are_open(self, container: Container) -> None:
        """'By default, only the stdin, stdout and stderr file descriptors are kept open for the application by the
        runtime.'"""
        assert set(container.launch().process.descriptors()) == {0, 1, 2}

    def test_descriptors_of_the_caller_do_not_leak(self, container: Container, bundle: Bundle) -> None:
        """'By default, only the stdin, stdout and stderr file descriptors are kept open'"""
        bundle.sh("ls /proc/1/fd; true").write()
        command = container.runtime.command(container.root, "run", "--bundle", str(bundle.path), container.id)
        with bundle.aside("leak", "secret").open() as leak:
            result = container.runtime.call(command, descriptors=[leak.fileno()])
        assert result.checked().output.split() == ["0", "1", "2"]

    def test_preserved_descriptors_arrive(self, container: Container, bundle: Bundle) -> None:
        """runc: '--preserve-fds: Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in
        total)'"""
        bundle.sh("cat <&3; cat <&4").write()
        arguments = ["run", "--preserve-fds", "2", "--bundle", str(bundle.path), container.id]
        script = 'exec 3<"$0" 4<"$1"; shift; exec "$@"'
        files = [str(bundle.aside("three", "3")), str(bundle.aside("four", "4"))]
        command = ["sh", "-c", script, *files, *container.runtime.command(container.root, *arguments)]
        assert container.runtime.call(command).checked().stdout == "34"

    @pytest.mark.parametrize(("name", "value"), [("net.ipv4.ip_forward", "1"), ("kernel.msgmax", "4096")])
    def test_sysctl(self, container: Container, bundle: Bundle, name: str, value: str) -> None:
        """'sysctl (object, OPTIONAL) allows kernel parameters to be modified at runtime for the container.'"""
        bundle.set("linux.sysctl", {name: value})
        assert container.output(f"cat /proc/sys/{name.replace('.', '/')}") == value

    def test_a_sysctl_of_the_host_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'for the container': runc and crun refuse what no namespace of the container isolates"""
        before = Process().directory.joinpath("../sys/kernel/panic").read_text()
        bundle.set("linux.sysctl", {"kernel.panic": "77"})
        container.fails("create")
        assert Process().directory.joinpath("../sys/kernel/panic").read_text() == before

    def test_the_session_is_its_own(self, container: Container) -> None:
        """The process leads a session: a signal to the caller's process group does not reach it unasked."""
        fields = container.launch().process.read("stat").rpartition(")")[2].split()
        assert int(fields[3]) == container.pid  # session

    def test_the_process_does_not_inherit_blocked_signals(self, container: Container) -> None:
        """What the runtime blocked for its own use must not stay blocked in the program."""
        assert int(container.launch().process.status("SigBlk"), 16) == 0

    def test_the_process_ignores_no_signals(self, container: Container) -> None:
        """What the runtime ignored for its own use (SIGPIPE, say) must not stay ignored in the program."""
        ignored = int(container.launch().process.status("SigIgn"), 16)
        assert ignored & 0x7FFFFFFF == 0  # 32 and 33 are the C library's own: a Go program, say, does not touch them
