"""The capabilities of this machine, and of docker."""

from __future__ import annotations

from pathlib import Path

import pytest

from .daemon import Docker

KNOWN_CAPABILITIES = (1 << 38) - 1  # docker 20.10 does not give those newer than CAP_AUDIT_READ
TOLERANT = "sampan"


def own_capabilities() -> int:
    """Which there are on this machine, which is all that docker can give away."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd:"))
    return int(line.split()[1], 16)


def need_all_capabilities(docker: Docker) -> None:
    """Skips a test that asks docker for all of them: where the machine itself lacks some, only sampan gives the rest.

    config.md: "Runtimes SHOULD NOT fail if the container configuration requests capabilities that cannot be granted".
    """
    if docker.runtime != TOLERANT and own_capabilities() & KNOWN_CAPABILITIES != KNOWN_CAPABILITIES:
        pytest.skip(f"this machine has not all capabilities, and {docker.runtime} cannot do with less")
