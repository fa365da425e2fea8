"""benchmarks/engines.py, which is built on this directory, still measures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "benchmarks/engines.py"
ENGINES = {"podman": ("podman", "conmon"), "ctr": ("ctr", "containerd", "containerd-shim-runc-v2")}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_container_below_an_engine_is_measured(engine: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: it makes namespaces and cgroups")
    if missing := [name for name in (*ENGINES[engine], "busybox", "unshare", "ip") if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    sampan = shutil.which("sampan", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if sampan is None:
        pytest.skip("sampan is not installed")
    command = [sys.executable, str(PROGRAM), "--engine", engine, "--runs", "1", "--warmups", "0", sampan]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180)
    assert done.returncode == 0, done.stdout
    name, runtime, _version, median, *_ = done.stdout.splitlines()[-1].split()
    assert (name, runtime) == (engine, "sampan")
    assert float(median) > 0
