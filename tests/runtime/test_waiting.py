"""`run` and `exec` while they wait: signals, standard streams, orphans, what it costs, and what is tidied up then."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from . import cgroupfs
from .bundle import Bundle
from .container import Container, eventually
from .procfs import Process, children, is_zombie
from .terminals import PATIENCE, Terminal

# Nobody can catch the first two; SIGCHLD is the runtime's own, and SIGPIPE its own trouble. Go uses SIGURG for itself.
NOT_FORWARDED = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG}
NAMED = sorted(set(signal.Signals) - NOT_FORWARDED - {signal.SIGRTMIN, signal.SIGRTMAX})
FORWARDED = [int(number) for number in NAMED] + [signal.SIGRTMIN + 1, signal.SIGRTMIN + 15, signal.SIGRTMAX]
DEADLY = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM, signal.SIGTERM, signal.SIGRTMAX]

Waiting = subprocess.Popen[Any]
Begin = Callable[..., Waiting]


@pytest.fixture(params=["run", "exec"])
def verb(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def begin(verb: str, container: Container, bundle: Bundle) -> Iterator[Begin]:
    """A program in a container, and the command that waits for it: by its pid it can be sent signals."""
    begun: list[Waiting] = []

    def make(*words: str, options: tuple[str, ...] = (), **streams: Any) -> Waiting:
        command = command_of(container, verb, *words, options=options)
        begun.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, **streams))
        return begun[-1]

    yield make
    for one in begun:
        one.kill()
        one.wait()


def command_of(
    container: Container, verb: str, *words: str, options: tuple[str, ...] = (), terminal: bool = False
) -> list[str]:
    if verb == "run":
        container.bundle.set("process.terminal", terminal).args(*words)
        return container.command("run", *options)
    container.bundle.args("sleep", "1000")
    container.launch()
    return container.command("exec", *(["--tty"] if terminal else []), *options, "--", *words)


def process_of(waiting: Waiting | Terminal, program: str) -> Process:
    """The one that is waited for, once it is the program."""

    def found() -> Process | None:
        try:
            every = [Process(pid) for pid in children(waiting.pid)]
            return next((one for one in every if one.arguments()[:1] == [program]), None)
        except (FileNotFoundError, ProcessLookupError):
            return None  # something ended while we looked

    process = eventually(found, f"{program} below {waiting.pid}", PATIENCE)
    assert isinstance(process, Process)
    return process


def has_ended(process: Process) -> bool:
    return not process.directory.exists() or is_zombie(int(process.pid))


class TestSignals:
    @pytest.mark.parametrize("number", FORWARDED)
    def test_it_is_passed_on(self, begin: Begin, bundle: Bundle, number: int) -> None:
        """runc: 'signals are forwarded to the container's process'"""
        script = f"trap 'exit 42' {number}; echo ready; while true; do usleep 5000; done"
        waiting = begin("sh", "-c", script, stdout=subprocess.PIPE)
        assert waiting.stdout is not None
        with waiting.stdout as stdout:
            assert stdout.readline() == b"ready\n"
            waiting.send_signal(number)
            assert waiting.wait(PATIENCE) == 42

    @pytest.mark.parametrize("number", DEADLY)
    def test_death_by_one_is_128_and_its_number(self, begin: Begin, bundle: Bundle, number: int) -> None:
        bundle.without_namespace("pid")  # whose first process is immune
        waiting = begin("sleep", "1000")
        process_of(waiting, "sleep")
        waiting.send_signal(number)
        assert waiting.wait(PATIENCE) == 128 + number

    def test_many_in_a_row(self, begin: Begin) -> None:
        script = "trap 'echo USR1' USR1; trap 'echo USR2' USR2; echo ready; while true; do usleep 1000; done"
        waiting = begin("sh", "-c", script, stdout=subprocess.PIPE)
        assert waiting.stdout is not None
        with waiting.stdout as stdout:
            assert stdout.readline() == b"ready\n"
            for _ in range(50):
                for number in signal.SIGUSR1, signal.SIGUSR2:
                    waiting.send_signal(number)
                    assert stdout.readline() == f"{number.name[3:]}\n".encode()

    def test_those_that_are_blocked_or_ignored_by_the_caller(self, begin: Begin) -> None:
        """nohup(1), and shells for what they start in the background, have them ignored; the process inherits that."""
        script = "trap 'exit 42' USR1; echo ready; while true; do usleep 5000; done"
        waiting = begin("sh", "-c", script, stdout=subprocess.PIPE, preexec_fn=ignore_some)
        assert waiting.stdout is not None
        with waiting.stdout as stdout:
            assert stdout.readline() == b"ready\n"
            waiting.send_signal(signal.SIGUSR1)
            assert waiting.wait(PATIENCE) == 42

    def test_the_process_has_no_signal_blocked(self, begin: Begin) -> None:
        """What the waiting command has blocked or ignores for itself is not the process's."""
        process = process_of(begin("sleep", "1000"), "sleep")
        assert int(process.status("SigBlk"), 16) == 0
        of_the_c_library = 0b11 << 31  # 32 and 33, which it lets nobody set: they stay as this test's caller has them
        assert int(process.status("SigIgn"), 16) & ~of_the_c_library == 0

    def test_stopping_it_stops_nothing_else(self, begin: Begin) -> None:
        """SIGSTOP cannot be passed on."""
        waiting = begin("sh", "-c", "trap 'exit 42' TERM; while true; do usleep 5000; done")
        process = process_of(waiting, "sh")
        waiting.send_signal(signal.SIGSTOP)
        eventually(lambda: Process(waiting.pid).status("State").startswith("T"), "a stopped command")
        assert not process.status("State").startswith("T")
        waiting.send_signal(signal.SIGCONT)
        waiting.send_signal(signal.SIGTERM)
        assert waiting.wait(PATIENCE) == 42

    def test_a_full_terminal_does_not_hold_them_up(self, verb: str, container: Container, bundle: Bundle) -> None:
        """Whoever reads has stopped; who ends the container need not wait for that."""
        bundle.without_namespace("pid")
        ours, theirs = os.pipe()
        fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, 4096)
        command = command_of(container, verb, "cat", "/dev/zero", terminal=True)
        with Terminal(command, stdout=theirs) as terminal:
            process = process_of(terminal, "cat")
            eventually(lambda: not select.select([], [theirs], [], 0)[1], "a full pipe", PATIENCE)
            os.close(theirs)
            terminal.send_signal(signal.SIGTERM)
            eventually(lambda: has_ended(process), "the end of the process", PATIENCE)
            while os.read(ours, 65536):
                pass
            assert terminal.wait() == 128 + signal.SIGTERM
        os.close(ours)


def ignore_some() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


class TestStreams:
    @pytest.mark.parametrize("stdin", ["</dev/null", "<&-", "</etc/passwd", "<>/dev/null"])
    @pytest.mark.parametrize("with_terminal", [False, True], ids=["plain", "terminal"])
    def test_any_stdin_is_waited_with(self, verb: str, container: Container, stdin: str, with_terminal: bool) -> None:
        """Also with one that has nothing to say, or more than is wanted, or is not there."""
        command = command_of(container, verb, "sh", "-c", "echo said; exit 42", terminal=with_terminal)
        with Terminal(["sh", "-c", f'exec "$@" {stdin}', "sh", *command]) as terminal:
            terminal.read_until("said")
            assert terminal.wait() == 42

    @pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-"])
    def test_closed_ones_with_a_terminal(self, verb: str, container: Container, closed: str) -> None:
        command = command_of(container, verb, "sh", "-c", "echo said; read line; exit 42", terminal=True)
        with Terminal(["sh", "-c", f'exec "$@" {closed}', "sh", *command]) as terminal:
            process_of(terminal, "sh")
            terminal.send("\n")
            assert terminal.wait() == 42

    @pytest.mark.parametrize("stdin", ["</dev/null", "<&-", ""], ids=["null", "closed", "ended"])
    @pytest.mark.parametrize("with_terminal", [False, True], ids=["plain", "terminal"])
    def test_waiting_is_not_work(self, verb: str, container: Container, stdin: str, with_terminal: bool) -> None:
        """An input that has ended is not looked at again and again."""
        script = "echo ready; exec sleep 1000"
        command = command_of(container, verb, "sh", "-c", script, terminal=with_terminal)
        ours, theirs = os.pipe()
        os.close(theirs)  # an input that has ended
        wrapped = ["sh", "-c", f'exec "$@" {stdin}', "sh", *command]
        with Terminal(wrapped, stdin=ours) as terminal:
            os.close(ours)
            terminal.read_until("ready")
            process_of(terminal, "sleep")
            before, started = ticks(terminal.pid), time.monotonic()
            time.sleep(0.5)
            share = (ticks(terminal.pid) - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - started)
            assert share < 0.2, "of a processor"

    def test_it_is_over_when_the_process_is(self, container: Container, bundle: Bundle) -> None:
        """A child that keeps the standard streams does not keep the command. (Its pipe, its reader has to wait for.)"""
        bundle.without_namespace("pid")
        command = command_of(container, "run", "sh", "-c", "sleep 1000 & exit 42")
        with Terminal(command) as terminal:
            assert terminal.wait() == 42


def ticks(pid: int) -> int:
    """The time that it has been at work."""
    fields = Process(pid).read("stat").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


class TestOrphans:
    SCRIPT = "(sleep 999 & echo $!); echo its parent has ended; exec sleep 1000"

    def orphan(self, waiting: Waiting) -> Process:
        assert waiting.stdout is not None
        with waiting.stdout as stdout:
            process = Process(int(stdout.readline()))
            assert stdout.readline() == b"its parent has ended\n"
        eventually(lambda: process.arguments() == ["sleep", "999"], "the orphan")
        return process

    @pytest.mark.parametrize("verb", ["run"], indirect=True)
    def test_the_waiting_command_takes_care_of_them(self, begin: Begin, bundle: Bundle) -> None:
        """runc: '--no-subreaper: disable the use of the subreaper used to reap reparented processes'"""
        bundle.without_namespace("pid")
        waiting = begin("sh", "-c", self.SCRIPT, stdout=subprocess.PIPE)
        orphan = self.orphan(waiting)
        assert orphan.status("PPid") == str(waiting.pid)

    @pytest.mark.parametrize("verb", ["run"], indirect=True)
    def test_it_waits_for_them(self, begin: Begin, bundle: Bundle) -> None:
        """None of them stays a zombie."""
        bundle.without_namespace("pid")
        waiting = begin("sh", "-c", self.SCRIPT, stdout=subprocess.PIPE)
        orphan = self.orphan(waiting)
        os.kill(int(orphan.pid), signal.SIGKILL)
        eventually(lambda: not orphan.directory.exists(), "the end of the orphan")
        assert waiting.poll() is None

    @pytest.mark.parametrize("verb", ["run"], indirect=True)
    def test_with_the_option_others_do(self, begin: Begin, bundle: Bundle) -> None:
        """runc: '--no-subreaper: disable the use of the subreaper used to reap reparented processes'"""
        bundle.without_namespace("pid")
        waiting = begin("sh", "-c", self.SCRIPT, options=("--no-subreaper",), stdout=subprocess.PIPE)
        assert self.orphan(waiting).status("PPid") == str(os.getpid()), "that of the next subreaper: ours"


class TestCost:
    def test_it_is_the_process_s_parent(self, begin: Begin) -> None:
        """Who starts the command and has its pid can wait for it and send it signals: there is no other in between."""
        waiting = begin("sleep", "1000")
        assert process_of(waiting, "sleep").status("PPid") == str(waiting.pid)

    def test_it_is_small(self, begin: Begin) -> None:
        """sampan: a command that waits needs 1 MiB of memory at most, not what it needed to make the container."""
        waiting = begin("sleep", "1000")
        process_of(waiting, "sleep")
        eventually(lambda: resident(waiting.pid) <= 1024, f"1 MiB, not {resident(waiting.pid)} KiB,", 5)

    def test_it_is_small_with_a_terminal(self, verb: str, container: Container) -> None:
        """sampan: the same, with a terminal to carry everything from and to."""
        with Terminal(command_of(container, verb, "sleep", "1000", terminal=True)) as terminal:
            process_of(terminal, "sleep")
            eventually(lambda: resident(terminal.pid) <= 1024, f"1 MiB, not {resident(terminal.pid)} KiB,", 5)

    def test_it_has_no_files_open_but_what_it_needs(self, begin: Begin, container: Container) -> None:
        """None of them is of the container's root, whose filesystem could not be unmounted."""
        waiting = begin("sleep", "1000")
        process_of(waiting, "sleep")
        opened = Process(waiting.pid).descriptors().values()
        assert not [path for path in opened if path.startswith(str(container.bundle.rootfs))]


def resident(pid: int) -> int:
    return int(Process(pid).status("VmRSS").split()[0])


class TestTheEnd:
    """'Deleting a container MUST delete the resources that were created during the create step.'"""

    @pytest.mark.parametrize("with_terminal", [False, True], ids=["plain", "terminal"])
    def test_nothing_is_left(self, container: Container, with_terminal: bool) -> None:
        command = command_of(container, "run", "sh", "-c", "echo ready; read line; exit 42", terminal=with_terminal)
        with Terminal(command) as terminal:
            terminal.read_until("ready")
            terminal.send("\n")
            assert terminal.wait() == 42
        assert not container.exists
        assert not list(cgroupfs.walk(container.id))
        assert not list(container.root.glob(f"*{container.id}*"))

    def test_after_a_signal_too(self, container: Container, bundle: Bundle) -> None:
        bundle.without_namespace("pid")
        with Terminal(command_of(container, "run", "sleep", "1000")) as terminal:
            process_of(terminal, "sleep")
            terminal.send_signal(signal.SIGTERM)
            assert terminal.wait() == 128 + signal.SIGTERM
        assert not container.exists
        assert not list(cgroupfs.walk(container.id))

    def test_hooks_of_the_end_run(self, container: Container, bundle: Bundle) -> None:
        """'The poststop hooks MUST be called after the container is deleted but before the delete operation
        returns.'"""
        bundle.hook("poststop", f"cat >{container.directory}/poststop")
        with Terminal(command_of(container, "run", "true", terminal=True)) as terminal:
            assert terminal.wait() == 0
        assert container.id in (container.directory / "poststop").read_text()

    def test_keep_keeps_it(self, container: Container) -> None:
        """runc: '--keep: do not delete the container after it exits'"""
        with Terminal(command_of(container, "run", "true", options=("--keep",), terminal=True)) as terminal:
            assert terminal.wait() == 0
        assert container.status == "stopped"
        container.delete()

    def test_somebody_else_deletes_it(self, container: Container) -> None:
        """The command still says how the process ended."""
        with Terminal(command_of(container, "run", "sleep", "1000")) as terminal:
            process_of(terminal, "sleep")
            container.delete("--force")
            assert terminal.wait() == 128 + signal.SIGKILL
        assert not container.exists

    def test_somebody_has_made_another_meanwhile(self, container: Container, bundle: Bundle) -> None:
        """Whoever waits for the first one does not delete the second, which has the same id."""
        with Terminal(command_of(container, "run", "sleep", "1000")) as terminal:
            process_of(terminal, "sleep")
            container.exec(
                "true"
            ).checked()  # which waits for the lock: the command must not be stopped while it has it
            terminal.send_signal(signal.SIGSTOP)
            eventually(lambda: Process(terminal.pid).status("State").startswith("T"), "a stopped command")
            container.delete("--force")
            container.launch()
            terminal.send_signal(signal.SIGCONT)
            assert terminal.wait() == 128 + signal.SIGKILL
        assert container.status == "running"

    def test_a_killed_command_leaves_a_container_that_can_be_deleted(self, container: Container) -> None:
        with Terminal(command_of(container, "run", "sleep", "1000", terminal=True)) as terminal:
            process = process_of(terminal, "sleep")
            terminal.send_signal(signal.SIGKILL)
            assert terminal.wait() == -signal.SIGKILL
            assert container.status in ("running", "stopped")
            container.delete("--force")
            assert has_ended(process)
        assert not container.exists
