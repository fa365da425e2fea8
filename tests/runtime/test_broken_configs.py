"""Each configuration of the table is refused before anything is made; and sampan's message names the field."""

from __future__ import annotations

import pytest

from .broken_configs import TABLE, Broken
from .bundle import Bundle
from .container import Container

each = pytest.mark.parametrize("broken", TABLE, ids=[broken.name for broken in TABLE])


@each
def test_it_is_refused(container: Container, bundle: Bundle, broken: Broken) -> None:
    """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a new
    container MUST NOT be created.'"""
    broken.change(bundle)
    result = container.call("create")
    assert result.status != 0, f"{broken.name}: {broken.sentence}"
    assert not container.exists


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"config"', "{} {}", '{"ociVersion": "1.0.0",}', "\x00", "[" * 100_000]
)
def test_what_is_no_config_is_refused(container: Container, bundle: Bundle, text: str) -> None:
    """bundle.md: 'config.json: contains configuration data.'; glossary.md: 'All configuration JSON MUST be encoded in
    UTF-8.'"""
    bundle.aside("broken/config.json", text)
    container.fails("create", "--bundle", str(bundle.path / "broken"))


def test_a_config_that_is_a_directory_is_refused(container: Container, bundle: Bundle) -> None:
    """bundle.md: 'This REQUIRED file MUST reside in the root of the bundle directory'"""
    (bundle.aside("broken") / "config.json").mkdir()
    container.fails("create", "--bundle", str(bundle.path / "broken"))


class TestUnknownProperties:
    """'Runtimes MAY log unknown properties but MUST otherwise ignore them.'"""

    @pytest.mark.parametrize("value", [{"a": [1]}, 5, "text", None], ids=["object", "number", "text", "null"])
    def test_they_are_ignored(self, container: Container, bundle: Bundle, value: object) -> None:
        for place in (
            "",
            "process.",
            "process.user.",
            "root.",
            "linux.",
            "linux.resources.",
            "linux.namespaces.0.",
            "hooks.",
        ):
            bundle.set(f"{place}unknown", value)
        container.create()

    def test_unknown_annotations_are_ignored(self, container: Container, bundle: Bundle) -> None:
        """'Runtimes MUST handle unknown annotation keys like any other unknown property.'"""
        bundle.set("annotations", {"org.opencontainers.made-up": "x", "com.example": "y"})
        container.create()


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.1.0", "1.2.1", "1.3.0", "1.99.0", "1.0.0+build"])
def test_every_minor_version_is_accepted(container: Container, bundle: Bundle, version: str) -> None:
    """'if a configuration is compliant with version 1.1 of this specification, it is compatible with all runtimes that
    support any 1.1 or later release': and forward compatibility within a major version"""
    bundle.set("ociVersion", version)
    container.create()


class TestMessages:
    """sampan's own promise: an error names the field."""

    @pytest.fixture(autouse=True)
    def _only_sampan(self, container: Container) -> None:
        if not container.runtime.is_sampan:
            pytest.skip("other runtimes promise nothing about their words")

    @each
    def test_the_field_is_named(self, container: Container, bundle: Bundle, broken: Broken) -> None:
        broken.change(bundle)
        message = container.fails("create").stderr
        assert broken.field in message

    def test_all_errors_are_told_at_once(self, container: Container, bundle: Bundle) -> None:
        bundle.drop("process.args").set("process.cwd", "tmp").set("hostname", 5)
        message = container.fails("create").stderr
        assert all(field in message for field in ("process.args", "process.cwd", "hostname"))

    def test_a_line_of_broken_json_is_told(self, container: Container, bundle: Bundle) -> None:
        bundle.aside("broken/config.json", '{\n  "ociVersion": "1.0.0",\n  oops\n}')
        assert "line 3" in container.fails("create", "--bundle", str(bundle.path / "broken")).stderr

    @pytest.mark.parametrize("platform", ["windows", "solaris", "vm", "zos", "freebsd"])
    def test_other_platforms_are_told_so(self, container: Container, bundle: Bundle, platform: str) -> None:
        bundle.drop("linux").set(platform, {})
        if platform == "windows":
            volume = "\\\\?\\Volume{ec84d99e-3f02-11e7-ac6c-00155d7682cf}\\"
            bundle.drop("mounts").set("root", {"path": volume}).set(platform, {"layerFolders": ["c:\\layers"]})
            bundle.set("process", {"args": ["cmd"], "cwd": "c:\\"})
        message = container.fails("create").stderr
        assert "Linux" in message or platform in message

    @pytest.mark.parametrize(
        ("field", "change"),
        [
            ("mounts", lambda bundle: bundle.bind("/no/such/source", "/data")),
            ("mounts", lambda bundle: bundle.mount("/data", "nosuchfs", "none")),
            ("process.args", lambda bundle: bundle.args("no-such-program")),
            ("linux.namespaces", lambda bundle: bundle.namespace("network", "/etc/passwd")),
            ("hooks.createRuntime", lambda bundle: bundle.hook("createRuntime", "exit 3")),
            ("root.path", lambda bundle: bundle.set("root.path", "nowhere")),
        ],
        ids=[
            "missing source",
            "unknown filesystem",
            "missing program",
            "bad namespace",
            "failing hook",
            "missing root",
        ],
    )
    def test_what_fails_later_is_named_too(
        self, container: Container, bundle: Bundle, field: str, change: object
    ) -> None:
        assert callable(change)
        change(bundle)
        assert field in container.fails("run").stderr
