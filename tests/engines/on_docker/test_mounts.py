"""The container's files: volumes, tmpfs, a read-only root, devices, and what the runtime hides."""

from __future__ import annotations

from pathlib import Path

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


def test_propagation_of_volumes_is_as_asked(docker: Docker, shared_directory: Path) -> None:
    kinds = {"rshared": "shared:", "rslave": "master:", "rprivate": "-"}
    volumes = [word for kind in kinds for word in ("--volume", f"{shared_directory}:/data/{kind}:{kind}")]
    lines = docker.run(*volumes, "--", "grep", " /data/", "/proc/self/mountinfo").checked().lines
    found = {line.split()[4].removeprefix("/data/"): line.split()[6] for line in lines}
    assert found.keys() == kinds.keys()
    assert all(found[kind].startswith(field) for kind, field in kinds.items()), found


def test_tmpfs_is_fresh_and_has_its_size_and_options(docker: Docker) -> None:
    options = ["--tmpfs", "/a:size=1m,mode=1777", "--mount", "type=tmpfs,target=/home,tmpfs-size=2097152"]
    script = "ls /home; stat -c %a /a; df -k /a /home /dev/shm | awk '{print $2}'"
    lines = docker.run(*options, "--shm-size", "3m", "--", "sh", "-c", script).checked().lines
    assert lines == ["1777", "1K-blocks", "1024", "2048", "3072"]


def test_a_read_only_root_cannot_be_written_but_tmpfs_can(docker: Docker) -> None:
    result = docker.run("--read-only", "--tmpfs", "/tmp", "--", "sh", "-c", "touch /tmp/f && echo tmp; touch /srv/f")
    assert (result.status, result.output) == (1, "tmp")
    assert "Read-only file system" in result.stderr


def test_devices_are_usable_as_asked(docker: Docker) -> None:
    """One by its own option, one by a rule for those that the container makes, and one by nothing."""
    options = ["--device", "/dev/zero:/dev/naught:r", "--device-cgroup-rule", "c 1:7 w"]
    script = """
        readlink /dev/fd; head -c 3 /dev/naught | wc -c
        mknod /srv/full c 1 7 && echo x >/srv/full
        mknod /srv/kmsg c 1 11 && head -c 0 </srv/kmsg
    """
    result = docker.run(*options, "--", "sh", "-c", script)
    assert (result.status, result.lines) == (1, ["/proc/self/fd", "3"]), str(result)
    assert "No space left" in result.stderr and "/srv/kmsg: Operation not permitted" in result.stderr, str(result)


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
