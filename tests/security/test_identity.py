"""As whom a process runs, with which capabilities and keys, and what of the caller's becomes its own."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from runtime.container import Container

from .adversary import Programs
from .conftest import NewContainer, Without
from .defences import (
    GIVEN_STREAMS,
    INHERITABLE,
    NAMELESS_KEYRING,
    NUMERIC_USER,
    REGULAR_PASSWD,
    SANE_PASSWD,
)

USER_ID = "grep ^Uid: /proc/self/status"
NOT_NUMBERS = [
    "", ":", "1:", ":1", "root", "1x", "0x0", "+1", "-1", " 1", "1 ", "1_0", "1:1:1", "1,0", "\u0661", "\u00b2",
    "1.0", "1e0",     "4294967295", "4294967296", "18446744073709551616", "9" * 5000, "1:4294967295", "1:\n0", "1\n",
]  # fmt: skip


class TestUsers:
    """CVE-2016-3697 (runc): 'a numeric user name in the image's /etc/passwd mapped to root'; CVE-2026-30892 (crun):
    'exec -u parsed wrongly: the process ran as another user'."""

    def attack(self, container: Container) -> str:
        """The ids of a process that is asked to run as user 1000, whom the image calls root."""
        container.bundle.file("etc/passwd", "1000:x:0:0::/:/bin/sh\nroot:x:0:0::/:/bin/sh\n").args("sleep", "1000")
        container.launch()
        return container.exec("--user=1000", "--", "sh", "-c", USER_ID).checked().output

    def test_a_number_is_a_number(self, container: Container) -> None:
        assert self.attack(container).split() == ["Uid:", "1000", "1000", "1000", "1000"]

    def test_a_number_would_be_a_name_if_names_were_looked_up(self, without: Without, tmp_path: Path) -> None:
        container = without(NUMERIC_USER)
        passwd = container.bundle.aside("passwd", "1000:x:0:0::/:/bin/sh\n")
        command = Path(container.runtime.path)
        script = (
            f'#!/bin/sh\nexec unshare -m sh -c \'mount --bind {passwd} /etc/passwd && exec {command} "$@"\' sh "$@"\n'
        )
        wrapper = tmp_path / "with-this-passwd"
        wrapper.write_text(script)
        wrapper.chmod(0o755)
        container.bundle.args("sleep", "1000")
        container.launch()
        words = ["--root", str(container.root), "exec", "--user=1000", container.id, "sh", "-c", USER_ID]
        assert container.runtime.call([str(wrapper), *words]).checked().output.split()[1] == "0"

    @pytest.mark.parametrize("user", NOT_NUMBERS, ids=[repr(user)[:20] for user in NOT_NUMBERS])
    def test_the_whole_of_the_option_must_be_one(self, container: Container, user: str) -> None:
        container.bundle.args("sleep", "1000")
        container.launch()
        result = container.exec(f"--user={user}", "--", "sh", "-c", USER_ID)
        if user == "":  # as without the option, as runc has it: the container's own user
            assert result.output.split()[1] == "0"
            return
        assert result.status == 255
        assert "Uid:" not in result.stdout
        assert "unexpected" not in result.stderr

    @pytest.mark.parametrize("group", ["x", "1x", "-1", "4294967295", "1_0"])
    def test_so_must_further_groups(self, container: Container, group: str) -> None:
        container.bundle.args("sleep", "1000")
        container.launch()
        assert container.exec(f"--additional-gids={group}", "--", "id").status == 255

    @pytest.mark.parametrize("uid", [4294967295, -1, 4294967296, 1 << 64, 1.5, "0", None, True])
    def test_in_a_config(self, container: Container, uid: object) -> None:
        """2^32 - 1 is -1 for the kernel: change nothing, and stay root"""
        container.bundle.set("process.user.uid", uid).sh(USER_ID)
        result = container.run()
        assert (result.status, result.stdout) == (1, "")
        assert "process.user.uid" in result.stderr or "number out of range" in result.stderr


class TestInheritableCapabilities:
    """CVE-2022-29162 (runc), CVE-2022-27650 (crun), CVE-2025-27612 (youki): 'inheritable capabilities not empty on exec
    or create: execve raised them'."""

    def inheritable(self, container: Container, verb: str) -> str:
        container.bundle.user(1000, 1000).args("sleep", "1000")
        container.launch()
        if verb == "create":
            return container.process.status("CapInh")
        script = "grep CapInh /proc/self/status"
        return container.exec("--cap=CAP_KILL", "--", "sh", "-c", script).checked().output.split()[1]

    @pytest.mark.parametrize("verb", ["create", "exec"])
    def test_are_empty(self, container: Container, verb: str) -> None:
        assert int(self.inheritable(container, verb), 16) == 0

    @pytest.mark.parametrize("verb", ["create", "exec"])
    def test_would_not_be_if_they_were_the_permitted(self, without: Without, verb: str) -> None:
        assert int(self.inheritable(without(INHERITABLE), verb), 16) != 0

    def test_are_what_is_asked_for(self, container: Container) -> None:
        container.bundle.set("process.capabilities.inheritable", ["CAP_KILL"])
        assert int(self.inheritable(container, "create"), 16) == 1 << 5


class TestKeyrings:
    """'The session keyring': another container's must not become this one's because of its name."""

    def attack(self, planter: Container, container: Container, name: str, programs: Programs) -> str:
        for each in (planter, container):
            shutil.copy(programs("keys"), each.bundle.rootfs / "keys")
        planter.bundle.args("/keys", name)
        planter.launch().wait_for_output("planted")
        container.bundle.args("/keys")
        return container.run().output

    @pytest.fixture(autouse=True)
    def _needs_keyrings(self) -> None:
        if not os.path.exists("/proc/keys"):
            pytest.skip("this kernel has no keyrings")

    def test_is_its_own(self, container: Container, new_container: NewContainer, programs: Programs) -> None:
        planter = new_container(container.runtime)
        assert self.attack(planter, container, f"_ses.{container.id}", programs) == "has no key"

    def test_is_another_s_in_runc(self, runc: Container, new_container: NewContainer, programs: Programs) -> None:
        assert self.attack(new_container(runc.runtime), runc, f"_ses.{runc.id}", programs) == "has the key"

    def test_would_be_another_s_if_it_had_a_name(
        self, without: Without, container: Container, programs: Programs
    ) -> None:
        assert self.attack(container, without(NAMELESS_KEYRING), "_ses.planted", programs) == "has the key"


class TestStandardStreams:
    """A stream becomes the user's, so that it can be opened anew: but not a file that the caller lets it only read."""

    def owner_after(self, container: Container, redirection: str, path: Path) -> int:
        container.bundle.user(1000, 1000).args("true").write()
        words = ["run", "--bundle", str(container.bundle.path), container.id]
        command = container.runtime.command(container.root, *words)
        container.runtime.call(["sh", "-c", f'exec "$@" {redirection}', "sh", *command]).checked()
        return path.stat().st_uid

    def test_a_file_to_read_stays_the_host_s(self, container: Container, victim: Path) -> None:
        assert self.owner_after(container, f"< {victim}/secret", victim / "secret") == 0

    def test_a_file_to_read_would_be_given_away(self, without: Without, victim: Path) -> None:
        assert self.owner_after(without(GIVEN_STREAMS), f"< {victim}/secret", victim / "secret") == 1000

    def test_a_device_stays_the_host_s(self, container: Container, victim: Path) -> None:
        os.mknod(victim / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        assert self.owner_after(container, f"<> {victim}/zero", victim / "zero") == 0

    def test_a_file_to_write_is_given(self, container: Container, victim: Path) -> None:
        assert self.owner_after(container, f"> {victim}/log", victim / "log") == 1000


class TestPasswd:
    """/etc/passwd of the image says where HOME is: it must not keep the runtime from ending."""

    def attack(self, container: Container, kind: str) -> bool:
        passwd = container.bundle.rootfs / "etc/passwd"
        passwd.unlink()
        if kind == "device":
            os.mknod(passwd, stat.S_IFCHR | 0o666, os.makedev(1, 9))  # urandom
        elif kind == "FIFO":
            os.mkfifo(passwd)
        else:
            with passwd.open("w") as file:
                file.truncate(1 << 42)
        container.bundle.user(1000, 1000).args("true").write()
        words = ["timeout", "--signal=KILL", "6", *container.runtime.command(container.root, "run", "--bundle")]
        with container.bundle.aside("output", "").open("w") as output:  # init keeps it: a pipe would make us wait
            ended = container.runtime.call(
                [*words, str(container.bundle.path), container.id], stdout=output, stderr=output
            )
        return ended.status != 0

    @pytest.mark.parametrize("kind", ["device", "FIFO", "sparse file"])
    def test_cannot_hold_the_runtime_up(self, container: Container, kind: str) -> None:
        assert not self.attack(container, kind)

    def test_a_device_would_hold_it_up(self, without: Without) -> None:
        # its bytes are random: now and then they look like what is searched
        assert any(self.attack(without(REGULAR_PASSWD, SANE_PASSWD), "device") for _ in range(3))


def test_a_process_document_names_users_by_numbers(container: Container) -> None:
    container.bundle.args("sleep", "1000")
    container.launch()
    for user in ({"uid": "1000", "gid": 0}, {"uid": 4294967295, "gid": 0}, {"uid": -1, "gid": 0}):
        process = container.bundle.aside("process.json", json.dumps({"args": ["id"], "cwd": "/", "user": user}))
        result = container.call("exec", f"--process={process}")
        assert (result.status, result.stdout) == (1, "")
        assert "user.uid" in result.stderr
