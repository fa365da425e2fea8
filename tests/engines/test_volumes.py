"""Volumes and mounts of every kind that `podman run` has, and who owns what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from .podman import Podman

MAPPED = ["--uidmap", "0:100000:5000", "--gidmap", "0:100000:5000"]
MOUNTED = "stat -c %u:%g /data /data/file"


@pytest.fixture
def volume(shared_directory: Path) -> Path:
    """A directory of root's with a file of root's."""
    (shared_directory / "file").write_text("content\n")
    return shared_directory


def test_a_volume_for_the_container_s_user_is_given_to_that(podman: Podman, volume: Path) -> None:
    """The option U: podman changes the owners."""
    result = podman.run("-v", f"{volume}:/data:U", "-u", "worker", "--", "sh", "-c", MOUNTED)
    assert result.checked().lines == ["1000:1000"] * 2
    assert (volume / "file").stat().st_uid == 1000
    result = podman.run(*MAPPED, "-v", f"{volume}:/data:U", "--", "sh", "-c", MOUNTED)
    assert result.checked().lines == ["0:0"] * 2
    assert (volume / "file").stat().st_uid == 100000


@pytest.mark.parametrize("mapping, inside", [("", "0:0"), ("=uids=0-100007-10;gids=@0-8-10", "7:8")])
def test_a_volume_with_mapped_ids_has_the_owners_of_the_host(
    podman: Podman, volume: Path, mapping: str, inside: str
) -> None:
    """'idmap: Indicates that the mount MUST have an idmapping applied.' runc 1.1 does not know it, and ignores it.

    The mapping itself, which podman passes on, is crun's.
    """
    script = f"{MOUNTED}; touch /data/file"
    result = podman.run(*MAPPED, "-v", f"{volume}:/data:idmap{mapping}", "--", "sh", "-c", script)
    if podman.runtime == "runc" and result.lines == ["65534:65534"] * 2:
        return
    assert result.lines == [inside] * 2, str(result)
    assert (volume / "file").stat().st_uid == 0


def test_an_overlay_on_a_volume_keeps_it_as_it_was(podman: Podman, volume: Path) -> None:
    result = podman.run("-v", f"{volume}:/data:O", "--", "sh", "-c", "echo more >>/data/file; cat /data/file")
    assert result.checked().lines == ["content", "more"]
    assert (volume / "file").read_text() == "content\n"


def test_mounts_are_as_asked(podman: Podman, volume: Path) -> None:
    """One container with all of them; the fields of mountinfo: root, options, and those of the file system."""
    mounts = {
        "/bound": f"type=bind,source={volume},destination=/bound,ro=true,bind-propagation=rslave",
        "/alone": f"type=bind,source={volume},destination=/alone,bind-nonrecursive",
        "/scratch": "type=tmpfs,destination=/scratch,tmpfs-size=1m,tmpfs-mode=700,noexec",
        "/terminals": "type=devpts,destination=/terminals,mode=620",
    }
    options = [word for mount in mounts.values() for word in ("--mount", mount)]
    result = podman.run(
        *options, "-v", f"{volume}:/guarded:ro,nosuid,nodev,noexec", "--", "cat", "/proc/self/mountinfo"
    )
    fields = {line.split()[4]: line.split() for line in result.checked().lines}
    options_of = {target: set(fields[target][5].split(",")) for target in (*mounts, "/guarded")}
    assert "ro" in options_of["/bound"] and "rw" in options_of["/alone"]
    assert {"ro", "nosuid", "nodev", "noexec"} <= options_of["/guarded"]
    assert fields["/bound"][6].startswith("master:")
    assert {"nosuid", "nodev", "noexec"} <= options_of["/scratch"]
    assert {"size=1024k", "mode=700"} <= set(fields["/scratch"][-1].split(","))
    assert "devpts" in fields["/terminals"] and "mode=620" in fields["/terminals"][-1]


def test_a_named_volume_takes_over_the_image_s_files_and_owner(podman: Podman) -> None:
    name = f"taken-over-{podman.runtime}"
    try:
        result = podman.run("-v", f"{name}:/home/worker", "-u", "worker", "-w", "/home/worker", "--", "touch", "new")
        result.checked()
        assert podman.run("-v", f"{name}:/srv:ro,nocopy", "--", "ls", "/srv").checked().output == "new"
    finally:
        podman("volume", "rm", "--force", name)


def test_secrets_are_files_or_variables(podman: Podman, shared_directory: Path) -> None:
    name = f"secret-{podman.runtime}"
    (shared_directory / "secret").write_text("hidden")
    podman("secret", "create", name, f"{shared_directory}/secret").checked()
    try:
        options = ["--secret", f"{name},uid=1000,mode=0400", "--secret", f"{name},type=env,target=HIDDEN"]
        script = f"cat /run/secrets/{name}; echo; echo $HIDDEN; stat -c '%u %a' /run/secrets/{name}"
        result = podman.run(*options, "-u", "worker", "--", "sh", "-c", script)
        assert result.checked().lines == ["hidden", "hidden", "1000 400"]
    finally:
        podman("secret", "rm", name).checked()
