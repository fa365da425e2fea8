"""The same config.json of a user, run by each runtime that is here: containers look alike."""

from __future__ import annotations

import os
import shutil

import pytest

from .container import Container
from .land import User

SCRIPT = r"""
id -u; id -g; tr '\0' '\n' </proc/1/environ | sort
cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups
grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status
ls /dev /dev/pts
stat -c '%A %u %g %n' /dev /dev/pts /dev/shm /dev/null /proc /sys / /tmp
hostname
while read -r _ target type options _; do
    case $target in /sys/*|/proc/*|/dev/null|/dev/zero|/dev/full|/dev/tty|/dev/*random) continue; esac
    echo "$target $type ${options%%,*}"
done </proc/self/mounts | sort
"""


def _with(program: str, container: Container) -> list[str]:
    container.program = program
    return container.output(SCRIPT).splitlines()


@pytest.mark.usefixtures("_sampan_alone")
@pytest.mark.parametrize("ranges", [False, True], ids=["one id", "ranges"])
def test_a_container_of_runc(container: Container, alice: User, ranges: bool) -> None:
    if (runc := shutil.which("runc")) is None:
        pytest.skip("runc is not installed")
    if ranges:
        container.map_ranges()
    sampan = container.program
    expected = _with(runc, container)
    container.user.run(runc, "delete", "--force", container.id)
    assert _with(sampan, container) == expected
    shutil.rmtree(alice.runtime_directory / "runc")


@pytest.mark.usefixtures("_sampan_alone")
def test_spec_writes_what_runc_writes(container: Container) -> None:
    """But for the version of the specification, and the host's name."""
    if (runc := shutil.which("runc")) is None:
        pytest.skip("runc is not installed")
    os.unlink(container.bundle / "config.json")
    container.user.run(runc, "spec", "--rootless", "--bundle", str(container.bundle)).checked()
    import json

    other = json.loads((container.bundle / "config.json").read_text())
    own = container.as_written
    for document in (own, other):
        document["ociVersion"] = document["hostname"] = ""
        document["process"]["capabilities"].pop("inheritable", None)
        document["linux"]["maskedPaths"].sort()
    assert own == other
