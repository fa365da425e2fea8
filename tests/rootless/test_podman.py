"""podman as an ordinary user, with the runtime under test: it calls that as root of the user's namespace."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.driver import Result

from .container import eventually, make_rootfs
from .land import Land, User

IMAGE = "localhost/busybox:1"
CONTAINERS_CONF = """\
[containers]
default_ulimits = []
log_driver = "k8s-file"
netns = "none"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "tested"
runtime_supports_json = ["tested"]
[engine.runtimes]
tested = ["{program}"]
"""
STORAGE_CONF = '[storage]\ndriver = "vfs"\ngraphroot = "{home}/storage"\nrunroot = "{run}/storage"\n'


class Podman:
    def __init__(self, user: User, program: str) -> None:
        self.user = user
        self.home = user.home / "podman"
        settings = self.home / ".config/containers"
        for path in (settings, self.home / "tmp"):
            path.mkdir(parents=True)
        run = user.runtime_directory
        (settings / "containers.conf").write_text(CONTAINERS_CONF.format(program=program))
        (settings / "storage.conf").write_text(STORAGE_CONF.format(home=self.home, run=run))
        (settings / "policy.json").write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        (settings / "registries.conf").write_text("")
        self._environment = user.environment | {
            "HOME": str(self.home),
            "TMPDIR": str(self.home / "tmp"),
            "CONTAINERS_CONF": str(settings / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(settings / "storage.conf"),
        }
        make_rootfs(self.home / "rootfs")
        with tarfile.open(self.home / "busybox.tar", "w") as tar:
            tar.add(self.home / "rootfs", ".")
        user.own(self.home)
        changes = ["--change", "ENV=PATH=/bin", "--change", "CMD=sh"]
        self("import", *changes, str(self.home / "busybox.tar"), IMAGE).checked()

    def __call__(self, *words: str) -> Result:
        return self.user.run("podman", *words, environment=self._environment, to_file=True)

    def close(self) -> None:
        self("rm", "--force", "--all", "--time=0")
        self("system", "migrate")  # ends the process that holds its user namespace
        _remove(self.user, self.home)
        _remove(self.user, self.user.runtime_directory, keep=True)


def _remove(user: User, directory: Path, *, keep: bool = False) -> None:
    for mount in reversed(user.land.run("cat", "/proc/self/mounts").stdout.splitlines()):
        if (point := mount.split()[1]).startswith(f"{directory}/"):
            user.land.run("umount", point)
    for path in list(directory.iterdir()):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if not keep:
        directory.rmdir()


@pytest.fixture(scope="module")
def podman(land: Land, program: str) -> Iterator[Podman]:
    if missing := [name for name in ("podman", "conmon") if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    engine = Podman(land.users[0], program)
    yield engine
    engine.close()
    eventually(lambda: not land.processes(), "the end of all processes")


def test_it_runs_a_container(podman: Podman) -> None:
    result = podman("run", "--rm", IMAGE, "sh", "-c", "id -u; cat /proc/self/uid_map; exit 3")
    assert result.status == 3
    user = podman.user
    assert result.stdout.split() == ["0", "0", str(user.uid), "1", "1", str(user.first_id), "65536"]


def test_as_another_user_with_groups(podman: Podman) -> None:
    result = podman("run", "--rm", "--user", "1000:1001", "--group-add", "5", IMAGE, "id").checked()
    assert "uid=1000 gid=1001 groups=5" in result.stdout


def test_its_life(podman: Podman) -> None:
    name = f"life-{os.path.basename(podman.user.name)}"
    podman("run", "--detach", "--name", name, IMAGE, "sh", "-c", "trap 'exit 5' TERM; sleep 1000 & wait").checked()
    assert podman("exec", name, "sh", "-c", "echo hello; id -u").checked().output == "hello\n0"
    assert podman("exec", "--user", "33", name, "id", "-u").checked().output == "33"
    assert podman("exec", name, "sh", "-c", "exit 9").status == 9
    assert "sleep 1000" in podman("top", name).checked().stdout
    podman("stop", "--time", "5", name).checked()
    assert podman("inspect", "--format", "{{.State.ExitCode}}", name).output == "5"
    podman("start", name).checked()
    podman("kill", name).checked()
    podman("rm", "--force", name).checked()
    assert podman("ps", "--all", "--quiet").checked().stdout == ""


def test_a_file_of_the_user(podman: Podman) -> None:
    (podman.home / "tmp/file").write_text("mine")
    bind = f"{podman.home}/tmp:/mnt"
    assert podman("run", "--rm", "--volume", bind, IMAGE, "cat", "/mnt/file").checked().output == "mine"


def test_the_users_own_id_kept(podman: Podman) -> None:
    uid = podman.user.uid
    assert podman("run", "--rm", "--userns=keep-id", IMAGE, "id", "-u").checked().output == str(uid)


def test_the_hosts_network(podman: Podman) -> None:
    """podman binds /sys, since nobody but the owner of a network may mount its sysfs."""
    assert "lo" in podman("run", "--rm", "--network=host", IMAGE, "ls", "/sys/class/net").checked().output.split()


def test_a_program_that_is_not_there(podman: Podman) -> None:
    assert podman("run", "--rm", IMAGE, "missing").status == 127


@pytest.mark.usefixtures("_sampan_alone")
def test_sampan_inside_of_it(podman: Podman, program: str) -> None:
    """A container in a container of podman's, whose /proc must be whole (--security-opt=unmask=ALL)."""
    install = os.path.dirname(os.path.dirname(program))
    shown = {"/usr/lib": "/lib", "/usr/lib64": "/lib64", "/usr": "/usr"} | {
        path: path for path in (sys.base_prefix, install)
    }
    binds = [f"--volume={source}:{target}:ro" for source, target in shown.items()]
    rights = ["--security-opt=unmask=ALL", "--cap-add=SYS_ADMIN,NET_ADMIN"]
    script = "cd /tmp && sampan spec --rootless --rootfs host b -- sh -c 'echo inner $(id -u)' && sampan run -b b one"
    environment = [f"--env=PATH={install}/bin:/usr/bin:/bin", "--env=XDG_RUNTIME_DIR=/tmp"]
    result = podman("run", "--rm", *binds, *rights, *environment, IMAGE, "sh", "-c", script)
    assert result.checked().output == "inner 0"
