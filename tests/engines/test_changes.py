"""What podman does with a container beside running it: pause, update, rename, health checks, copies, images of it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from .cgroups import needs
from .engine import eventually
from .podman import IMAGE, Podman
from .test_resources import MIB

TOLD = ("rename", "died", "init", "start", "kill")  # in this order in any case
COUNT = "while :; do echo x; sleep 0.05; done"


@needs("freezer")
def test_a_paused_container_stands_still_until_unpaused(podman: Podman) -> None:
    container = podman.detached("sh", "-c", COUNT)
    podman.wait_for_log(container, "x")
    podman("pause", container).checked()
    assert podman.status(container) == "paused"
    before = podman.logs(container)
    assert podman("exec", container, "true").status != 0
    assert podman.logs(container) == before
    podman("unpause", container).checked()
    assert podman.status(container) == "running"
    podman.wait_for_log(container, before + "x")


@needs("freezer")
def test_a_paused_container_can_be_removed(podman: Podman) -> None:
    container = podman.detached("sleep", "1000")
    podman("pause", container).checked()
    podman("rm", "--force", "--time=0", container).checked()


@needs("memory")
def test_update_changes_the_limits_of_a_running_container(podman: Podman) -> None:
    container = podman.detached("--memory", "64m", "--", "sleep", "1000")
    podman("update", "--memory", "32m", "--cpus", "0.5", container).checked()
    script = """
        cd /sys/fs/cgroup
        if [ -e memory.max ]; then cat memory.max cpu.max; else
        cat memory/memory.limit_in_bytes; echo $(cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us); fi
        echo >/dev/null
    """
    lines = podman("exec", container, "sh", "-c", script).checked().lines
    assert lines == [str(32 * MIB), "50000 100000"], "and /dev/null can still be used"


def test_a_renamed_container_tells_its_life_in_events(podman: Podman) -> None:
    name = f"after-{podman.runtime}"
    container = podman.detached("--name", f"before-{podman.runtime}", "--", "sleep", "1000")
    podman("rename", container, name).checked()
    podman("stop", "--time", "0", name).checked()
    podman("start", name).checked()
    podman("kill", name).checked()
    podman("wait", name).checked()
    assert podman.inspect(name)["Id"] == container

    def told() -> list[str]:
        show = ["--stream=false", "--filter", f"container={name}", "--format", "{{.Status}}"]
        return [line for line in podman("events", *show).checked().lines if line in TOLD]

    eventually(lambda: told()[-6:] == ["rename", "died", "init", "start", "kill", "died"], f"these events: {told()}")


def test_a_health_check_is_run_in_the_container(podman: Podman) -> None:
    """By hand: what repeats it is a timer of systemd."""
    container = podman.detached(
        "--health-cmd",
        "test -e /srv/healthy",
        "--health-retries",
        "1",
        "--health-interval",
        "disable",
        "--",
        "sleep",
        "9",
    )
    assert podman("healthcheck", "run", container).status == 1
    assert podman.inspect(container)["State"]["Health"]["Status"] == "unhealthy"
    podman("exec", container, "touch", "/srv/healthy").checked()
    podman("healthcheck", "run", container).checked()
    assert podman.inspect(container)["State"]["Health"]["Status"] == "healthy"


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_files_are_copied_in_and_out(podman: Podman, shared_directory: Path, running: bool) -> None:
    container = podman.detached("sh", "-c", "exec sleep 1000") if running else podman.created("true")
    source, target = shared_directory / "source", shared_directory / "target"
    source.mkdir()
    (source / "file").write_text("copied\n")
    podman("cp", str(source), f"{container}:/srv").checked()
    podman("cp", f"{container}:/srv/source/.", str(target)).checked()
    assert (target / "file").read_text() == "copied\n"
    if running:
        assert podman("exec", container, "cat", "/srv/source/file").checked().output == "copied"


def test_an_image_of_a_container_has_its_changes(podman: Podman, shared_directory: Path) -> None:
    image, archive = f"localhost/committed-{podman.runtime}:1", shared_directory / "archive.tar"
    container = podman.detached("sh", "-c", "echo kept >/srv/kept; rm /etc/group; mkdir /new; echo ready; sleep 1000")
    podman.wait_for_log(container, "ready")
    assert set(podman("diff", container).checked().lines) >= {"A /srv/kept", "D /etc/group", "A /new"}
    podman("commit", "--quiet", "--change", "CMD cat /srv/kept", container, image).checked()
    try:
        assert podman("run", "--rm", image).checked().output == "kept"
        assert podman("run", "--rm", image, "ls", "/etc").checked().lines.count("group") == 0
    finally:
        podman("rmi", image).checked()
    podman("export", "--output", str(archive), container).checked()
    with tarfile.open(archive) as tar:
        member = tar.extractfile("srv/kept")
        assert member is not None and member.read() == b"kept\n"


def test_a_directory_can_be_the_root_in_place_of_an_image(podman: Podman, shared_directory: Path) -> None:
    root = shared_directory / "root"
    root.mkdir()
    with tarfile.open(podman.site.directory / "busybox.tar") as tar:
        tar.extractall(root, filter="fully_trusted")
    script = "echo inside; touch /srv/written"
    for overlay, written in ((":O", []), ("", ["written"])):
        result = podman("run", "--rm", "--rootfs", f"{root}{overlay}", "sh", "-c", script)
        assert result.checked().output == "inside"
        assert [path.name for path in (root / "srv").iterdir()] == written


def test_a_checkpoint_is_refused_and_the_container_runs_on(podman: Podman) -> None:
    """podman asks the runtime whether it has the command, and needs criu as well."""
    container = podman.detached("sleep", "1000")
    result = podman("container", "checkpoint", container)
    assert result.status != 0 and "checkpoint" in result.stderr, str(result)
    assert podman.status(container) == "running"


@needs("memory")
def test_a_container_that_ran_out_of_memory_says_so(podman: Podman) -> None:
    """Started in its own directory: podman 4.3 looks there for what conmon writes where it was started."""
    script = "(x=a; while :; do x=$x$x$x$x; done); sleep 0.2; exit 9"
    container = podman.created("--memory", "16m", "--memory-swap", "16m", "--", "sh", "-c", script)
    directory = podman.inspect(container)["StaticDir"]
    shell = f"cd {directory} && exec podman --runtime {podman.runtime} start {container}"
    podman.site.view.run("sh", "-c", shell).checked()
    podman("wait", container).checked()
    state = podman.inspect(container)["State"]
    assert (state["OOMKilled"], state["ExitCode"]) == (True, 9)


def test_an_image_is_a_volume(podman: Podman) -> None:
    result = podman.run("--mount", f"type=image,source={IMAGE},destination=/image", "--", "cat", "/image/etc/group")
    assert result.checked().lines[0] == "root:x:0:"
