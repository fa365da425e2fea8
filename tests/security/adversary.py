"""Who exchanges files while a runtime looks at them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Programs = Callable[[str], Path]


@contextmanager
def swapping(programs: Programs, one: Path, other: Path) -> Iterator[None]:
    """While this is open, two entries of one directory are exchanged all the time."""
    assert one.parent == other.parent
    with subprocess.Popen([programs("swapper"), one.parent, one.name, other.name]) as process:
        try:
            yield
            assert process.poll() is None, "the adversary has given up"
        finally:
            process.kill()


def tried(attack: Callable[[], bool], tries: int) -> int:
    """The number of the try at which the attack succeeded, from 1 on; 0 if none did."""
    for number in range(1, tries + 1):
        if attack():
            return number
    return 0
