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
