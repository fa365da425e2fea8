"""Many containers one after the other, and many at once: none fails, and nothing of them is left behind.

That nothing is left is what every test here ends with (conftest.py); --soak takes enough of them to be sure.
"""

from __future__ import annotations

import pytest

from .podman import IMAGE, Podman

PATIENCE = 600.0  # seconds


@pytest.fixture
def numbers(request: pytest.FixtureRequest) -> tuple[int, int]:
    """Of containers one after the other, and at once."""
    return (200, 50) if request.config.getoption("--soak") else (5, 6)


def test_one_after_the_other(podman: Podman, numbers: tuple[int, int]) -> None:
    for number in range(numbers[0]):
        assert podman.run("echo", str(number)).checked().output == str(number)


def test_many_at_once(podman: Podman, numbers: tuple[int, int]) -> None:
    script = "echo $0; exit $(($0 % 100))"
    commands = [podman.in_background("run", "--rm", IMAGE, "sh", "-c", script, str(n)) for n in range(numbers[1])]
    results = [command.wait(PATIENCE) for command in commands]
    assert [(result.status, result.output) for result in results] == [(n % 100, str(n)) for n in range(numbers[1])], (
        "\n".join(str(result) for result in results)
    )


def test_many_at_once_in_one_container(podman: Podman, numbers: tuple[int, int]) -> None:
    container = podman.detached("sleep", "1000")
    script = "echo $0; exit $(($0 % 100))"
    commands = [podman.in_background("exec", container, "sh", "-c", script, str(n)) for n in range(numbers[1])]
    results = [command.wait(PATIENCE) for command in commands]
    assert [(result.status, result.output) for result in results] == [(n % 100, str(n)) for n in range(numbers[1])], (
        "\n".join(str(result) for result in results)
    )
