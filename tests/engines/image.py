"""A root filesystem of one static busybox, as a tar file that engines import: no registry, no network."""

from __future__ import annotations

import io
import subprocess
import tarfile
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


def _add(
    tar: tarfile.TarFile, name: str, mode: int, *, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b""
) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.linkname, member.size = kind, mode, link, len(content)
    if name.startswith("home/worker"):
        member.uid = member.gid = 1000
    tar.addfile(member, io.BytesIO(content))
