"""What is the daemon's: builds, images, and containers that outlive it."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest

from .daemon import CHATTY, IMAGE, Docker, Site

DOCKERFILE = f"""\
FROM {IMAGE}
RUN echo built by root >/srv/file && cat /proc/self/mountinfo >/srv/mounts
USER worker
RUN ["sh", "-c", "id -u >/tmp/user"]
CMD ["cat", "/srv/file", "/tmp/user"]
"""
REGISTRY = "127.0.0.1:5000"  # of the view, which has a network of its own; docker trusts loopback without TLS
REGISTRY_YML = {
    "version": "0.1",
    "storage": {"filesystem": {"rootdirectory": "{}"}},
    "http": {"addr": REGISTRY},
    "log": {"accesslog": {"disabled": True}, "level": "error"},
}


@pytest.fixture
def context(shared_directory: Path) -> Path:
    (shared_directory / "Dockerfile").write_text(DOCKERFILE)
    return shared_directory


def test_the_default_runtime_runs_the_steps_of_a_build(docker: Docker, context: Path) -> None:
    """The classic builder has no option for a runtime: it takes dockerd's default, which a reload changes."""
    with docker.site.default_runtime(docker.runtime):
        build = docker("build", "--no-cache", "--network", "none", "--tag", "built:classic", str(context)).checked()
    assert "Successfully tagged built:classic" in build.stdout
    assert docker("run", "--rm", "--runtime", docker.runtime, "built:classic").checked().lines == [
        "built by root",
        "1000",
    ]
    docker("image", "rm", "--force", "built:classic").checked()


def test_a_runtime_has_arguments_of_its_own(docker: Docker) -> None:
    """`runtimeArgs` of daemon.json, for which docker writes a script that is the runtime."""
    result = docker("run", "--rm", "--runtime", docker.runtime + CHATTY, "--network", "none", IMAGE, "echo", "ran")
    assert result.checked().output == "ran"


def test_buildkit_runs_what_is_called_runc_in_path(docker: Docker, context: Path) -> None:
    with docker.site.called_runc(docker.runtime) as uses:
        script = f"DOCKER_BUILDKIT=1 exec docker build --no-cache --network none --tag built:kit {context}"
        docker.view.run("sh", "-c", script).checked()
        assert uses.read_text().count(" run --bundle ") == 2, "one for each step"
    assert docker("run", "--rm", "built:kit").checked().lines == ["built by root", "1000"]
    docker("image", "rm", "--force", "built:kit").checked()


def test_a_step_that_fails_fails_the_build_with_its_status(docker: Docker, context: Path) -> None:
    (context / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN exit 42\n")
    with docker.site.default_runtime(docker.runtime):
        build = docker("build", "--force-rm", "--network", "none", str(context))
    assert build.status == 42, str(build)
    assert "returned a non-zero code: 42" in build.stderr


@pytest.mark.skipif(shutil.which("docker-registry") is None, reason="not installed: docker-registry")
def test_an_image_goes_to_a_registry_and_comes_back(docker: Docker, shared_directory: Path) -> None:
    (shared_directory / "registry.yml").write_text(json.dumps(REGISTRY_YML).replace("{}", str(shared_directory)))
    daemon = ["docker-registry", "serve", str(shared_directory / "registry.yml")]
    answers = ["busybox", "wget", "-q", "-O", "-", f"http://{REGISTRY}/v2/"]
    registry = docker.view.start_daemon(daemon, shared_directory / "log", answers)
    name = f"{REGISTRY}/ours:1"
    docker("tag", IMAGE, name).checked()
    docker("push", "--quiet", name).checked()
    docker("image", "rm", name).checked()
    docker("pull", "--quiet", name).checked()
    result = docker("run", "--rm", "--runtime", docker.runtime, name, "echo", "came back")
    docker("image", "rm", name).checked()
    registry.send_signal(signal.SIGKILL)
    registry.wait()
    assert result.checked().output == "came back"


def test_containers_outlive_a_daemon_that_is_killed(dockers: dict[str, Docker], docker_site: Site) -> None:
    """live-restore: their shims go on, and the next dockerd finds them, or that they have ended meanwhile."""
    script = "trap 'echo stopping; exit 3' TERM; while :; do date +%N; sleep 0.05; done"
    going = {name: docker.detached("sh", "-c", script) for name, docker in dockers.items()}
    ending = {name: docker.detached("sleep", "1000") for name, docker in dockers.items()}
    pids = [str(docker.state(ending[name])["Pid"]) for name, docker in dockers.items()]
    docker_site.kill_daemon()
    docker_site.view.run("kill", "-KILL", *pids).checked()
    docker_site.start_daemon()
    for name, docker in dockers.items():
        docker.wait_for_status(ending[name], "exited")
        assert docker.state(ending[name])["ExitCode"] == 137
        assert docker.status(going[name]) == "running"
        assert docker("exec", going[name], "echo", "still here").checked().output == "still here"
        docker("stop", going[name]).checked()
        assert docker.state(going[name])["ExitCode"] == 3
        assert docker.logs(going[name]).endswith("stopping\n")
