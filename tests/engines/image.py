"""A root filesystem of one static busybox, as a tar file that engines import: no registry, no network."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

PASSWD = "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000:worker:/home/worker:/bin/sh\n"
GROUP = "root:x:0:\nworker:x:1000:\nextra:x:2000:worker\n"
SCRIPT = "#!/bin/sh\necho script\n"

DIRECTORIES = {"bin": 0o755, "etc": 0o755, "root": 0o700, "home/worker": 0o755, "tmp": 0o1777, "srv": 0o755}
FILES = {  # content and mode
    "etc/passwd": (PASSWD, 0o644),
    "etc/group": (GROUP, 0o644),
    "bin/not-executable": (SCRIPT, 0o644),
    "bin/no-interpreter": ("#!/no/such/interpreter\n", 0o755),
    "bin/no-program": ("neither a program nor a script\n", 0o755),
    "bin/script": (SCRIPT, 0o755),
}


def write_tar(busybox: str, path: Path) -> None:
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with tarfile.open(path, "w") as tar:
        for name, mode in DIRECTORIES.items():
            _add(tar, name, mode, kind=tarfile.DIRTYPE)
        tar.add(busybox, "bin/busybox")
        for applet in applets:
            if applet != "busybox":
                _add(tar, f"bin/{applet}", 0o777, kind=tarfile.SYMTYPE, link="busybox")
        for name, (content, mode) in FILES.items():
            _add(tar, name, mode, content=content.encode())


def write_archive(busybox: str, path: Path, name: str, command: Sequence[str] = ("sh",)) -> None:
    """The same as an image called ``name``, in the form of `docker save`, which all engines load."""
    layer = path.with_suffix(".layer")
    write_tar(busybox, layer)
    digest = hashlib.sha256(layer.read_bytes()).hexdigest()
    config = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "Cmd": list(command)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as tar:
        tar.add(layer, "layer.tar")
        _add(tar, "config.json", 0o644, content=json.dumps(config).encode())
        _add(tar, "manifest.json", 0o644, content=json.dumps(manifest).encode())
    layer.unlink()


def _add(
    tar: tarfile.TarFile, name: str, mode: int, *, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b""
) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.linkname, member.size = kind, mode, link, len(content)
    if name.startswith("home/worker"):
        member.uid = member.gid = 1000
    tar.addfile(member, io.BytesIO(content))
