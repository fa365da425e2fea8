"""A bundle on disk: a root filesystem of busybox, and a config.json that a test arranges field by field."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from . import defaults
from .defaults import Config

APPLETS = (
    "[ awk cat chgrp chmod chown cp cut date dd df echo env expr false find grep head hexdump hostname id ip kill ln "
    "ls md5sum mkdir mkfifo mknod mount mv nc od printf ps pwd readlink realpath rm rmdir sed seq sh sleep sort stat "
    "stty sync tail test timeout touch tr true tty umount uname uniq unshare usleep wc xargs"
).split()


def make_template(directory: Path) -> Path:
    """The root filesystem that all bundles are hard-linked from; its one file is a static busybox."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise FileNotFoundError("tests/runtime needs a static busybox: apt-get install busybox-static")
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp"):
        (directory / name).mkdir(parents=True)
    shutil.copy(busybox, directory / "bin/busybox")
    for applet in APPLETS:
        (directory / "bin" / applet).symlink_to("busybox")
    (directory / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (directory / "etc/group").write_text("root:x:0:\n")
    return directory


def copy_template(template: Path, rootfs: Path) -> None:
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp"):
        (rootfs / name).mkdir(parents=True)
    os.link(template / "bin/busybox", rootfs / "bin/busybox")
    for applet in APPLETS:
        os.symlink("busybox", rootfs / "bin" / applet)
    for name in ("etc/passwd", "etc/group"):
        shutil.copy(template / name, rootfs / name)


class Bundle:
    """Every arranging method returns the bundle, so that a test can say all it wants in one sentence."""

    def __init__(self, path: Path, template: Path) -> None:
        self.path = path
        self.rootfs = path / "rootfs"
        self.config: Config = defaults.config()
        copy_template(template, self.rootfs)

    def write(self) -> None:
        (self.path / "config.json").write_text(json.dumps(self.config, indent=1))

    # Any field, by its name in the specification: "linux.resources.memory.limit", "process.rlimits.0.soft".

    def set(self, field: str, value: Any) -> Bundle:
        parent, name = self._parent(field)
        parent[name] = value
        return self

    def drop(self, field: str) -> Bundle:
        parent, name = self._parent(field)
        if isinstance(parent, list) or name in parent:
            del parent[name]
        return self

    def add(self, field: str, *values: Any) -> Bundle:
        parent, name = self._parent(field)
        parent.setdefault(name, []).extend(values)
        return self

    def get(self, field: str) -> Any:
        parent, name = self._parent(field)
        return parent[name]

    def _parent(self, field: str) -> tuple[Any, Any]:
        *path, last = field.split(".")
        at: Any = self.config
        for name in path:
            at = at[int(name)] if isinstance(at, list) else at.setdefault(name, {})
        return at, int(last) if isinstance(at, list) else last

    # The parts that nearly every test is about.

    def args(self, *argv: str) -> Bundle:
        return self.set("process.args", list(argv))

    def sh(self, script: str) -> Bundle:
        return self.args("sh", "-c", script)

    def user(self, uid: int, gid: int, **more: Any) -> Bundle:
        return self.set("process.user", {"uid": uid, "gid": gid, **more})

    def capabilities(self, *names: str) -> Bundle:
        """The process's effective, permitted and bounding sets."""
        return self.set("process.capabilities", {kind: list(names) for kind in ("bounding", "effective", "permitted")})

    def environment(self, *variables: str) -> Bundle:
        return self.add("process.env", *variables)

    def mount(self, destination: str, kind: str, source: str | Path, *options: str, **more: Any) -> Bundle:
        return self.add("mounts", defaults.mount(destination, kind, str(source), *options) | more)

    def bind(self, source: str | Path, destination: str, *options: str, **more: Any) -> Bundle:
        recursion = () if {"bind", "rbind"} & set(options) else ("bind",)
        return self.mount(destination, "none", source, *recursion, *options, **more)

    def without_mount(self, destination: str) -> Bundle:
        return self.set("mounts", [entry for entry in self.config["mounts"] if entry["destination"] != destination])

    def namespace(self, kind: str, path: str = "") -> Bundle:
        entry = {"type": kind, "path": path} if path else {"type": kind}
        return self.without_namespace(kind).add("linux.namespaces", entry)

    def without_namespace(self, kind: str) -> Bundle:
        kept = [entry for entry in self.config["linux"]["namespaces"] if entry["type"] != kind]
        return self.set("linux.namespaces", kept)

    def user_namespace(self, host_id: int = 100000, size: int = 65536) -> Bundle:
        mapping = {"containerID": 0, "hostID": host_id, "size": size}
        self.set("linux.uidMappings", [mapping]).set("linux.gidMappings", [dict(mapping)])
        for path in [self.rootfs, *self.rootfs.rglob("*")]:
            if path.name != "busybox":  # one inode for all bundles
                os.lchown(path, host_id, host_id)
        return self.namespace("user")

    def hook(self, kind: str, script: str, **more: Any) -> Bundle:
        """A shell script as a hook. `/bin/sh` is a path on the host and in the container."""
        return self.add(f"hooks.{kind}", {"path": "/bin/sh", "args": ["sh", "-c", script], **more})

    # Files of the root filesystem (relative paths), or of the bundle directory.

    def file(self, path: str, content: str = "", mode: int = 0o644) -> Bundle:
        target = self.rootfs / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        target.chmod(mode)
        return self

    def directory(self, path: str) -> Bundle:
        (self.rootfs / path).mkdir(parents=True, exist_ok=True)
        return self

    def symlink(self, path: str, target: str) -> Bundle:
        link = self.rootfs / path
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_dir() and not link.is_symlink():
            link.rmdir()
        link.symlink_to(target)
        return self

    def aside(self, name: str, content: str | None = None) -> Path:
        """A file with this content, or a directory, beside the root filesystem: the source of a bind mount."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir(exist_ok=True)
        else:
            path.write_text(content)
        return path
