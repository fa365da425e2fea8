"""`sampan spec`: runc's default config.json, and the bundle of the host's own programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sampan.cli.main import main
from sampan.spec.config import load

DIFFERENT = {"ociVersion", "hostname"}


def written(directory: Path, *options: str) -> dict[str, Any]:
    assert main(["spec", "--bundle", str(directory), *options]) == 0
    document: dict[str, Any] = json.loads((directory / "config.json").read_text())
    return document


@pytest.mark.parametrize("options", [[], ["--rootless"]])
def test_the_default_is_that_of_runc(options: list[str], tmp_path: Path) -> None:
    runc = shutil.which("runc")
    if not runc:
        pytest.skip("runc is not installed")
    (tmp_path / "runc").mkdir()
    subprocess.run([runc, "spec", *options], cwd=tmp_path / "runc", check=True)
    theirs = json.loads((tmp_path / "runc/config.json").read_text())
    ours = written(tmp_path, *options)
    assert {k: v for k, v in ours.items() if k not in DIFFERENT} == {
        k: v for k, v in theirs.items() if k not in DIFFERENT
    }
    assert (ours["ociVersion"], ours["hostname"]) == ("1.3.0", "sampan")


@pytest.mark.parametrize("options", [[], ["--rootless"]])
def test_the_default_is_valid(options: list[str], tmp_path: Path) -> None:
    written(tmp_path, *options)
    load((tmp_path / "config.json").read_bytes())


def test_an_existing_config_is_not_overwritten(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text("mine")
    for words in (["--bundle", str(tmp_path)], ["--rootfs", "host", str(tmp_path)]):
        assert main(["spec", *words]) == 1
        assert "exists, and is not overwritten" in capfd.readouterr().err
    assert (tmp_path / "config.json").read_text() == "mine"
    assert os.listdir(tmp_path) == ["config.json"]


def test_a_missing_directory_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["spec", "--bundle", str(tmp_path / "none")]) == 1
    message = capfd.readouterr().err
    assert f"{tmp_path}/none" in message
    assert "unexpected" not in message


@pytest.mark.parametrize("words", [["dir"], ["--rootfs", "host"], ["--rootfs", "image", "dir"]])
def test_only_the_host_can_be_a_root_and_it_needs_a_directory(
    words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["spec", *words]) == 1
    assert 'see "sampan spec --help"' in capfd.readouterr().err


class TestHostBundle:
    @pytest.fixture
    def config(self, tmp_path: Path) -> dict[str, Any]:
        assert main(["spec", "--rootfs", "host", str(tmp_path / "new" / "bundle")]) == 0
        document: dict[str, Any] = json.loads((tmp_path / "new/bundle/config.json").read_text())
        return document

    @pytest.fixture
    def rootfs(self, config: dict[str, Any], tmp_path: Path) -> Path:
        return tmp_path / "new/bundle" / str(config["root"]["path"])

    def test_it_is_valid(self, config: dict[str, Any]) -> None:
        load(json.dumps(config).encode())

    def test_every_mount_point_is_there_and_of_the_right_kind(self, config: dict[str, Any], rootfs: Path) -> None:
        binds = [mount for mount in config["mounts"] if mount["type"] == "bind"]
        assert "/usr" in [mount["destination"] for mount in binds]
        for mount in binds:
            place = rootfs / mount["destination"].lstrip("/")
            assert not place.is_symlink()
            assert place.is_dir() == Path(mount["source"]).is_dir()
            assert mount["source"] == mount["destination"]

    def test_what_it_shows_of_the_host_is_read_only_with_all_that_is_mounted_below(
        self, config: dict[str, Any]
    ) -> None:
        for mount in config["mounts"]:
            if mount["type"] == "bind":
                assert {"rro", "ro"} & set(mount["options"]), mount
                assert {"rnosuid", "nosuid"} & set(mount["options"]), mount
                if "rbind" in mount["options"]:
                    assert "rro" in mount["options"], mount
        assert config["root"]["readonly"] is True

    def test_links_of_the_host_are_the_same_links(self, rootfs: Path) -> None:
        for name in ("bin", "sbin", "lib"):
            if Path("/", name).is_symlink():
                assert (rootfs / name).readlink() == Path("/", name).readlink()

    def test_no_account_or_key_of_the_host_is_seen(self, config: dict[str, Any], rootfs: Path) -> None:
        shown = {mount["destination"] for mount in config["mounts"]}
        assert not shown & {
            "/etc",
            "/etc/passwd",
            "/etc/shadow",
            "/etc/ssh",
            "/etc/ssl",
            "/etc/hosts",
            "/root",
            "/home",
        }
        assert (rootfs / "etc/passwd").read_text().count("\n") == 2
        assert not (rootfs / "etc/shadow").exists()

    def test_its_process_is_what_is_given_after_the_directory(self, tmp_path: Path) -> None:
        assert main(["spec", "--rootfs=host", str(tmp_path / "b"), "--", "ls", "-l", "/"]) == 0
        assert json.loads((tmp_path / "b/config.json").read_text())["process"]["args"] == ["ls", "-l", "/"]

    def test_nothing_is_left_of_a_bundle_that_could_not_be_finished(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("sampan.engine.host_bundle.write_config", fail)
        assert main(["spec", "--rootfs", "host", str(tmp_path)]) == 1
        assert os.listdir(tmp_path) == []
        assert "No space left on device" in capfd.readouterr().err
