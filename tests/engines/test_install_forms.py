"""What the pages of docs/install have written is what engines read: also those engines that no machine of ours has."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hcl2
import kubernetes_validate
import pytest
import yaml

from sampan.cli.main import VERBS
from sampan.doctor import engine_files, engines
from sampan.doctor.host import Host

from . import pages
from .pages import DIRECTORY, INSTALLED, File

READERS = {  # of each page: the doctor's reader of its files
    "podman": engine_files.podman,
    "buildah": engine_files.podman,
    "docker": engine_files.docker,
    "containerd": engine_files.containerd,
    "cri-o": engine_files.crio,
    "nomad": engine_files.nomad,
}
ENGINES = (*READERS, "kubernetes")
PARSERS: dict[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".conf": tomllib.loads,
    ".json": json.loads,
    ".hcl": hcl2.loads,
}
KUBERNETES = ("1.25", "1.29", "1.33", "1.37")  # whose schemas are asked
# crio.conf(5): the table crio.runtime.runtimes.NAME, as far as a page may need it, and the types of its values.
OF_A_RUNTIME_OF_CRIO = {
    "runtime_path": str,
    "runtime_type": str,
    "runtime_root": str,
    "runtime_config_path": str,
    "monitor_path": str,
    "monitor_cgroup": str,
    "monitor_exec_cgroup": str,
    "monitor_env": list,
    "privileged_without_host_devices": bool,
    "allowed_annotations": list,
    "platform_runtime_paths": dict,
    "no_sync_log": bool,
}


def files_of(page: str) -> list[File]:
    return [part for part in pages.read(page, INSTALLED) if isinstance(part, File)]


def parsed(file: File) -> dict[str, Any]:
    content: dict[str, Any] = PARSERS[Path(file.path).suffix](file.content)
    return content


def handlers_of_containerd() -> list[str]:
    """The names in the two tables of its page: for versions before 2, and since."""
    found = []
    for file in files_of("containerd"):
        (plugin,) = parsed(file)["plugins"].values()
        found += plugin["containerd"]["runtimes"]
    return found


@pytest.mark.parametrize("page", READERS)
def test_the_files_of_a_page_have_the_form_that_their_engine_reads(page: str) -> None:
    assert files_of(page)
    for file in files_of(page):
        assert "sampan" in json.dumps(parsed(file))


@pytest.mark.parametrize("page", READERS)
def test_the_doctor_finds_what_a_page_has_written(page: str, tmp_path: Path) -> None:
    for number, file in enumerate(files_of(page)):
        root = tmp_path / str(number)
        (root / file.path.lstrip("/")).parent.mkdir(parents=True)
        (root / file.path.lstrip("/")).write_text(file.content)
        runtimes = READERS[page](Host(INSTALLED, "/run/sampan", VERBS, root=root, uid=0, environment={}))
        assert [runtime.file for runtime in runtimes if runtime.is_sampan] == [file.path]


@pytest.mark.parametrize(("page", "program"), [("podman", "/usr/bin/podman"), ("cri-o", "/usr/bin/crio")])
def test_the_command_that_the_doctor_gives_writes_the_file_of_the_page(page: str, program: str, tmp_path: Path) -> None:
    first = files_of(page)[0]
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / program.lstrip("/")).touch(mode=0o755)
    (tmp_path / Path(first.path).parent.relative_to("/")).mkdir(parents=True)
    host = Host(INSTALLED, "/run/sampan", VERBS, root=tmp_path, uid=0, environment={"PATH": "/usr/bin"})
    fix = next(row.fix for row in engines.rows(host) if row.name == page)
    command = fix.partition(" (docs/")[0].partition(" && systemctl")[0].replace("/etc/", f"{tmp_path}/etc/")
    subprocess.run(["sh", "-c", command], check=True)
    written = (tmp_path / first.path.lstrip("/")).read_text()
    assert tomllib.loads(written) == parsed(first)


def test_cri_o_knows_each_name_in_its_files() -> None:
    first, default = (parsed(file) for file in files_of("cri-o"))
    for content in (first, default):
        assert set(content) == {"crio"}
        assert set(content["crio"]) == {"runtime"}
        assert set(content["crio"]["runtime"]) <= {"default_runtime", "runtimes"}
        assert set(content["crio"]["runtime"]["runtimes"]) == {"sampan"}
        for name, value in content["crio"]["runtime"]["runtimes"]["sampan"].items():
            assert type(value) is OF_A_RUNTIME_OF_CRIO[name], name
        assert content["crio"]["runtime"]["runtimes"]["sampan"]["runtime_type"] in ("oci", "vm", "pod")
    assert "default_runtime" not in first["crio"]["runtime"]
    assert default["crio"]["runtime"].pop("default_runtime") == "sampan"
    assert default == first


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_the_documents_of_its_page(version: str) -> None:
    documents = pages.documents("kubernetes")
    assert list(documents) == ["runtimeclass.yaml", "check.yaml"]
    for text in documents.values():
        kubernetes_validate.validate(yaml.safe_load(text), version, strict=True)


def test_what_kubernetes_would_refuse_is_found() -> None:
    """The schemas are strict: this test cannot pass for want of one."""
    document = yaml.safe_load(pages.documents("kubernetes")["runtimeclass.yaml"])
    with pytest.raises(kubernetes_validate.ValidationError, match="handlers"):
        kubernetes_validate.validate(document | {"handlers": "sampan"}, KUBERNETES[0], strict=True)


def test_the_handler_of_the_runtime_class_is_the_one_that_nodes_have() -> None:
    runtime_class, pod = (yaml.safe_load(text) for text in pages.documents("kubernetes").values())
    assert handlers_of_containerd() == [runtime_class["handler"]] * 2
    for file in files_of("cri-o"):
        assert list(parsed(file)["crio"]["runtime"]["runtimes"]) == [runtime_class["handler"]]
    assert pod["spec"]["runtimeClassName"] == runtime_class["metadata"]["name"]
    labels = [f"{name}={value}" for name, value in runtime_class["scheduling"]["nodeSelector"].items()]
    assert labels == re.findall(r"kubectl label node NODE (\S+)`", (DIRECTORY / "kubernetes.md").read_text())


def test_the_job_for_nomad_asks_for_what_its_clients_allow() -> None:
    (client,) = (parsed(file) for file in files_of("nomad"))
    (job,) = (hcl2.loads(text) for text in pages.documents("nomad").values())
    task = block(block(block(job, "job", "check"), "group", "check"), "task", "hello")
    assert unquoted(task["driver"]) == "docker"
    config = block(task, "config")
    assert {unquoted(name) for name in config if not name.startswith("__")} == {"image", "runtime", "command", "args"}
    allowed = block(block(client, "plugin", "docker"), "config")["allow_runtimes"]
    assert unquoted(config["runtime"]) in [unquoted(name) for name in allowed]


def block(parent: dict[str, Any], kind: str, label: str = "") -> dict[str, Any]:
    """The one block of its kind, as hcl2 tells it: with labels in quotes in some of its versions."""
    (found,) = parent[kind]
    inner: dict[str, Any] = next(found[name] for name in (label, f'"{label}"') if name in found) if label else found
    return inner


def unquoted(text: str) -> str:
    return text.strip('"')


def test_every_page_is_listed() -> None:
    index = (DIRECTORY / "README.md").read_text()
    assert sorted(path.stem for path in DIRECTORY.glob("*.md")) == sorted(["README", *ENGINES])
    for page in ENGINES:
        assert f"]({page}.md)" in index


@pytest.mark.parametrize("path", sorted(DIRECTORY.glob("*.md")), ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert (path.parent / link).exists(), link
