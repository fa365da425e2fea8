"""A container of a user: what `spec --rootless` writes, changed by a test, and the verbs of the command line."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime.driver import Result

from .land import User

APPLETS = "cat chmod echo grep hostname id kill ls mount ps readlink sh sleep sort stat touch tr tty".split()
Config = dict[str, Any]


def eventually(condition: Callable[[], Any], what: str, seconds: float = 5) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        time.sleep(0.01)
    return value


def make_rootfs(directory: Path) -> None:
    busybox = shutil.which("busybox")
    assert busybox is not None
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
        (directory / name).mkdir(parents=True)
    shutil.copy(busybox, directory / "bin/busybox")
    for applet in APPLETS:
        (directory / "bin" / applet).symlink_to("busybox")


class Container:
    def __init__(self, user: User, program: str, name: str) -> None:
        self.user, self.program, self.id = user, program, name
        self.bundle = user.home / name
        self.global_options: tuple[str, ...] = ()
        make_rootfs(self.bundle / "rootfs")
        user.own(self.bundle)
        user.run(program, "spec", "--rootless", "--bundle", str(self.bundle)).checked()
        self.as_written: Config = json.loads((self.bundle / "config.json").read_text())
        self.config: Config = json.loads(json.dumps(self.as_written))
        self.config["process"]["terminal"] = False
        self.config["root"]["readonly"] = False
        self.args("sleep", "1000")

    # config.json

    def args(self, *words: str) -> Container:
        self.config["process"]["args"] = list(words)
        return self

    def sh(self, script: str) -> Container:
        return self.args("sh", "-c", script)

    def map_ids(self, *ranges: tuple[int, int, int], groups: tuple[tuple[int, int, int], ...] = ()) -> Container:
        """Each range is (containerID, hostID, size); groups are mapped alike, unless they are said."""
        for kind, entries in (("uidMappings", ranges), ("gidMappings", groups or ranges)):
            self.config["linux"][kind] = [
                {"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in entries
            ]
        return self

    def map_ranges(self) -> Container:
        """Root inside is the user outside, all others are the subordinate ones."""
        return self.map_ids((0, self.user.uid, 1), (1, self.user.first_id, 65536))

    def as_user(self, uid: int, gid: int, **more: Any) -> Container:
        self.config["process"]["user"] = {"uid": uid, "gid": gid, **more}
        return self

    def namespace(self, kind: str) -> Container:
        """A new one, if there is none yet."""
        if {"type": kind} in self.config["linux"]["namespaces"]:
            return self
        self.config["linux"]["namespaces"].append({"type": kind})
        return self

    def mount(self, destination: str) -> Config:
        found: list[Config] = [entry for entry in self.config["mounts"] if entry["destination"] == destination]
        return found[0]

    def hook(self, kind: str, script: str) -> Container:
        self.config.setdefault("hooks", {}).setdefault(kind, []).append(
            {"path": "/bin/sh", "args": ["sh", "-c", script]}
        )
        return self

    def write(self, config: Config | None = None) -> None:
        path = self.bundle / "config.json"
        path.write_text(json.dumps(self.config if config is None else config))
        os.chown(path, self.user.uid, self.user.uid)

    # the command line

    def command(self, verb: str, *words: str) -> list[str]:
        return [self.program, *self.global_options, verb, *words]

    def creation(self, verb: str, *options: str) -> list[str]:
        self.write()
        return self.command(verb, "--bundle", str(self.bundle), *options, self.id)

    def call(self, verb: str, *words: str, **more: Any) -> Result:
        return self.user.run(*self.command(verb, *words), **more)

    def run(self, **more: Any) -> Result:
        return self.user.run(*self.creation("run"), **more)

    def output(self, script: str) -> str:
        return self.sh(script).run().checked().output

    def create(self) -> Container:
        self.user.run(*self.creation("create"), to_file=True).checked()
        return self

    def start(self) -> Container:
        self.call("start", self.id).checked()
        return self

    def launch(self) -> Container:
        return self.create().start()

    def exec(self, *words: str) -> Result:
        return self.call("exec", self.id, *words)

    def fails(self, **more: Any) -> str:
        """`run` must be an error that leaves nothing; what it says."""
        result = self.run(**more)
        assert result.status not in (0, 255), f"{result}should have been an error"
        assert self.ids() == []
        return result.stderr

    def state(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.call("state", self.id).checked().stdout)
        return document

    @property
    def status(self) -> str:
        return str(self.state()["status"])

    def ids(self) -> list[str]:
        return self.call("list", "--quiet").checked().stdout.split()

    def host_pid(self) -> int:
        """The pid of its process as the machine has it."""
        inside = str(self.state()["pid"])
        for pid in self.user.land.processes():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("NSpid:") and inside in line.split()[2:3]:
                    return pid
        raise AssertionError(f"no process of the land has the pid {inside}")

    def end(self) -> None:
        self.call("kill", self.id, "KILL").checked()
        eventually(lambda: self.status == "stopped", "stopped")
        self.call("delete", self.id).checked()

    def clean_up(self) -> None:
        self.call("delete", "--force", self.id)
        shutil.rmtree(self.bundle)
