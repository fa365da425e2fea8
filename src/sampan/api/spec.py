"""A configuration that a program builds without writing JSON: `sampan.Spec`."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Literal

from sampan import _linux
from sampan.api.building import arguments
from sampan.api.building.arguments import plain, refused
from sampan.api.building.document import Document
from sampan.api.building.files import Files
from sampan.api.building.hooks import Hooks
from sampan.api.building.limits import Limits
from sampan.api.building.namespaces import Namespaces
from sampan.api.building.process import Processes
from sampan.api.building.security import Security
from sampan.errors import ConfigError, ExistsError, KernelError, Problem, UsageError
from sampan.spec.check import ABSOLUTE, NOT_EMPTY

if TYPE_CHECKING:
    from typing import Self

    from sampan.api.building.arguments import Path
    from sampan.audit.report import Report
    from sampan.spec.types import Config

    CgroupManager = Literal["cgroupfs", "systemd", "disabled"]


class Spec(Processes, Files, Limits, Security, Namespaces, Hooks):
    """A configuration of a container, as config.json has it (config.md). It is never changed: each method gives a new
    one, so that one may be the beginning of many.

    Every method judges its arguments at once (UsageError, which names the argument); what is wrong with the whole,
    `validate` says, as do `write` and all that makes a container of it. Fields that no method knows stay as they are.
    """

    __slots__ = ()

    # Where one begins.

    @classmethod
    def default(cls, *, rootless: bool | None = None) -> Self:
        """What `sampan spec` writes here, as runc does, without a terminal: `sh`, in a root "rootfs" of the bundle.

        ``rootless``: for a program that is not root; unless it is given, it is as this program is.
        """
        from sampan.engine import profiles

        return cls(profiles.default(rootless=_is_rootless(rootless))).with_terminal(False)

    @classmethod
    def hardened(cls, *, rootless: bool | None = None) -> Self:
        """What `sampan spec --profile hardened` writes here, without a terminal: the audit finds nothing above low.

        Ordinary programs run in it, as user 1000 of a user namespace with ids that nobody else has, without
        capabilities, a network, and places to write but /tmp and /run, limited to 512M, 256 processes, 1 processor.
        """
        from sampan.engine import profiles

        return cls(profiles.hardened(rootless=_is_rootless(rootless))).with_terminal(False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The configuration of a bundle, or at a path. Raises KernelError, and ConfigError where it is not JSON.

        Whether it follows the specification, `validate` says. Relative paths in it begin at the bundle, which is to be
        told to `sampan.create` as before.
        """
        file = FilePath(path)
        if file.is_dir():
            file /= "config.json"
        try:
            data = file.read_bytes()
        except OSError as error:
            raise KernelError("read", str(file), error.errno or 0) from None
        return cls._parsed(data, str(file))

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """The configuration that JSON would be decoded to. It is copied. Raises UsageError for what JSON cannot say."""
        return cls(document)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The configuration in a text. Raises ConfigError where it is not JSON."""
        return cls._parsed(text.encode() if isinstance(text, str) else text, "config.json")

    @classmethod
    def _parsed(cls, data: bytes, name: str) -> Self:
        try:
            document: Any = _linux.json_loads(data)
        except ValueError as error:
            rule = f"is not valid JSON: {error}"
            raise ConfigError(name, [Problem("", None, rule, "config.md#configuration")]) from None
        if not isinstance(document, dict):
            raise ConfigError(name, [Problem("", document, "must be an object", "config.md#configuration")])
        return cls(document)

    # What is done with it.

    def validate(self) -> Self:
        """The same configuration, if it follows the specification. Raises ConfigError with all its problems.

        Raises PlatformError for one that is not for Linux.
        """
        self._config()
        return self

    def write(self, bundle: Path, *, overwrite: bool = False) -> FilePath:
        """Write config.json into a directory, which is made if it is not there; the path of it.

        Raises ConfigError as `validate`, ExistsError where there is one unless ``overwrite``, KernelError.
        """
        self.validate()
        file = FilePath(bundle, "config.json")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            if not overwrite:
                with file.open("x", encoding="utf-8") as new:
                    new.write(self.to_json())
            else:
                beside = file.with_name(f".config.json.{os.urandom(8).hex()}")
                beside.write_text(self.to_json(), encoding="utf-8")
                beside.replace(file)
        except FileExistsError:
            raise ExistsError(f"{file} exists, and is not overwritten: remove it first, or say overwrite") from None
        except OSError as error:
            raise KernelError("write", str(file), error.errno or 0) from None
        return file

    def plan(self, *, bundle: Path | None = None, cgroup_manager: CgroupManager = "cgroupfs") -> str:
        """The operations that a container would be made of on this machine, as `sampan plan` prints them.

        ``bundle`` is needed where a path is relative. Raises ConfigError, KernelError, UsageError.
        """
        from sampan.engine.preview import plan_of
        from sampan.plan.describe import text

        return text(plan_of(self._config(), self._place(bundle), cgroup_manager))

    def audit(self, *, bundle: Path | None = None, cgroup_manager: CgroupManager = "cgroupfs") -> Report:
        """What the container could do to its host, and what to change: the report of `sampan audit`, docs/audit.md.

        It has a `score` of 100 and `findings`; str() of it is the text. Raises ConfigError, UsageError.
        """
        from sampan.engine.judging import report_of

        return report_of(self._config(), self.to_json(), self._place(bundle), cgroup_manager)

    def _config(self) -> Config:
        from sampan.engine.creation import load_config

        return load_config(_linux.json_dumps(self._document.content))

    def _place(self, bundle: Path | None) -> str:
        from sampan.linux.files import absolute

        return absolute(os.fspath(bundle) if bundle is not None else bundle_of(self._document.content))

    # Composed.

    def apply(self, *parts: Callable[[Self], Self]) -> Self:
        """What the functions make of it, one after the other: parts that a program uses in many configurations."""
        changed = self
        for part in parts:
            changed = part(changed)
        return changed

    def merge(self, other: Spec | Mapping[str, Any]) -> Self:
        """With the fields of ``other``, as a JSON merge patch (RFC 7396): objects are merged field by field, all else,
        also an array, takes the place of what there was, and null removes. ``spec | other`` is the same.

        Raises UsageError for what JSON cannot say.
        """
        patch = other.to_dict() if isinstance(other, Spec) else plain(other)
        if not isinstance(patch, dict):
            raise refused("other", patch, "must be a Spec, or an object as config.json has it")
        return self._of(Document(_merged(self._document.content, patch)))

    def __or__(self, other: Spec | Mapping[str, Any]) -> Self:
        return self.merge(other)

    # Parts that look at this host.

    def with_host_rootfs(self, directory: Path) -> Self:
        """Make a root that shows the host's programs, read-only, and little else of it, as `spec --rootfs host` does.

        ``directory`` is where, and must be empty or not there; it is written at once: links, mount points and a few
        files of /etc, which stay until you remove it. /tmp and /run are in memory unless they are mounted already, and
        HOME and LANG are set unless they are. A user that is not root gets a name, so say `with_user` before.

        Raises ExistsError, KernelError.
        """
        from sampan.engine import host_root

        rootfs = FilePath(os.path.abspath(arguments.path("directory", directory, NOT_EMPTY)))
        uid = self._document.get("process.user.uid") or 0
        made = _make_empty(rootfs)
        try:
            shown = host_root.build(rootfs, user=uid)
        except BaseException as error:
            _clear(rootfs, remove=made)
            if isinstance(error, OSError):
                raise KernelError("write", error.filename or str(rootfs), error.errno or 0) from None
            raise
        changed = self.with_rootfs(rootfs, readonly=True)
        mounted = {mount.get("destination") for mount in self._document.array("mounts")}
        for place, mode in (("/tmp", 0o1777), ("/run", 0o755)):
            if place not in mounted:
                changed = changed.tmpfs(place, size="64M", mode=mode, executable=True)
        for mount in shown:
            changed = changed.mount(mount["destination"], mount["type"], mount["source"], mount["options"])
        named = {entry.partition("=")[0] for entry in self._document.array("process.env")}
        own = {"HOME": "/tmp" if uid else "/root", "LANG": "C.UTF-8"}
        return changed.with_env({name: value for name, value in own.items() if name not in named})

    def host_device(self, source: Path, destination: Path | None = None, *, access: str = "rw") -> Self:
        """Let the container use a device that this host has, as "/dev/fuse": `device` with its numbers, mode and owner.

        It is looked at now. Raises KernelError where it is not there, UsageError where it is no device.
        """
        name = arguments.path("source", source, ABSOLUTE)
        try:
            found = os.stat(name)
        except OSError as error:
            raise KernelError("stat", name, error.errno or 0) from None
        if not stat.S_ISCHR(found.st_mode) and not stat.S_ISBLK(found.st_mode):
            raise refused("source", name, "must be a device", "config-linux.md#devices")
        return self.device(
            name if destination is None else destination,
            "b" if stat.S_ISBLK(found.st_mode) else "c",
            os.major(found.st_rdev),
            os.minor(found.st_rdev),
            mode=stat.S_IMODE(found.st_mode),
            uid=found.st_uid,
            gid=found.st_gid,
            access=access,
        )

    def __repr__(self) -> str:
        return f"<sampan.Spec of {self._document.get('process.args')!r} in {self._document.get('root.path')!r}>"


def bundle_of(document: Mapping[str, Any], place: str = "") -> str:
    """``place``, or the root, which serves as the bundle of a configuration all whose paths are absolute.

    Raises UsageError, which names the first path that is not.
    """
    root = document.get("root")
    path = root.get("path") if isinstance(root, Mapping) else None
    relative = "" if isinstance(path, str) and path.startswith("/") else "root.path"
    mounts = document.get("mounts")
    for index, mount in enumerate(mounts if isinstance(mounts, list | tuple) else ()):
        if not isinstance(mount, Mapping):
            continue
        source, options = mount.get("source"), mount.get("options") or ()
        bound = mount.get("type") == "bind" or "bind" in options or "rbind" in options
        if bound and isinstance(source, str) and not source.startswith("/"):
            relative = relative or f"mounts[{index}].source"
    if relative:
        raise UsageError(f"bundle is needed: {relative} is no absolute path, and begins there")
    return place or str(path)


def _merged(document: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """RFC 7396, MergePatch."""
    merged = dict(document)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            before = merged.get(name)
            merged[name] = _merged(before if isinstance(before, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def _is_rootless(rootless: bool | None) -> bool:
    return os.geteuid() != 0 if rootless is None else rootless


def _make_empty(directory: FilePath) -> bool:
    """Make the directory; False where there is an empty one. Raises ExistsError, KernelError."""
    try:
        directory.mkdir(parents=True)
    except FileExistsError:
        if directory.is_symlink() or not directory.is_dir() or any(directory.iterdir()):
            raise ExistsError(f"{directory} exists, and is not an empty directory") from None
        return False
    except OSError as error:
        raise KernelError("make the directory", str(directory), error.errno or 0) from None
    return True


def _clear(directory: FilePath, *, remove: bool) -> None:
    """Take away what was begun."""
    shutil.rmtree(directory)
    if not remove:
        directory.mkdir()
