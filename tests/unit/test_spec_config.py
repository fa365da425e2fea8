"""What `spec.config` accepts and gives back: versions, nulls, unknown properties, other platforms, real documents."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sampan.errors import ConfigError
from sampan.spec import config
from sampan.spec.names import sysctl_path

REPO = Path(__file__).resolve().parents[2]
SHARED = REPO.parent / "shared"
EXAMPLES = SHARED / "spec" / "runtime-spec" / "schema" / "test" / "config"
CORPUS = SHARED / "corpus"

MINIMAL = {
    "ociVersion": "1.0.0",
    "root": {"path": "rootfs"},
    "process": {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}},
}


def documents(directory: Path) -> list[object]:
    found = sorted(directory.glob("*.json"))
    if not found:
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"{directory} is not there"))]
    return [pytest.param(path, id=path.name) for path in found]


def load(**changes: object) -> object:
    return config.load(json.dumps(MINIMAL | changes).encode())


@pytest.mark.parametrize("path", documents(EXAMPLES / "good"))
def test_the_published_good_examples_have_no_problems(path: Path) -> None:
    assert config.validate(json.loads(path.read_bytes())) == []


@pytest.mark.parametrize("path", documents(EXAMPLES / "bad"))
def test_the_published_bad_examples_are_refused(path: Path) -> None:
    with pytest.raises(ConfigError):
        config.load(path.read_bytes(), path.name)


@pytest.mark.parametrize("path", documents(CORPUS / "config"))
def test_what_engines_send_is_accepted(path: Path) -> None:
    data = path.read_bytes()
    assert config.load(data) == without_nulls(json.loads(data))


@pytest.mark.parametrize("path", documents(CORPUS / "exec"))
def test_the_processes_that_engines_send_for_exec_are_accepted(path: Path) -> None:
    data = path.read_bytes()
    assert config.load_process(data) == without_nulls(json.loads(data))


def without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


@pytest.mark.parametrize(
    "version", ["1.0.0", "1.3.0", "1.99.0", "1.0.2-dev", "1.0.0-rc5-dev", "1.3.0+dev", "1.0.0-rc.1+build.007"]
)
def test_any_version_of_major_1_is_accepted(version: str) -> None:
    """ "The Open Container Initiative Runtime Specification follows semantic versioning and retains forward and
    backward compatibility within major versions." """
    load(ociVersion=version)


@pytest.mark.parametrize("version", ["0.5.0-dev", "2.0.0", "10.0.0"])
def test_a_version_of_another_major_is_valid_but_not_loaded(version: str) -> None:
    assert config.validate(MINIMAL | {"ociVersion": version}) == []
    with pytest.raises(ConfigError, match=r"ociVersion: must be a 1\.x version") as caught:
        load(ociVersion=version)
    assert [problem.field for problem in caught.value.problems] == ["ociVersion"]


def test_unknown_properties_are_ignored_and_kept() -> None:
    """ "Runtimes MAY log unknown properties but MUST otherwise ignore them." """
    unknown = {"a": [1, 2.5, {"b": False}]}
    assert load(x=unknown, linux={"y": unknown}) == MINIMAL | {"x": unknown, "linux": {"y": unknown}}


def test_null_for_an_optional_property_counts_as_absent() -> None:
    loaded = load(linux=None, mounts=None, hooks={"prestart": None}, x={"y": None, "z": [{"w": None}]})
    assert loaded == MINIMAL | {"hooks": {}, "x": {"z": [{}]}}
    assert config.validate(MINIMAL | {"linux": {"seccomp": None, "resources": {"memory": {"limit": None}}}}) == []


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b'{\n "ociVersion": ]', "line 2, column 16"),
        (b"", "line 1, column 1"),
        (b'{"a": 1, "a": 2}', "line 1"),
        (b"\xff", "line 1, column 1"),
    ],
)
def test_what_is_not_json_is_refused_with_its_line_and_column(data: bytes, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(data)
    (problem,) = caught.value.problems
    assert problem.field == ""
    assert place in problem.rule


@pytest.mark.parametrize("document", [None, [], "x", 5, True])
def test_a_document_that_is_no_object_is_refused(document: object) -> None:
    (problem,) = config.validate(document)
    assert (problem.field, problem.rule) == ("", "must be an object")


def test_console_size_is_ignored_without_a_terminal() -> None:
    """ "Runtimes MUST ignore `consoleSize` if `terminal` is `false` or unset." """
    process = MINIMAL["process"] | {"consoleSize": {"height": -1}}  # type: ignore[operator]
    assert config.validate(MINIMAL | {"process": process}) == []
    assert config.validate_process(process) == []
    problems = config.validate_process(process | {"terminal": True})
    assert {problem.field for problem in problems} == {"consoleSize.height", "consoleSize.width"}


def test_a_process_for_exec_names_its_fields_without_the_process_in_front() -> None:
    with pytest.raises(ConfigError) as caught:
        config.load_process(b'{"cwd": "x", "args": [], "env": ["A"]}', "process.json")
    assert {problem.field for problem in caught.value.problems} == {"cwd", "args", "env[0]"}
    assert str(caught.value).startswith("process.json: ")


def test_mappings_beside_a_user_namespace_to_join_are_accepted_as_containerd_sends_them() -> None:
    mapping = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    linux = {
        "namespaces": [{"type": "user", "path": "/proc/1/ns/user"}],
        "uidMappings": mapping,
        "gidMappings": mapping,
    }
    load(linux=linux)


def test_network_devices_need_a_network_namespace_to_be_moved_to() -> None:
    (problem,) = config.validate(MINIMAL | {"linux": {"netDevices": {"eth0": {}}}})
    assert problem.field == "linux.netDevices"


@pytest.mark.parametrize(
    ("scheduler", "field"),
    [
        ({"policy": "SCHED_RR", "priority": 99}, None),
        ({"policy": "SCHED_DEADLINE", "runtime": 1024, "deadline": 2048, "period": 4096}, None),
        ({"policy": "SCHED_DEADLINE", "runtime": 1024, "deadline": 2048}, None),
        ({"policy": "SCHED_DEADLINE", "runtime": 100, "deadline": 2048}, "scheduler.runtime"),
        ({"policy": "SCHED_RR", "priority": 100}, "scheduler.priority"),
    ],
)
def test_a_scheduler_is_as_the_kernel_takes_it(scheduler: dict[str, object], field: str | None) -> None:
    problems = config.validate_process({"cwd": "/", "args": ["sh"], "scheduler": scheduler})
    assert [problem.field for problem in problems] == ([field] if field else [])


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding"),
        ("net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding"),
        ("x", "x"),
    ],
)
def test_a_kernel_parameter_is_named_as_by_sysctl(name: str, path: str) -> None:
    assert sysctl_path(name) == path


WINDOWS = {
    "ociVersion": "1.3.0",
    "root": {"path": "\\\\?\\Volume{ec84d99e-3f02-11e7-ac6c-00155d7682cf}\\"},
    "process": {"cwd": "c:\\foo", "commandLine": "cmd.exe", "user": {"username": "containeradministrator"}},
    "mounts": [{"destination": "C:\\in-container", "source": "C:\\on-host", "options": ["ro"]}],
    "windows": {"layerFolders": ["C:\\Layers\\layer1"], "resources": {"cpu": {"maximum": 5000}}},
}
VM = {"kernel": {"path": "/boot/vmlinuz"}}


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (WINDOWS, "Windows containers"),
        (MINIMAL | {"solaris": {"cappedCPU": {"ncpus": "8"}}}, "Solaris containers"),
        (MINIMAL | {"freebsd": {"jail": {"vnet": "new"}}}, "FreeBSD jails"),
        (MINIMAL | {"zos": {"namespaces": [{"type": "pid"}]}}, "z/OS containers"),
        (MINIMAL | {"vm": VM}, "virtual machines"),
    ],
)
def test_a_document_for_another_platform_is_valid_but_not_for_this_runtime(
    document: dict[str, object], kind: str
) -> None:
    loaded = config.load(json.dumps(document).encode())
    problem = config.platform_problem(loaded)
    assert problem is not None
    assert problem.startswith(f"valid, but for {kind}")
    assert problem.endswith("this runtime runs Linux containers")


def test_a_document_for_linux_has_no_platform_problem() -> None:
    assert config.platform_problem(config.load(json.dumps(MINIMAL | {"solaris": None}).encode())) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        # config-windows.md: "`layerFolders` MUST contain at least one entry."
        ({"windows": {"layerFolders": []}}, "windows.layerFolders"),
        ({"windows": {}}, "windows.layerFolders"),
        ({"windows": {"layerFolders": ["x"], "devices": [{"id": "x", "idType": "y"}]}}, "windows.devices[0].idType"),
        # "The following parameters can be specified (mutually exclusive)"
        (
            {"windows": {"layerFolders": ["x"], "resources": {"cpu": {"count": 1, "shares": 1}}}},
            "windows.resources.cpu",
        ),
        (
            {"windows": {"layerFolders": ["x"], "resources": {"cpu": {"affinity": [{"mask": 1}]}}}},
            "windows.resources.cpu.affinity[0].group",
        ),
        # config.md, Root: "For Hyper-V Containers, this field MUST NOT be set."
        ({"windows": {"layerFolders": ["x"], "hyperv": {}}}, "root"),
        ({"root": {"path": "rootfs"}}, "root.path"),
        ({"root": WINDOWS["root"] | {"readonly": True}}, "root.readonly"),  # type: ignore[operator]
        # "`commandLine` is REQUIRED if this field is omitted."
        ({"process": {"cwd": "c:\\"}}, "process.commandLine"),
        ({"process": {"cwd": "foo", "args": ["x.exe"]}}, "process.cwd"),
        # "One mount destination MUST NOT be nested within another mount"
        ({"mounts": [{"destination": "c:\\foo"}, {"destination": "C:\\foo\\bar"}]}, "mounts[1].destination"),
        ({"mounts": [{"destination": "foo"}]}, "mounts[0].destination"),
        ({"windows": 5}, "windows"),
    ],
)
def test_a_broken_document_for_windows_is_refused_with_its_field(changes: dict[str, object], field: str) -> None:
    assert [problem.field for problem in config.validate(WINDOWS | changes)] == [field]


@pytest.mark.parametrize(
    ("section", "field"),
    [
        ({"vm": {}}, "vm.kernel"),
        ({"vm": {"kernel": {"path": "vmlinuz"}}}, "vm.kernel.path"),
        ({"vm": VM | {"image": {"path": "/x", "format": "iso"}}}, "vm.image.format"),
        ({"vm": VM | {"hwConfig": {"iomems": [{"firstMFN": 1}]}}}, "vm.hwConfig.iomems[0].nrMFNs"),
        ({"solaris": {"anet": [{"linkname": 5}]}}, "solaris.anet[0].linkname"),
        ({"freebsd": {"jail": {"host": "disable"}}}, "freebsd.jail.host"),
        ({"freebsd": {"jail": {"enforceStatfs": 3}}}, "freebsd.jail.enforceStatfs"),
        ({"freebsd": {"devices": [{"mode": 448}]}}, "freebsd.devices[0].path"),
        ({"freebsd": {}, "mounts": [{"destination": "dev"}]}, "mounts[0].destination"),
        ({"zos": {"namespaces": [{"type": "pid"}, {"type": "pid"}]}}, "zos.namespaces[1].type"),
        ({"zos": {"namespaces": [{"type": "network"}]}}, "zos.namespaces[0].type"),
    ],
)
def test_a_broken_section_for_another_platform_is_refused_with_its_field(
    section: dict[str, object], field: str
) -> None:
    (problem,) = config.validate(MINIMAL | section)
    assert problem.field == field
    assert problem.section


def test_loading_imports_nothing_that_is_slow_to_import() -> None:
    source = Path(config.__file__).parents[2]
    program = f"""
import sys
sys.path.insert(0, {str(source)!r})
before = set(sys.modules)
from sampan.spec import config, state
config.load({json.dumps(MINIMAL).encode()!r})
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert {name for name in imported if not name.startswith("sampan")} <= {"__future__"}
    rare = {"types", "prune", "schema_platforms", "rules_platforms", "rules_rare", "rules_resources", "features"}
    assert not imported & {f"sampan.spec.{name}" for name in rare}
