"""What the program may do: capabilities, system calls, labels (config.md, Linux Process; config-linux.md, Seccomp)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from sampan.api.building.arguments import checked, path, refused
from sampan.api.building.document import Part
from sampan.errors import ConfigError, KernelError, Problem
from sampan.spec import schema_linux
from sampan.spec.check import BOOL, NOT_EMPTY
from sampan.spec.names import CAPABILITIES, CAPABILITY_SETS

if TYPE_CHECKING:
    from typing import Self

    from sampan.api.building.arguments import Path

_CAPABILITIES, _SECCOMP = "process.capabilities", "linux.seccomp"
_OF_OTHERS = ("archMap", "includes", "excludes")  # in the format that engines have, and runtimes do not


class Security(Part):
    """Privileges. All methods raise UsageError."""

    __slots__ = ()

    def drop_all_capabilities(self) -> Self:
        """Let the process have no capability, also as root (`process.capabilities`, capabilities(7))."""
        return self.with_capabilities()

    def drop_capabilities(self, *names: str) -> Self:
        """Take these capabilities, as "NET_RAW" or "CAP_NET_RAW", out of all sets."""
        out = {_capability(name) for name in names}
        sets = self._document.object(_CAPABILITIES)
        left = {kind: [name for name in listed if name not in out] for kind, listed in sets.items()}
        return self._of(self._document.set(_CAPABILITIES, left)) if sets else self

    def add_capabilities(self, *names: str, ambient: bool = True) -> Self:
        """Let the process have these capabilities beside those that it has.

        A process that is not root has none unless they are ``ambient``, and so inheritable, too.
        """
        kinds = CAPABILITY_SETS if checked("ambient", ambient, BOOL) else ("bounding", "permitted", "effective")
        sets = self._document.object(_CAPABILITIES)
        new = [_capability(name) for name in names]
        for kind in kinds:
            sets[kind] = list(dict.fromkeys([*(sets.get(kind) or ()), *new]))
        return self._of(self._document.set(_CAPABILITIES, sets))

    def with_capabilities(self, *names: str) -> Self:
        """Let the process have exactly these capabilities, in all sets."""
        listed = list(dict.fromkeys(map(_capability, names)))
        return self._of(self._document.set(_CAPABILITIES, {kind: [*listed] for kind in CAPABILITY_SETS}))

    def with_no_new_privileges(self, on: bool = True) -> Self:
        """Whether programs with the set-user-ID bit or capabilities of their own give none (`process.noNewPrivileges`).

        prctl(2), PR_SET_NO_NEW_PRIVS.
        """
        return self._of(self._document.set("process.noNewPrivileges", checked("on", on, BOOL)))

    def with_seccomp(self, profile: Mapping[str, Any] | Path) -> Self:
        """Allow only the system calls of a profile (`linux.seccomp`, config-linux.md#seccomp): an object as config.json
        has it, or the path of a file with one, read now.

        Raises KernelError, ConfigError for a file that is not JSON, UsageError also for a profile in the format of
        Docker and Podman, in which conditions are still to be decided.
        """
        given = profile if isinstance(profile, Mapping) else _read(path("profile", profile, NOT_EMPTY))
        calls = given.get("syscalls")
        for part in (given, *(calls if isinstance(calls, list | tuple) else ())):
            if isinstance(part, Mapping) and (found := [name for name in _OF_OTHERS if part.get(name)]):
                rule = "must be as config-linux.md has it: this is the format of engines, with conditions"
                raise refused(f"profile.{found[0]}", None, rule, "config-linux.md#seccomp")
        return self._of(self._document.set(_SECCOMP, checked("profile", given, schema_linux.SECCOMP)))

    def with_default_seccomp(self) -> Self:
        """Allow the system calls that ordinary programs make, as `Spec.hardened` does (`linux.seccomp`)."""
        from sampan.audit.allowed_calls import allow_list

        return self._of(self._document.set(_SECCOMP, checked("profile", allow_list(), schema_linux.SECCOMP)))

    def without_seccomp(self) -> Self:
        """Allow all system calls."""
        return self._of(self._document.set(_SECCOMP, None))

    def with_apparmor_profile(self, name: str) -> Self:
        """Confine the process by a profile that AppArmor has loaded (`process.apparmorProfile`)."""
        return self._of(self._document.set("process.apparmorProfile", checked("name", name, NOT_EMPTY)))

    def with_selinux_label(self, process: str, *, mounts: str | None = None) -> Self:
        """The labels of the process (`process.selinuxLabel`) and of files in its ``mounts`` (`linux.mountLabel`)."""
        document = self._document.set("process.selinuxLabel", checked("process", process, NOT_EMPTY))
        if mounts is not None:
            document = document.set("linux.mountLabel", checked("mounts", mounts, NOT_EMPTY))
        return self._of(document)


def _capability(name: str) -> str:
    full = f"CAP_{str(name).upper().removeprefix('CAP_')}"
    if full not in CAPABILITIES:
        raise refused("names", name, "must be a capability such as CAP_KILL", "config.md#linux-process")
    return full


def _read(name: str) -> Mapping[str, Any]:
    from sampan._linux import json_loads

    try:
        profile: Any = json_loads(FilePath(name).read_bytes())
    except OSError as error:
        raise KernelError("read", name, error.errno or 0) from None
    except ValueError as error:
        raise ConfigError(name, [Problem("", None, f"is not valid JSON: {error}", "config-linux.md#seccomp")]) from None
    if not isinstance(profile, dict):
        raise ConfigError(name, [Problem("", None, "must be an object", "config-linux.md#seccomp")])
    return profile
