"""A land: this machine with two more users, who exist nowhere else.

Their names and their ranges of ids stand in a copy of /etc, which is mounted in a mount namespace of its own: nothing
of the machine is changed, and what a test leaves behind ends with the land's pid namespace.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime.driver import Result

TIMEOUT = 30.0
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Land:
    def __init__(self, directory: Path, open_paths: Sequence[str], view: str) -> None:
        """`open_paths`: what its users must be able to reach, wherever it is."""
        self.directory = directory
        shutil.copytree("/etc", directory / "etc", symlinks=True)
        for name in ("home", "run", "aside"):
            (directory / name).mkdir()
        self.users = [User(self, "alice", 61101, 1100000), User(self, "bob", 61102, 1200000)]
        setting = {
            "etc": str(directory / "etc"),
            "aside": str(directory / "aside"),
            "open": closed_parents(open_paths),
            "view": view,
        }
        options = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
        program = [sys.executable, "-I", "-S", str(Path(__file__).with_name("land_init.py")), json.dumps(setting)]
        self._process = subprocess.Popen(
            ["unshare", *options, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", "the land's first process says above why it is not there"
        self.first_pid = children(self._process.pid)[0]

    def run(self, *words: str, before: str = "", directory: Path | None = None) -> Result:
        """A command of root's in the land; `before` is a script, in a mount namespace for this command alone."""
        command = self.enter(directory or self.directory)
        if before:
            command += ["unshare", "--mount", "--propagation", "private", "sh", "-ec", f'{before}\nexec "$@"', "sh"]
        return _call([*command, *words])

    def enter(self, directory: Path) -> list[str]:
        """The words before a command of root's, which end all that it starts with the land."""
        spaces = [f"--{option}=/proc/{self.first_pid}/ns/{name}" for option, name in (("mount", "mnt"), ("pid", "pid"))]
        return ["nsenter", *spaces, f"--wdns={directory}"]

    def processes(self) -> dict[int, str]:
        """What runs in it, by the machine's pids."""
        found = {}
        for pid in children(self.first_pid):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if command:  # what has ended has none any more
                found[pid] = command
        return found

    def close(self) -> None:
        self._process.communicate("")


class User:
    """A user of the land, with a home, a runtime directory and 65536 subordinate ids from `first_id` on."""

    def __init__(self, land: Land, name: str, uid: int, first_id: int) -> None:
        self.land, self.name, self.uid, self.first_id = land, name, uid, first_id
        self.home = land.directory / "home" / name
        self.runtime_directory = land.directory / "run" / str(uid)
        for path in (self.home, self.runtime_directory):
            path.mkdir(mode=0o700)
            os.chown(path, uid, uid)
        for file, line in (
            ("passwd", f"{name}:x:{uid}:{uid}::{self.home}:/bin/sh"),
            ("group", f"{name}:x:{uid}:"),
            ("shadow", f"{name}:*:19000::::::"),
            ("subuid", f"{name}:{first_id}:65536"),
            ("subgid", f"{name}:{first_id}:65536"),
        ):
            with (land.directory / "etc" / file).open("a") as opened:
                opened.write(f"{line}\n")

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "USER": self.name,
            "PATH": SYSTEM_PATH,
            "XDG_RUNTIME_DIR": str(self.runtime_directory),
        }

    def become(self, environment: Mapping[str, str] | None = None, *options: str) -> list[str]:
        """The words before a command that make it the user's."""
        variables = [f"{name}={value}" for name, value in (environment or self.environment).items()]
        identity = [f"--reuid={self.uid}", f"--regid={self.uid}", "--init-groups", *options]
        return ["setpriv", *identity, "env", "-i", *variables]

    def run(
        self,
        *words: str,
        before: str = "",
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        stdin: str = "",
        to_file: bool = False,
    ) -> Result:
        """A command of the user's. `before` is a script of root's, in a mount namespace for this command alone.

        With `to_file` the output goes to a file, for what leaves a process that keeps it.
        """
        command = self.land.enter(self.home)
        if before:
            command += ["unshare", "--mount", "--propagation", "private", "sh", "-ec", f'{before}\nexec "$@"', "sh"]
        return _call([*command, *self.become(environment, *options), *words], stdin, self.home if to_file else None)

    def own(self, path: Path) -> None:
        """Give the user a directory with all in it."""
        for at in [path, *path.rglob("*")]:
            os.lchown(at, self.uid, self.uid)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _call(command: list[str], stdin: str = "", directory: Path | None = None) -> Result:
    if directory is None:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        return Result(tuple(command), done.returncode, done.stdout, done.stderr)
    with (directory / "stdout").open("w+") as out, (directory / "stderr").open("w+") as err:
        status = subprocess.run(command, input=stdin, stdout=out, stderr=err, text=True, timeout=TIMEOUT, check=False)
        out.seek(0)
        err.seek(0)
        return Result(tuple(command), status.returncode, out.read(), err.read())


def closed_parents(paths: Sequence[str]) -> dict[str, list[str]]:
    """The outermost directory above each path that other users may not enter -> those paths."""
    found: dict[str, list[str]] = {}
    for path in dict.fromkeys(map(os.path.realpath, paths)):
        for parent in reversed(Path(path).parents):
            if not parent.stat().st_mode & 0o001:
                found.setdefault(str(parent), []).append(path)
                break
    return found
