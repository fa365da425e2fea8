"""config-linux.md, Allowed Device list: which devices a container may use, whatever nodes it makes."""

from __future__ import annotations

from typing import Any

import pytest

from .bundle import Bundle
from .container import Container

DENY = {"allow": False, "access": "rwm"}
FUSE = {"type": "c", "major": 10, "minor": 229}
REFUSED = "Operation not permitted"


def attempt(container: Container, script: str, *rules: dict[str, Any]) -> str:
    """What a container with CAP_MKNOD and a fuse node says when it runs the script."""
    bundle = container.bundle.set("linux.resources.devices", list(rules)).capabilities("CAP_MKNOD")
    bundle.add("linux.devices", {"path": "/dev/fuse", "fileMode": 0o666, **FUSE}).sh(script)
    result = container.run()
    return result.stdout + result.stderr


READ = "exec 3</dev/fuse && echo opened"
WRITE = "exec 3>/dev/fuse && echo opened"
MAKE = "mknod /made c 10 229 && echo made"


@pytest.mark.parametrize("script", [READ, WRITE])
def test_a_denied_device_cannot_be_opened(container: Container, script: str) -> None:
    """'allow (boolean, REQUIRED) - whether the entry is allowed or denied.'"""
    assert REFUSED in attempt(container, script, DENY)


@pytest.mark.parametrize("script", [READ, WRITE])
def test_an_allowed_device_can_be_opened(container: Container, script: str) -> None:
    """'allow (boolean, REQUIRED) - whether the entry is allowed or denied.'"""
    assert "opened" in attempt(container, script, DENY, {"allow": True, "access": "rw", **FUSE})


def test_read_does_not_allow_write(container: Container) -> None:
    """'A composition of r (read), w (write), and m (mknod).'"""
    assert REFUSED in attempt(container, WRITE, DENY, {"allow": True, "access": "r", **FUSE})


def test_write_does_not_allow_read(container: Container) -> None:
    """'A composition of r (read), w (write), and m (mknod).'"""
    assert REFUSED in attempt(container, READ, DENY, {"allow": True, "access": "w", **FUSE})


def test_mknod_of_an_allowed_device(container: Container) -> None:
    """'A composition of r (read), w (write), and m (mknod).'"""
    assert "made" in attempt(container, MAKE, DENY, {"allow": True, "access": "m", **FUSE})


def test_a_node_that_the_container_made_is_denied_all_the_same(container: Container) -> None:
    """'configures the allowed device list': of devices, not of names"""
    script = "mknod /made c 1 11; exec 3</made && echo opened"
    assert "opened" not in attempt(container, script, DENY)


def test_all_of_a_type(container: Container) -> None:
    """'major, minor - Unset values mean "all"'"""
    assert "opened" in attempt(container, READ, DENY, {"allow": True, "type": "c", "access": "rwm"})


def test_another_type_is_not_allowed_by_it(container: Container) -> None:
    """'type (string, OPTIONAL) - type of device: a (all), c (char), or b (block).'"""
    assert REFUSED in attempt(container, READ, DENY, {"allow": True, "type": "b", "access": "rwm"})


def test_everything_allowed(container: Container) -> None:
    """'type - Unset values mean "all", mapping to a.'"""
    assert "opened" in attempt(container, READ, {"allow": True, "access": "rwm"})


def test_the_last_entry_wins(container: Container) -> None:
    """'The runtime MUST apply entries in the listed order.'"""
    assert REFUSED in attempt(
        container, READ, DENY, {"allow": True, "access": "rwm", **FUSE}, {"allow": False, "access": "rwm", **FUSE}
    )


@pytest.mark.parametrize("script", [READ, WRITE])
def test_one_of_many_allowed_devices_is_denied(container: Container, script: str) -> None:
    """'The runtime MUST apply entries in the listed order.' On v1 that takes a list of what is denied"""
    rules = [{"allow": True, "type": "c", "access": "rwm"}, {"allow": False, "access": "rwm", **FUSE}]
    said = attempt(container, f"exec 4</dev/random && echo random; {script}", DENY, *rules)
    assert "random" in said
    assert REFUSED in said


def test_the_default_devices_stay_usable(container: Container) -> None:
    """'the runtime MUST also supply: /dev/null ...'"""
    script = "echo x > /dev/null && head -c 1 /dev/zero | wc -c && head -c 1 /dev/urandom | wc -c"
    assert attempt(container, script, DENY).split() == ["1", "1"]


def test_pseudoterminals_stay_usable(container: Container) -> None:
    """'/dev/ptmx. A bind-mount or symlink of the container's /dev/pts/ptmx.'"""
    assert "opened" in attempt(container, "exec 3<>/dev/ptmx && echo opened", DENY)


def test_the_host_is_not_restricted(container: Container, bundle: Bundle) -> None:
    """'configures the allowed device list': of the container"""
    bundle.set("linux.resources.devices", [DENY])
    container.launch()
    with open("/dev/fuse", "rb"):
        pass
