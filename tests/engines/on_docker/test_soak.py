"""Many containers, one after the other and at once: none fails, and nothing is left. --soak takes many more."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from .. import leftovers
from .daemon import Docker

TIMEOUT = 120.0  # seconds for one container, beside many others


@pytest.fixture
def number(request: pytest.FixtureRequest) -> int:
    """Of containers in a row; a fifth of that at once."""
    return 100 if request.config.getoption("--soak") else 3


def open_files(docker: Docker) -> Counter[str]:
    """How many descriptors the daemons have; the shims that they make are those of containers."""
    found: Counter[str] = Counter()
    for pid in leftovers.descendants(docker.view.first_pid):
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        if name in ("dockerd", "containerd"):
            found[name] += len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return found


def test_many_containers_in_a_row(docker: Docker, number: int) -> None:
    docker.run("true").checked()
    before = open_files(docker)
    for turn in range(number):
        result = docker.run("sh", "-c", f"echo turn {turn}; exit {turn % 128}")
        assert (result.status, result.stdout, result.stderr) == (turn % 128, f"turn {turn}\n", ""), str(result)
    assert (open_files(docker) - before).total() < max(number // 4, 8), "descriptors of the daemons pile up"


def test_many_containers_at_once(docker: Docker, number: int) -> None:
    """And one that is there all the while."""
    commands = [
        docker.in_background("run", "--rm", *docker.with_image(["sh", "-c", f"echo {turn}; exit {turn}"]))
        for turn in range(max(number // 5, 3))
    ]
    container = docker.by_client("sleep", "1000")
    assert container.exec_run("true").exit_code == 0
    results = [command.wait(TIMEOUT) for command in commands]
    assert [(result.status, result.output) for result in results] == [
        (turn, str(turn)) for turn in range(len(results))
    ], "\n".join(map(str, results))
