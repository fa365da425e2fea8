"""`sampan audit`: what it prints where, and its exit status."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sampan.cli.main import main

SAMPAN = shutil.which("sampan", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """One without a root filesystem."""
    assert main(["spec", "--bundle", str(tmp_path)]) == 0
    return tmp_path


def change(bundle: Path, **fields: Any) -> None:
    path = bundle / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_it_prints_a_report(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(bundle)]) == 0
    printed = capfd.readouterr()
    assert printed.out.startswith(f"{bundle}: score ")
    assert "linux.namespaces  (root-on-host)" in printed.out
    assert printed.err == ""


def test_without_a_bundle_it_is_the_working_directory(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(bundle)
    assert main(["audit"]) == 0
    assert capfd.readouterr().out.startswith(f"{bundle}: score ")


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_formats_for_programs_are_json(form: str, bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--format", form, str(bundle)]) == 0
    document = json.loads(capfd.readouterr().out)
    if form == "json":
        assert document["plan"]["operations"], document["noPlan"]
    else:
        assert document["version"] == "2.1.0"


def test_the_page_has_the_plan(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--format=html", str(bundle)]) == 0
    page = capfd.readouterr().out
    assert page.startswith("<!DOCTYPE html>")
    assert "become sh" in page


def test_it_writes_nothing(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = (bundle / "config.json").read_bytes()
    for form in ("text", "json", "sarif", "html"):
        assert main(["audit", "--format", form, str(bundle)]) == 0
    assert os.listdir(bundle) == ["config.json"]
    assert (bundle / "config.json").read_bytes() == before


@pytest.mark.parametrize(
    "limit, status", [("never", 0), ("critical", 0), ("high", 2), ("medium", 2), ("low", 2), ("other", 1)]
)
def test_the_status_says_whether_anything_so_severe_was_found(limit: str, status: int, bundle: Path) -> None:
    """runc's default has findings up to high."""
    assert main(["audit", "--fail-on", limit, str(bundle)]) == status


def test_a_broken_configuration_has_its_usual_errors(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    change(bundle, process={"cwd": "relative", "args": ["sh"]}, root={})
    assert main(["audit", "--fail-on=low", str(bundle)]) == 1
    printed = capfd.readouterr()
    assert "process.cwd: must be an absolute path" in printed.err
    assert "root.path" in printed.err
    assert printed.out == ""


def test_a_directory_that_is_no_bundle_is_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(tmp_path)]) == 1
    assert "has no config.json" in capfd.readouterr().err


def test_what_this_machine_cannot_do_is_judged_and_said(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if Path("/sys/fs/selinux/enforce").exists():
        pytest.skip("this machine has SELinux")
    linux = json.loads((bundle / "config.json").read_text())["linux"]
    change(bundle, linux={**linux, "mountLabel": "system_u:object_r:container_file_t:s0"})
    assert main(["audit", str(bundle)]) == 0
    printed = capfd.readouterr().out
    assert "root-on-host" in printed
    assert "There is no plan on this machine: config.json: linux.mountLabel" in printed


def test_a_root_that_is_a_link_is_seen(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (bundle / "rootfs").symlink_to("/srv")
    assert main(["audit", str(bundle)]) == 0
    assert "(root-is-link)" in capfd.readouterr().out


@pytest.mark.skipif(SAMPAN is None, reason="sampan is not installed")
@pytest.mark.parametrize("plain", [False, True])
def test_colors_are_for_terminals(plain: bool, bundle: Path) -> None:
    assert SAMPAN is not None
    leader, terminal = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    if plain:
        environment["NO_COLOR"] = "1"
    with subprocess.Popen([SAMPAN, "audit", str(bundle)], stdout=terminal, env=environment) as process:
        os.close(terminal)
        printed = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # EIO: nobody has the other end any more
                break
            printed += piece
        assert process.wait(timeout=30) == 0
    os.close(leader)
    assert (b"\x1b[" in printed) != plain
    assert b"root-on-host" in printed


@pytest.mark.skipif(SAMPAN is None, reason="sampan is not installed")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_gets_the_same_findings(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In this process, whose interpreter root may have where others cannot read it."""
    assert main(["audit", "--format=json", str(bundle)]) == 0
    roots = json.loads(capfd.readouterr().out)
    for directory in (bundle, *bundle.parents):
        if not os.stat(directory).st_mode & 0o001:
            directory.chmod(directory.stat().st_mode | 0o011)
    os.setegid(65534)
    os.seteuid(65534)
    try:
        assert main(["audit", "--format=json", str(bundle)]) == 0
    finally:
        os.seteuid(0)
        os.setegid(0)
    users = json.loads(capfd.readouterr().out)
    assert users["findings"] == roots["findings"]
    assert users["plan"] is not None
