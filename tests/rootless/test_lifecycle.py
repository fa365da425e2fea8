"""The whole life of a user's container, as the user: no step needs a right that users do not have."""

from __future__ import annotations

import os
import shutil

import pytest

from .conftest import NewContainer
from .container import Container, eventually
from .land import User


@pytest.fixture(params=["one id", "ranges"])
def mapped(request: pytest.FixtureRequest, container: Container) -> Container:
    """As `spec --rootless` maps the user's own id alone, and with those of /etc/subuid."""
    return container if request.param == "one id" else container.map_ranges()


def test_the_whole_life(mapped: Container, alice: User) -> None:
    mapped.create()
    assert mapped.status == "created"
    mapped.start()
    eventually(lambda: mapped.status == "running", "running")
    assert mapped.ids() == [mapped.id]
    assert mapped.exec("sh", "-c", "id -u; id -g; hostname").checked().output.split()[:2] == ["0", "0"]
    assert mapped.exec("sh", "-c", "exit 7").status == 7
    mapped.call("kill", mapped.id, "KILL").checked()
    eventually(lambda: mapped.status == "stopped", "stopped")
    mapped.call("delete", mapped.id).checked()
    assert mapped.ids() == []
    assert alice.land.processes() == {}


def test_run_gives_the_exit_status(mapped: Container) -> None:
    result = mapped.sh("echo out; echo err >&2; exit 3").run()
    assert (result.status, result.output, result.stderr) == (3, "out", "err\n")


def test_root_inside_is_the_user_outside(mapped: Container, alice: User) -> None:
    mapped.output("touch /made")
    status = (mapped.bundle / "rootfs/made").stat()
    assert (status.st_uid, status.st_gid) == (alice.uid, alice.uid)


def test_what_spec_writes_works_as_it_is(container: Container) -> None:
    """It has a terminal, as all that `spec` writes."""
    container.write(container.as_written)
    command = " ".join(container.command("run", "--bundle", str(container.bundle), container.id))
    result = container.user.run("script", "-qec", command, "/dev/null", stdin="tty; id -u; exit 7\n")
    assert result.status == 7, result
    assert "/dev/pts/0\n0\n" in result.stdout


def test_exec_with_a_terminal(mapped: Container) -> None:
    mapped.launch()
    command = " ".join(mapped.command("exec", "--tty", mapped.id, "tty"))
    result = mapped.user.run("script", "-qec", command, "/dev/null").checked()
    assert "/dev/pts/" in result.stdout


def test_exec_before_start(mapped: Container) -> None:
    """The process that waits for `start` holds descriptors, and is closed to others: but not to who made it."""
    assert mapped.create().exec("id", "-u").checked().output == "0"


def test_exec_as_another_user(container: Container) -> None:
    container.map_ranges().as_user(1000, 1000).launch()
    assert container.exec("id", "-u").checked().output == "1000"
    assert container.call("exec", "--user", "33:44", container.id, "sh", "-c", "id -u; id -g").output == "33\n44"


def test_the_state_is_the_users_own(container: Container, alice: User) -> None:
    """`$XDG_RUNTIME_DIR/NAME`; sticky, so that what cleans up there by age leaves it alone."""
    assert container.create().state()["owner"] == "alice"
    name = os.path.basename(container.program)
    for path, mode in ((name, 0o1700), (f"{name}/{container.id}", 0o700)):
        status = (alice.runtime_directory / path).stat()
        assert (status.st_uid, status.st_mode & 0o7777) == (alice.uid, mode)


@pytest.mark.usefixtures("_sampan_alone")
def test_without_a_place_for_the_state_it_is_an_error(container: Container) -> None:
    environment = {name: value for name, value in container.user.environment.items() if name != "XDG_RUNTIME_DIR"}
    result = container.run(environment=environment)
    assert result.status == 1
    assert "--root" in result.stderr
    assert "XDG_RUNTIME_DIR" in result.stderr


@pytest.mark.usefixtures("_sampan_alone")
def test_processes_are_listed_without_a_cgroup(container: Container) -> None:
    container.launch()
    assert "sleep 1000" in container.call("ps", container.id).checked().stdout


HOOKS_OUTSIDE = ("prestart", "createRuntime", "poststart", "poststop")


def test_hooks_of_the_runtime_run_as_the_user(mapped: Container, alice: User) -> None:
    """config.md, Posix-platform Hooks: "The `createRuntime` hooks MUST be executed in the runtime namespace." """
    for kind in HOOKS_OUTSIDE:
        mapped.hook(kind, f"echo {kind} $(id -u) >>{mapped.bundle}/hooks")
    mapped.sh("exit 0").run().checked()
    mapped.call("delete", "--force", mapped.id)
    lines = (mapped.bundle / "hooks").read_text().splitlines()
    assert sorted(lines) == sorted(f"{kind} {alice.uid}" for kind in HOOKS_OUTSIDE)


@pytest.mark.parametrize("uid", [0, 1000])
def test_hooks_of_the_container_run_in_its_namespaces(container: Container, uid: int) -> None:
    """config.md, Posix-platform Hooks: "The `createContainer` hooks MUST be executed in the container namespace." """
    kinds = ("createContainer", "startContainer")
    container.map_ranges().as_user(uid, uid)
    (container.bundle / "rootfs/tmp").chmod(0o1777)
    (container.bundle / "hooks").touch(0o666)
    (container.bundle / "hooks").chmod(0o666)
    bind = {"destination": "/hooks", "type": "none", "source": str(container.bundle / "hooks"), "options": ["bind"]}
    container.config["mounts"].append(bind)
    for kind in kinds:
        script = "file=/hooks; [ -e $file ] || file=" + str(container.bundle / "hooks")
        container.hook(kind, f"{script}; echo {kind} $(readlink /proc/self/ns/user) >>$file")
    inside = container.output("readlink /proc/self/ns/user")
    assert (container.bundle / "hooks").read_text() == "".join(f"{kind} {inside}\n" for kind in kinds)


@pytest.mark.parametrize("kind", ["run", "create"])
def test_a_runtime_that_is_killed_leaves_what_the_next_delete_removes(
    new_container: NewContainer, alice: User, kind: str
) -> None:
    container = new_container(alice).map_ranges()
    command = container.creation(kind)
    for milliseconds in range(2, 80, 13):
        alice.run("timeout", "--signal=KILL", f"{milliseconds / 1000}", *command, to_file=True)
        container.call("delete", "--force", container.id).checked()
        assert container.ids() == []
        eventually(lambda: not alice.land.processes(), f"the end of all that was killed after {milliseconds} ms")


@pytest.mark.usefixtures("_sampan_alone")
def test_a_creation_that_is_killed_before_it_is_recorded_leaves_no_process(container: Container, alice: User) -> None:
    """Without a cgroup nobody could find it: it must end by itself."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    command = container.creation("create")
    for count in range(1, 20):
        inject = f"inject=renameat:signal=KILL:when={count}"
        tracer = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=renameat", "-e", inject]
        created = alice.run(*tracer, *command, to_file=True).status == 0
        if not created:
            eventually(lambda: not alice.land.processes(), f"the end of all that was killed at renameat {count}")
        container.call("delete", "--force", container.id).checked()
        if created:
            assert count > 3
            return
    pytest.fail("it was never created")
