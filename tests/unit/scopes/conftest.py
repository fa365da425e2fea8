"""A D-Bus bus for one test."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.errors import UsageError
from sampan.linux import dbus

CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=%s</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"""


@pytest.fixture
def library() -> None:
    """Skips the test where the D-Bus library is missing."""
    try:
        dbus.load_library()
    except UsageError:
        pytest.skip(f"{dbus.LIBRARY} is not installed")


@pytest.fixture
def address(library: None, tmp_path: Path) -> Iterator[str]:
    """A bus of our own."""
    if shutil.which("dbus-daemon") is None:
        pytest.skip("dbus-daemon is not installed")
    path = tmp_path / "a bus"
    (tmp_path / "configuration").write_text(CONFIGURATION % dbus.socket_address(str(path)).removeprefix("unix:path="))
    command = ["dbus-daemon", f"--config-file={tmp_path}/configuration", "--nofork", "--print-address=1"]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert daemon.stdout is not None
    assert daemon.stdout.readline()  # it listens now
    yield dbus.socket_address(str(path))
    daemon.kill()
    daemon.wait()
    daemon.stdout.close()
