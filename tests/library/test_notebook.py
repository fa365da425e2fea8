"""The library in a Jupyter kernel: a program with an event loop that runs already, threads, and signal handlers.

Each test is a notebook of its own: cells, and what they write.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Place, config

FRONT_END = Path(__file__).with_name("notebook.py")
FIRST = """
import asyncio, os, signal, threading
import sampan
from sampan import aio
bundle, root, document = BUNDLE, ROOT, CONFIG
def config(*args):
    return {**document, "process": {**document["process"], "args": list(args)}}
def of(*args):
    return {"bundle": bundle, "root": root, "config": config(*args)}
def picture():
    status = open("/proc/self/status").read().splitlines()
    return ([line for line in status if line.startswith(("SigBlk", "SigIgn", "SigCgt"))],
            [signal.getsignal(number) for number in range(1, 65)], os.getcwd(), dict(os.environ),
            threading.active_count(), len(os.listdir("/proc/self/fd")))
"""


def notebook(place: Place, directory: Path, *cells: str) -> list[str]:
    """What each of the cells writes."""
    pytest.importorskip("ipykernel", reason="needs ipykernel: `make .venv/.test-tools`")
    pytest.importorskip("jupyter_client", reason="needs jupyter-client: `make .venv/.test-tools`")
    first = FIRST.replace("BUNDLE", repr(str(place.bundle))).replace("ROOT", repr(str(place.root)))
    first = first.replace("CONFIG", repr(config("true")))
    # In a test, ipykernel would not show what is written to the descriptors of its standard streams.
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    done = subprocess.run(
        [sys.executable, str(FRONT_END), str(directory)],
        input=json.dumps([first, *cells]),
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    written = json.loads(done.stdout)
    assert written[0] == ""
    return [text.strip() for text in written[1:]]


def test_cells_use_containers(place: Place, tmp_path: Path) -> None:
    """A container lives from cell to cell, and the kernel is as it was in the end."""
    written = notebook(
        place,
        tmp_path,
        "before = picture()",
        'sampan.run(**of("sh", "-c", "cat; exit 3"), input="hello", capture=True, text=True)',
        'container = sampan.create("NAME", **of("sleep", "100")); container.start(); container'.replace(
            "NAME", place.id()
        ),
        'container.exec(["sh", "-c", "echo from within; echo and wrong >&2"], capture=True, text=True).stdout',
        "container.state().status",
        "container.__exit__(None, None, None); sampan.list(root=root)",
        'sampan.run(**of("nothing"))',
        "after = picture()\nprint(*[(one, other) for one, other in zip(before, after) if one != other])",
    )
    assert written[1].endswith("status=ExitStatus(code=3, signal=None), stdout='hello', stderr='')")
    assert written[2].startswith("<sampan.Container")
    assert written[3:6] == ["'from within\\n'", "'running'", "[]"]
    assert written[6].startswith("ExecutableError: process.args[0]: ")
    assert written[7] == ""


def test_cells_await_containers(place: Place, tmp_path: Path) -> None:
    """On the kernel's own loop, which goes on meanwhile."""
    written = notebook(
        place,
        tmp_path,
        """
turns = 0
async def turn():
    global turns
    while True:
        turns += 1
        await asyncio.sleep(0.001)
turning = asyncio.create_task(turn())
""",
        '(await aio.run(**of("sh", "-c", "read x; echo $x; sleep 0.2"), input="it", capture=True, text=True)).stdout',
        """
async def one(number):
    return (await aio.run(**of("sh", "-c", f"exit {number}"))).status.code
await asyncio.gather(*map(one, range(8)))
""",
        'container = await aio.create("NAME", **of("cat"), stdin=aio.PIPE, stdout=aio.PIPE)'.replace(
            "NAME", place.id()
        ),
        'await container.start(); container.stdin.write(b"line\\n"); await container.stdout.readline()',
        "await container.__aexit__(None, None, None); await aio.list(root=root)",
        "turning.cancel(); turns > 20",
    )
    assert written[1:] == ["'it\\n'", "[0, 1, 2, 3, 4, 5, 6, 7]", "", "b'line\\n'", "[]", "True"]


def test_the_button_that_interrupts(place: Place, tmp_path: Path) -> None:
    """What the cell waits for ends, nothing is left of it, and the kernel goes on.

    What the container writes is shown: its streams are the kernel's own.
    """
    long = '(**of("sh", "-c", "echo interrupt me; sleep 100"))'
    written = notebook(
        place,
        tmp_path,
        f"sampan.run{long}",
        "sampan.list(root=root)",
        f"await aio.run{long}",
        "sampan.list(root=root)",
        'sampan.run(**of("sh", "-c", "exit 6")).status.code, (await aio.run(**of("sh", "-c", "exit 7"))).status.code',
    )
    assert written[0].splitlines() == ["interrupt me", "KeyboardInterrupt:"]
    assert written[2].splitlines() == ["interrupt me", "CancelledError:"]
    assert [written[1], written[3], written[4]] == ["[]", "[]", "(6, 7)"]
