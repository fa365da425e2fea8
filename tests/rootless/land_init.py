"""The first process of a land (land.py): furnishes its mounts, then reaps orphans until its standard input ends.

Run with the Python of the tests, as root, in new mount and pid namespaces. When it ends the kernel ends all in there.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    setting: dict[str, Any] = json.loads(sys.argv[1])
    call("mount", "--bind", setting["etc"], "/etc")
    for closed, paths in setting["open"].items():
        open_up(closed, paths, Path(setting["aside"]))
    show_cgroups(setting["view"])
    print("ready", flush=True)
    while not select.select([0], [], [], 0.02)[0]:
        reap()


def open_up(closed: str, paths: list[str], aside: Path) -> None:
    """Of a directory that users may not enter, show them these paths and nothing else."""
    for number, path in enumerate(paths):
        place = aside / str(number)
        place.mkdir(parents=True)
        call("mount", "--rbind", path, str(place))
    call("mount", "-t", "tmpfs", "-o", "mode=755,nosuid,nodev", "opened", closed)
    for number, path in enumerate(paths):
        os.makedirs(path)
        call("mount", "--move", str(aside / str(number)), path)


def show_cgroups(view: str) -> None:
    root = "/sys/fs/cgroup"
    if view == "v1" and os.path.ismount(f"{root}/unified"):
        call("umount", f"{root}/unified")
    if view == "v2" and not os.path.exists(f"{root}/cgroup.controllers"):
        call("umount", "--recursive", "--lazy", root)
        call("mount", "-t", "cgroup2", "cgroup2", root)


def reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def call(*words: str) -> None:
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: {done.stdout}")


if __name__ == "__main__":
    main()
