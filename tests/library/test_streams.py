"""Standard streams of containers and further processes, and time that runs out."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import sampan

from .conftest import Place

MEGABYTES = os.urandom(1 << 20) * 10


@pytest.fixture
def container(place: Place) -> Iterator[sampan.Container]:
    with sampan.create(place.id(), **place.of("sleep", "1000")) as container:
        container.start()
        yield container


# Further processes


def test_captured(container: sampan.Container) -> None:
    done = container.exec(["sh", "-c", "echo out; echo err >&2; exit 2"], capture=True)
    assert done == sampan.Completed(container.id, done.args, sampan.ExitStatus(2), b"out\n", b"err\n")
    with pytest.raises(sampan.ExitError) as caught:
        done.check()
    assert (caught.value.id, caught.value.status.code, caught.value.stderr) == (container.id, 2, b"err\n")
    with pytest.raises(sampan.ExitError):
        container.exec(["false"], check=True)
    assert container.exec(["true"], check=True).stdout is None


def test_text(container: sampan.Container) -> None:
    assert container.exec(["cat"], input="grüße", capture=True, text=True).stdout == "grüße"
    assert container.exec(["cat"], input=b"\xff", capture=True, text=True).stdout == "\ufffd"


def test_ten_megabytes_both_ways(container: sampan.Container) -> None:
    done = container.exec(["cat"], input=MEGABYTES, capture=True, timeout=60)
    assert done.stdout == MEGABYTES
    done = container.exec(["sh", "-c", "cat >&2; echo done"], input=MEGABYTES, capture=True)
    assert (done.stdout, done.stderr) == (b"done\n", MEGABYTES)


def test_input_that_nobody_reads(container: sampan.Container) -> None:
    assert container.exec(["true"], input=MEGABYTES, timeout=60).status.success


def test_files_descriptors_and_sockets(container: sampan.Container) -> None:
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as file, ours, theirs:
        file.write(b"from a file")
        file.seek(0)
        assert container.exec(["cat"], stdin=file, stdout=theirs.fileno()).status.success
        assert ours.recv(100) == b"from a file"
        container.exec(["sh", "-c", "echo one; echo two >&2"], stdin=sampan.DEVNULL, stdout=file, stderr=sampan.STDOUT)
        file.seek(0)
        assert file.read() == b"from a fileone\ntwo\n"


def test_the_constants_of_subprocess(container: sampan.Container) -> None:
    with container.popen(
        ["cat"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.communicate() == (b"", None)


def test_a_conversation(container: sampan.Container) -> None:
    with container.popen(["cat"], stdin=sampan.PIPE, stdout=sampan.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(10):
            process.stdin.write(b"line %d\n" % number)
            process.stdin.flush()
            assert process.stdout.readline() == b"line %d\n" % number
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(10).success
        assert process.args == ("cat",)


def test_the_end_of_a_block_kills(container: sampan.Container) -> None:
    with container.popen(["sleep", "1000"]) as process:
        pass
    assert process.poll() == sampan.ExitStatus(signal=9)
    process.kill()  # as if nothing were


def test_what_the_process_is_like(container: sampan.Container) -> None:
    script = 'echo "$WORD $(id -u):$(id -g) $(pwd)"'
    done = container.exec(["sh", "-c", script], env={"WORD": "hi"}, cwd="/tmp", user=(7, 8), capture=True, text=True)
    assert done.stdout == "hi 7:8 /tmp\n"
    assert container.exec(["id", "-u"], user="9", capture=True).stdout == b"9\n"
    assert container.exec(["id", "-u"], user=9, capture=True).stdout == b"9\n"
    done = container.exec({"args": ["pwd"], "cwd": "/bin", "env": ["PATH=/bin"]}, capture=True, text=True)
    assert (done.stdout, done.args) == ("/bin\n", ("pwd",))


def test_a_terminal(container: sampan.Container) -> None:
    with container.popen(["sh", "-c", "test -t 0 && test -t 2 && echo yes"], terminal=True) as process:
        assert process.terminal is not None
        assert os.read(process.terminal, 100) == b"yes\r\n"
        assert process.wait(10).success


@pytest.mark.parametrize(
    "wrong",
    [
        {"command": "echo hi"},
        {"command": []},
        {"command": ["a", 1]},
        {"command": ["id"], "user": "root"},
        {"command": ["id"], "user": "1:2:3"},
        {"command": {"args": ["id"], "cwd": "/"}, "cwd": "/"},
        {"command": ["id"], "stdin": -7},
        {"command": ["id"], "stdout": 9999},
        {"command": ["id"], "stdout": sampan.PIPE, "capture": True},
        {"command": ["id"], "stdin": sampan.PIPE, "input": b""},
    ],
    ids=repr,
)
def test_mistakes(container: sampan.Container, wrong: dict[str, object]) -> None:
    with pytest.raises(sampan.UsageError):
        container.exec(**wrong)  # type: ignore[call-overload]


def test_a_process_that_is_against_the_specification(container: sampan.Container) -> None:
    with pytest.raises(sampan.ConfigError) as caught:
        container.exec(["id"], cwd="relative")
    assert (caught.value.field, caught.value.id) == ("cwd", container.id)


# The container's own process


def test_pipes_of_a_container(place: Place) -> None:
    pipes = {"stdin": sampan.PIPE, "stdout": sampan.PIPE, "stderr": sampan.PIPE}
    with sampan.create(place.id(), **pipes, **place.of("sh", "-c", "cat; echo done >&2")) as container:  # type: ignore[arg-type]
        container.start()
        assert container.communicate(MEGABYTES, timeout=60) == (MEGABYTES, b"done\n")
        assert container.wait().success


def test_a_container_with_a_terminal(place: Place) -> None:
    with sampan.create(place.id(), **place.of("sh", "-c", "test -t 1 && echo yes", terminal=True)) as container:
        container.start()
        assert container.terminal is not None
        assert os.read(container.terminal, 100) == b"yes\r\n"


def test_what_a_container_writes_to_a_file(place: Place, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        sampan.run(
            stdin=sampan.DEVNULL, stdout=file, stderr=sampan.STDOUT, **place.of("sh", "-c", "echo a; echo b >&2")
        )
    assert (tmp_path / "log").read_text() == "a\nb\n"


# Time


def test_waiting_for_too_long(container: sampan.Container) -> None:
    begun = time.monotonic()
    with pytest.raises(sampan.TimeoutExpiredError) as caught:
        container.wait(0.1)
    assert 0.1 <= time.monotonic() - begun < 5
    assert (caught.value.id, caught.value.timeout) == (container.id, 0.1)
    assert isinstance(caught.value, TimeoutError)
    assert container.status == "running"


def test_a_process_that_takes_too_long_is_killed(container: sampan.Container) -> None:
    with pytest.raises(sampan.TimeoutExpiredError) as caught:
        container.exec(["sh", "-c", "echo part; echo of it >&2; exec sleep 1000"], capture=True, text=True, timeout=0.3)
    assert (caught.value.stdout, caught.value.stderr) == ("part\n", "of it\n")
    assert "sleep 1000" not in container.exec(["sh", "-c", "cat /proc/[2-9]*/cmdline"], capture=True, text=True).stdout  # type: ignore[operator]


def test_a_container_that_takes_too_long_is_deleted(place: Place) -> None:
    name = place.id()
    with pytest.raises(sampan.TimeoutExpiredError) as caught:
        sampan.run(name, capture=True, timeout=0.3, **place.of("sh", "-c", "echo part; sleep 1000"))
    assert (caught.value.stdout, caught.value.id) == (b"part\n", name)


def test_a_conversation_goes_on_after_time_ran_out(container: sampan.Container) -> None:
    with container.popen(["sh", "-c", "cat; sleep 0.5; echo end"], stdin=sampan.PIPE, stdout=sampan.PIPE) as process:
        with pytest.raises(sampan.TimeoutExpiredError) as caught:
            process.communicate(MEGABYTES, timeout=0.001)
        assert MEGABYTES.startswith(caught.value.stdout)  # type: ignore[arg-type]
        assert process.communicate(timeout=60) == (MEGABYTES + b"end\n", None)


def test_many_threads_wait_for_one_process(container: sampan.Container) -> None:
    found: list[sampan.ExitStatus] = []
    with container.popen(["sh", "-c", "sleep 0.2; exit 5"]) as process:
        threads = [threading.Thread(target=lambda: found.append(process.wait(20))) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [sampan.ExitStatus(5)] * 20


def test_closed_while_another_thread_waits(place: Place) -> None:
    found: list[object] = []
    with sampan.create(place.id(), **place.of("sleep", "1000")) as container:
        container.start()

        def wait() -> None:
            found.append(container.wait(20))

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.1)
    thread.join()
    assert found == [sampan.ExitStatus(signal=9)]
