"""The container's files: volumes, tmpfs, a read-only root, devices, and what the runtime hides."""

from __future__ import annotations

from pathlib import Path

import pytest

from .daemon import Docker


def test_a_directory_of_the_host_is_shared(docker: Docker, shared_directory: Path) -> None:
    (shared_directory / "in").write_text("from the host\n")
    volumes = ["-v", f"{shared_directory}:/data", "-v", f"{shared_directory}:/fixed:ro"]
    script = "cat /data/in; echo back >/data/out; echo no >/fixed/out"
    result = docker.run(*volumes, "--", "sh", "-c", script)
    assert (result.status, result.output) == (1, "from the host")
    assert "Read-only file system" in result.stderr
    assert (shared_directory / "out").read_text() == "back\n"


def test_files_are_mounted_on_files(docker: Docker, shared_directory: Path) -> None:
    """One that the image has, and one that is made for it."""
    (shared_directory / "group").write_text("other:x:1:\n")
    source = f"type=bind,source={shared_directory}/group"
    mounts = ["--mount", f"{source},target=/etc/group", "--mount", f"{source},target=/srv/new/file,readonly"]
    lines = docker.run(*mounts, "--", "cat", "/etc/group", "/srv/new/file").checked().lines
    assert lines == ["other:x:1:"] * 2


def test_a_named_volume_begins_with_the_image_s_files_and_keeps_its_own(docker: Docker) -> None:
    volume = docker.volume()
    first = docker.run("-v", f"{volume}:/etc", "--", "sh", "-c", "echo kept >/etc/file; head -n 1 /etc/passwd")
    assert first.checked().output.startswith("root:")
    assert docker.run("-v", f"{volume}:/data:ro", "--", "cat", "/data/file").checked().output == "kept"


def test_volumes_of_another_container_are_shared(docker: Docker) -> None:
    first = docker.detached("-v", "/data", "--", "sh", "-c", "echo shared >/data/file; exec sleep 1000")
    assert docker.run("--volumes-from", first, "--", "cat", "/data/file").checked().output == "shared"


@pytest.mark.parametrize("propagation, field", [("rshared", "shared:"), ("rslave", "master:"), ("rprivate", "-")])
def test_propagation_of_volumes_is_as_asked(
    docker: Docker, shared_directory: Path, propagation: str, field: str
) -> None:
    volume = f"{shared_directory}:/data:{propagation}"
    result = docker.run("-v", volume, "--", "grep", " /data ", "/proc/self/mountinfo")
    assert result.checked().output.split()[6].startswith(field)


def test_tmpfs_is_fresh_and_has_its_size_and_options(docker: Docker) -> None:
    options = ["--tmpfs", "/a:size=1m,mode=1777", "--mount", "type=tmpfs,target=/home,tmpfs-size=2097152"]
    script = "ls /home; stat -c %a /a; df -k /a /home /dev/shm | awk '{print $2}'"
    lines = docker.run(*options, "--shm-size", "3m", "--", "sh", "-c", script).checked().lines
    assert lines == ["1777", "1K-blocks", "1024", "2048", "3072"]


def test_a_read_only_root_cannot_be_written_but_tmpfs_can(docker: Docker) -> None:
    result = docker.run("--read-only", "--tmpfs", "/tmp", "--", "sh", "-c", "touch /tmp/f && echo tmp; touch /srv/f")
    assert (result.status, result.output) == (1, "tmp")
    assert "Read-only file system" in result.stderr


def test_devices_of_the_host_are_there_and_can_be_used_as_asked(docker: Docker) -> None:
    options = ["--device", "/dev/zero:/dev/naught:r", "--device", "/dev/full"]
    script = (
        "head -c 3 /dev/naught | wc -c; readlink /dev/fd; echo x >/dev/null; echo x >/dev/full; echo x >/dev/naught"
    )
    result = docker.run(*options, "--user", "root", "--", "sh", "-c", script)
    assert result.lines == ["3", "/proc/self/fd"], str(result)
    assert "No space left" in result.stderr


def test_a_device_is_usable_only_by_a_rule(docker: Docker) -> None:
    script = "mknod /srv/kmsg c 1 11 && head -c 0 </srv/kmsg"
    refused = docker.run("sh", "-c", script)
    assert refused.status == 1
    assert "Operation not permitted" in refused.stderr, str(refused)
    docker.run("--device-cgroup-rule", "c 1:11 r", "--cap-add", "SYSLOG", "--", "sh", "-c", script).checked()


def test_kernel_s_secrets_and_settings_are_closed(docker: Docker) -> None:
    script = """
        head -c 1 /proc/kcore | wc -c; ls /proc/scsi 2>/dev/null | wc -l; ls /sys/firmware | wc -l
        chmod 600 /proc/keys /proc/timer_list 2>/dev/null
        echo 1 >/proc/sys/kernel/dmesg_restrict
    """
    result = docker.run("sh", "-c", script)
    mode = docker.view.run("stat", "-c", "%a", "/dev/null").checked().output
    docker.view.run("chmod", "0666", "/dev/null").checked()
    assert (result.status, result.lines) == (1, ["0", "0", "0"]), str(result)
    assert "Read-only file system" in result.stderr
    assert mode == "666", "the container has changed the host's /dev/null"


def test_cgroups_are_shown_read_only(docker: Docker) -> None:
    result = docker.run("sh", "-c", "ls /sys/fs/cgroup | head -n 1 | wc -l; mkdir /sys/fs/cgroup/*/x /sys/fs/cgroup/x")
    assert result.output == "1"
    assert result.status != 0
