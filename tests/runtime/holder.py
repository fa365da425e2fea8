"""A process that does nothing but keep namespaces alive, so that containers can join them by path."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .procfs import Process, children

_OPTIONS = {"network": "net", "pid": "pid", "ipc": "ipc", "uts": "uts", "mount": "mount", "cgroup": "cgroup"}
_OPTIONS |= {"user": "user", "time": "time"}
_FILES = {"network": "net", "mount": "mnt"}


class Holder:
    def __init__(self, *kinds: str, host_id: int = 100000) -> None:
        options = [f"--{_OPTIONS[kind]}" for kind in kinds]
        script = "echo ready; read line; exec sleep 1000"
        self._command = subprocess.Popen(
            ["unshare", *options, "--fork", "--kill-child", "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._command.stdin and self._command.stdout
        assert self._command.stdout.readline() == "ready\n", f"unshare {options} failed"
        (self.pid,) = children(self._command.pid)
        if "user" in kinds:
            for map_file in ("uid_map", "gid_map"):
                Path(f"/proc/{self.pid}/{map_file}").write_text(f"0 {host_id} 65536\n")
        self._command.stdin.write("go\n")
        self._command.stdin.flush()

    @property
    def process(self) -> Process:
        return Process(self.pid)

    def path(self, kind: str) -> str:
        return f"/proc/{self.pid}/ns/{_FILES.get(kind, kind)}"

    def close(self) -> None:
        self._command.kill()
        self._command.communicate()
