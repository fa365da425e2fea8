"""Much data: every byte arrives once and in order, through pipes and terminals, to slow readers and to leaving ones."""

from __future__ import annotations

import fcntl
import os
import random
import select
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .bundle import Bundle
from .container import Container
from .terminals import PATIENCE, Terminal

MEBIBYTE = 1 << 20
TIMES = 100
BLOCK = random.Random("a block that repeats nowhere").randbytes(MEBIBYTE)
BLOCKS = ["/block"] * TIMES
RAW = 'stty raw -echo; exec "$@"'

Command = Callable[..., list[str]]


@pytest.fixture(params=["run", "exec"])
def command(request: pytest.FixtureRequest, container: Container, bundle: Bundle) -> Command:
    """The command line of a program in a container that has BLOCK in a file; with or without a terminal."""
    (bundle.rootfs / "block").write_bytes(BLOCK)

    def make(*words: str, terminal: bool = False) -> list[str]:
        if request.param == "run":
            bundle.set("process.terminal", terminal).args(*words)
            return container.command("run")
        if not (container.root / container.id).exists():
            container.launch()
        return container.command("exec", *(["--tty"] if terminal else []), "--", *words)

    return make


@pytest.fixture
def process() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    begun: list[subprocess.Popen[bytes]] = []

    def begin(words: list[str], **more: Any) -> subprocess.Popen[bytes]:
        begun.append(subprocess.Popen(words, **more))
        return begun[-1]

    yield begin
    for one in begun:
        one.kill()
        one.wait()


class Flood:
    """Checks BLOCK after BLOCK as it comes, in whatever pieces."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            place = self.size % MEBIBYTE
            part = data[at : at + MEBIBYTE - place]
            assert part == BLOCK[place : place + len(part)], f"wrong within {len(part)} bytes after {self.size}"
            self.size += len(part)
            at += len(part)


def pipe(size: int = 65536) -> tuple[int, int]:
    ends = os.pipe()
    fcntl.fcntl(ends[0], fcntl.F_SETPIPE_SZ, size)
    return ends


def take_all(descriptor: int, piece: int = MEBIBYTE, pause: float = 0) -> int:
    """Everything up to the end; its size."""
    flood = Flood()
    while data := os.read(descriptor, piece):
        flood.take(data)
        if pause:
            time.sleep(pause)
    return flood.size


def test_through_a_pipe(command: Command, process: Callable[..., subprocess.Popen[bytes]]) -> None:
    begun = process(command("cat", *BLOCKS), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert begun.stdout is not None
    with begun.stdout as stdout:
        assert take_all(stdout.fileno()) == TIMES * MEBIBYTE
    assert begun.wait(PATIENCE) == 0


def test_in_and_out_again(command: Command, process: Callable[..., subprocess.Popen[bytes]]) -> None:
    begun = process(command("cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert begun.stdin is not None
    assert begun.stdout is not None

    def fill(stdin: Any) -> None:
        with stdin:
            for _ in range(TIMES):
                stdin.write(BLOCK)

    writer = threading.Thread(target=fill, args=[begun.stdin])
    writer.start()
    with begun.stdout as stdout:
        assert take_all(stdout.fileno()) == TIMES * MEBIBYTE
    writer.join()
    assert begun.wait(PATIENCE) == 0


def test_through_a_terminal_to_a_terminal(command: Command) -> None:
    words = command("sh", "-c", RAW, "sh", "cat", *BLOCKS, terminal=True)
    with Terminal(words) as terminal:
        flood = Flood()
        while flood.size < TIMES * MEBIBYTE:
            flood.take(terminal.read())
        assert terminal.wait() == 0
        assert terminal.rest() == ""


def test_through_a_terminal_to_a_pipe(command: Command) -> None:
    words = command("sh", "-c", RAW, "sh", "cat", *BLOCKS, terminal=True)
    ours, theirs = pipe()
    with Terminal(words, stdout=theirs) as terminal:
        os.close(theirs)
        assert take_all(ours) == TIMES * MEBIBYTE
        assert terminal.wait() == 0
    os.close(ours)


def test_typed_at_a_terminal(command: Command) -> None:
    """As much as a person would paste: 4 MiB. It comes back while it is typed."""
    size = 4 * MEBIBYTE
    words = command("sh", "-c", f"stty raw -echo; printf ready; exec head -c {size}", terminal=True)
    with Terminal(words) as terminal:
        terminal.read_until("ready")
        os.set_blocking(terminal.near, False)
        left, flood = memoryview(BLOCK * 4), Flood()
        while flood.size < size:
            readable, writable, _ = select.select([terminal.near], [terminal.near] if left else [], [], PATIENCE)
            assert readable or writable, f"nothing goes in or comes out after {flood.size} bytes"
            if readable:
                flood.take(terminal.read())
            if writable:
                left = left[os.write(terminal.near, left[:4096]) :]
        assert terminal.wait() == 0


@pytest.mark.parametrize("with_terminal", [False, True], ids=["pipe", "terminal"])
def test_a_slow_reader_gets_all(command: Command, with_terminal: bool) -> None:
    """Slower than the writer all the time, in small pieces, through a small pipe."""
    plain = ["cat", "/block"]
    words = command(*(["sh", "-c", RAW, "sh"] if with_terminal else []), *plain, terminal=with_terminal)
    ours, theirs = pipe(4096)
    with Terminal(words, stdout=theirs) as terminal:
        os.close(theirs)
        assert take_all(ours, 1000, 0.0005) == MEBIBYTE
        assert terminal.wait() == 0
    os.close(ours)


@pytest.mark.parametrize("size", [1, 3000])
def test_nothing_is_lost_when_it_ends_at_once(command: Command, size: int) -> None:
    """The process is gone before anybody has read what it wrote: less than a terminal holds."""
    for _ in range(25):
        with Terminal(command("sh", "-c", f"stty raw -echo; head -c {size} /block", terminal=True)) as terminal:
            assert terminal.wait() == 0
            shown = b""
            while len(shown) < size:
                shown += terminal.read()
            assert shown == BLOCK[:size]
            assert terminal.rest() == ""


@pytest.mark.parametrize("with_terminal", [False, True], ids=["pipe", "terminal"])
def test_a_reader_who_leaves_does_not_make_it_hang(command: Command, with_terminal: bool) -> None:
    words = command("cat", *BLOCKS, terminal=with_terminal)
    ours, theirs = pipe()
    with Terminal(words, stdout=theirs) as terminal:
        os.close(theirs)
        assert os.read(ours, 1000)
        os.close(ours)
        terminal.wait()


def test_two_at_once_do_not_mix(command: Command) -> None:
    """stdout and stderr of one process."""
    script = "cat /block /block /block & cat /block /block /block >&2; wait"
    out, err = pipe(), pipe()
    with Terminal(command("sh", "-c", script), stdout=out[1], stderr=err[1]) as terminal:
        os.close(out[1])
        os.close(err[1])
        found: list[int] = []
        reader = threading.Thread(target=lambda: found.append(take_all(err[0])))
        reader.start()
        found.append(take_all(out[0]))
        reader.join(PATIENCE)
        assert terminal.wait() == 0
    os.close(out[0])
    os.close(err[0])
    assert found == [3 * MEBIBYTE] * 2
