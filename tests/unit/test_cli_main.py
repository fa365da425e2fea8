"""The command as a whole: help, version, the log, and errors that a person can act on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import sampan
from sampan.cgroups import delegation
from sampan.cli import list as list_verb
from sampan.cli.log import Log
from sampan.cli.main import VERBS, main
from sampan.cli.options import parse
from sampan.cli.settings import OPTIONS, Settings
from sampan.cli.verbs import Verb
from sampan.errors import UsageError

Capture = pytest.CaptureFixture[str]
REPOSITORY = Path(__file__).resolve().parents[2]

OTHERS_CAN = "containers in this release; those that need it can run with runc or crun"


def fail(words: list[str], capfd: Capture) -> str:
    """Run a command that fails, and return its one message."""
    assert main(words) == 1
    output, message = capfd.readouterr()
    assert output == ""
    assert message.startswith("sampan: ")
    return message.removeprefix("sampan: ").rstrip("\n")


def settings(*words: str) -> Settings:
    return Settings(parse("sampan", OPTIONS, words, stop_at_operand=True), Log())


def test_the_first_line_of_the_version_is_what_engines_parse(capfd: Capture) -> None:
    assert main(["--version"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == f"sampan version {sampan.__version__}"
    assert lines[1] == "spec: 1.3.0"
    assert re.fullmatch(r"python: 3\.\d+\.\d+", lines[2])
    assert re.fullmatch(r"libseccomp: 2\.\d+\.\d+", lines[3])


def test_the_package_and_its_build_agree_on_the_version() -> None:
    assert f"version: '{sampan.__version__}'" in (REPOSITORY / "meson.build").read_text()


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_help_lists_all_commands_and_options(words: list[str], capfd: Capture) -> None:
    assert main(words) == 0
    text = capfd.readouterr().out
    for verb in VERBS:
        assert f"\n  {verb} " in text
    for name, *_ in OPTIONS:
        assert f"\n  --{name}" in text


@pytest.mark.parametrize("verb", VERBS)
def test_each_command_has_help_made_from_its_table(verb: str, capfd: Capture) -> None:
    assert main([verb, "--help"]) == 0
    text = capfd.readouterr().out
    assert main(["help", verb]) == 0
    assert capfd.readouterr().out == text
    assert text.startswith(f"sampan {verb}: ")
    for name, *_ in __import__(f"sampan.cli.{verb}", fromlist=["OPTIONS"]).OPTIONS:
        assert f"\n  --{name}" in text
    assert max(map(len, text.splitlines())) <= 130


def choices() -> list[tuple[str, str, str]]:
    """Verb, option and words of every option that has words to choose from; the verb of a global one is ""."""
    tables = [
        ("", OPTIONS),
        *((verb, __import__(f"sampan.cli.{verb}", fromlist=["OPTIONS"]).OPTIONS) for verb in VERBS),
    ]
    return [(verb, name, value) for verb, table in tables for name, _, value, _ in table if value.islower()]


@pytest.mark.parametrize("verb, option, words", choices())
def test_the_words_that_help_offers_are_those_that_are_taken(
    verb: str, option: str, words: str, tmp_path: Path, capfd: Capture
) -> None:
    operands = ["x"] * len([operand for operand in Verb(verb).operands if operand[0] != "["]) if verb else ["list"]
    before = ["--root", str(tmp_path), *([verb] if verb else [])]
    message = fail([*before, f"--{option}=nonsense", *operands], capfd)
    offered = message.removeprefix(f"--{option} must be ").partition(", not")[0]
    assert sorted(offered.split(" or ")) == sorted(words.split("|"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fly"], 'unknown command "fly"; "sampan --help" lists the commands'),
        (["checkpoint", "web"], f"sampan cannot checkpoint {OTHERS_CAN}"),
        (["restore", "-no-subreaper", "web"], f"sampan cannot restore {OTHERS_CAN}"),
        (["--fly"], 'unknown option "--fly"; see "sampan --help"'),
        (["start"], 'ID is missing; see "sampan start --help"'),
        (["start", "a", "b"], 'unexpected argument "b"; see "sampan start --help"'),
        (["delete", "--fly", "a"], 'unknown option "--fly"; see "sampan delete --help"'),
        (["kill", "a", "NOPE"], 'there is no signal "NOPE"; see "sampan kill --help"'),
        (["--log-format", "xml", "list"], '--log-format must be text or json, not "xml"; see "sampan --help"'),
        (["help", "fly"], 'there is no help on "fly"; "sampan --help" lists the commands'),
    ],
)
def test_a_wrong_command_line_names_what_is_wrong_and_where_to_get_help(
    words: list[str], message: str, capfd: Capture
) -> None:
    assert fail(words, capfd) == message


@pytest.mark.parametrize("option", ["--systemd-cgroup", "--cgroup-manager=systemd"])
def test_systemd_is_not_needed_where_no_cgroup_is_made(option: str, tmp_path: Path, capfd: Capture) -> None:
    assert main([option, "--root", str(tmp_path), "list", "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")


def test_without_systemd_its_cgroups_are_refused_with_what_to_do(tmp_path: Path, capfd: Capture) -> None:
    if "/init.scope" in Path("/proc/1/cgroup").read_text():
        pytest.skip("process 1 is systemd")
    main(["spec", "--bundle", str(tmp_path)])
    capfd.readouterr()
    message = fail(["--systemd-cgroup", "plan", str(tmp_path)], capfd)
    assert message.startswith("--systemd-cgroup: process 1 is not systemd")
    assert "cgroupfs" in message


def test_an_error_is_in_the_json_log_as_engines_read_it(tmp_path: Path, capfd: Capture) -> None:
    log = tmp_path / "log.json"
    log.write_text("before\n")
    message = fail(["--log", str(log), "--log-format=json", 'fl"y\x01\n\\'], capfd)
    before, line = log.read_text().splitlines()
    entry = json.loads(line)
    assert before == "before"
    assert entry["level"] == "error"
    assert entry["msg"].replace("\x01", "\\x01") == message  # a terminal must not obey it
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry["time"])


def test_an_error_is_in_the_text_log_as_logrus_writes_it(tmp_path: Path, capfd: Capture) -> None:
    log = tmp_path / "log"
    fail(["--log", str(log), "fly"], capfd)
    line = log.read_text()
    assert re.fullmatch(r'time="[^"]+" level=error msg="unknown command \\"fly\\"; .*"\n', line)


def test_a_message_that_is_no_utf8_is_logged_all_the_same(tmp_path: Path, capfd: Capture) -> None:
    log = tmp_path / "log"
    assert main(["--log", str(log), "--log-format=json", "f\udcff"]) == 1
    capfd.readouterr()
    assert "f\\udcff" in json.loads(log.read_text())["msg"]


def test_a_log_that_cannot_be_written_does_not_hide_the_error(tmp_path: Path, capfd: Capture) -> None:
    assert main(["--log", str(tmp_path / "no" / "log"), "fly"]) == 1
    errors = capfd.readouterr().err.splitlines()
    assert errors[0].startswith("sampan: --log: open ")
    assert errors[1].startswith('sampan: unknown command "fly"')


def test_an_unexpected_error_is_one_line_and_debug_shows_where(monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    def broken(*_: object) -> int:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("sampan.cli.spec.run", broken)
    message = fail(["spec"], capfd)
    assert message == "unexpected ZeroDivisionError: oh (sampan --debug prints where); please report it"
    assert main(["--debug", "spec"]) == 1
    debugged = capfd.readouterr().err
    assert "Traceback" in debugged
    assert "in broken" in debugged


def test_an_interrupt_has_the_status_that_shells_expect(monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("sampan.cli.spec.run", interrupted)
    assert main(["spec"]) == 130
    assert capfd.readouterr().err == "sampan: interrupted\n"


def test_a_program_that_asks_for_json_and_gives_no_log_reads_standard_error(capfd: Capture) -> None:
    """As runc, whose log is standard error where none is given."""
    assert main(["--log-format=json", "fly"]) == 1
    output, line = capfd.readouterr()
    assert output == ""
    assert json.loads(line)["level"] == "error"
    assert json.loads(line)["msg"].startswith('unknown command "fly"')


@pytest.mark.parametrize("before", ["", "file:"])
def test_a_log_is_a_file_with_and_without_saying_so(before: str, tmp_path: Path, capfd: Capture) -> None:
    log = tmp_path / "log"
    fail(["--log", f"{before}{log}", "fly"], capfd)
    assert 'unknown command \\"fly\\"' in log.read_text()


@pytest.mark.parametrize("service", ["syslog:", "journald:"])
def test_a_service_needs_a_name(service: str, capfd: Capture) -> None:
    assert fail(["--log", service, "list"], capfd).startswith(f"--log {service} needs the name")


def log_of(*options: str) -> Log:
    return Settings(parse("sampan", OPTIONS, options, stop_at_operand=True), Log()).log


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["warning", "error"]),
        (["--log-level=error"], ["error"]),
        (["--log-level=warning"], ["warning", "error"]),
        (["--log-level=debug"], ["debug", "remark", "warning", "error"]),
        (["--debug"], ["debug", "remark", "warning", "error"]),
        (["--debug", "--log-level=error"], ["debug", "remark", "warning", "error"]),
    ],
)
def test_the_level_says_what_is_worth_a_line(options: list[str], expected: list[str], capfd: Capture) -> None:
    log = log_of(*options)
    for level in ("debug", "remark", "warning", "error"):
        getattr(log, level)(f"a {level}")
    lines = capfd.readouterr().err.splitlines()
    assert [line.rpartition("a ")[2].rstrip('"') for line in lines] == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("true", True),
        ("1", True),
        ("T", True),
        ("false", False),
        ("0", False),
        ("FALSE", False),
        ("auto", None),
        ("Auto", None),
    ],
)
def test_rootless_is_what_go_takes_for_a_truth_value(
    said: str, expected: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """runc: strconv.ParseBool, or "auto"."""
    monkeypatch.setattr(delegation, "override", None)
    found = delegation.is_rootless()
    settings(f"--rootless={said}")
    assert delegation.override is expected
    assert delegation.is_rootless() is (found if expected is None else expected)


def test_another_word_for_rootless_is_an_error() -> None:
    with pytest.raises(UsageError, match='--rootless must be auto or true or false, not "yes"'):
        settings("--rootless=yes")


def test_debug_logs_each_command(tmp_path: Path, capfd: Capture) -> None:
    log = tmp_path / "log"
    assert main(["--debug", "--log", str(log), "spec", "--bundle", str(tmp_path)]) == 0
    assert capfd.readouterr() == ("", "")
    assert "level=debug" in log.read_text()


def test_states_are_where_root_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posix.geteuid", lambda: 1000)
    monkeypatch.setattr("posix.environ", {b"XDG_RUNTIME_DIR": b"/run/user/1000"})
    assert settings("--root", "/x").root() == "/x"
    assert settings().root() == "/run/user/1000/sampan"
    monkeypatch.setattr("posix.environ", {})
    with pytest.raises(UsageError, match="XDG_RUNTIME_DIR"):
        settings().root()
    monkeypatch.setattr("posix.geteuid", lambda: 0)
    assert settings().root() == "/run/sampan"


def test_the_table_of_containers_is_set_as_runc_sets_it() -> None:
    header = ("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")
    assert list_verb.table([header]) == "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n"
    row = ("web", "4711", "running", "/srv/bundles/web", "2026-01-01T00:00:00Z", "root")
    lines = list_verb.table([header, row]).splitlines()
    assert lines[0] == "ID          PID         STATUS      BUNDLE             CREATED                OWNER"
    assert lines[1] == "web         4711        running     /srv/bundles/web   2026-01-01T00:00:00Z   root"


def test_public_names_are_loaded_when_they_are_used() -> None:
    assert sampan.ConfigError.__module__ == "sampan.errors"
    assert set(sampan.__all__) <= set(dir(sampan))
    for name in sampan.__all__:
        getattr(sampan, name)
    with pytest.raises(AttributeError, match="nothing"):
        getattr(sampan, "nothing")  # noqa: B009 - the type checker knows that it is not there
