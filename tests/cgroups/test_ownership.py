"""config-linux.md, Cgroup ownership, on a real v2 cgroup."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sampan.cgroups import ownership
from sampan.cgroups.layout import Layout
from sampan.errors import KernelError

UID = 100033


@pytest.fixture
def directory(host: Layout) -> Iterator[Path]:
    if not host.unified:
        pytest.skip("no v2 hierarchy is mounted")
    made = Path(host.unified, f"sampan-test-{os.getpid()}-owned")
    made.mkdir()
    yield made
    for path in [*(path for path in made.iterdir() if path.is_dir()), made]:
        path.rmdir()


def owned(directory: Path) -> set[str]:
    """The files that belong to our user."""
    return {path.name for path in directory.iterdir() if path.stat().st_uid == UID}


def test_the_directory_and_the_listed_files_change_hands(directory: Path) -> None:
    """'only change the ownership of the container's cgroup directory and files within that directory that are listed
    in /sys/kernel/cgroup/delegate'"""
    ownership.delegate(str(directory), UID)
    assert directory.stat().st_uid == UID
    listed = set(Path("/sys/kernel/cgroup/delegate").read_text().split())
    assert owned(directory) == {path.name for path in directory.iterdir()} & listed
    assert {"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"} <= owned(directory)


def test_no_group_changes(directory: Path) -> None:
    """'change the owner of the container's cgroup to the host uid'"""
    ownership.delegate(str(directory), UID)
    assert {path.stat().st_gid for path in (directory, *directory.iterdir())} == {0}


def test_files_that_are_not_there_are_no_error(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """'not all files listed ... necessarily exist in every cgroup. Runtimes MUST NOT fail in this scenario, and SHOULD
    change the ownership of the listed files that do exist'"""
    (tmp_path / "delegate").write_text("no.such.file\ncgroup.procs\n")
    monkeypatch.setattr(ownership, "LIST", str(tmp_path / "delegate"))
    ownership.delegate(str(directory), UID)
    assert owned(directory) == {"cgroup.procs"}


def test_a_cgroup_that_is_gone_is_an_error(directory: Path) -> None:
    with pytest.raises(KernelError, match=r"process\.user\.uid: give to user 100033 .*: no such file"):
        ownership.delegate(f"{directory}/gone", UID)


def test_its_user_can_divide_it_and_no_other_can(directory: Path) -> None:
    ownership.delegate(str(directory), UID)
    inner = directory / "inner"
    assert as_user(UID + 1, directory, inner.mkdir) == "PermissionError"
    assert as_user(UID, directory, inner.mkdir) == "done"
    procs = inner / "cgroup.procs"
    assert as_user(UID, directory, lambda: procs.write_text("0")) == "done"


def test_its_user_cannot_change_its_limits(directory: Path) -> None:
    ownership.delegate(str(directory), UID)
    limit = directory / "cgroup.max.descendants"
    assert as_user(UID, directory, lambda: limit.write_text("max")) == "PermissionError"


def as_user(uid: int, directory: Path, job: Callable[[], object]) -> str:
    """What becomes of the job in a process of another user in the cgroup: "done", or the name of the exception."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = "done"
        try:
            (directory / "cgroup.procs").write_text("0")
            os.setresuid(uid, uid, uid)
            job()
        except OSError as error:
            said = type(error).__name__
        finally:
            os.write(write, said.encode())
            os._exit(0)
    os.close(write)
    with open(read) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return text
