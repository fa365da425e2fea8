"""What engines say to a runtime, and read from it. Not the specification's, but runc's: engines are written against
it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import ClassVar

import pytest

from .bundle import Bundle
from .container import Container
from .driver import Result


def global_call(container: Container, *arguments: str) -> Result:
    return container.runtime.call([container.runtime.path, *arguments])


def test_version(container: Container) -> None:
    """containerd and podman read the first line: NAME version X"""
    assert re.match(r"[a-z]+ version \d+\.\d+", global_call(container, "--version").checked().stdout)


def test_version_names_the_specification(container: Container) -> None:
    """runc: 'spec: 1.0.2-dev'"""
    assert re.search(r"^spec: 1\.\d+\.\d+", global_call(container, "--version").checked().stdout, re.MULTILINE)


@pytest.mark.parametrize("arguments", [["--help"], ["create", "--help"], ["run", "--help"], ["delete", "--help"]])
def test_help(container: Container, arguments: list[str]) -> None:
    assert global_call(container, *arguments).checked().stdout


@pytest.mark.parametrize(
    "arguments", [["conjure"], ["create"], ["start"], ["kill"], ["delete"], ["--no-such-option", "list"]]
)
def test_a_wrong_command_line_is_an_error(container: Container, arguments: list[str]) -> None:
    """runtime.md: 'This operation MUST generate an error if it is not provided the container ID.'"""
    result = container.runtime.call(container.runtime.command(container.root, *arguments))
    assert result.status != 0


@pytest.mark.parametrize("option", ["--root={root}", "--root {root}"])
def test_options_take_their_value_in_both_ways(container: Container, option: str) -> None:
    """runc: `--name value` or `--name=value`"""
    container.create()
    arguments = option.format(root=container.root).split()
    assert json.loads(global_call(container, *arguments, "state", container.id).checked().stdout)["id"] == container.id


def test_bundle_has_a_short_form(container: Container, bundle: Bundle) -> None:
    """runc: '--bundle value, -b value'"""
    bundle.args("echo", "hello").write()
    command = container.runtime.command(container.root, "run", "-b", str(bundle.path), container.id)
    assert container.runtime.call(command).checked().output == "hello"


def test_detach_has_a_short_form(container: Container) -> None:
    """runc: '--detach, -d'"""
    container.call("run", "-d").checked()
    assert container.status == "running"


def test_force_has_a_short_form(container: Container) -> None:
    """runc: '--force, -f'"""
    container.launch().delete("-f")
    assert not container.exists


class TestLog:
    """podman and containerd: `--log FILE --log-format json`, and read `level` and `msg` of the last line."""

    FAILURES: ClassVar[dict[str, tuple[Callable[[Bundle], Bundle], str]]] = {
        "missing program": (lambda bundle: bundle.args("no-such-program"), "executable file not found|no such file"),
        "missing path": (lambda bundle: bundle.args("/no/such/program"), "no such file or directory"),
        "not executable": (lambda bundle: bundle.args("/etc/passwd"), "permission denied"),
    }

    @pytest.mark.parametrize("failure", FAILURES)
    def test_json(self, container: Container, bundle: Bundle, failure: str) -> None:
        arrange, words = self.FAILURES[failure]
        arrange(bundle).write()
        log = bundle.path / "log"
        options = ["--log", str(log), "--log-format", "json"]
        for verb in ("create", "start"):
            arguments = ["--bundle", str(bundle.path)] if verb == "create" else []
            command = container.runtime.command(container.root, *options, verb, *arguments, container.id)
            with open(container.directory / "stdout", "a") as stream:
                if container.runtime.call(command, stdout=stream, stderr=stream).status != 0:
                    break
        last = json.loads(log.read_text().splitlines()[-1])
        assert last["level"] == "error"
        assert re.search(words, last["msg"], re.IGNORECASE)

    @pytest.mark.parametrize("failure", FAILURES)
    def test_json_of_exec(self, container: Container, bundle: Bundle, failure: str) -> None:
        """podman: `exec` of a program that is not there is status 127, of one that may not run 126"""
        container.launch()
        args = self.FAILURES[failure][0](bundle).config["process"]["args"]
        log = bundle.path / "log"
        command = container.runtime.command(
            container.root, "--log", str(log), "--log-format", "json", "exec", container.id, *args
        )
        assert container.runtime.call(command).status not in (0, 126, 127)
        last = json.loads(log.read_text().splitlines()[-1])
        assert last["level"] == "error"
        assert re.search(self.FAILURES[failure][1], last["msg"], re.IGNORECASE)

    def test_what_is_in_the_log_stays(self, container: Container, bundle: Bundle) -> None:
        """containerd: one log for all commands about a container"""
        log = bundle.path / "log"
        log.write_text("before\n")
        for _ in range(2):
            options = ("--log", str(log), "--log-format=json")
            container.runtime.call(container.runtime.command(container.root, *options, "state", container.id))
        first, *others = log.read_text().splitlines()
        assert first == "before"
        assert [json.loads(line)["level"] for line in others] == ["error", "error"]

    def test_debug_says_more(self, container: Container, bundle: Bundle) -> None:
        """podman: `--log-level=debug` gives the runtime --debug"""
        log = bundle.path / "log"
        bundle.args("true").write()
        options = ("--debug", "--log", str(log), "--log-format=json", "run", "--bundle", str(bundle.path))
        container.runtime.call(container.runtime.command(container.root, *options, container.id)).checked()
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert "debug" in {line["level"] for line in lines}
        assert all({"level", "msg", "time"} <= line.keys() for line in lines)

    def test_another_format_is_an_error(self, container: Container) -> None:
        options = ("--log-format", "xml", "list")
        assert container.runtime.call(container.runtime.command(container.root, *options)).status != 0

    def test_json_without_a_log_is_on_standard_error(self, container: Container) -> None:
        """runc: 'set the log file path where internal debug information is written' (default: standard error)"""
        command = container.runtime.command(container.root, "--log-format=json", "state", container.id)
        last = json.loads(container.runtime.call(command).stderr.splitlines()[-1])
        assert last["level"] == "error"
        assert "does not exist" in last["msg"]

    def test_text(self, container: Container, bundle: Bundle) -> None:
        log = bundle.path / "log"
        command = container.runtime.command(container.root, "--log", str(log), "state", container.id)
        assert container.runtime.call(command).status != 0
        assert log.read_text()

    def test_success_is_not_logged_as_an_error(self, container: Container, bundle: Bundle) -> None:
        bundle.args("true").write()
        log = bundle.path / "log"
        options = ["--log", str(log), "--log-format=json"]
        command = container.runtime.command(container.root, *options, "run", "--bundle", str(bundle.path), container.id)
        container.runtime.call(command).checked()
        levels = [json.loads(line)["level"] for line in log.read_text().splitlines()] if log.exists() else []
        assert "error" not in levels


class TestWords:
    """What engines look for in messages."""

    def test_killing_an_ended_container(self, container: Container, bundle: Bundle) -> None:
        """containerd: 'process already finished', podman: 'container not running'"""
        bundle.args("true")
        container.launch().wait()
        message = container.fails("kill", signal="TERM").stderr
        assert "process already finished" in message or "container not running" in message

    @pytest.mark.parametrize("verb", ["state", "kill", "delete", "start"])
    def test_an_unknown_container(self, container: Container, verb: str) -> None:
        """containerd: 'does not exist'"""
        assert "does not exist" in container.fails(verb).stderr


class TestStatus:
    """What engines take for the fate of the command, and what for that of the process."""

    def test_a_failure_is_one(self, container: Container, bundle: Bundle) -> None:
        """runc: every error of its own is status 1"""
        bundle.args("/no/such/program")
        assert container.run().status == 1
        for verb in ("start", "state", "kill", "delete", "pause", "resume", "ps"):
            assert container.fails(verb).status == 1, verb

    @pytest.mark.parametrize("status", [0, 1, 7, 255])
    def test_that_of_the_process_is_passed_on(self, container: Container, bundle: Bundle, status: int) -> None:
        """runc: `run` and `exec` in the foreground end as the process does"""
        bundle.sh(f"exit {status}")
        assert container.run().status == status

    def test_a_signal_is_128_and_its_number(self, container: Container, bundle: Bundle) -> None:
        bundle.sh("sh -c 'kill -TERM $$' & wait $!; exit $?")
        assert container.run().status == 143

    def test_exec_that_cannot_start_is_255(self, container: Container) -> None:
        """runc: 255, not to be taken for the process's own 1"""
        container.launch()
        assert container.exec("no-such-program").status == 255

    def test_delete_by_force_of_what_is_not_there_is_none(self, container: Container) -> None:
        """podman, containerd: they clean up without knowing what there is"""
        container.delete("--force")


# Options of runc 1.5.1 that engines and people use, and of crun what engines do.
OPTIONS = {
    "create": "bundle console-socket pid-file no-pivot no-new-keyring preserve-fds",
    "run": "bundle console-socket pid-file no-pivot no-new-keyring preserve-fds detach keep no-subreaper",
    "exec": "console-socket cwd env tty user additional-gids process detach pid-file process-label apparmor "
    "no-new-privs cap preserve-fds cgroup ignore-paused",
    "start": "",
    "state": "",
    "pause": "",
    "resume": "",
    "kill": "all",
    "delete": "force",
    "list": "format quiet",
    "ps": "format",
    "events": "interval stats",
    "update": "resources blkio-weight cpu-period cpu-quota cpu-share cpu-rt-period cpu-rt-runtime cpuset-cpus "
    "cpuset-mems memory memory-reservation memory-swap pids-limit l3-cache-schema mem-bw-schema",
    "spec": "bundle rootless",
    "features": "",
}
SHORT = {"bundle": "b", "detach": "d", "env": "e", "tty": "t", "user": "u", "process": "p", "force": "f", "quiet": "q"}


NEWER = [
    ("create", "pidfd-socket"),
    ("run", "pidfd-socket"),
    ("exec", "pidfd-socket"),
    ("update", "cpu-burst"),
    ("update", "cpu-idle"),
]


class TestHelp:
    """podman asks `checkpoint --help` what is supported; people ask for the rest."""

    @pytest.fixture(autouse=True)
    def _is_runc_s(self, container: Container) -> None:
        if container.runtime.name == "crun":
            pytest.skip("crun has a help of its own kind, and other verbs")

    @pytest.mark.parametrize("verb", OPTIONS)
    def test_of_a_verb(self, container: Container, verb: str) -> None:
        text = global_call(container, verb, "--help").checked().stdout
        assert re.search(rf"\b{verb}\b", text)
        for option in OPTIONS[verb].split():
            assert re.search(rf"--{option}\b", text), f"--{option}"
            if option in SHORT:
                assert re.search(rf"-{SHORT[option]}\b", text), f"-{SHORT[option]}"

    @pytest.mark.parametrize("verb, option", NEWER)
    def test_of_newer_options(self, container: Container, verb: str, option: str) -> None:
        assert f"--{option}" in global_call(container, verb, "--help").checked().stdout

    @pytest.mark.parametrize("how", [["kill", "-h"], ["help", "kill"]])
    def test_in_other_ways(self, container: Container, how: list[str]) -> None:
        help_text = global_call(container, "kill", "--help").checked().stdout
        assert global_call(container, *how).checked().stdout == help_text

    def test_of_the_whole(self, container: Container) -> None:
        text = global_call(container, "--help").checked().stdout
        for verb in OPTIONS:
            assert re.search(rf"^ +{verb}\b", text, re.MULTILINE), verb
        for option in ("debug", "log", "log-format", "root", "rootless", "systemd-cgroup", "version", "help"):
            assert f"--{option}" in text


def test_the_version_has_a_short_form(container: Container) -> None:
    """runc: '--version, -v'"""
    assert global_call(container, "-v").checked().stdout == global_call(container, "--version").checked().stdout


def test_spec_writes_a_config_that_runs(container: Container, bundle: Bundle) -> None:
    """runc: `spec --bundle DIR` writes config.json"""
    empty = bundle.aside("new")
    (empty / "rootfs").symlink_to(bundle.rootfs)
    global_call(container, "spec", "--bundle", str(empty)).checked()
    bundle.config = json.loads((empty / "config.json").read_text())
    bundle.set("process.terminal", False).args("echo", "hello")
    assert container.run().checked().output == "hello"


def test_features_is_a_document(container: Container) -> None:
    """features.md: 'ociVersionMin (string, REQUIRED) ... ociVersionMax (string, REQUIRED)'"""
    if container.runtime.features is None:
        pytest.skip(f"{container.runtime.name} {container.runtime.version} has no `features`")
    assert {"ociVersionMin", "ociVersionMax"} <= container.runtime.features.keys()
