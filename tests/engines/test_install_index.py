"""The first lines of docs/install/README.md install sampan for all users, in a private view of /opt and /usr/local."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .pages import DIRECTORY

TIMEOUT = 300  # seconds: it compiles
COVER = "mount -t overlay -o lowerdir=$1,upperdir=$2/upper,workdir=$2/work overlay $1"
# What a reader finds afterwards, wherever he stands.
CHECK = """
cd /
test "$(command -v sampan)" = /usr/local/bin/sampan
sampan --version
sampan doctor --format json >/dev/null || test $? = 1
test -r /usr/local/share/man/man8/sampan-exec.8
. /usr/local/share/bash-completion/completions/sampan && complete -p sampan >/dev/null
"""


def lines_of_the_page() -> list[str]:
    """The indented lines up to the doctor, but those that bring packages of the distribution."""
    text = (DIRECTORY / "README.md").read_text().partition("sampan doctor")[0]
    lines = re.findall(r"^    (.*)$", text, re.MULTILINE)
    return [line for line in lines if not line.startswith("apt-get ")]


def test_the_lines_of_the_page_install_the_command_for_all(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: it mounts")
    lines = lines_of_the_page()
    assert lines[0] == "python3 -m venv /opt/sampan"
    script = ["set -e"]
    for number, top in enumerate(("/opt", "/usr/local")):
        for name in ("upper", "work"):
            (tmp_path / f"{number}/{name}").mkdir(parents=True, mode=0o755)
        script += [f"set -- {top} {tmp_path}/{number}", COVER]
    script += ["rm -rf /opt/sampan /usr/local/bin/sampan", *lines, CHECK]
    # The Python that the tests were set up with, but nothing of their own environment in the place of the new one.
    directories = [one for one in os.environ["PATH"].split(":") if not Path(one).is_relative_to(sys.prefix)]
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "bash", "-c", "\n".join(script)],
        cwd=DIRECTORY.parents[1],
        env={**os.environ, "PATH": ":".join(["/usr/local/bin", *directories])},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT,
    )
    assert done.returncode == 0, done.stdout
    assert "sampan version" in done.stdout
