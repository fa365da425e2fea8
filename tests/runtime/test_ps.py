"""`ps`, runc's verb: the processes of a container, as pids or as the machine's ps shows them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from .bundle import Bundle
from .container import Container, eventually
from .driver import Result, Runtime
from .procfs import children, descendants


def pids(container: Container) -> list[int]:
    found = json.loads(container.call("ps", "--format", "json").checked().stdout)
    return found or []  # Go's null


def table(container: Container, *options: str) -> Result:
    """`ps ID OPTIONS`"""
    command = container.runtime.command(container.root, "ps", container.id, *options)
    return container.runtime.call(command)


@pytest.fixture
def family(container: Container, bundle: Bundle) -> Container:
    """A container with a process, two children, and a grandchild."""
    bundle.sh("sleep 1000 & (sleep 1001 & echo ready; wait); wait")
    container.launch().wait_for_output("ready")
    eventually(lambda: len(descendants(container.pid)) == 3, "three descendants")
    return container


class TestJson:
    def test_all_processes_are_in_it(self, family: Container) -> None:
        """runc: `ps --format json`; docker and containerd read it"""
        assert sorted(pids(family)) == sorted([family.pid, *descendants(family.pid)])

    def test_of_a_container_that_waits_for_start(self, container: Container) -> None:
        """runc: the process is there"""
        assert pids(container.create()) == [container.pid]

    def test_processes_in_cgroups_that_the_container_made(self, container: Container, bundle: Bundle) -> None:
        """runc: GetAllPids, of the cgroup and those below"""
        bundle.sh("sleep 1000 & echo ready; wait")
        container.launch().wait_for_output("ready")
        (child,) = eventually(lambda: children(container.pid), "a child")
        inner = container.cgroup("pids") / "inner"
        inner.mkdir()
        (inner / "cgroup.procs").write_text(str(child))
        assert sorted(pids(container)) == sorted([container.pid, child])

    def test_of_a_stopped_container_there_are_none(self, container: Container, bundle: Bundle) -> None:
        """runc: an empty list"""
        bundle.args("true")
        container.launch().wait_until("stopped")
        assert pids(container) == []

    def test_a_process_of_the_host_is_not_in_it(self, family: Container) -> None:
        """runc: those of the cgroup"""
        assert os.getpid() not in pids(family)


class TestTable:
    def test_it_is_that_of_ps(self, family: Container) -> None:
        """runc: `ps -ef`, filtered"""
        title, *lines = table(family).checked().stdout.splitlines()
        assert title.split() == "UID PID PPID C STIME TTY TIME CMD".split()
        column = title.split().index("PID")
        assert sorted(int(line.split()[column]) for line in lines) == sorted(pids(family))
        assert any(line.endswith("sleep 1001") for line in lines)

    def test_options_after_the_id_go_to_ps(self, family: Container) -> None:
        """runc: 'ps [ps options]'"""
        title, *lines = table(family, "-o", "pid,args").checked().stdout.splitlines()
        assert title.split() == ["PID", "COMMAND"]
        assert sorted(int(line.split()[0]) for line in lines) == sorted(pids(family))

    @pytest.mark.parametrize("options", [("aux",), ("-e", "-o", "ppid,pid"), ("--format", "pid,comm", "-e")])
    def test_options_of_any_kind(self, family: Container, options: tuple[str, ...]) -> None:
        """runc: SkipArgReorder; what looks like an option of its own is not"""
        title, *lines = table(family, *options).checked().stdout.splitlines()
        column = title.split().index("PID")
        assert {int(line.split()[column]) for line in lines} <= set(pids(family))
        assert lines

    def test_without_a_column_of_pids_it_is_an_error(self, family: Container) -> None:
        """runc: 'couldn't find PID field in ps output'"""
        result = table(family, "-e", "-o", "args")
        assert result.status != 0
        assert "PID" in result.stderr
        assert result.stdout == ""

    def test_the_error_of_ps_is_told(self, family: Container) -> None:
        """runc: the output of ps"""
        result = table(family, "--no-such-option")
        assert result.status != 0
        assert "no-such-option" in result.stderr or "long option" in result.stderr

    def test_without_ps_there_are_still_pids(self, family: Container, tmp_path: Path) -> None:
        """A machine without procps"""
        for program in ("env", "sh"):  # a runtime may be a script
            found = shutil.which(program)
            assert found
            (tmp_path / program).symlink_to(found)
        environment = {"PATH": str(tmp_path)}
        command = family.runtime.command(family.root, "ps")
        as_table = family.runtime.call([*command, family.id], environment=environment)
        assert as_table.status != 0
        assert "ps" in as_table.stderr
        as_json = family.runtime.call([*command, "--format", "json", family.id], environment=environment)
        assert family.pid in json.loads(as_json.checked().stdout)


class TestErrors:
    def test_an_unknown_container(self, container: Container) -> None:
        """runc: 'container does not exist'"""
        assert "does not exist" in container.fails("ps").stderr

    def test_an_unknown_format(self, container: Container) -> None:
        """runc: 'invalid format option'"""
        assert "format" in container.launch().fails("ps", "--format", "yaml").stderr


class TestWithoutCgroup:
    """A container of a user who may not make cgroups."""

    @pytest.fixture(autouse=True)
    def _without_cgroup(self, runtime: Runtime, container: Container) -> None:
        if not runtime.is_sampan:
            pytest.skip(f"{runtime.name} finds processes by their cgroup only")
        container.global_options = ("--cgroup-manager=disabled",)

    def test_they_are_those_of_its_pid_namespace(self, family: Container) -> None:
        assert sorted(pids(family)) == sorted([family.pid, *descendants(family.pid)])

    def test_and_of_those_below(self, container: Container, bundle: Bundle) -> None:
        bundle.capabilities("CAP_SYS_ADMIN").sh("unshare -p -f sleep 1000 & echo ready; wait")
        container.launch().wait_for_output("ready")
        eventually(lambda: len(descendants(container.pid)) == 2, "a process in a namespace of its own")
        assert sorted(pids(container)) == sorted([container.pid, *descendants(container.pid)])

    def test_orphans_too(self, container: Container, bundle: Bundle) -> None:
        bundle.sh("(sleep 1000 &); echo ready; sleep 1001")
        container.launch().wait_for_output("ready")
        eventually(lambda: len(pids(container)) == 2, "two processes")

    def test_of_a_stopped_container_there_are_none(self, container: Container, bundle: Bundle) -> None:
        bundle.args("true")
        container.launch().wait_until("stopped")
        assert pids(container) == []

    def test_in_the_pid_namespace_of_others_it_is_an_error(self, container: Container, bundle: Bundle) -> None:
        bundle.without_namespace("pid")
        message = container.launch().fails("ps", "--format", "json").stderr
        assert "in no cgroup, and in the pid namespace of others" in message
