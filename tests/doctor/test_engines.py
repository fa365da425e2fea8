"""Rows on engines: their versions, and whether their configuration has sampan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sampan.doctor import engines
from sampan.doctor.row import LIMITED, NO, OK, UNKNOWN, Row

from .fakes import FakeTries, a_host, row

SAMPAN = "/usr/local/bin/sampan"
OUTPUTS = {
    "/usr/bin/podman": "podman version 4.3.1",
    "/usr/bin/dockerd": "Docker version 20.10.24+dfsg1, build 5d6db84",
    "/usr/bin/docker": "Docker version 28.2.2, build e6534b4",
    "/usr/bin/containerd": "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1",
    "/usr/bin/crio": "crio version 1.31.0\nVersion: 1.31.0",
    "/usr/bin/nomad": "Nomad v1.6.1\nBuildDate 2023-07-21T13:49:42Z",
    "/usr/bin/buildah": "buildah version 1.28.2 (image-spec 1.0.2-dev, runtime-spec 1.0.2-dev)",
    "/usr/bin/nerdctl": "nerdctl version 1.7.0",
    "/usr/bin/kubelet": "Kubernetes v1.31.2",
}
VERSIONS = {
    "podman": "4.3.1",
    "docker": "20.10.24+dfsg1",
    "containerd": "1.6.20~ds1",
    "crio": "1.31.0",
    "nomad": "v1.6.1",
    "buildah": "1.28.2",
    "nerdctl": "1.7.0",
    "kubelet": "v1.31.2",
}
DAEMON = {"runtimes": {"sampan": {"path": SAMPAN}}, "default-runtime": "sampan"}
CONTAINERD = (
    '[plugins."{plugin}".containerd]\ndefault_runtime_name = "runc"\n'
    '[plugins."{plugin}".containerd.runtimes.fast]\nruntime_type = "io.containerd.runc.v2"\n'
    '[plugins."{plugin}".containerd.runtimes.fast.options]\nBinaryName = "/usr/local/bin/sampan"\n'
)
PODMAN = f'[engine.runtimes]\nsampan = ["/opt/sampan", "{SAMPAN}"]\n'
CRIO = f'[crio.runtime]\ndefault_runtime = "sampan"\n[crio.runtime.runtimes.sampan]\nruntime_path = "{SAMPAN}"\n'
CONFIGURED = [
    ("podman", "/etc/containers/containers.conf", PODMAN, "sampan"),
    ("podman", "/etc/containers/containers.conf.d/sampan.conf", PODMAN, "sampan"),
    ("docker", "/etc/docker/daemon.json", json.dumps(DAEMON), "sampan (the default)"),
    ("containerd", "/etc/containerd/config.toml", CONTAINERD.format(plugin="io.containerd.grpc.v1.cri"), "fast"),
    ("containerd", "/etc/containerd/config.toml", CONTAINERD.format(plugin="io.containerd.cri.v1.runtime"), "fast"),
    ("crio", "/etc/crio/crio.conf.d/50-sampan.conf", CRIO, "sampan (the default)"),
    ("nomad", "/etc/nomad.d/client.hcl", 'config {\n  allow_runtimes = [\n "runc",\n "sampan"]\n}\n', "sampan"),
]
PROGRAMS = {"docker": "dockerd"}


def look(tmp_path: Path, files: dict[str, str], program: str = "", **options: object) -> list[Row]:
    programs = {f"/usr/bin/{program}": ""} if program else dict.fromkeys(OUTPUTS, "")
    host = a_host(tmp_path, {SAMPAN: "", **programs, **files}, tries=FakeTries(outputs=OUTPUTS), **options)
    return list(engines.rows(host))


def test_all_engines_are_found_with_their_versions(tmp_path: Path) -> None:
    rows = look(tmp_path, {})
    assert {found.id.removeprefix("engines.") for found in rows} == set(VERSIONS)
    for name, version in VERSIONS.items():
        assert row(rows, f"engines.{name}").found.startswith(version)
    unconfigured = [found for found in rows if found.state == LIMITED]
    assert [found.name for found in unconfigured] == ["podman", "docker", "containerd", "cri-o", "nomad"]
    for found in unconfigured:
        assert SAMPAN in found.fix or found.name == "nomad"
        assert f"docs/install/{found.name}.md" in found.fix


@pytest.mark.parametrize("engine, file, content, name", CONFIGURED, ids=lambda value: value[-30:])
def test_a_configured_engine_is_known_by_its_files(
    tmp_path: Path, engine: str, file: str, content: str, name: str
) -> None:
    found = row(look(tmp_path, {file: content}, PROGRAMS.get(engine, engine)), f"engines.{engine}")
    assert found.state == OK
    assert found.found == f"{VERSIONS[engine]}, as runtime {name} in {file}"


@pytest.mark.parametrize("engine, file, content, name", CONFIGURED[:-1], ids=lambda value: value[-30:])
def test_a_path_where_there_is_no_program_is_found_out(
    tmp_path: Path, engine: str, file: str, content: str, name: str
) -> None:
    wrong = content.replace(SAMPAN, "/opt/lost/sampan")
    found = row(look(tmp_path, {file: wrong}, PROGRAMS.get(engine, engine)), f"engines.{engine}")
    assert found.state == NO
    assert "where no program is" in found.why


@pytest.mark.parametrize(
    "engine, file",
    [
        ("podman", "/etc/containers/containers.conf"),
        ("docker", "/etc/docker/daemon.json"),
        ("containerd", "/etc/containerd/config.toml"),
        ("crio", "/etc/crio/crio.conf"),
    ],
)
@pytest.mark.parametrize("content", ["{[", "[]"])
def test_a_file_that_cannot_be_understood_is_named(tmp_path: Path, engine: str, file: str, content: str) -> None:
    found = row(look(tmp_path, {file: content}, PROGRAMS.get(engine, engine)), f"engines.{engine}")
    assert found.state == NO
    assert file in found.why


@pytest.mark.parametrize("content", ["engine = 3", "[engine]\nruntimes = []", "[engine.runtimes]\nsampan = 'text'"])
def test_values_of_another_type_are_no_runtimes(tmp_path: Path, content: str) -> None:
    (found,) = look(tmp_path, {"/etc/containers/containers.conf": content}, "podman")
    assert found.state in (LIMITED, NO)


def test_a_later_file_of_podman_is_stronger(tmp_path: Path) -> None:
    files = {
        "/usr/share/containers/containers.conf": '[engine]\nruntime = "crun"\n' + PODMAN,
        "/etc/containers/containers.conf": '[engine]\nruntime = "sampan"\n[engine.runtimes]\nsampan = ["/x/crun"]\n',
    }
    (found,) = look(tmp_path, files, "podman")
    assert found.state == LIMITED
    own = {**files, "/home/worker/.config/containers/containers.conf": PODMAN}
    (found,) = look(tmp_path, own, "podman", uid=1000)
    assert found.found.endswith("as runtime sampan (the default) in /home/worker/.config/containers/containers.conf")


def test_a_user_is_told_to_write_into_their_own_files(tmp_path: Path) -> None:
    (found,) = look(tmp_path, {}, "podman", uid=1000)
    assert "~/.config/containers/containers.conf.d" in found.fix


def test_what_containerd_imports_counts(tmp_path: Path) -> None:
    files = {
        "/etc/containerd/config.toml": 'imports = ["conf.d/*.toml"]\n',
        "/etc/containerd/conf.d/sampan.toml": CONTAINERD.format(plugin="io.containerd.grpc.v1.cri"),
    }
    (found,) = look(tmp_path, files, "containerd")
    assert found.found.endswith("as runtime fast in /etc/containerd/conf.d/sampan.toml")


def test_a_client_of_docker_alone_knows_nothing_of_the_configuration(tmp_path: Path) -> None:
    (found,) = look(tmp_path, {}, "docker")
    assert (found.state, found.found) == (UNKNOWN, "28.2.2, the client alone")


def test_where_there_are_no_engines_that_is_said(tmp_path: Path) -> None:
    (found,) = engines.rows(a_host(tmp_path))
    assert (found.id, found.state) == ("engines.none", UNKNOWN)
