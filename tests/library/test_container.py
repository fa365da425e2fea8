"""The life of containers by the library: made, started, told of, changed, ended, and gone."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sampan

from .conftest import Place, cgroups

SAMPAN = Path(sys.executable).with_name("sampan")


def test_a_life(place: Place) -> None:
    name = place.id()
    container = sampan.create(name, **place.of("sh", "-c", "exit 3"))
    assert (container.id, container.status, container.root) == (name, "created", str(place.root))
    assert container.bundle == str(place.bundle)
    state = container.state()
    assert (state.id, state.status, state.pid, state.bundle) == (name, "created", container.pid, str(place.bundle))
    assert abs(time.time() - state.created.timestamp()) < 60
    assert [entry.id for entry in sampan.list(root=place.root)] == [name]
    assert container.poll() is None
    container.start()
    status = container.wait(timeout=10)
    assert status == sampan.ExitStatus(code=3)
    assert not status.success
    assert str(status) == "exit status 3"
    assert container.poll() == container.wait() == status
    assert container.status == "stopped"
    container.delete()
    assert sampan.list(root=place.root) == []
    container.close()


def test_the_end_of_a_block_deletes_what_runs(place: Place) -> None:
    with sampan.create(place.id(), **place.of("sleep", "100")) as container:
        container.start()
        assert container.status == "running"
    assert container.poll() == sampan.ExitStatus(signal=signal.SIGKILL)
    with pytest.raises(sampan.NotFoundError) as caught:
        container.state()
    assert caught.value.id == container.id


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_the_end_of_a_block_deletes_whatever_happened(place: Place, error: type[BaseException]) -> None:
    with pytest.raises(error), sampan.create(place.id(), **place.of("sleep", "100")):
        raise error


def test_the_end_of_a_block_does_without_a_container(place: Place) -> None:
    with sampan.create(place.id(), **place.of("sleep", "100")) as container:
        subprocess.run([SAMPAN, "--root", place.root, "delete", "--force", container.id], check=True)


def test_the_end_of_a_block_leaves_another_container_of_that_name(place: Place) -> None:
    name = place.id()
    with sampan.create(name, **place.of("sleep", "100")) as first:
        sampan.load(name, root=place.root).delete(force=True)
        second = sampan.create(name, **place.of("sleep", "100"))
        with pytest.raises(sampan.NotFoundError):
            first.delete()
    assert second.status == "created"
    with second:
        pass


def test_signals(place: Place) -> None:
    script = "trap 'exit 7' USR1; echo ready; while :; do sleep 0.01; done"
    with sampan.create(place.id(), stdout=sampan.PIPE, **place.of("sh", "-c", script)) as container:
        container.start()
        assert container.stdout is not None
        assert container.stdout.readline() == b"ready\n"
        container.kill(signal.SIGUSR1)
        assert container.wait(10).code == 7
        with pytest.raises(sampan.StateError, match="not running"):
            container.kill()


def test_killed(place: Place) -> None:
    with sampan.create(place.id(), **place.of("sleep", "100")) as container:
        container.start()
        container.kill()
        assert str(container.wait(10)) == "signal 9 (SIGKILL)"


def test_pause_and_resume(place: Place) -> None:
    with sampan.create(place.id(), **place.of("sleep", "100")) as container:
        container.start()
        container.pause()
        assert container.status == "paused"
        container.resume()
        assert container.status == "running"
        container.pause()  # and the end of the block deletes it all the same


def test_numbers_and_limits(place: Place) -> None:
    with sampan.create(place.id(), **place.of("sleep", "100")) as container:
        container.start()
        container.update({"pids": {"limit": 42}})
        pids = container.stats().pids
        assert pids is not None
        assert (pids.current, pids.limit) == (1, 42)
        with pytest.raises(sampan.ConfigError) as caught:
            container.update({"pids": {"limit": "many"}})  # type: ignore[typeddict-item]
        assert (caught.value.id, caught.value.field) == (container.id, "pids.limit")


def test_events(place: Place) -> None:
    with sampan.create(place.id(), **place.of("sleep", "0.5")) as container:
        container.start()
        events = list(container.events(interval=0.1))
    assert len(events) >= 2
    assert {event["type"] for event in events} == {"stats"}
    assert {event["id"] for event in events} == {container.id}


def test_events_that_nobody_reads_to_the_end(place: Place) -> None:
    with sampan.create(place.id(), **place.of("sleep", "100")) as container:
        container.start()
        assert next(iter(container.events(interval=0.01)))["type"] == "stats"


def test_run(place: Place) -> None:
    completed = sampan.run(capture=True, text=True, **place.of("sh", "-c", "echo out; echo err >&2; exit 4"))
    assert (completed.stdout, completed.stderr, completed.status.code) == ("out\n", "err\n", 4)
    assert completed.args[0] == "sh"
    with pytest.raises(sampan.ExitError, match="has ended with exit status 4") as caught:
        sampan.run(check=True, capture=True, **place.of("sh", "-c", "echo why; exit 4"))
    assert (caught.value.status.code, caught.value.stdout) == (4, b"why\n")
    assert caught.value.id


def test_a_bundle_with_its_own_configuration(place: Place, tmp_path: Path) -> None:
    subprocess.run([SAMPAN, "spec", "--rootfs", "host", tmp_path / "b", "--", "sh", "-c", "exit 5"], check=True)
    assert sampan.run(bundle=tmp_path / "b", root=place.root).status.code == 5
    other = tmp_path / "other.json"
    other.write_text((tmp_path / "b/config.json").read_text().replace("exit 5", "exit 6"))
    assert sampan.run(place.id(), bundle=tmp_path / "b", config=other, root=place.root).status.code == 6


# Errors


def test_an_id_that_is_taken(place: Place) -> None:
    with (
        sampan.create(place.id(), **place.of("sleep", "100")) as container,
        pytest.raises(sampan.ExistsError) as caught,
    ):
        sampan.create(container.id, **place.of("true"))
    assert caught.value.id == container.id


def test_every_problem_of_a_configuration(place: Place) -> None:
    wrong = place.of("true", cwd="relative")
    wrong["config"]["linux"]["namespaces"].append({"type": "none"})
    with pytest.raises(sampan.ConfigError) as caught:
        sampan.create(place.id(), **wrong)
    assert [problem.field for problem in caught.value.problems] == ["linux.namespaces[5].type", "process.cwd"]
    assert caught.value.id


def test_a_program_that_is_not_there(place: Place) -> None:
    with pytest.raises(sampan.ExecutableError) as caught:
        sampan.run(**place.of("nothing"))
    assert (caught.value.field, caught.value.errno) == ("process.args[0]", errno.ENOENT)
    with sampan.create(place.id(), **place.of("sleep", "100")) as container:
        container.start()
        with pytest.raises(sampan.ExecutableError) as caught:
            container.exec(["nothing"])
    assert (caught.value.id, caught.value.errno) == (container.id, errno.ENOENT)


def test_a_mount_that_the_kernel_refuses(place: Place) -> None:
    wrong = place.of("true")
    wrong["config"]["mounts"].append({"destination": "/tmp", "type": "nofs", "source": "x"})
    with pytest.raises(sampan.KernelError) as caught:
        sampan.create(place.id(), **wrong)
    assert (caught.value.field, caught.value.errno) == ("mounts[3]", errno.ENODEV)


def test_a_hook_that_fails(place: Place) -> None:
    wrong = place.of("true")
    wrong["config"]["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}
    with pytest.raises(sampan.HookError) as caught:
        sampan.create(place.id(), **wrong)
    assert caught.value.field == "hooks.createRuntime[0]"


def test_states_that_do_not_permit_it(place: Place) -> None:
    with sampan.create(place.id(), **place.of("sleep", "100")) as container:
        with pytest.raises(sampan.StateError):
            container.delete()
        container.start()
        with pytest.raises(sampan.StateError) as caught:
            container.start()
        assert caught.value.id == container.id
        with pytest.raises(sampan.StateError):
            container.resume()


def test_a_container_that_is_not_there(place: Place) -> None:
    with pytest.raises(sampan.NotFoundError) as caught:
        sampan.load("nobody", root=place.root)
    assert caught.value.id == "nobody"
    with pytest.raises(sampan.UsageError):
        sampan.load("../x", root=place.root)


def test_closed_objects(place: Place) -> None:
    container = sampan.create(place.id(), **place.of("sleep", "100"))
    container.close()
    container.close()
    with pytest.raises(ValueError, match="closed"):
        container.wait(0)
    container.delete(force=True)
    os.waitpid(container.pid, 0)  # who closes it does not want to know how it ends


# Containers that others have made


def test_a_loaded_container(place: Place) -> None:
    name = place.id()
    with sampan.create(name, **place.of("sleep", "100")) as own:
        with sampan.load(name, root=place.root) as loaded:
            loaded.start()
            assert (loaded.pid, loaded.status) == (own.pid, "running")
            assert loaded.exec(["id", "-u"], capture=True).stdout == b"0\n"
        assert own.status == "running"
        second = sampan.load(name, root=place.root)
        own.kill()
        assert second.wait(10) == own.wait(10) == sampan.ExitStatus(signal=signal.SIGKILL)
        second.close()
        assert sampan.load(name, root=place.root).wait() == sampan.ExitStatus()


def test_the_status_of_a_process_that_is_not_our_child(place: Place) -> None:
    """Since Linux 6.15 the kernel tells it to whoever held a pidfd."""
    name = place.id()
    arguments = place.of("sh", "-c", "sleep 0.3; exit 9")
    program = (
        "import sys, sampan, json; name, bundle, root, config = sys.argv[1:]\n"
        "container = sampan.create(name, bundle=bundle, root=root, config=json.loads(config)); container.start()\n"
        "print(container.pid, flush=True); container.wait()"
    )
    words = [sys.executable, "-c", program, name, str(place.bundle), str(place.root), json.dumps(arguments["config"])]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        container = sampan.load(name, root=place.root)
        with pytest.raises(sampan.TimeoutExpiredError):
            container.wait(0.01)
        status = container.wait(10)
    known = tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 15)
    assert status == (sampan.ExitStatus(code=9) if known else sampan.ExitStatus())
    container.delete()
    container.close()
    assert cgroups() == []
