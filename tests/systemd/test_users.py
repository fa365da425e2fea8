"""Containers of a user without root, whose own systemd makes the cgroups."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import machine
from .conftest import MIB, TOKEN, Container

NAME = "tester"
AS_TESTER = shutil.which("as-tester")  # tests/vm/guest/as-tester

pytestmark = [
    pytest.mark.skipif(AS_TESTER is None, reason="there is no user with a systemd of its own: see tests/vm"),
    pytest.mark.usefixtures("on_v2"),  # on v1 nothing but its own tree is delegated to a user's systemd
]


class Rootless(Container):
    """Every command is the user's: in a scope of the user's systemd, or, as after su, in a cgroup of root's."""

    in_own_scope = True

    @property
    def user(self) -> list[str]:
        assert AS_TESTER is not None
        if self.in_own_scope:
            return [AS_TESTER]
        run = f"/run/user/{os.stat(self.root).st_uid}"
        environment = ["env", f"XDG_RUNTIME_DIR={run}", f"DBUS_SESSION_BUS_ADDRESS=unix:path={run}/bus"]
        return ["setpriv", f"--reuid={NAME}", f"--regid={NAME}", "--init-groups", *environment]

    def command(self, *words: str) -> list[str]:
        return [*self.user, *super().command(*words)]

    def properties(self) -> dict[str, str]:
        lines = machine.run(*self.user, "systemctl", "--user", "show", "--all", self.unit).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.fixture
def rootless(
    new_container: Callable[[], Container], program: str, workspace: Path, template: Path
) -> Iterator[Rootless]:
    assert AS_TESTER is not None
    subprocess.run([AS_TESTER, "true"], check=True)  # its systemd runs from now on
    uid, gid = (int(machine.run("id", option, NAME).stdout) for option in ("-u", "-g"))
    directory = workspace / f"{TOKEN}-user-{os.urandom(3).hex()}"
    directory.mkdir()
    container = Rootless(program, directory, template)
    container.root.mkdir()
    container.slice = "user.slice"
    linux = container.config["linux"]
    linux["cgroupsPath"] = f"{container.slice}:libpod:{container.id}"
    linux["namespaces"] += [{"type": "user"}]
    linux["uidMappings"] = [{"containerID": 0, "hostID": uid, "size": 1}]
    linux["gidMappings"] = [{"containerID": 0, "hostID": gid, "size": 1}]
    for path in (container.root, container.bundle, directory):
        os.chown(path, uid, gid)
    yield container
    container.global_options = ()
    container.call("delete", "--force", container.id)
    assert machine.traces(container.id) == []
    assert container.id not in machine.run(*container.user, "systemctl", "--user", "list-units", "--all").stdout
    assert not any(container.root.iterdir())


@pytest.mark.parametrize("in_own_scope", [True, False])
def test_the_users_systemd_makes_the_scope(rootless: Rootless, in_own_scope: bool) -> None:
    rootless.in_own_scope = in_own_scope
    rootless.limit(memory={"limit": 64 * MIB}, pids={"limit": 33}).create()
    found = rootless.properties()
    assert found["ActiveState"] == "active"
    assert found["MemoryMax"] == str(64 * MIB)
    assert found["TasksMax"] == "33"
    uid = os.stat(rootless.root).st_uid
    place = f"/user.slice/user-{uid}.slice/user@{uid}.service/user.slice/{rootless.unit}"
    assert found["ControlGroup"] == machine.memberships(rootless.pid)[""] == place
    assert rootless.content("memory.max") == str(64 * MIB)
    assert rootless.content("pids.max") == "33"
    rootless.delete("--force")


def test_its_limits_hold(rootless: Rootless) -> None:
    rootless.limit(pids={"limit": 5}).sh("for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; echo all")
    done = rootless.run()
    assert "can't fork" in done.stderr or "Resource temporarily unavailable" in done.stderr


def test_its_limits_change(rootless: Rootless) -> None:
    rootless.launch()
    rootless.checked("update", "--pids-limit", "44", "--memory", "83886080", rootless.id)
    assert rootless.content("pids.max") == rootless.properties()["TasksMax"] == "44"
    machine.run(*rootless.user, "systemctl", "--user", "daemon-reload")
    assert rootless.content("pids.max") == "44"
    assert rootless.content("memory.max") == str(80 * MIB)


def test_what_is_not_delegated_is_an_error_with_the_field(rootless: Rootless) -> None:
    rootless.limit(hugepageLimits=[{"pageSize": "2MB", "limit": 0}])
    assert rootless.try_to_create() != 0
    assert "linux.resources.hugepageLimits[0]" in rootless.output


def test_root_of_a_user_namespace_asks_the_users_systemd(rootless: Rootless) -> None:
    """As under podman: the runtime is root of a namespace that is the user's."""
    del rootless.config["linux"]["uidMappings"], rootless.config["linux"]["gidMappings"]
    rootless.config["linux"]["namespaces"].remove({"type": "user"})
    rootless.limit(pids={"limit": 33}).write()
    inside = ["unshare", "--user", "--map-root-user", "--mount", "--"]
    own = rootless.command(*rootless.create_words())[len(rootless.user) :]
    with (rootless.directory / "output").open("a") as output:
        subprocess.run([*rootless.user, *inside, *own], stdout=output, stderr=output)
    assert rootless.properties()["ActiveState"] == "active", rootless.output
    assert rootless.content("pids.max") == "33"


def test_a_user_without_a_systemd_is_told_how_to_get_one(rootless: Rootless) -> None:
    rootless.write()
    bare = ["setpriv", f"--reuid={NAME}", f"--regid={NAME}", "--clear-groups", "env", "--unset=XDG_RUNTIME_DIR"]
    own = rootless.command(*rootless.create_words())[len(rootless.user) :]
    done = machine.run(*bare, "--unset=DBUS_SESSION_BUS_ADDRESS", *own)
    assert done.returncode == 1
    assert "--systemd-cgroup: the user's systemd cannot be reached" in done.stderr
    assert "loginctl enable-linger" in done.stderr
    assert not any(rootless.root.iterdir())
