"""`process.terminal` and `exec --tty`: on the caller's terminal, through a console socket, and with neither."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .bundle import Bundle
from .container import Container, eventually
from .procfs import Process, children
from .terminals import ConsoleSocket, Terminal

UNTIL_SIZED = "until stty size | grep -qx '33 101'; do usleep 5000; done"  # runc sets it when the process runs already

Begin = Callable[..., Terminal]


@pytest.fixture(params=["run", "exec"])
def verb(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def begin(verb: str, container: Container, bundle: Bundle) -> Iterator[Begin]:
    """A script of the container on our terminal, either as its own process or as a further one."""
    begun: list[Terminal] = []

    def make(script: str, *options: str, **more: Any) -> Terminal:
        if verb == "run":
            bundle.set("process.terminal", True).sh(script)
            words = options
        else:
            bundle.args("sleep", "1000")
            container.launch()
            words = ("--tty", *options, "--", "sh", "-c", script)
        begun.append(Terminal(container.command(verb, *words), **more))
        return begun[-1]

    yield make
    for terminal in begun:
        terminal.close()


def until_ready(terminal: Terminal) -> None:
    """The container says so; but runc makes the terminal raw a moment later: until then keys are the terminal's, and it
    puts a further '\r' before each '\n'."""
    terminal.read_until("ready")
    terminal.read_until("\n")
    eventually(lambda: terminal.is_raw, "a raw terminal")


def is_parent_of(pid: int, program: str) -> bool:
    try:
        return any(Process(child).arguments()[:1] == [program] for child in children(pid))
    except (FileNotFoundError, ProcessLookupError):
        return False  # it ended while we looked


class TestTheProcess:
    def test_its_streams_are_the_terminal(self, begin: Begin) -> None:
        """'the pseudoterminal pty is duplicated on the process's standard streams'"""
        terminal = begin("for fd in 0 1 2; do test -t $fd && readlink /proc/self/fd/$fd; done; echo the end")
        assert terminal.read_until("the end").split() == ["/dev/pts/0"] * 3 + ["the", "end"]

    def test_it_is_on_the_container_s_own_devpts(self, begin: Begin, container: Container) -> None:
        terminal = begin("tty; echo $$; ls /dev/pts; echo the end")
        shown = terminal.read_until("the end").split()
        assert shown[0] == "/dev/pts/0"
        assert {"0", "ptmx"} == set(shown[2:-2])

    def test_it_is_the_controlling_terminal(self, begin: Begin) -> None:
        terminal = begin("echo through /dev/tty >/dev/tty; set -- $(cat /proc/self/stat); echo $7 the end")
        shown = terminal.read_until("the end")
        assert shown.splitlines()[0] == "through /dev/tty"
        assert int(shown.split()[-3]) >> 8 == 136, "the device of a pseudoterminal, not 0"

    def test_it_leads_its_session(self, begin: Begin) -> None:
        shown = begin("cut -d' ' -f1,5,6,8 /proc/$$/stat; echo the end").read_until("the end")
        pid, group, session, in_the_foreground = shown.split()[:4]
        assert pid == group == session
        assert in_the_foreground != "-1"

    def test_it_belongs_to_the_runtime_s_group_of_terminals(self, begin: Begin) -> None:
        """The mount options of /dev/pts: 'mode=0620', 'gid=5'"""
        assert begin("stat -c '%a %u %g' /dev/pts/0; echo the end").read_until("the end").split()[:3] == [
            "620",
            "0",
            "5",
        ]

    def test_no_other_descriptor_is_open(self, begin: Begin) -> None:
        """'only the stdin, stdout and stderr file descriptors are kept open for the application by the runtime'"""
        shown = begin("ls /proc/self/fd; echo the end").read_until("the end")
        assert shown.split()[:-2] == ["0", "1", "2", "3"]  # the last is the directory that ls reads

    def test_the_exit_code(self, begin: Begin) -> None:
        assert begin("exit 42").wait() == 42

    def test_what_is_typed_is_echoed_and_read(self, begin: Begin) -> None:
        terminal = begin("echo ready; read line; echo got $line")
        until_ready(terminal)
        terminal.send("some words\n")
        assert terminal.read_until("got some words\r\n") == "some words\r\ngot some words\r\n"
        assert terminal.wait() == 0

    def test_all_bytes_of_eight_bits_pass(self, begin: Begin) -> None:
        terminal = begin("stty raw -echo; printf 'ready\\r\\n'; head -c 256 | od -An -v -tu1; echo the end")
        until_ready(terminal)
        os.write(terminal.near, bytes(range(256)))
        assert terminal.read_until("the end").split()[:-2] == [str(number) for number in range(256)]

    def test_of_another_user(self, begin: Begin, bundle: Bundle, verb: str) -> None:
        """Whoever is not root opens what it has by its name, too: programs that ask for a password do."""
        bundle.user(1000, 1000, additionalGids=[5])
        terminal = begin("id -u; echo more >/dev/tty; echo the end")
        assert terminal.read_until("the end").split() == ["1000", "more", "the", "end"]

    def test_in_a_user_namespace(self, begin: Begin, bundle: Bundle) -> None:
        bundle.user_namespace()
        terminal = begin("tty; echo more >/dev/tty; echo the end")
        assert terminal.read_until("the end").split() == ["/dev/pts/0", "more", "the", "end"]

    def test_further_ones_are_further_terminals(self, container: Container, bundle: Bundle) -> None:
        bundle.set("process.terminal", True).sh("echo ready; read line")
        with Terminal(container.command("run")) as first:
            first.read_until("ready")
            command = container.command("exec", "--tty", "--", "sh", "-c", "tty; echo ready; read line")
            with Terminal(command) as second, Terminal(command) as third:
                shown = {second.read_until("ready").split()[0], third.read_until("ready").split()[0]}
                for terminal in second, third, first:
                    terminal.send("\n")
                    assert terminal.wait() == 0
        assert shown == {"/dev/pts/1", "/dev/pts/2"}

    def test_without_the_option_there_is_none(self, container: Container) -> None:
        assert container.launch().exec("sh", "-c", "test -t 0 || echo none").output == "none"


class TestConsole:
    def test_it_is_the_same_terminal(self, container: Container, bundle: Bundle) -> None:
        """'/dev/console is set up if terminal is enabled in the config by bind mounting the pseudoterminal pty to
        /dev/console'"""
        script = "stat -c %t:%T /dev/console /dev/pts/0; echo said >/dev/console; echo the end"
        bundle.set("process.terminal", True).sh(script)
        with Terminal(container.command("run")) as terminal:
            one, other, said = terminal.read_until("the end").split()[:3]
        assert one == other
        assert said == "said"

    def test_it_is_a_mount(self, container: Container, bundle: Bundle) -> None:
        bundle.set("process.terminal", True).sh("grep ' /dev/console ' /proc/self/mountinfo; echo the end")
        with Terminal(container.command("run")) as terminal:
            assert " - devpts " in terminal.read_until("the end")

    def test_a_file_in_its_place(self, container: Container, bundle: Bundle) -> None:
        bundle.without_mount("/dev").file("dev/console", "of the image").directory("dev/pts")
        bundle.set("process.terminal", True).sh("test -c /dev/console && echo said >/dev/console; echo the end")
        with Terminal(container.command("run")) as terminal:
            assert terminal.read_until("the end").split() == ["said", "the", "end"]
        assert (bundle.rootfs / "dev/console").read_text() == "of the image"

    def test_a_link_in_its_place_leads_nowhere_outside(
        self, container: Container, bundle: Bundle, tmp_path: Path
    ) -> None:
        """CVE-2025-52565: what /dev/console of the image points to is not mounted over"""
        bundle.without_mount("/dev").directory("dev/pts").symlink("dev/console", "/etc/passwd")
        bundle.set("process.terminal", True).sh("test -c /etc/passwd; echo $? the end")
        with Terminal(container.command("run")) as terminal:
            terminal.wait()
            assert "0 the end" not in terminal.rest()

    def test_a_further_process_does_not_take_it(self, container: Container, bundle: Bundle) -> None:
        bundle.set("process.terminal", True).sh("echo ready; read line")
        with Terminal(container.command("run")) as first:
            first.read_until("ready")
            script = "stat -c %t:%T /dev/console /dev/pts/0; echo the end"
            with Terminal(container.command("exec", "--tty", "--", "sh", "-c", script)) as second:
                one, other = second.read_until("the end").split()[:2]
                assert second.wait() == 0
        assert one == other


class TestMode:
    """The caller's terminal: all that is typed is the container's to interpret, and afterwards all is as before."""

    def test_it_is_raw_meanwhile(self, begin: Begin) -> None:
        terminal = begin("echo ready; read line")
        until_ready(terminal)
        assert terminal.mode != terminal.mode_before

    def test_it_is_restored_at_the_end(self, begin: Begin) -> None:
        terminal = begin("echo ready; read line; exit 3")
        until_ready(terminal)
        terminal.send("\n")
        assert terminal.wait() == 3
        assert terminal.mode == terminal.mode_before

    def test_it_is_restored_when_the_process_is_killed(self, begin: Begin, container: Container, verb: str) -> None:
        terminal = begin("echo ready; read line")
        until_ready(terminal)
        container.call("kill", signal="KILL").checked()  # what was executed ends with it
        assert terminal.wait() == 128 + signal.SIGKILL
        assert terminal.mode == terminal.mode_before

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
    def test_it_is_restored_when_a_signal_passed_on_ends_it(
        self, begin: Begin, bundle: Bundle, number: signal.Signals
    ) -> None:
        bundle.without_namespace("pid")  # whose first process would ignore them
        terminal = begin("exec sleep 1000")
        eventually(lambda: is_parent_of(terminal.pid, "sleep") and terminal.is_raw, "a raw terminal")
        terminal.send_signal(number)
        assert terminal.wait() == 128 + number
        assert terminal.mode == terminal.mode_before

    def test_it_is_restored_when_the_waiting_command_is_killed(self, begin: Begin) -> None:
        """Nothing that is killed can tidy up: somebody else has to."""
        terminal = begin("echo ready; read line")
        until_ready(terminal)
        terminal.send_signal(signal.SIGKILL)
        assert terminal.wait() == -signal.SIGKILL
        eventually(lambda: terminal.mode == terminal.mode_before, "the mode of before")

    def test_it_is_untouched_by_an_error(self, container: Container, bundle: Bundle) -> None:
        bundle.set("process.terminal", True).args("no-such-program")
        with Terminal(container.command("run")) as terminal:
            assert terminal.wait() not in (0, 128 + signal.SIGKILL)
            assert "no-such-program" in terminal.rest()
            assert terminal.mode == terminal.mode_before

    def test_it_is_untouched_without_a_terminal_of_the_container(self, container: Container, bundle: Bundle) -> None:
        bundle.sh("echo ready; read line")
        with Terminal(container.command("run")) as terminal:
            terminal.read_until("ready")
            assert terminal.mode == terminal.mode_before


class TestSize:
    def test_at_first_it_is_the_caller_s(self, begin: Begin) -> None:
        terminal = begin("stty size; echo the end", rows=33, columns=101)
        assert terminal.read_until("the end").split()[:2] == ["33", "101"]

    def test_soon_it_is_the_caller_s(self, begin: Begin) -> None:
        terminal = begin(f"{UNTIL_SIZED}; echo the end", rows=33, columns=101)
        terminal.read_until("the end")

    def test_it_follows_the_caller_s(self, begin: Begin) -> None:
        script = f"{UNTIL_SIZED}; trap 'stty size' WINCH; echo ready; while true; do usleep 5000; done"
        terminal = begin(script, rows=33, columns=101)
        terminal.read_until("ready\r\n")
        for rows, columns in (44, 132), (7, 8), (1000, 2000):
            terminal.resize(rows, columns)
            terminal.read_until(f"{rows} {columns}\r\n")

    def test_it_follows_where_the_input_comes_from_elsewhere(self, begin: Begin, tmp_path: Path) -> None:
        script = f"{UNTIL_SIZED}; trap 'stty size' WINCH; echo ready; while true; do usleep 5000; done"
        with (tmp_path / "stream").open("w+") as stream:
            terminal = begin(script, rows=33, columns=101, stdin=stream.fileno())
            terminal.read_until("ready")
            terminal.resize(44, 132)
            terminal.read_until("44 132")

    @pytest.mark.parametrize("redirected", ["stdin", "stdout", "stderr"])
    def test_a_redirected_stream_is_no_obstacle(self, begin: Begin, redirected: str, tmp_path: Path) -> None:
        """What remains of the caller's terminal has a size."""
        with (tmp_path / "stream").open("w+") as stream:
            terminal = begin(UNTIL_SIZED, rows=33, columns=101, **{redirected: stream.fileno()})
            assert terminal.wait() == 0

    def test_the_configured_one(self, container: Container, bundle: Bundle) -> None:
        """'consoleSize (object, OPTIONAL) specifies the console size in characters of the terminal.'"""
        bundle.set("process.terminal", True).set("process.consoleSize", {"height": 7, "width": 11})
        bundle.sh("stty size; echo the end; read line")
        with ConsoleSocket(container.directory / "console") as listener:
            container.create(listener.option)
            with listener.receive() as console:
                assert console.size == (7, 11)
                container.start()
                assert console.read_until("the end").split()[:2] == ["7", "11"]

    def test_the_configured_one_of_a_further_process(self, container: Container, bundle: Bundle) -> None:
        """'consoleSize (object, OPTIONAL) specifies the console size in characters of the terminal.'"""
        bundle.args("sleep", "1000")
        container.launch()
        process = bundle.config["process"] | {"terminal": True, "consoleSize": {"height": 7, "width": 11}}
        process |= {"args": ["sh", "-c", "stty size; echo the end; read line"]}
        path = bundle.aside("process.json", json.dumps(process))
        with ConsoleSocket(container.directory / "console") as listener:
            container.call("exec", "--detach", f"--process={path}", listener.option).checked()
            with listener.receive() as console:
                assert console.read_until("the end").split()[:2] == ["7", "11"]

    def test_without_a_terminal_it_is_ignored(self, container: Container, bundle: Bundle) -> None:
        """'Runtimes MUST ignore consoleSize if terminal is false or unset.'"""
        bundle.set("process.consoleSize", {"height": 7, "width": 11})
        assert container.output("test -t 0 || echo none") == "none"


class TestKeys:
    def test_control_c_interrupts(self, begin: Begin) -> None:
        terminal = begin("trap 'echo interrupted; exit 42' INT; echo ready; while true; do usleep 5000; done")
        until_ready(terminal)
        terminal.send("\x03")
        terminal.read_until("interrupted")
        assert terminal.wait() == 42

    def test_control_backslash_quits(self, begin: Begin) -> None:
        terminal = begin("trap 'exit 42' QUIT; echo ready; while true; do usleep 5000; done")
        until_ready(terminal)
        terminal.send("\x1c")
        assert terminal.wait() == 42

    def test_control_c_before_it_listens_waits_for_it(self, begin: Begin) -> None:
        """Of a raw terminal of the container it is a byte like others."""
        terminal = begin("stty raw -echo; printf 'ready\\r\\n'; head -c 1 | od -An -tx1")
        until_ready(terminal)
        terminal.send("\x03")
        terminal.read_until("03")

    def test_control_d_ends_the_input(self, begin: Begin) -> None:
        terminal = begin("echo ready; cat; echo the end")
        until_ready(terminal)
        terminal.send("words\n\x04")
        assert terminal.read_until("the end").split() == ["words", "words", "the", "end"]
        assert terminal.wait() == 0

    def test_jobs_of_a_shell(self, begin: Begin) -> None:
        """Without a controlling terminal: 'sh: can't access tty; job control turned off'"""
        terminal = begin("echo ready; PS1='prompt> ' exec sh -i")
        until_ready(terminal)
        assert "job control" not in terminal.read_until("prompt> ")
        job = 'trap "echo aga\\"\\"in" CONT; echo be""gun; while :; do sleep 0.1; done'
        terminal.send(f"sh -c '{job}'\n")
        terminal.read_until("begun\r\n")
        terminal.send("\x1a")
        terminal.read_until("Stopped")
        terminal.read_until("prompt> ")
        terminal.send("jobs; fg\n")
        terminal.read_until("Stopped")
        terminal.read_until("again\r\n")  # the shell lets it go on when the terminal is the job's
        terminal.send("\x03")
        terminal.read_until("prompt> ")
        terminal.send("exit 42\n")
        assert terminal.wait() == 42


class TestConsoleSocket:
    """runc: '--console-socket: path to an AF_UNIX socket which will receive a file descriptor referencing the master
    end of the console's pseudoterminal'"""

    SCRIPT = "echo ready; read line; echo got $line; read line"

    @pytest.fixture
    def listener(self, container: Container) -> Iterator[ConsoleSocket]:
        with ConsoleSocket(container.directory / "console") as listener:
            yield listener

    def converse(self, listener: ConsoleSocket) -> None:
        with listener.receive() as console:
            assert console.name  # a message without a byte is none
            assert os.readlink(f"/proc/self/fd/{console.near}").endswith("ptmx")
            console.read_until("ready\r\n")
            console.send("words\n")
            console.read_until("got words\r\n")

    def test_of_create(self, container: Container, bundle: Bundle, listener: ConsoleSocket) -> None:
        bundle.set("process.terminal", True).sh(self.SCRIPT)
        container.create(listener.option).start()
        self.converse(listener)

    def test_of_run(self, container: Container, bundle: Bundle, listener: ConsoleSocket) -> None:
        bundle.set("process.terminal", True).sh(self.SCRIPT)
        container.call("run", "--detach", listener.option).checked()
        self.converse(listener)

    def test_of_exec(self, container: Container, bundle: Bundle, listener: ConsoleSocket) -> None:
        container.launch().exec_in_background("sh", "-c", self.SCRIPT, options=("--tty", listener.option))
        self.converse(listener)

    def test_its_descriptor_is_close_on_exec_or_at_least_the_only_one(
        self, container: Container, bundle: Bundle, listener: ConsoleSocket
    ) -> None:
        """When the process ends, whoever reads is told: nobody else keeps the far side open."""
        bundle.set("process.terminal", True).sh("echo the end")
        container.create(listener.option).start()
        with listener.receive() as console:
            console.read_until("the end\r\n")
            assert console.read() == b""

    def test_it_hangs_up_when_the_reader_does(
        self, container: Container, bundle: Bundle, listener: ConsoleSocket
    ) -> None:
        bundle.set("process.terminal", True).sh("trap 'exit 42' HUP; echo ready; while true; do usleep 5000; done")
        container.create(listener.option).start()
        with listener.receive() as console:
            console.read_until("ready")
        assert container.wait() == 42

    def test_a_resize_reaches_the_process(self, container: Container, bundle: Bundle, listener: ConsoleSocket) -> None:
        bundle.set("process.terminal", True).sh("trap 'stty size' WINCH; echo ready; while true; do usleep 5000; done")
        container.create(listener.option).start()
        with listener.receive() as console:
            console.read_until("ready\r\n")
            console.resize(50, 60)
            console.read_until("50 60")

    def test_a_relative_path(self, container: Container, bundle: Bundle) -> None:
        bundle.set("process.terminal", True).sh(self.SCRIPT)
        with ConsoleSocket(bundle.path / "console") as listener:
            container.call("create", "--console-socket=console", cwd=bundle.path).checked()
            container.start()
            self.converse(listener)


class TestErrors:
    """'Runtimes MUST generate an error': nothing is left then, and nobody has got a terminal."""

    @pytest.mark.parametrize("words", [("create",), ("run", "--detach")], ids=["create", "run"])
    def test_nobody_would_have_the_terminal(self, container: Container, bundle: Bundle, words: tuple[str, ...]) -> None:
        """runc: 'cannot allocate tty if runc will detach without setting console socket'"""
        bundle.set("process.terminal", True)
        assert "socket" in container.fails(*words).stderr
        assert not container.exists

    def test_nobody_would_have_the_terminal_of_exec(self, container: Container) -> None:
        container.launch()
        assert "socket" in container.fails("exec", "--detach", "--tty", signal="true").stderr

    @pytest.mark.parametrize("words", [("create",), ("run", "--detach"), ("run",)], ids=["create", "detached", "run"])
    def test_a_socket_without_a_terminal(self, container: Container, bundle: Bundle, words: tuple[str, ...]) -> None:
        """runc: 'cannot use console socket if runc will not detach or allocate tty'"""
        with ConsoleSocket(container.directory / "console") as listener:
            assert "socket" in container.fails(*words, listener.option).stderr
            assert listener.is_left_alone()
        assert not container.exists

    def test_a_socket_without_a_terminal_of_exec(self, container: Container) -> None:
        container.launch()
        with ConsoleSocket(container.directory / "console") as listener:
            assert "socket" in container.fails("exec", "--detach", listener.option, signal="true").stderr

    @pytest.mark.parametrize("words", [("create",), ("run", "--detach")], ids=["create", "run"])
    @pytest.mark.parametrize("what", ["nothing", "a file", "nobody listens", "too long"])
    def test_a_socket_that_cannot_be_called(
        self, container: Container, bundle: Bundle, words: tuple[str, ...], what: str
    ) -> None:
        path = container.directory / "console"
        if what == "a file":
            path.write_text("")
        elif what == "nobody listens":
            with ConsoleSocket(path):
                pass
        elif what == "too long":
            path = container.directory / ("x" * 200)
        bundle.set("process.terminal", True)
        assert str(path) in container.fails(*words, f"--console-socket={path}").stderr
        assert not container.exists

    def test_a_socket_that_cannot_be_called_by_exec(self, container: Container) -> None:
        option = f"--console-socket={container.directory}/nobody"
        container.launch()
        result = container.fails("exec", "--detach", "--tty", option, signal="true")
        assert f"{container.directory}/nobody" in result.stderr

    def test_no_devpts(self, container: Container, bundle: Bundle) -> None:
        """A terminal of the host's would be an escape: TIOCSTI, and its name is another's inside."""
        bundle.without_mount("/dev/pts").set("process.terminal", True)
        with ConsoleSocket(container.directory / "console") as listener:
            container.fails("create", listener.option)
            assert listener.is_left_alone()
        assert not container.exists


class TestNoTerminalOfTheCaller:
    """The container has one all the same; nothing has to be made raw."""

    @pytest.mark.parametrize("stdin", ["pipe", "file", "null", "closed"])
    def test_in_the_foreground(self, verb: str, container: Container, bundle: Bundle, stdin: str) -> None:
        script = "tty; exit 42"
        if verb == "run":
            bundle.set("process.terminal", True).sh(script)
            command = container.command("run")
        else:
            container.launch()
            command = container.command("exec", "--tty", "--", "sh", "-c", script)
        source = bundle.aside("input", "typed\n")
        redirection = {"pipe": "", "file": f"<{source}", "null": "</dev/null", "closed": "<&-"}[stdin]
        wrapped = ["setsid", "--wait", "sh", "-c", f'exec "$@" {redirection}', "sh", *command]
        result = container.runtime.call(wrapped)
        assert result.status == 42
        assert "/dev/pts/0" in result.stdout.splitlines()  # and what the file typed, before or after that

    def test_what_a_file_holds_is_typed(self, container: Container, bundle: Bundle) -> None:
        bundle.set("process.terminal", True).sh("stty -echo; read line; echo got $line")
        wrapped = ["setsid", "--wait", *container.command("run")]
        assert container.runtime.call(wrapped, stdin="words\n").checked().stdout.endswith("got words\n")

    def test_the_configured_size(self, container: Container, bundle: Bundle) -> None:
        """'consoleSize (object, OPTIONAL) specifies the console size in characters of the terminal.'"""
        bundle.set("process.terminal", True).set("process.consoleSize", {"height": 7, "width": 11}).sh("stty size")
        wrapped = ["setsid", "--wait", *container.command("run")]
        assert container.runtime.call(wrapped).checked().output == "7 11"
