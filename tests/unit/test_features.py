"""`sampan features`: a valid document, and true: what it lists is accepted, and what it does not list is refused."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import sampan
from sampan import _seccomp
from sampan.cli import feature_set
from sampan.cli.main import main
from sampan.engine.facts import compile_seccomp
from sampan.errors import ConfigError
from sampan.linux import seccomp_features, seccomp_profile
from sampan.plan.host import Host
from sampan.plan.mount_options import MountOptions
from sampan.plan.process import MEMORY_POLICIES, MEMORY_POLICY_FLAGS
from sampan.spec import config, features, names

SCHEMA = Path(__file__).resolve().parents[3] / "shared" / "spec" / "runtime-spec" / "schema"
PACKAGE = Path(sampan.__file__).parent

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Document:
    return json.loads(json.dumps(feature_set.document()))  # type: ignore[no-any-return]


def test_the_command_prints_it(document: Document, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["features"]) == 0
    assert json.loads(capfd.readouterr().out) == document


def test_it_is_valid(document: Document) -> None:
    assert features.validate(document) == []


@pytest.mark.skipif(not SCHEMA.is_dir(), reason=f"the specification's schema is not at {SCHEMA}")
def test_it_fits_the_published_schema(document: Document) -> None:
    from referencing import Registry
    from referencing.jsonschema import DRAFT4

    registry: Registry[Any] = Registry().with_resources(
        (file.name, DRAFT4.create_resource(json.loads(file.read_text()))) for file in SCHEMA.glob("*.json")
    )
    schema = json.loads((SCHEMA / "features-schema.json").read_text())
    validator = jsonschema.Draft4Validator(schema, registry=registry)
    assert list(validator.iter_errors(document)) == []
    assert list(validator.iter_errors(document | {"hooks": "all"}))  # it does look


def test_every_property_of_the_structure_is_there(document: Document) -> None:
    """'All properties [...] MAY either be absent': but then engines would have to guess."""

    def missing(table: Any, value: Document, where: str) -> list[str]:
        table = table[2] if table[0] == "section" else table
        if table[0] != "object":
            return []
        found = [f"{where}.{name}" for name in table[4] if name not in value]
        return found + [
            entry for name in table[4] if name in value for entry in missing(table[4][name], value[name], name)
        ]

    assert missing(features.FEATURES, document, "features") == []


@pytest.mark.parametrize("name", ["ociVersionMin", "ociVersionMax"])
def test_its_versions_are_accepted(document: Document, name: str) -> None:
    """'The runtime MUST accept this value as the `ociVersion` property of `config.json`.'"""
    plain = {"ociVersion": document[name], "root": {"path": "/"}, "process": {"cwd": "/", "args": ["sh"]}}
    assert config.load(json.dumps(plain).encode(), "config.json")["ociVersion"] == document[name]


def test_its_mount_options_are_recognized(document: Document) -> None:
    """'The runtime MUST recognize the elements in this array': not hand them to the file system."""
    listed = document["mountOptions"]
    assert [option for option in listed if MountOptions([option]).data] == []
    assert set(names.MOUNT_OPTIONS) <= set(listed)
    assert len(set(listed)) == len(listed)


def test_its_names_are_those_of_the_specification(document: Document) -> None:
    linux = document["linux"]
    assert document["hooks"] == list(names.HOOKS)
    assert sorted(linux["namespaces"]) == sorted(names.NAMESPACES)
    assert linux["capabilities"] == list(names.CAPABILITIES)
    assert set(linux["memoryPolicy"]["modes"]) == set(names.MEMORY_POLICY_MODES) == set(MEMORY_POLICIES)
    assert set(linux["memoryPolicy"]["flags"]) == set(names.MEMORY_POLICY_FLAGS) == set(MEMORY_POLICY_FLAGS)


def is_taken(profile: Any) -> bool:
    try:
        compile_seccomp({"ociVersion": "1.3.0", "linux": {"seccomp": profile}}, Host("web", "/"), None)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("action", names.SECCOMP_ACTIONS)
def test_an_action_is_listed_if_and_only_if_a_profile_may_have_it(document: Document, action: str) -> None:
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["uname"], "action": action}]}
    assert (action in document["linux"]["seccomp"]["actions"]) == is_taken(profile)


@pytest.mark.parametrize("operator", names.SECCOMP_OPERATORS)
def test_an_operator_is_listed_if_and_only_if_a_profile_may_have_it(document: Document, operator: str) -> None:
    rule = {"names": ["uname"], "action": "SCMP_ACT_LOG", "args": [{"index": 0, "value": 1, "op": operator}]}
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}
    assert (operator in document["linux"]["seccomp"]["operators"]) == is_taken(profile)


def test_architectures_are_those_that_this_libseccomp_knows(document: Document) -> None:
    listed = document["linux"]["seccomp"]["archs"]
    assert {"SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"} <= set(listed)
    known = {name for name in names.SECCOMP_ARCHITECTURES if _seccomp.architecture(name[10:].lower())}
    assert set(listed) == known


def test_supported_flags_can_be_used_and_are_known(document: Document) -> None:
    """'The runtime MUST recognize and support the elements in this array.'"""
    seccomp = document["linux"]["seccomp"]
    assert set(seccomp["supportedFlags"]) <= set(seccomp["knownFlags"]) == set(names.SECCOMP_FLAGS)
    assert "SECCOMP_FILTER_FLAG_LOG" in seccomp["supportedFlags"]  # of Linux 4.14
    for flag in seccomp["supportedFlags"]:
        rules = [{"names": ["uname"], "action": action} for action in ("SCMP_ACT_LOG", "SCMP_ACT_NOTIFY")]
        profiles = [{"defaultAction": "SCMP_ACT_ALLOW", "flags": [flag], "syscalls": [rule]} for rule in rules]
        assert any(map(is_taken, profiles))


def test_a_flag_that_the_kernel_does_not_know_is_not_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not seccomp_features.kernel_knows(1 << 30)
    monkeypatch.setitem(seccomp_profile.FLAGS, "SECCOMP_FILTER_FLAG_LOG", 1 << 30)
    seccomp = feature_set.document()["linux"]["seccomp"]
    assert "SECCOMP_FILTER_FLAG_LOG" in seccomp["knownFlags"]
    assert "SECCOMP_FILTER_FLAG_LOG" not in seccomp["supportedFlags"]


def test_what_the_compiler_of_plans_refuses_is_no_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    """netDevices, labels and id mappings of mounts are tried, not listed."""

    def refuse(*_: object) -> None:
        raise ConfigError("config.json", [])

    monkeypatch.setattr(feature_set, "compile_plan", refuse)
    linux = feature_set.document()["linux"]
    tried = (linux["netDevices"], linux["apparmor"], linux["selinux"], linux["mountExtensions"]["idmap"])
    assert tried == ({"enabled": False},) * 4


def test_labels_and_id_mappings_of_mounts_are_features(document: Document) -> None:
    linux = document["linux"]
    assert linux["apparmor"] == linux["selinux"] == linux["mountExtensions"]["idmap"] == {"enabled": True}


ANNOTATIONS = {
    name: value
    for name, value in vars(names).items()
    if value in names.CRUN_ANNOTATIONS or value == names.SYSTEMD_PROPERTY
}


def annotation_keys() -> set[str]:
    """What looks like an annotation of runtimes in the source: a constant that begins as their names do."""
    constants = {
        node.value
        for path in PACKAGE.rglob("*.py")
        if path.name != "feature_set.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    beginnings = ("run.oci.", "org.systemd.property", "org.criu.", "io.kubernetes.")
    return {text for text in constants if text.startswith(beginnings) and " " not in text}


def test_every_annotation_that_changes_anything_is_listed_as_such(document: Document) -> None:
    """'values [...] that may potentially change the behavior of the runtime. A value that ends with "." is interpreted
    as a prefix of annotations.'"""
    listed = document["potentiallyUnsafeConfigAnnotations"]
    keys = annotation_keys()
    assert keys >= set(ANNOTATIONS.values()), "the source has some"
    for key in keys:
        assert any(key == entry or (entry.endswith(".") and key.startswith(entry)) for entry in listed), key


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_an_annotation_of_the_table_is_read_somewhere(name: str) -> None:
    readers = [path for path in PACKAGE.rglob("*.py") if path.name != "names.py" and name in path.read_text()]
    assert readers, f"names.{name} changes nothing"


def test_annotations_say_what_it_is_built_of(document: Document) -> None:
    annotations = document["annotations"]
    assert annotations["sampan.version"] == sampan.__version__
    assert annotations["io.github.seccomp.libseccomp.version"] == ".".join(map(str, _seccomp.version()))
    assert annotations["org.opencontainers.runc.checkpoint.enabled"] in {"true", "false"}
