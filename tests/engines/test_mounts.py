"""The container's files: volumes, tmpfs, a read-only root, devices, and what the runtime hides."""

from __future__ import annotations

from pathlib import Path

import pytest

from .podman import Podman


def test_a_directory_of_the_host_is_shared(podman: Podman, shared_directory: Path) -> None:
    (shared_directory / "in").write_text("from the host\n")
    result = podman.run("-v", f"{shared_directory}:/data", "--", "sh", "-c", "cat /data/in; echo back >/data/out")
    assert result.checked().output == "from the host"
    assert (shared_directory / "out").read_text() == "back\n"


def test_a_read_only_volume_cannot_be_written(podman: Podman, shared_directory: Path) -> None:
    result = podman.run("-v", f"{shared_directory}:/data:ro", "--", "touch", "/data/file")
    assert result.status == 1
    assert "Read-only file system" in result.stderr
    assert list(shared_directory.iterdir()) == []


def test_a_file_is_mounted_on_a_file_that_is_made(podman: Podman, shared_directory: Path) -> None:
    (shared_directory / "file").write_text("content\n")
    result = podman.run("-v", f"{shared_directory}/file:/srv/new/file:ro", "--", "cat", "/srv/new/file")
    assert result.checked().output == "content"


def test_a_file_of_the_image_can_be_mounted_over(podman: Podman, shared_directory: Path) -> None:
    (shared_directory / "group").write_text("other:x:1:\n")
    result = podman.run("-v", f"{shared_directory}/group:/etc/group", "--", "cat", "/etc/group")
    assert result.checked().output == "other:x:1:"


def test_a_named_volume_keeps_its_files(podman: Podman) -> None:
    name = f"kept-{podman.runtime}"
    try:
        podman.run("-v", f"{name}:/data", "--", "sh", "-c", "echo kept >/data/file").checked()
        assert podman.run("-v", f"{name}:/data", "--", "cat", "/data/file").checked().output == "kept"
    finally:
        podman("volume", "rm", "--force", name)


@pytest.mark.parametrize("option", ["nosuid", "nodev", "noexec"])
def test_mount_options_of_volumes_are_applied(podman: Podman, shared_directory: Path, option: str) -> None:
    volume = f"{shared_directory}:/data:{option}"
    result = podman.run("-v", volume, "--", "grep", " /data ", "/proc/self/mountinfo")
    assert option in result.checked().output.split()[5].split(",")


@pytest.mark.parametrize("propagation, field", [("rshared", "shared:"), ("rslave", "master:"), ("rprivate", "-")])
def test_propagation_of_volumes_is_as_asked(
    podman: Podman, shared_directory: Path, propagation: str, field: str
) -> None:
    volume = f"{shared_directory}:/data:{propagation}"
    result = podman.run("-v", volume, "--", "grep", " /data ", "/proc/self/mountinfo")
    assert result.checked().output.split()[6].startswith(field)


def test_tmpfs_is_fresh_and_has_its_size(podman: Podman) -> None:
    result = podman.run(
        "--tmpfs", "/scratch:size=1m,mode=1777", "--", "sh", "-c", "df -k /scratch; stat -c %a /scratch"
    )
    lines = result.checked().lines
    assert lines[-2].split()[:2] == ["tmpfs", "1024"]
    assert lines[-1] == "1777"


def test_tmpfs_over_a_directory_of_the_image_has_its_files(podman: Podman) -> None:
    """podman asks for tmpcopyup."""
    assert "passwd" in podman.run("--tmpfs", "/etc", "--", "ls", "/etc").checked().lines


def test_a_read_only_root_cannot_be_written_but_tmp_can(podman: Podman) -> None:
    result = podman.run("--read-only", "--", "sh", "-c", "touch /tmp/f && echo tmp; touch /srv/f")
    assert (result.status, result.output) == (1, "tmp")
    assert "Read-only file system" in result.stderr


def test_read_only_tmpfs_false_leaves_nothing_to_write(podman: Podman) -> None:
    result = podman.run("--read-only", "--read-only-tmpfs=false", "--", "touch", "/tmp/f")
    assert result.status == 1


def test_shm_size_is_as_asked(podman: Podman) -> None:
    result = podman.run("--shm-size", "2m", "--", "df", "-k", "/dev/shm").checked()
    assert result.lines[-1].split()[1] == "2048"


def test_default_devices_can_be_used(podman: Podman) -> None:
    script = "echo x >/dev/null && head -c 4 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c && readlink /dev/fd"
    assert podman.run("sh", "-c", script).checked().lines == ["4", "4", "/proc/self/fd"]


def test_a_device_of_the_host_is_there_and_can_be_used(podman: Podman) -> None:
    result = podman.run("--device", "/dev/zero:/dev/naught:r", "--", "sh", "-c", "head -c 3 /dev/naught | wc -c")
    assert result.checked().output == "3"


def test_a_device_that_was_not_asked_for_cannot_be_opened(podman: Podman) -> None:
    result = podman.run("--cap-add", "mknod", "--", "sh", "-c", "mknod /srv/kmsg c 1 11 && cat /srv/kmsg")
    assert result.status == 1
    assert "Operation not permitted" in result.stderr, str(result)


def test_kernel_s_secrets_are_masked(podman: Podman) -> None:
    script = "head -c 1 /proc/kcore | wc -c; ls /proc/scsi 2>/dev/null | wc -l; ls /sys/firmware | wc -l"
    assert podman.run("sh", "-c", script).checked().lines == ["0", "0", "0"]


def test_masked_files_are_no_way_to_the_host_s_devices(podman: Podman) -> None:
    """What hides them must be the container's own, or read-only: its root may change modes and owners."""
    podman.run("chmod", "0600", "/proc/keys", "/proc/timer_list")
    mode = podman.site.view.run("stat", "-c", "%a", "/dev/null").checked().output
    podman.site.view.run("chmod", "0666", "/dev/null").checked()
    assert mode == "666", "the container has changed the host's /dev/null"


def test_kernel_s_settings_are_read_only(podman: Podman) -> None:
    result = podman.run("sh", "-c", "echo 1 >/proc/sys/kernel/dmesg_restrict")
    assert result.status != 0
    assert "Read-only file system" in result.stderr


def test_unmask_all_shows_them(podman: Podman) -> None:
    result = podman.run("--security-opt", "unmask=ALL", "--", "grep", "-c", " /proc/", "/proc/self/mountinfo")
    assert result.output == "0"


def test_cgroups_are_shown_read_only(podman: Podman) -> None:
    result = podman.run("sh", "-c", "ls /sys/fs/cgroup | head -n 1 | wc -l; mkdir /sys/fs/cgroup/*/x /sys/fs/cgroup/x")
    assert result.output == "1"
    assert result.status != 0


def test_hosts_and_resolv_conf_are_podman_s(podman: Podman) -> None:
    result = podman.run("--add-host", "friend:10.1.2.3", "--", "cat", "/etc/hosts").checked()
    assert "10.1.2.3\tfriend" in result.lines


def test_volumes_of_another_container_are_shared(podman: Podman, shared_directory: Path) -> None:
    (shared_directory / "file").write_text("shared\n")
    first = podman.created("-v", f"{shared_directory}:/data", "--", "true")
    assert podman.run("--volumes-from", first, "--", "cat", "/data/file").checked().output == "shared"


def test_an_image_s_root_is_left_as_it_was(podman: Podman) -> None:
    podman.run("sh", "-c", "rm -r /etc/passwd /srv; touch /new").checked()
    lines = podman.run("ls", "/").checked().lines
    assert "srv" in lines
    assert "new" not in lines
