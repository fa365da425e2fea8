"""`kill` of a container that has no cgroup (--cgroup-manager=disabled, or a user who may not make one)."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sampan.engine.kill import kill
from sampan.engine.store import Record, Store
from sampan.errors import StateError
from sampan.linux import proc

Make = Callable[[bool], subprocess.Popen[bytes]]


@pytest.fixture
def root(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "state"))


@pytest.fixture
def make(root: Store) -> Iterator[Make]:
    """Records a container, with a pid namespace of its own or without, whose process is of this machine."""
    processes = []

    def new(own_pid_namespace: bool) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["sleep", "60"])
        processes.append(process)
        with root.make("web") as held:
            record = Record("web")
            record.complete = True
            record.cgroup = {"directories": {}}
            record.own_pid_namespace = own_pid_namespace
            record.pid, record.started = process.pid, proc.start_time(process.pid)
            held.save(record)
        return process

    yield new
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.parametrize("own_pid_namespace", [True, False])
@pytest.mark.parametrize("all_processes", [True, False])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_its_process_gets_the_signal_and_what_cannot_be_reached_is_told(
    root: Store, make: Make, own_pid_namespace: bool, all_processes: bool, number: signal.Signals
) -> None:
    process = make(own_pid_namespace)
    warnings: list[str] = []
    kill(root, "web", number, all_processes=all_processes, warn=warnings.append)
    assert process.wait(5) == -number
    ends_all = own_pid_namespace and number == signal.SIGKILL
    others_are_meant = all_processes or number == signal.SIGKILL
    assert len(warnings) == (others_are_meant and not ends_all)
    assert all("has no cgroup" in warning for warning in warnings)


def test_after_its_end_only_all_is_no_error(root: Store, make: Make) -> None:
    process = make(False)
    process.kill()
    process.wait()
    kill(root, "web", 9, all_processes=True)
    with pytest.raises(StateError, match="container not running"):
        kill(root, "web", 9)
