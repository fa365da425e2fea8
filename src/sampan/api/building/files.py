"""What the container sees of files: its root, mounts and devices (config.md, Root and Mounts; config-linux.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sampan.api.building import arguments
from sampan.api.building.arguments import checked, fitting, mappings, refused, words
from sampan.api.building.document import Part
from sampan.spec import schema, schema_linux
from sampan.spec.check import ABSOLUTE, BOOL, ID_MAPPINGS, NOT_EMPTY, UINT32, UINT64

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

    from sampan.api.building.arguments import IDs, Path, Size

    Propagation = Literal["shared", "slave", "private", "unbindable"]

_POSIX = "config.md#posix-platform-mounts"


class Files(Part):
    """Root, mounts, masks and devices. All methods raise UsageError. Mounts are made in the order in which they are
    said; one at the destination of another takes its place."""

    __slots__ = ()

    def with_rootfs(
        self, rootfs: Path, *, readonly: bool | None = None, propagation: Propagation | None = None
    ) -> Self:
        """The directory that is the container's root (`root`, config.md#root).

        A relative path begins at the bundle; with an absolute one `sampan.create` needs no bundle. ``readonly`` stays
        as it is unless it is given, as does ``propagation`` (config-linux.md#rootfs-mount-propagation).
        """
        document = self._document.set("root.path", arguments.path("rootfs", rootfs, NOT_EMPTY))
        if readonly is not None:
            document = document.set("root.readonly", checked("readonly", readonly, BOOL))
        if propagation is not None:
            kind = schema_linux.LINUX[4]["rootfsPropagation"]
            document = document.set("linux.rootfsPropagation", checked("propagation", propagation, kind))
        return self._of(document)

    def mount(
        self,
        destination: Path,
        type: str | None = None,  # noqa: A002 - the field's word
        source: Path | None = None,
        options: Sequence[str] = (),
    ) -> Self:
        """Any mount (`mounts`, config.md#mounts): ``destination`` is an absolute path in the container."""
        entry = {
            "destination": _place("destination", destination),
            "type": type,
            "source": None if source is None else arguments.path("source", source, ("string",)),
            "options": words("options", options, "config.md#linux-mount-options") or None,
        }
        return self._of(self._document.put("mounts", "destination", fitting(entry, schema.MOUNT)))

    def bind(
        self,
        source: Path,
        destination: Path | None = None,
        *,
        writable: bool = False,
        recursive: bool = True,
        idmap: bool = False,
        uid_mappings: Iterable[IDs] | None = None,
        gid_mappings: Iterable[IDs] | None = None,
        options: Sequence[str] = (),
    ) -> Self:
        """Show a file or directory of the host in the container (`mounts`, config.md#linux-mount-options).

        Read-only unless ``writable``, without devices and set-user-ID programs; ``recursive``: with what is mounted
        below. Without ``destination`` it is at the same path as on the host. A relative source begins at the bundle.
        ``options`` are further ones; of contradicting ones the last counts.

        With ``idmap`` its owners are seen through the container's user namespace, or through ``uid_mappings`` and
        ``gid_mappings``: (first in the file system, first of the mount, how many); the latter are like the former where
        they are not given.
        """
        prefix = "r" if checked("recursive", recursive, BOOL) else ""
        access = "rw" if checked("writable", writable, BOOL) else "ro"
        own = [f"{prefix}bind", f"{prefix}{access}", f"{prefix}nosuid", f"{prefix}nodev"]
        if checked("idmap", idmap, BOOL) or uid_mappings is not None:
            own.append(f"{prefix}idmap")
        place = source if destination is None else destination
        where = "source" if destination is None else "destination"
        entry: dict[str, object] = {
            "destination": _place(where, place),
            "type": "bind",
            "source": arguments.path("source", source, NOT_EMPTY),
            "options": [*own, *words("options", options, "config.md#linux-mount-options")],
        }
        if uid_mappings is not None:
            entry["uidMappings"] = mappings("uid_mappings", uid_mappings, ID_MAPPINGS)
            gids = uid_mappings if gid_mappings is None else gid_mappings
            entry["gidMappings"] = mappings("gid_mappings", gids, ID_MAPPINGS)
        elif gid_mappings is not None:
            raise refused("gid_mappings", None, "needs uid_mappings beside it", _POSIX)
        return self._of(self._document.put("mounts", "destination", entry))

    def tmpfs(
        self,
        destination: Path,
        *,
        size: Size | None = None,
        mode: int = 0o1777,
        uid: int | None = None,
        gid: int | None = None,
        executable: bool = False,
        options: Sequence[str] = (),
    ) -> Self:
        """A directory in memory, writable and empty (`mounts`; tmpfs(5)).

        ``size`` is the most that it holds, such as "64M", half of the machine's memory if it is not given. ``mode`` is
        that of the directory, ``uid`` and ``gid`` who owns it. Programs in it run only if it is ``executable``; there
        are no devices and set-user-ID programs. ``options`` are further ones.
        """
        own = ["nosuid", "nodev"]
        if not checked("executable", executable, BOOL):
            own.append("noexec")
        own.append(f"mode={checked('mode', mode, ('integer', 0, 0o7777, 'must be a mode such as 0o755')):o}")
        own += [f"{name}={checked(name, who, UINT32)}" for name, who in (("uid", uid), ("gid", gid)) if who is not None]
        if size is not None:
            own.append(f"size={arguments.size('size', size, UINT64)}")
        return self.mount(destination, "tmpfs", "tmpfs", [*own, *words("options", options)])

    def without_mounts(self, *destinations: Path) -> Self:
        """Leave out the mounts at these paths of the container."""
        left_out = [_place("destinations", each) for each in destinations]
        return self._of(self._document.remove("mounts", "destination", left_out))

    def mask(self, *paths: Path) -> Self:
        """Let nobody in the container read these, where they exist (`linux.maskedPaths`)."""
        return self._add("linux.maskedPaths", paths)

    def unmask(self, *paths: Path) -> Self:
        """Undo `mask`, or what the configuration has begun with."""
        return self._leave_out("linux.maskedPaths", paths)

    def make_readonly(self, *paths: Path) -> Self:
        """Let nobody in the container write these, where they exist (`linux.readonlyPaths`)."""
        return self._add("linux.readonlyPaths", paths)

    def make_writable(self, *paths: Path) -> Self:
        """Undo `make_readonly`, or what the configuration has begun with."""
        return self._leave_out("linux.readonlyPaths", paths)

    def device(
        self,
        path: Path,
        type: Literal["c", "b", "u", "p"],  # noqa: A002 - the field's word
        major: int | None = None,
        minor: int | None = None,
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
        access: str = "rwm",
    ) -> Self:
        """Make a device in the container, and allow it (`linux.devices`, config-linux.md#devices).

        "c" and "u" are character devices, "b" block devices, "p" a named pipe, which has no numbers. ``access`` is what
        the container may do with it: r, w, and m, to make further nodes of it. In a user namespace nobody can make a
        device: it is the host's own at the same path. See `Spec.host_device`.
        """
        entry = fitting(
            {
                "type": type,
                "path": arguments.path("path", path, ABSOLUTE),
                "major": major,
                "minor": minor,
                "fileMode": mode,
                "uid": uid,
                "gid": gid,
            },
            schema_linux.DEVICE,
            {"fileMode": "mode"},
        )
        document = self._document.put("linux.devices", "path", entry)
        if type == "p":
            return self._of(document)
        for name, number in (("major", major), ("minor", minor)):
            if number is None:
                raise refused(name, None, f"is required for a device of type {type}", "config-linux.md#devices")
        return self._of(document).allow_device("b" if type == "b" else "c", major, minor, access=access)

    def allow_device(
        self,
        type: Literal["a", "b", "c"],  # noqa: A002 - the field's word
        major: int | None = None,
        minor: int | None = None,
        *,
        access: str = "rwm",
        allow: bool = True,
    ) -> Self:
        """Let the container use devices, or with ``allow=False`` not (config-linux.md#allowed-device-list).

        None for a number means any. Of the rules that fit, the last counts.
        """
        rule = {"allow": allow, "type": type, "major": major, "minor": minor, "access": access}
        entry = fitting(rule, schema_linux.DEVICE_RULE)
        return self._of(self._document.add("linux.resources.devices", entry))

    def _add(self, field: str, paths: Sequence[Path]) -> Self:
        listed = self._document.array(field)
        new = [arguments.path("paths", each, ABSOLUTE) for each in paths]
        return self._of(self._document.set(field, list(dict.fromkeys([*listed, *new]))))

    def _leave_out(self, field: str, paths: Sequence[Path]) -> Self:
        out = {arguments.path("paths", each, ABSOLUTE) for each in paths}
        return self._of(self._document.set(field, [each for each in self._document.array(field) if each not in out]))


def _place(argument: str, destination: Path) -> str:
    """Where a mount is: "/a/" is "/a"."""
    return arguments.path(argument, destination, ABSOLUTE).rstrip("/") or "/"
