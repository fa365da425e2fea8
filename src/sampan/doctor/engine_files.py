"""The configuration files of engines: which OCI runtimes they know, and by which names.

Raises ValueError, which says which file, where one cannot be understood; PermissionError where it cannot be read.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampan.doctor.host import Host

    Table = Mapping[str, object]

_SHIM = "io.containerd.runc.v2"
_ALLOWED = re.compile(r"^\s*\"?allow_runtimes\"?\s*[=:]\s*\[(.*?)\]", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Runtime:
    """An OCI runtime, as an engine knows it."""

    name: str
    path: str  # "" where only the name is known
    file: str  # that says so
    is_default: bool = False

    @property
    def is_sampan(self) -> bool:
        """Is it this runtime?"""
        return (self.path or self.name).rpartition("/")[2] == "sampan"


def podman(host: Host) -> list[Runtime]:
    """containers.conf(5): later files are stronger, runtime by runtime."""
    found: dict[str, Runtime] = {}
    default = ""
    for file in _containers_conf(host):
        engine = _table(_toml(host, file), "engine")
        default = _text_of(engine, "runtime") or default
        for name, paths in _table(engine, "runtimes").items():
            found[name] = Runtime(name, _first_program(host, paths), file)
    return [replace(runtime, is_default=runtime.name == default) for runtime in found.values()]


def docker(host: Host) -> list[Runtime]:
    """daemon.json of dockerd, and that of a rootless one."""
    own = [] if host.uid == 0 else [f"{host.environment.get('HOME', '')}/.config/docker/daemon.json"]
    found = []
    for file in (*own, "/etc/docker/daemon.json"):
        daemon = _json(host, file)
        default = _text_of(daemon, "default-runtime")
        for name, runtime in _tables(_table(daemon, "runtimes")):
            path = _text_of(runtime, "path") or _text_of(_table(runtime, "options"), "BinaryName")
            found.append(Runtime(name, path, file, name == default))
    return found


def containerd(host: Host) -> list[Runtime]:
    """The runtimes of its CRI plugin, in config.toml and what it imports. `ctr` and nerdctl take any by option."""
    found = []
    for file in _with_imports(host, "/etc/containerd/config.toml"):
        plugins = _table(_toml(host, file), "plugins")
        for plugin in ("io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"):  # before 2.0, and since
            settings = _table(plugins, plugin, "containerd")
            default = _text_of(settings, "default_runtime_name")
            for name, runtime in _tables(_table(settings, "runtimes")):
                path = _text_of(_table(runtime, "options"), "BinaryName")
                if path and _text_of(runtime, "runtime_type") == _SHIM:
                    found.append(Runtime(name, path, file, name == default))
    return found


def crio(host: Host) -> list[Runtime]:
    """crio.conf(5), and crio.conf.d(5): later files are stronger."""
    found: dict[str, Runtime] = {}
    default = ""
    for file in ("/etc/crio/crio.conf", *_in(host, "/etc/crio/crio.conf.d", "*")):
        settings = _table(_toml(host, file), "crio", "runtime")
        default = _text_of(settings, "default_runtime") or default
        for name, runtime in _tables(_table(settings, "runtimes")):
            found[name] = Runtime(name, _text_of(runtime, "runtime_path"), file)
    return [replace(runtime, is_default=runtime.name == default) for runtime in found.values()]


def nomad(host: Host) -> list[Runtime]:
    """allow_runtimes of the docker driver, as far as HCL can be read without a parser."""
    found = []
    for file in _in(host, "/etc/nomad.d", "*"):
        for words in _ALLOWED.findall(_read(host, file)):
            found += [Runtime(runtime, "", file) for runtime in re.findall(r'"([^"]*)"', words)]
    return found


def _containers_conf(host: Host) -> list[str]:
    """The files, the strongest last."""
    own = host.environment.get("XDG_CONFIG_HOME", "") or f"{host.environment.get('HOME', '')}/.config"
    bases = ["/usr/share/containers", "/etc/containers"]
    if host.uid != 0:
        bases.append(f"{own}/containers")
    files = []
    for base in bases:
        files += [f"{base}/containers.conf", *_in(host, f"{base}/containers.conf.d", "*.conf")]
    if only := host.environment.get("CONTAINERS_CONF"):
        files = [only]
    if last := host.environment.get("CONTAINERS_CONF_OVERRIDE"):
        files.append(last)
    return files


def _first_program(host: Host, paths: object) -> str:
    """podman takes the first path that is there."""
    words = [path for path in paths if isinstance(path, str)] if isinstance(paths, list) else []
    return next(filter(host.is_program, words), words[0] if words else "/")


def _with_imports(host: Host, file: str) -> Iterator[str]:
    yield file
    patterns = _toml(host, file).get("imports")
    for pattern in patterns if isinstance(patterns, list) else ():
        directory, _, names = str(pattern).rpartition("/")
        yield from _in(host, directory if directory.startswith("/") else f"/etc/containerd/{directory}", names)


def _in(host: Host, directory: str, pattern: str) -> list[str]:
    return [f"{directory}/{name}" for name in host.names(directory) if fnmatch(name, pattern)]


def _read(host: Host, file: str) -> str:
    try:
        return host.path(file).read_text(errors="replace")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""


def _toml(host: Host, file: str) -> Table:
    try:
        return tomllib.loads(_read(host, file))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file}: {error}") from None


def _json(host: Host, file: str) -> Table:
    text = _read(host, file)
    try:
        value = json.loads(text) if text.strip() else {}
    except json.JSONDecodeError as error:
        raise ValueError(f"{file}: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{file}: must be a JSON object")
    return value


def _table(parent: Table, *names: str) -> Table:
    """The table at these names; an empty one where there is none, as an engine would say, too."""
    for name in names:
        inner = parent.get(name)
        parent = inner if isinstance(inner, dict) else {}
    return parent


def _tables(parent: Table) -> list[tuple[str, Table]]:
    return [(name, value) for name, value in parent.items() if isinstance(value, dict)]


def _text_of(parent: Table, name: str) -> str:
    value = parent.get(name)
    return value if isinstance(value, str) else ""
