"""A hostile config.json: 'huge, deep, wrong types, NUL bytes, surrogate escapes, paths with .., numbers beyond 64 bits,
duplicate keys: an error that names the field, exit status 1, nothing made'. tests/fuzz does this with what nobody
thought of, tests/runtime/broken_configs.py with what the specification forbids."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runtime import cgroupfs
from runtime.container import Container
from runtime.driver import Result

from .conftest import Without
from .defences import HARMLESS_MESSAGES, WHOLE_STRINGS, WIDE_LENGTHS

DEEP: Any = []
for _ in range(50):
    DEEP = [DEEP]
# what is set where; the field that the message names
FIELDS: list[tuple[str, Any, str]] = [
    ("process.args", ["a\0b"], "process.args[0]"),
    ("process.args", [""] * 70_000, "process.args"),
    ("process.args", DEEP, "process.args"),
    ("process.env", ["A=b\0c"], "process.env[0]"),
    ("process.env", ["A"], "process.env[0]"),
    ("process.cwd", "/a\0b", "process.cwd"),
    ("process.cwd", "/" + "x" * 5000, "process.cwd"),
    ("process.user.gid", -1, "process.user.gid"),
    ("process.user.additionalGids", [4294967295], "process.user.additionalGids[0]"),
    ("process.oomScoreAdj", 1001, "process.oomScoreAdj"),
    ("process.rlimits", [{"type": "RLIMIT_CORE", "soft": 1 << 63, "hard": -1}], "process.rlimits[0].hard"),
    ("process.apparmorProfile", "a\0b", "process.apparmorProfile"),
    ("root.path", "root\0fs", "root.path"),
    ("root.path", "../" * 3000, "root.path"),
    ("hostname", "a\0b", "hostname"),
    ("hostname", "x" * 65, "hostname"),
    ("mounts", [{"destination": "/a\0b", "type": "tmpfs"}], "mounts[0].destination"),
    ("mounts", [{"destination": "/a", "type": "tmp\0fs"}], "mounts[0].type"),
    ("mounts", [{"destination": "/a", "type": "tmpfs", "options": ["mode=1\0"]}], "mounts[0].options"),
    ("mounts", [{"destination": "/a", "type": "tmpfs", "options": ["x=" + "y" * 70_000]}], "mounts[0].options"),
    ("mounts", [{"destination": "/a", "type": "bind", "source": "/a\0b"}], "mounts[0].source"),
    ("linux.cgroupsPath", "/../escape", "linux.cgroupsPath"),
    ("linux.cgroupsPath", "../../escape", "linux.cgroupsPath"),
    ("linux.cgroupsPath", "/a\0b", "linux.cgroupsPath"),
    ("linux.devices", [{"path": "/dev/../../x\0", "type": "c", "major": 1, "minor": 3}], "linux.devices[0].path"),
    ("linux.devices", [{"path": "/dev/x", "type": "c", "major": 1 << 33, "minor": 3}], "linux.devices[0]"),
    ("linux.devices", [{"path": "/dev/x", "type": "c", "major": -2, "minor": 3}], "linux.devices[0]"),
    ("linux.sysctl", {"net.ipv4.ip_forward": "1\0"}, "linux.sysctl"),
    ("linux.namespaces", [{"type": "pid"}, {"type": "pid"}], "linux.namespaces"),
    ("linux.namespaces", [{"type": "mount", "path": "../x"}], "linux.namespaces[0].path"),
    ("linux.resources.memory.limit", 1 << 64, ""),
    ("linux.resources.cpu.shares", -1, "linux.resources.cpu.shares"),
    ("linux.maskedPaths", ["relative"], "linux.maskedPaths[0]"),
    ("linux.maskedPaths", ["/a\0b"], "linux.maskedPaths[0]"),
    ("hooks", {"prestart": [{"path": "/bin/true\0"}]}, "hooks.prestart[0].path"),
    ("annotations", {"a": 1}, "annotations"),
]
DOCUMENTS = {
    "invalid UTF-8": b'{"ociVersion": "1.0.2", "hostname": "\xff\xfe"}',
    "a lone surrogate": b'{"ociVersion": "1.0.2", "hostname": "\\ud800"}',
    "a number of 10,000 digits": b'{"ociVersion": "1.0.2", "process": {"user": {"uid": ' + b"9" * 10_000 + b"}}}",
    "an exponent": b'{"ociVersion": "1.0.2", "process": {"user": {"uid": 1e400}}}',
    "not a number": b'{"ociVersion": "1.0.2", "process": {"user": {"uid": NaN}}}',
    "a million levels": b'{"ociVersion": ' * 1_000_000,
    "100,000 keys": b"{" + b",".join(b'"%d": 0' % n for n in range(100_000)),
    "a string without end": b'{"ociVersion": "' + b"x" * 5_000_000,
    "raw control characters": b'{"ociVersion": "1.0.2\x01"}',
    "a byte order mark": b'\xef\xbb\xbf{"ociVersion": "1.0.2"}',
}


def refused(container: Container) -> Result:
    result = container.run()
    assert result.status == 1, str(result)
    assert result.stderr.startswith("sampan: ")
    assert "unexpected" not in result.stderr
    assert not container.exists
    assert not list(cgroupfs.walk(container.id))
    return result


@pytest.mark.parametrize(
    ("field", "value", "named"), FIELDS, ids=[f"{named} {i}" for i, (_, _, named) in enumerate(FIELDS)]
)
def test_a_field(container: Container, field: str, value: Any, named: str) -> None:
    container.bundle.set(field, value)
    assert named in refused(container).stderr


def test_a_nul_would_make_two_strings_of_one(without: Without) -> None:
    container = without(WHOLE_STRINGS)
    container.bundle.args("echo", "one\0two")
    assert container.run().checked().output == "one two"


@pytest.mark.parametrize("name", list(DOCUMENTS))
def test_a_document(container: Container, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = DOCUMENTS[name]
    monkeypatch.setattr(container.bundle, "write", lambda: (container.bundle.path / "config.json").write_bytes(content))
    assert "config.json" in refused(container).stderr


def test_two_values_of_one_field(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    """What checks the document and what runs it must not see different ones"""
    text = json.dumps(container.bundle.args("echo", "second").config)
    double = text.replace('"args": ["echo", "second"]', '"args": ["echo", "first"], "args": ["echo", "second"]')
    assert double != text
    monkeypatch.setattr(container.bundle, "write", lambda: (container.bundle.path / "config.json").write_text(double))
    assert 'duplicate key "args"' in refused(container).stderr


class TestLengths:
    """CVE-2021-43784 (runc): 'mount data longer than 16 bits wrapped the length in the netlink message: attacker's
    attributes were read'."""

    def received(self, container: Container, size: int) -> int:
        container.bundle.environment("LONG=" + "x" * size).sh('echo "${#LONG}"')
        return int(container.run().stdout or -1)

    @pytest.mark.parametrize("size", [65535, 65536, 65537, 100_000])
    def test_are_kept(self, container: Container, size: int) -> None:
        assert self.received(container, size) == size

    def test_would_wrap_if_they_were_short(self, without: Without) -> None:
        assert self.received(without(WIDE_LENGTHS), 65536) != 65536

    def test_a_plan_beyond_the_limit_is_an_error(self, container: Container) -> None:
        container.bundle.set("process.env", [f"A{n}=" + "x" * 100_000 for n in range(700)])
        assert "the plan of this configuration" in refused(container).stderr


class TestMessages:
    """What a message shows of an image or a configuration is nothing that a terminal obeys."""

    def message(self, container: Container) -> str:
        container.bundle.args("/bin/\x1b]0;pwned\x07\x1b[31m")
        return container.run().stderr

    def test_have_no_control_characters(self, container: Container) -> None:
        message = self.message(container)
        assert "pwned" in message
        assert message.replace("\n", "").isprintable()

    def test_would_have_them(self, without: Without) -> None:
        assert "\x1b" in self.message(without(HARMLESS_MESSAGES))
